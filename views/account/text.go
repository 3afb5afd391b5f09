package account

import (
	"net/url"

	"gatehouse/views/layout"
)

// owner is whose account it is, as stored: the form may hold what was refused.
func owner(ch layout.Chrome, p ProfileData) (name, email string) {
	if ch.User == nil {
		return p.Username, p.Email
	}
	return ch.User.Label(), ch.User.Email
}

func deviceIcon(s Session) string {
	if s.Phone {
		return "device"
	}
	return "screen"
}

// escape makes an id safe as one segment of a path: a client id may be a URL.
func escape(id string) string { return url.PathEscape(id) }
