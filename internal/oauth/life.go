package oauth

import (
	"time"

	"gatehouse/internal/fault"
)

// Bounds of what a client or an API may say of how long its tokens hold (product.md §6).
const (
	MinTokenTTL       = time.Minute
	MaxAccessTokenTTL = 24 * time.Hour
	MaxIDTokenTTL     = time.Hour
	MaxRefreshTTL     = 365 * 24 * time.Hour
)

// Who says how long something holds.
const (
	ByClient = "client"
	ByAPI    = "api"
	ByHouse  = "house"
)

// Life is how long something holds, and who says so.
type Life struct {
	For time.Duration
	By  string // a By constant
}

// life is what the client says in seconds, if it says anything.
func life(seconds int64, house time.Duration) Life {
	if seconds > 0 {
		return Life{time.Duration(seconds) * time.Second, ByClient}
	}
	return Life{house, ByHouse}
}

// AccessTokenLife is how long an access token of the client for the API holds; nil is our own API. Where both have a say the
// shorter wins: neither the client nor the API is to hold a token for longer than it asked.
func (p *Policy) AccessTokenLife(c *Client, api *API, ofPerson bool) Life {
	house := p.Lifetimes.ClientAccessToken
	if ofPerson {
		house = p.Lifetimes.AccessToken
	}
	l := life(c.AccessTokenTTL, house)
	if api == nil || api.AccessTokenTTL == 0 {
		return l
	}
	if of := time.Duration(api.AccessTokenTTL) * time.Second; l.By == ByHouse || of < l.For {
		return Life{of, ByAPI}
	}
	return l
}

// IDTokenLife is how long an ID token for the client holds.
func (p *Policy) IDTokenLife(c *Client) Life { return life(c.IDTokenTTL, p.Lifetimes.IDToken) }

// RefreshLife is how long a family of the client may be refreshed, from its beginning on.
func (p *Policy) RefreshLife(c *Client) Life { return life(c.RefreshTokenTTL, p.Lifetimes.Refresh) }

// RefreshIdleLife is how long a refresh token of the client holds that is not used: never longer than its family.
func (p *Policy) RefreshIdleLife(c *Client) Life {
	idle, whole := life(c.RefreshTokenIdle, p.Lifetimes.RefreshIdle), p.RefreshLife(c)
	if whole.For < idle.For {
		return whole
	}
	return idle
}

// lifeFault says what is wrong with a life in seconds, or "" if nothing: it may be 0, the server's own.
func lifeFault(seconds int64, most time.Duration, inWords string) string {
	if seconds != 0 && (seconds < int64(MinTokenTTL/time.Second) || seconds > int64(most/time.Second)) {
		return "Use 1 minute to " + inWords + "."
	}
	return ""
}

func (c *Client) validateLives(f fault.Fields) {
	for _, l := range []struct {
		field   string
		seconds int64
		most    time.Duration
		inWords string
	}{
		{"access_token_ttl", c.AccessTokenTTL, MaxAccessTokenTTL, "24 hours"},
		{"id_token_ttl", c.IDTokenTTL, MaxIDTokenTTL, "1 hour"},
		{"refresh_token_ttl", c.RefreshTokenTTL, MaxRefreshTTL, "365 days"},
		{"refresh_token_idle", c.RefreshTokenIdle, MaxRefreshTTL, "365 days"},
	} {
		if why := lifeFault(l.seconds, l.most, l.inWords); why != "" {
			f.Add(l.field, why)
		}
	}
	if c.RefreshTokenTTL > 0 && c.RefreshTokenIdle > c.RefreshTokenTTL && f["refresh_token_ttl"] == "" {
		f.Add("refresh_token_idle", "A refresh token ends sooner than that anyway: use no more than its longest life.")
	}
}
