package oauth

import (
	"strings"
	"testing"
	"time"
)

// What a client or an API says comes before the server's own; where both do, the shorter wins.
func TestLives_whoSaysHowLong(t *testing.T) {
	t.Parallel()
	p := DefaultPolicy()
	short, long := &API{AccessTokenTTL: 60}, &API{AccessTokenTTL: 7200}
	settled := func(access, id, refresh, idle int64) *Client {
		return &Client{AccessTokenTTL: access, IDTokenTTL: id, RefreshTokenTTL: refresh, RefreshTokenIdle: idle}
	}
	none := &Client{}
	for name, c := range map[string]struct{ got, want Life }{
		"a person's":                     {p.AccessTokenLife(none, nil, true), Life{15 * time.Minute, ByHouse}},
		"a client's own":                 {p.AccessTokenLife(none, nil, false), Life{10 * time.Minute, ByHouse}},
		"for an API without":             {p.AccessTokenLife(none, &API{}, true), Life{15 * time.Minute, ByHouse}},
		"for an API that says more":      {p.AccessTokenLife(none, long, true), Life{2 * time.Hour, ByAPI}},
		"of a client that says":          {p.AccessTokenLife(settled(300, 0, 0, 0), nil, true), Life{5 * time.Minute, ByClient}},
		"the API's is shorter":           {p.AccessTokenLife(settled(300, 0, 0, 0), short, true), Life{time.Minute, ByAPI}},
		"the client's is shorter":        {p.AccessTokenLife(settled(300, 0, 0, 0), long, false), Life{5 * time.Minute, ByClient}},
		"an ID token":                    {p.IDTokenLife(none), Life{15 * time.Minute, ByHouse}},
		"its ID token":                   {p.IDTokenLife(settled(0, 120, 0, 0)), Life{2 * time.Minute, ByClient}},
		"a family":                       {p.RefreshLife(none), Life{30 * 24 * time.Hour, ByHouse}},
		"its family":                     {p.RefreshLife(settled(0, 0, 3600, 0)), Life{time.Hour, ByClient}},
		"unused":                         {p.RefreshIdleLife(none), Life{14 * 24 * time.Hour, ByHouse}},
		"its unused":                     {p.RefreshIdleLife(settled(0, 0, 0, 600)), Life{10 * time.Minute, ByClient}},
		"unused in a shorter family":     {p.RefreshIdleLife(settled(0, 0, 3600, 0)), Life{time.Hour, ByClient}},
		"unused beyond the house's life": {p.RefreshIdleLife(settled(0, 0, 0, 365*24*3600)), Life{30 * 24 * time.Hour, ByHouse}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, not %+v", name, c.got, c.want)
		}
	}
}

func TestValidate_boundsLives(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		with  func(c *Client)
		fault string
	}{
		{func(c *Client) {
			c.AccessTokenTTL, c.IDTokenTTL, c.RefreshTokenTTL, c.RefreshTokenIdle = 60, 60, 60, 60
		}, ""},
		{func(c *Client) {
			c.AccessTokenTTL, c.IDTokenTTL, c.RefreshTokenTTL, c.RefreshTokenIdle = 86400, 3600, 365*86400, 365*86400
		}, ""},
		{func(c *Client) { c.AccessTokenTTL = 59 }, "access_token_ttl"},
		{func(c *Client) { c.AccessTokenTTL = 86401 }, "access_token_ttl"},
		{func(c *Client) { c.AccessTokenTTL = 1<<63 - 1 }, "access_token_ttl"},
		{func(c *Client) { c.AccessTokenTTL = -1 }, "access_token_ttl"},
		{func(c *Client) { c.IDTokenTTL = 3601 }, "id_token_ttl"},
		{func(c *Client) { c.RefreshTokenTTL = 365*86400 + 1 }, "refresh_token_ttl"},
		{func(c *Client) { c.RefreshTokenIdle = 1 }, "refresh_token_idle"},
		{func(c *Client) { c.RefreshTokenTTL, c.RefreshTokenIdle = 3600, 3601 }, "refresh_token_idle"},
		{func(c *Client) { c.RefreshTokenTTL, c.RefreshTokenIdle = -1, 3601 }, "refresh_token_ttl"},
	} {
		client := &Client{}
		c.with(client)
		var wrong []string
		for field := range client.Validate(Offer{}) {
			if strings.Contains(field, "ttl") || strings.Contains(field, "idle") {
				wrong = append(wrong, field)
			}
		}
		if strings.Join(wrong, " ") != c.fault {
			t.Errorf("%+v: %q, not %q", client, wrong, c.fault)
		}
	}
}
