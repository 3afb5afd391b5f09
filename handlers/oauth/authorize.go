package oauth

import (
	"errors"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	view "gatehouse/views/oauth"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// Authorize is the authorization endpoint (RFC 6749 §3.1): a request from a client, or one that was put aside and comes back.
func (h *Handlers) Authorize(c *fiber.Ctx) error {
	p, err := request.Query(c)
	if err != nil {
		return err
	}
	var begun *oauth.Interaction
	id := p.Get("interaction")
	if id != "" && !p.Has("client_id") {
		if begun, p, err = h.Rules.Resume(c.UserContext(), id, request.BrowserHash(c)); err != nil {
			return err
		}
	}
	target, err := h.Rules.Target(c.UserContext(), p)
	if err != nil {
		return err
	}
	a, err := h.Rules.Authorization(c.UserContext(), target, p)
	if err != nil {
		return h.refuse(c, target, err)
	}
	answer, err := h.Rules.Advance(c.UserContext(), a, request.Login(c), begun, request.Of(c).Caller)
	if err != nil {
		return h.refuse(c, target, err)
	}
	if answer.Step == oauth.Done {
		return respond.Out(c, answer.Redirect)
	}
	if begun == nil {
		if id, err = h.Rules.PutAside(c.UserContext(), a, request.BrowserHash(c)); err != nil {
			return err
		}
	}
	if answer.Step == oauth.AskConsent {
		return respond.Out(c, consentPath(id))
	}
	return respond.SignIn(c, oauth.AuthorizePath(id))
}

// PostAuthorize stores a request that came by POST and leads to GET: Lax cookies do not come with a cross-site POST
// (security.md rule 10).
func (h *Handlers) PostAuthorize(c *fiber.Ctx) error {
	p, err := request.Params(c)
	if err != nil {
		return err
	}
	target, err := h.Rules.Target(c.UserContext(), p)
	if err != nil {
		return err
	}
	a, err := h.Rules.Authorization(c.UserContext(), target, p)
	if err != nil {
		return h.refuse(c, target, err)
	}
	id, err := h.Rules.PutAside(c.UserContext(), a, "")
	if err != nil {
		return err
	}
	return respond.Out(c, oauth.AuthorizePath(id))
}

// refuse leads back to the client with the protocol's error; anything else is for a page.
func (h *Handlers) refuse(c *fiber.Ctx, target *oauth.Target, err error) error {
	var e *oauth.Error
	if !errors.As(err, &e) {
		return err
	}
	from := request.Of(c).Caller
	h.Refused(c.UserContext(), h.Rules.Now(), audit.AuthorizeRefused, from, e)
	return respond.Out(c, target.Refuse(e, h.Rules.ErrorURI(e.Code, from.RequestID)))
}

func consentPath(id string) string { return "/consent?interaction=" + url.QueryEscape(id) }

// pending is an authorization request that waits for its person's answer.
type pending struct {
	id    string
	begun *oauth.Interaction
	a     *oauth.Authorization
}

// resume brings back the request that the consent page is about. Where the client is told of an error, answered is true.
func (h *Handlers) resume(c *fiber.Ctx, id string) (p *pending, answered bool, err error) {
	begun, params, err := h.Rules.Resume(c.UserContext(), id, request.BrowserHash(c))
	if err != nil {
		return nil, false, err
	}
	target, err := h.Rules.Target(c.UserContext(), params)
	if err != nil {
		return nil, false, err
	}
	a, err := h.Rules.Authorization(c.UserContext(), target, params)
	if err != nil {
		return nil, true, h.refuse(c, target, err)
	}
	return &pending{id: id, begun: begun, a: a}, false, nil
}

// AskConsent shows who asks for what.
func (h *Handlers) AskConsent(c *fiber.Ctx) error {
	query, err := request.Query(c)
	if err != nil {
		return err
	}
	p, answered, err := h.resume(c, query.Get("interaction"))
	if err != nil || answered {
		return err
	}
	return h.consentPage(c, p, fiber.StatusOK, nil, "")
}

// AnswerConsent takes the person's answer.
func (h *Handlers) AnswerConsent(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	p, answered, err := h.resume(c, form.Get("interaction"))
	if err != nil || answered {
		return err
	}
	login := request.Login(c)
	switch form.Get("decision") {
	case "allow":
		ticked := oauth.Scopes(form["scope"])
		to, err := h.Rules.Approve(c.UserContext(), p.a, login, p.begun, ticked, request.Of(c).Caller)
		var fields fault.Fields
		if errors.As(err, &fields) {
			return h.consentPage(c, p, fiber.StatusUnprocessableEntity, ticked, fields["scope"])
		}
		if err != nil {
			return h.refuse(c, p.a.Target, err)
		}
		return respond.Out(c, to)
	case "deny":
		return h.refuse(c, p.a.Target, h.Rules.Deny(p.a, login))
	}
	return h.consentPage(c, p, fiber.StatusUnprocessableEntity, oauth.Scopes(form["scope"]), "Choose Allow or Deny.")
}

// consentPage shows the question; message says why an answer was not taken, and ticked is what it had ticked.
func (h *Handlers) consentPage(c *fiber.Ctx, p *pending, status int, ticked oauth.Scopes, message string) error {
	q, err := h.Rules.Question(c.UserContext(), p.a, request.Login(c))
	if err != nil {
		return err
	}
	client := p.a.Target.Client
	d := view.ConsentData{
		Interaction: p.id, App: *request.App(client), RedirectHost: q.RedirectHost, Error: message,
		SwitchURL: "/login?return_to=" + url.QueryEscape(oauth.AuthorizePath(p.id)),
	}
	for _, s := range q.Scopes {
		row := view.ConsentScope{
			Value: s.Name, Title: s.Description, Description: s.Name, Needed: s.Needed, Checked: message == "" || ticked.Has(s.Name),
		}
		for _, api := range s.APIs {
			row.APIs = append(row.APIs, view.ConsentAPI{Name: api.Name, Identifier: api.Identifier})
		}
		d.Scopes = append(d.Scopes, row)
	}
	return respond.Page(c, status, view.ConsentPage(request.Colour(request.Chrome(c), client), d), nil)
}

// ErrorCode is the public page behind error_uri: the same for every request id, existing or not (security.md rule 14).
func (h *Handlers) ErrorCode(c *fiber.Ctx) error {
	code := c.Params("code")
	meaning, known := oauth.ErrorMeanings[code]
	if !known {
		return fiber.ErrNotFound
	}
	d := view.CodeData{Code: code, Meaning: meaning.Meaning, Causes: meaning.Causes, Reference: meaning.Section}
	if id := c.Query("request"); requestID(id) {
		d.Request = id
	}
	return respond.Page(c, fiber.StatusOK, view.ErrorCodePage(request.Chrome(c), d), nil)
}

// requestID reports whether s looks like one of our request ids: 128 bits in base64url.
func requestID(s string) bool {
	if len(s) != 22 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
