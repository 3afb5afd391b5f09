package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// Handlers answer applications.
type Handlers struct {
	Rules *oauth.Server
	// Refused writes down a refusal that is answered by a redirection; all others are written where errors are rendered.
	Refused func(ctx context.Context, at time.Time, action audit.Action, from audit.Caller, e *oauth.Error)
	// CountFailure counts a failed client authentication against the caller's address; Blocked refuses an address with too many.
	CountFailure func(c *fiber.Ctx)
	Blocked      func(c *fiber.Ctx) error
	// Fetched notes that somebody asked for the public keys.
	Fetched func()

	metadata atomic.Pointer[metadata] // what Discovery publishes, once it was asked for
}

// metadata are what was published under a policy and a catalog, which is nil before one was read.
type metadata struct {
	policy  oauth.Policy
	catalog *oauth.Catalog
	json    []byte
}

// Token is the token endpoint (RFC 6749 §3.2).
func (h *Handlers) Token(c *fiber.Ctx) error { return h.tokens(c, h.Rules.Token) }

// TutorialToken is the token endpoint as the FastAPI guides call it.
func (h *Handlers) TutorialToken(c *fiber.Ctx) error { return h.tokens(c, h.Rules.TutorialToken) }

// RefreshToken is the token endpoint for refresh tokens alone, as the guides call it.
func (h *Handlers) RefreshToken(c *fiber.Ctx) error {
	query, err := request.Query(c)
	if err != nil {
		return err
	}
	return h.tokens(c, func(ctx context.Context, p oauth.Params, authorization string, from audit.Caller) (*oauth.TokenResponse, error) {
		return h.Rules.RefreshToken(ctx, query, p, authorization, from)
	})
}

func (h *Handlers) tokens(c *fiber.Ctx, token func(context.Context, oauth.Params, string, audit.Caller) (*oauth.TokenResponse, error)) error {
	return h.authenticated(c, func(p oauth.Params, authorization string) error {
		response, err := token(c.UserContext(), p, authorization, request.Of(c).Caller)
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderPragma, "no-cache")
		return respond.JSON(c, fiber.StatusOK, response)
	})
}

// Revoke is the revocation endpoint (RFC 7009 §2).
func (h *Handlers) Revoke(c *fiber.Ctx) error {
	return h.authenticated(c, func(p oauth.Params, authorization string) error {
		if err := h.Rules.Revoke(c.UserContext(), p, authorization, request.Of(c).Caller); err != nil {
			return err
		}
		c.Status(fiber.StatusOK) // and no body (RFC 7009 §2.2)
		return nil
	})
}

// Introspect is the introspection endpoint (RFC 7662 §2).
func (h *Handlers) Introspect(c *fiber.Ctx) error {
	return h.authenticated(c, func(p oauth.Params, authorization string) error {
		answer, err := h.Rules.Introspect(c.UserContext(), p, authorization)
		if err != nil {
			return err
		}
		return respond.JSON(c, fiber.StatusOK, answer)
	})
}

// authenticated reads the parameters of an endpoint where clients authenticate, and counts failures to do so.
func (h *Handlers) authenticated(c *fiber.Ctx, act func(p oauth.Params, authorization string) error) error {
	p, err := request.Params(c)
	if err != nil {
		return err
	}
	err = act(p, c.Get(fiber.HeaderAuthorization))
	var e *oauth.Error
	if errors.As(err, &e) && e.Code == "invalid_client" {
		h.CountFailure(c)
		// Only now: whoever proves who they are is served, whatever others at the same address do (security.md rule 15).
		if err := h.Blocked(c); err != nil {
			return err
		}
	}
	return err
}

// Userinfo is the userinfo endpoint (OpenID Connect Core §5.3).
func (h *Handlers) Userinfo(c *fiber.Ctx) error {
	token, err := bearer(c)
	if err != nil {
		return err
	}
	claims, err := h.Rules.Userinfo(c.UserContext(), token)
	if err != nil {
		return err
	}
	return respond.JSON(c, fiber.StatusOK, claims)
}

// Me tells an application of the FastAPI guides who is signed in.
func (h *Handlers) Me(c *fiber.Ctx) error {
	token, err := bearer(c)
	if err != nil {
		return err
	}
	me, err := h.Rules.Me(c.UserContext(), token)
	if err != nil {
		return err
	}
	return respond.JSON(c, fiber.StatusOK, me)
}

// bearer finds the access token of a request to our own API (RFC 6750 §2).
func bearer(c *fiber.Ctx) (string, error) {
	query, err := request.Query(c)
	if err != nil {
		return "", err
	}
	var body oauth.Params
	if c.Method() == fiber.MethodPost {
		if body, err = request.Params(c); err != nil {
			return "", err
		}
	}
	token, e := oauth.BearerToken(c.Get(fiber.HeaderAuthorization), query, body)
	if e != nil {
		return "", e
	}
	return token, nil
}

// JWKS publishes the signing keys (RFC 7517 §5).
func (h *Handlers) JWKS(c *fiber.Ctx) error {
	set, err := h.Rules.Keys.JWKS(c.UserContext())
	if err != nil {
		return err
	}
	h.Fetched()
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	c.Set(fiber.HeaderContentType, "application/jwk-set+json")
	return c.Send(set)
}

// Discovery publishes the metadata (RFC 8414 §3, OpenID Connect Discovery §4). It is written once for each policy
// and catalog; while the database is gone, the last catalog holds.
func (h *Handlers) Discovery(c *fiber.Ctx) error {
	policy, known := *h.Rules.Policy(), h.metadata.Load()
	catalog, err := h.Rules.Catalog(c.UserContext())
	if err != nil {
		if fault.AsUnavailable(err) == nil {
			return err
		}
		if catalog = nil; known != nil {
			catalog = known.catalog
		}
	}
	if known == nil || known.policy != policy || known.catalog != catalog {
		written, err := json.Marshal(h.Rules.Discovery(catalog))
		if err != nil {
			return err
		}
		known = &metadata{policy, catalog, written}
		h.metadata.Store(known)
	}
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(known.json)
}
