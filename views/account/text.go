package account

import "net/url"

func displayName(p ProfileData) string {
	if p.Name == "" {
		return p.Username
	}
	return p.Name
}

func deviceIcon(s Session) string {
	if s.Phone {
		return "device"
	}
	return "screen"
}

// escape makes an id safe as one segment of a path: a client id may be a URL.
func escape(id string) string { return url.PathEscape(id) }
