package login

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	view "gatehouse/views/login"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// SetupForm shows the page that makes the first administrator, to whoever has the link (security.md rule 24).
func (h *Handlers) SetupForm(c *fiber.Ctx) error {
	token := c.Query("token")
	if open, err := h.setupOpen(c, token); err != nil {
		return err
	} else if !open {
		return h.setupClosed(c)
	}
	return respond.Page(c, fiber.StatusOK, view.SetupPage(request.Chrome(c), view.SetupData{Token: token, MinLength: h.Policy.Now().Password.MinLength}), nil)
}

func (h *Handlers) setupClosed(c *fiber.Ctx) error {
	return respond.Page(c, fiber.StatusNotFound, view.SetupClosedPage(request.Chrome(c)), nil)
}

func (h *Handlers) setupOpen(c *fiber.Ctx, token string) (bool, error) {
	settle, err := h.Door.Reserve(c.UserContext(), request.Of(c).Caller.IP, "", false)
	if err != nil {
		return false, err
	}
	_, hash, err := h.Store.SetupSeed(c.UserContext())
	open := err == nil && hash != "" && token != "" && secret.Equal(secret.Hash(token), hash)
	settle(!open && err == nil)
	return open, err
}

// Setup makes the first administrator and signs them in.
func (h *Handlers) Setup(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	d := view.SetupData{Token: form.Get("token"), Name: strings.TrimSpace(form.Get("name")), Username: form.Get("username"), Email: strings.TrimSpace(form.Get("email")), MinLength: h.Policy.Now().Password.MinLength}
	if open, err := h.setupOpen(c, d.Token); err != nil {
		return err
	} else if !open {
		return h.setupClosed(c)
	}
	now := h.Now()
	user := identity.User{
		ID: identity.NewID(), Username: identity.FoldUsername(d.Username), Email: d.Email, Name: d.Name, Role: identity.RoleAdmin,
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	errs := user.Validate()
	if d.Email == "" {
		errs.Add("email", "Enter an e-mail address.")
	}
	password := form.Get("password")
	if err := secret.CheckPasswordRule(h.Policy.Now().Password.MinLength, password, user.Username, user.Email, user.Name); err != nil {
		errs.Add("password", err.Error())
	}
	if len(errs) > 0 {
		d.Errs = errs
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.SetupPage(request.Chrome(c), d), nil)
	}
	if user.PasswordHash, err = h.Hasher.Hash(c.UserContext(), password); err != nil {
		return err
	}
	err = h.Store.CompleteSetup(c.UserContext(), secret.Hash(d.Token), user, now, audit.Event{
		Action: audit.SetupCompleted, Outcome: audit.Success, UserID: user.ID, Caller: request.Of(c).Caller,
		Actor:  audit.Party{Kind: audit.KindUser, ID: user.ID, Name: user.Username},
		Target: audit.Party{Kind: audit.KindUser, ID: user.ID, Name: user.Username},
	})
	if fault.IsNotFound(err) { // somebody was faster
		return h.setupClosed(c)
	}
	if err != nil {
		return err
	}
	if err := h.signedIn(c, &user, ""); err != nil { // there is an administrator: nobody must be told otherwise
		h.Log.Warn("the first administrator has to sign in by hand", "error", err, "request_id", request.Of(c).Caller.RequestID)
		return respond.SignIn(c, "")
	}
	return nil
}
