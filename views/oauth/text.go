package oauth

import "net/url"

// hostOf is the part of a web address that says whose it is.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// explainURL is the public page about an error code.
func explainURL(code, request string) string {
	u := "/errors/" + url.PathEscape(code)
	if request != "" {
		u += "?request=" + url.QueryEscape(request)
	}
	return u
}

func scopeIcon(scope string) string {
	if scope == "openid" || scope == "profile" {
		return "user"
	}
	return "check"
}
