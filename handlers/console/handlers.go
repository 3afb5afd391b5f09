package console

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const clientsPath = "/console/clients"

// Handlers answer administrators, operators and auditors.
type Handlers struct {
	Store  *store.Store
	Rules  *oauth.Server
	Door   *identity.Doorkeeper
	Policy *policy.Live
	Hasher *secret.Hasher
	System System
	// Limited are those who have to wait now, on this node, the longest first, and how many there are.
	Limited func(most int) ([]Limited, int)
	// Unblocked has this node hear at once whom somebody unblocked.
	Unblocked func(ctx context.Context) error
	Now       func() time.Time // UTC, to the microsecond
	// KeyRotation is how long a signing key signs until the schedule replaces it; 0 for no schedule.
	KeyRotation time.Duration
	Chain       *audit.Chain     // of the audit log
	Files       *respond.Streams // that are being written
	// Denied writes down that the person's role is not enough, where the route's guard cannot know, and returns the refusal.
	Denied func(c *fiber.Ctx, least identity.Role) error
	// Tail tells of new events, and Streams sends them.
	Tail    *store.Tail
	Streams *respond.Streams
	// Still returns a question for answers that go on for long: whether the person may still see what needs the role.
	Still func(c *fiber.Ctx, least identity.Role) func(ctx context.Context) (bool, error)

	tuner tuner
}

// canEdit reports whether the person may change what the page shows. It decides what is drawn: the guard of the route
// decides what is done.
func canEdit(c *fiber.Ctx) bool { return request.Of(c).User.Role.AtLeast(identity.RoleAdmin) }

// canEnd reports whether the person may end what somebody of that role holds (security.md rule 27). Like canEdit it decides what
// is drawn, and mayEnd what is done.
func canEnd(c *fiber.Ctx, holder identity.Role) bool {
	role := request.Of(c).User.Role
	return role.AtLeast(identity.RoleOperator) && role.AtLeast(holder)
}

// mayEnd refuses whoever has a lower role than the holder of what they are about to end.
func (h *Handlers) mayEnd(c *fiber.Ctx, holder identity.Role) error {
	if !canEnd(c, holder) {
		return h.Denied(c, holder)
	}
	return nil
}

// client reads the client that the path names.
func (h *Handlers) client(c *fiber.Ctx) (*oauth.Client, error) {
	id, err := url.PathUnescape(c.Params("id"))
	if err != nil {
		return nil, fault.NotFound("client")
	}
	return h.Store.Client(c.UserContext(), id)
}

func clientPath(id string) string { return clientsPath + "/" + url.PathEscape(id) }

// event is what is written down about a change of the client.
func event(c *fiber.Ctx, at time.Time, action audit.Action, client *oauth.Client) audit.Event {
	e := eventOn(c, at, action, audit.Party{Kind: audit.KindClient, ID: client.ID, Name: client.Name})
	e.ClientID = client.ID
	return e
}

// eventOn is what is written down about what the person did to the target.
func eventOn(c *fiber.Ctx, at time.Time, action audit.Action, target audit.Party) audit.Event {
	return audit.Event{At: at, Action: action, Outcome: audit.Success, Actor: request.Actor(c), Caller: request.Of(c).Caller, Target: target}
}

// tokenLife is how long APIs that verify tokens by themselves may accept one that was revoked (security.md rule 30).
func (h *Handlers) tokenLife(ctx context.Context) (time.Duration, error) {
	life, err := h.ownTokenLife(ctx)
	if err != nil {
		return 0, err
	}
	apis, err := h.Store.APIs(ctx)
	for _, a := range apis {
		if a.TokenFormat == oauth.FormatJWT {
			life = max(life, time.Duration(a.AccessTokenTTL)*time.Second)
		}
	}
	return life, err
}

// ownTokenLife is the same where no API has a life of its own.
func (h *Handlers) ownTokenLife(ctx context.Context) (time.Duration, error) {
	lifetimes := &h.Policy.Now().OAuth.Lifetimes
	client, err := h.Store.LongestClientToken(ctx)
	return max(lifetimes.AccessToken, lifetimes.ClientAccessToken, time.Duration(client)*time.Second), err
}

// tokenLifeOf is the same of the tokens of one client.
func (h *Handlers) tokenLifeOf(ctx context.Context, client *oauth.Client) (time.Duration, error) {
	policy := &h.Policy.Now().OAuth
	longest := func(api *oauth.API) time.Duration {
		return max(policy.AccessTokenLife(client, api, true).For, policy.AccessTokenLife(client, api, false).For)
	}
	life := longest(nil)
	apis, err := h.Store.APIs(ctx)
	for _, a := range apis {
		if a.TokenFormat == oauth.FormatJWT {
			life = max(life, longest(&a))
		}
	}
	return life, err
}

// acceptedUntil says when the last token issued before at has expired.
func acceptedUntil(at time.Time, life time.Duration) string {
	minute := at.Add(life).Add(time.Minute - time.Nanosecond).Truncate(time.Minute)
	return "APIs that check tokens only by their signature may accept one until " + minute.UTC().Format("2 Jan 2006, 15:04") + " UTC."
}

// offerTo is what a client that exists can be given: what it has besides, it may keep.
func (h *Handlers) offerTo(ctx context.Context, client *oauth.Client) (oauth.Offer, error) {
	o, err := h.offer(ctx)
	for _, g := range client.GrantTypes {
		if !slices.Contains(o.GrantTypes, g) {
			o.GrantTypes = append(o.GrantTypes, g)
		}
	}
	return o, err
}

// offer is what a client can be given.
func (h *Handlers) offer(ctx context.Context) (oauth.Offer, error) {
	return h.Store.Offer(ctx, h.Rules.GrantTypes())
}
