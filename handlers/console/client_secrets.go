package console

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// ListClientSecrets shows how a client proves itself.
func (h *Handlers) ListClientSecrets(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	return h.credentialsPage(c, fiber.StatusOK, client, view.SecretLifetimes()[0].Value, nil)
}

// credentialsPage shows the secrets, with expires chosen in the form that adds one and what was wrong with it.
func (h *Handlers) credentialsPage(c *fiber.Ctx, status int, client *oauth.Client, expires string, errs fault.Fields) error {
	secrets, err := h.Store.ClientSecrets(c.UserContext(), client.ID)
	if err != nil {
		return err
	}
	head, err := h.used(c, client)
	if err != nil {
		return err
	}
	d := view.CredentialsData{Client: head, Expires: expires, CanEdit: canEdit(c), Now: h.Now(), RequestToken: secret.New(""), Errs: errs}
	d.Client.LiveSecrets = live(secrets, d.Now)
	d.Full = d.Client.LiveSecrets >= oauth.MaxLiveSecrets
	for _, s := range secrets {
		d.Secrets = append(d.Secrets, secretOf(s))
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.ClientCredentialsPage(ch, d), view.ClientCredentials(ch, d))
}

// live counts the secrets that open the door.
func live(secrets []oauth.ClientSecret, at time.Time) int {
	n := 0
	for _, s := range secrets {
		if s.Live(at) {
			n++
		}
	}
	return n
}

func secretOf(s oauth.ClientSecret) view.Secret {
	return view.Secret{
		ID: s.ID, Last4: s.Hint, Created: s.CreatedAt, Expires: orZero(s.ExpiresAt), LastUsed: orZero(s.LastUsedAt), Revoked: orZero(s.RevokedAt),
	}
}

// AddClientSecret gives the client a further secret and answers with the only page that ever shows it.
func (h *Handlers) AddClientSecret(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	now, chosen := h.Now(), form.Get("expires_in")
	expires, errs := expiry(chosen, now)
	if client.Public() {
		errs = fault.Fields{"": "A public client has no secret: whatever it holds, anybody can read."}
	}
	if len(errs) > 0 {
		return h.credentialsPage(c, fiber.StatusUnprocessableEntity, client, chosen, errs)
	}
	value, row := oauth.NewClientSecret(client.ID, now, expires)
	if id := idOf(form.Get("request_token"), client.ID); id != "" {
		row.ID = id
	}
	err = h.Store.AddClientSecret(c.UserContext(), row, now, secretEvent(c, now, audit.ClientSecretAdded, client, &row))
	if errors.As(err, &errs) {
		return h.credentialsPage(c, fiber.StatusUnprocessableEntity, client, chosen, errs)
	}
	if fault.AsConflict(err) != nil { // this form was sent before
		return respond.Flash(c, clientPath(client.ID)+"/credentials", "info", "Already added",
			"This form was sent twice. There is one new secret, and it was shown once: if nobody copied it, revoke it and add another.")
	}
	if err != nil {
		return err
	}
	return showSecret(c, client, value, &row, false)
}

// expiry reads one of the lifetimes that the form offers, in days; 0 is for ever.
func expiry(chosen string, now time.Time) (*time.Time, fault.Fields) {
	days, err := strconv.Atoi(chosen)
	if err != nil || !slices.ContainsFunc(view.SecretLifetimes(), func(o ui.Option) bool { return o.Value == chosen }) {
		return nil, fault.Fields{"expires_in": "Choose one of these."}
	}
	if days == 0 {
		return nil, nil
	}
	at := now.AddDate(0, 0, days)
	return &at, nil
}

// secretEvent is what is written down about a secret: never the secret.
func secretEvent(c *fiber.Ctx, at time.Time, action audit.Action, client *oauth.Client, s *oauth.ClientSecret) audit.Event {
	e := event(c, at, action, client)
	e.Target = audit.Party{Kind: audit.KindSecret, ID: s.ID, Name: "…" + s.Hint}
	return e
}

// showSecret shows a secret, this once.
func showSecret(c *fiber.Ctx, client *oauth.Client, value string, s *oauth.ClientSecret, isNew bool) error {
	d := view.NewSecretData{Client: headOf(client), Secret: value, Expires: orZero(s.ExpiresAt), NewClient: isNew, Issuer: request.Of(c).House.Issuer}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return respond.Page(c, fiber.StatusOK, view.NewSecretPage(request.Chrome(c), d), view.NewSecret(d))
}

// ConfirmRevokeClientSecret asks whether to revoke a secret, and warns where it is the last.
func (h *Handlers) ConfirmRevokeClientSecret(c *fiber.Ctx) error {
	client, s, last, err := h.secret(c)
	if err != nil {
		return err
	}
	head, err := h.head(c, client)
	if err != nil {
		return err
	}
	return confirm(c, view.SecretRevokePage, view.SecretRevokeDialog, view.SecretRevokeData{Client: head, Secret: secretOf(*s), Last: last, Now: h.Now()})
}

// secret reads the secret that the path names; last tells that no other one of the client is live.
func (h *Handlers) secret(c *fiber.Ctx) (client *oauth.Client, s *oauth.ClientSecret, last bool, err error) {
	if client, err = h.client(c); err != nil {
		return nil, nil, false, err
	}
	secrets, err := h.Store.ClientSecrets(c.UserContext(), client.ID)
	if err != nil {
		return nil, nil, false, err
	}
	i := slices.IndexFunc(secrets, func(s oauth.ClientSecret) bool { return s.ID == c.Params("secret") })
	if i < 0 {
		return nil, nil, false, fault.NotFound("client secret")
	}
	s = &secrets[i]
	now := h.Now()
	return client, s, s.Live(now) && live(secrets, now) == 1, nil
}

// RevokeClientSecret makes a secret open nothing any more.
func (h *Handlers) RevokeClientSecret(c *fiber.Ctx) error {
	client, s, last, err := h.secret(c)
	if err != nil {
		return err
	}
	now := h.Now()
	err = h.Store.RevokeClientSecret(c.UserContext(), client.ID, s.ID, now, secretEvent(c, now, audit.ClientSecretRevoked, client, s))
	if err != nil {
		return err
	}
	text := "The one ending in …" + s.Hint + " opens nothing any more."
	if last {
		text += " " + client.Name + " cannot authenticate until you add another."
	}
	return respond.Flash(c, clientPath(client.ID)+"/credentials", "success", "Secret revoked", text)
}
