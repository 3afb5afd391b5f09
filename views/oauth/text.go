package oauth

import "net/url"

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
