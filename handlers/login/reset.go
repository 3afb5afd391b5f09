package login

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	view "gatehouse/views/login"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// ResetForm shows the page that sets a password by a one-time link. Opening it uses nothing up: scanners follow links
// (security.md rule 22).
func (h *Handlers) ResetForm(c *fiber.Ctx) error {
	token := c.Query("token")
	user, err := h.resetUser(c, token)
	if err != nil {
		return err
	}
	if user == nil {
		return h.resetClosed(c)
	}
	return respond.Page(c, fiber.StatusOK, view.ResetPage(request.Chrome(c), view.ResetData{Token: token, Username: user.Username, MinLength: h.Policy.Now().Password.MinLength}), nil)
}

func (h *Handlers) resetClosed(c *fiber.Ctx) error {
	return respond.Page(c, fiber.StatusNotFound, view.ResetClosedPage(request.Chrome(c)), nil)
}

// resetUser is the person a live link belongs to, or nil.
func (h *Handlers) resetUser(c *fiber.Ctx, token string) (*identity.User, error) {
	settle, err := h.Door.Reserve(c.UserContext(), request.Of(c).Caller.IP, "", false)
	if err != nil {
		return nil, err
	}
	link, err := h.Store.ResetLink(c.UserContext(), secret.Hash(token))
	settle(fault.IsNotFound(err))
	if fault.IsNotFound(err) {
		return nil, nil
	}
	if err != nil || link.UsedAt != nil || !h.Now().Before(link.ExpiresAt) {
		return nil, err
	}
	user, err := h.Store.User(c.UserContext(), link.UserID)
	if fault.IsNotFound(err) || (err == nil && !user.Enabled()) {
		return nil, nil
	}
	return user, err
}

// Reset sets the password, once. It ends all sessions and families of the person.
func (h *Handlers) Reset(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	token, password := form.Get("token"), form.Get("password")
	user, err := h.resetUser(c, token)
	if err != nil {
		return err
	}
	if user == nil {
		return h.resetClosed(c)
	}
	errs := fault.Fields{}
	if err := secret.CheckPasswordRule(h.Policy.Now().Password.MinLength, password, user.Username, user.Email, user.Name); err != nil {
		errs.Add("password", err.Error())
	}
	if form.Get("password_again") != password {
		errs.Add("password_again", "This is not the same password.")
	}
	if len(errs) > 0 {
		d := view.ResetData{Token: token, Username: user.Username, MinLength: h.Policy.Now().Password.MinLength, Errs: errs}
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.ResetPage(request.Chrome(c), d), nil)
	}
	hash, err := h.Hasher.Hash(c.UserContext(), password)
	if err != nil {
		return err
	}
	err = h.Store.UseResetLink(c.UserContext(), secret.Hash(token), hash, h.Now(), audit.Event{
		Action: audit.UserPasswordReset, Outcome: audit.Success, UserID: user.ID, Caller: request.Of(c).Caller,
		Actor:  audit.Party{Kind: audit.KindUser, ID: user.ID, Name: user.Username},
		Target: audit.Party{Kind: audit.KindUser, ID: user.ID, Name: user.Username},
	})
	if fault.IsNotFound(err) {
		return h.resetClosed(c)
	}
	if err != nil {
		return err
	}
	return respond.Page(c, fiber.StatusOK, view.ResetDonePage(request.Chrome(c)), nil)
}
