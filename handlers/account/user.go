package account

import (
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/account"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// UpdateProfile changes the person's name and e-mail address. A new address counts as unverified.
func (h *Handlers) UpdateProfile(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	stored := request.Of(c).User
	attributes, err := h.ownAttributes(c, stored)
	if err != nil {
		return err
	}
	user := *stored
	user.Name, user.Email = strings.TrimSpace(form.Get("name")), strings.TrimSpace(form.Get("email"))
	user.EmailVerified = stored.EmailVerified && identity.FoldEmail(user.Email) == identity.FoldEmail(stored.Email)

	errs := fault.Fields{}
	if message := identity.ValidateName(user.Name); message != "" {
		errs.Add("name", message)
	}
	if user.Email != "" || stored.Email != "" { // people who never had an address may do without
		if message := identity.ValidateEmail(user.Email); message != "" {
			errs.Add("email", message)
		}
	}
	sent := func(field string) (string, bool) { return form.Get(field), form.Has(field) }
	values, wrong := attributes.Fill(stored.Attributes, sent)
	maps.Copy(errs, attributes.Missing(values))
	maps.Copy(errs, wrong)
	if len(attributes) > 0 {
		user.Attributes = values
	}
	if len(errs) == 0 {
		now := h.Now()
		update := event(c, now, audit.UserUpdated)
		if update.Changes = changes(stored, &user, attributes); len(update.Changes) > 0 {
			err = h.Store.UpdateUser(c.UserContext(), user, now, update)
		}
		if taken := fault.AsConflict(err); taken != nil && taken.Field == "email" {
			errs.Add("email", "Somebody else uses this address.")
		} else if errors.As(err, &wrong) { // an attribute was deleted meanwhile
			errs = wrong
		} else if err != nil {
			return err
		}
	}
	if len(errs) > 0 {
		return h.page(c, fiber.StatusUnprocessableEntity, func(d *view.AccountData) {
			d.Profile.Name, d.Profile.Email, d.Profile.Errs = user.Name, user.Email, errs
			d.Profile.Attributes = attributes.Answers(values, sent, errs)
		})
	}
	return respond.Flash(c, accountPath, "success", "Profile saved", "Applications that you let see it find it there from now on.")
}

// ownAttributes are those that people change themselves. Where there are any, the person's values are read, which a session is without.
func (h *Handlers) ownAttributes(c *fiber.Ctx, u *identity.User) (identity.Attributes, error) {
	all, err := h.Store.Attributes(c.UserContext())
	if err != nil {
		return nil, err
	}
	own := all.Owned()
	if len(own) == 0 {
		return nil, nil
	}
	stored, err := h.Store.User(c.UserContext(), u.ID)
	if err == nil {
		u.Attributes = stored.Attributes
	}
	return own, err
}

// changes lists what the profile form changed.
func changes(before, after *identity.User, attributes identity.Attributes) map[string]audit.Change {
	out := map[string]audit.Change{}
	compare := func(name, b, a string) {
		if b != a {
			out[name] = audit.Change{Before: b, After: a}
		}
	}
	compare("name", before.Name, after.Name)
	compare("email", before.Email, after.Email)
	compare("email_verified", strconv.FormatBool(before.EmailVerified), strconv.FormatBool(after.EmailVerified))
	attributes.Differ(before.Attributes, after.Attributes, func(a *identity.Attribute, before, after string) { compare(a.Field(), before, after) })
	return out
}

// ChangePassword gives the person a new password, if they know the present one, and signs them out everywhere else.
func (h *Handlers) ChangePassword(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	user, password := request.Of(c).User, form.Get("password")
	errs := fault.Fields{}
	if form.Get("current_password") == "" {
		errs.Add("current_password", "Enter your current password.")
	}
	if err := secret.CheckPasswordRule(h.Policy.Now().Password.MinLength, password, user.Username, user.Email, user.Name); err != nil {
		errs.Add("password", err.Error())
	}
	if form.Get("password_again") != password {
		errs.Add("password_again", "The two new passwords differ.")
	}
	if len(errs) == 0 { // only now: what is wrong anyway need not be hashed
		known, err := h.knowsPassword(c, form.Get("current_password"))
		if err != nil {
			return err
		}
		if !known {
			errs.Add("current_password", "This is not your current password.")
		}
	}
	if len(errs) > 0 {
		return h.page(c, fiber.StatusUnprocessableEntity, func(d *view.AccountData) { d.Password.Errs = errs })
	}
	hash, err := h.Hasher.Hash(c.UserContext(), password)
	if err != nil {
		return err
	}
	now := h.Now()
	changed := event(c, now, audit.UserPasswordChanged)
	err = h.Store.ChangePassword(c.UserContext(), store.PasswordChange{
		UserID: user.ID, OldHash: user.PasswordHash, NewHash: hash, KeepSession: request.Of(c).Session.ID,
		KeepDevice: secret.Hash(request.Cookie(c, request.DeviceCookie)),
	}, now, changed)
	if fault.IsNotFound(err) { // a reset or another change was faster, and has ended this session
		return respond.SignIn(c, accountPath)
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, accountPath, "success", "Password changed", "You are signed out everywhere else, and what applications held for you has ended.")
}

// knowsPassword checks the present password. Tries are counted by session, before hashing: whoever found a browser open guesses
// slowly, and stops nobody but themselves (security.md rule 15). A wrong one is written down.
func (h *Handlers) knowsPassword(c *fiber.Ctx, password string) (bool, error) {
	state, now := request.Of(c), h.Now()
	key := state.House.Sealer.MAC("password change", state.Session.ID)
	counter := identity.Counter{Key: key, Kind: identity.CountsSession, UserID: state.User.ID, Network: identity.Network(state.Caller.IP)}
	until, allowed, err := h.Store.BeginAttempt(c.UserContext(), counter, now)
	if err != nil {
		return false, err
	}
	if !allowed {
		return false, fault.TooMany(until.Sub(now))
	}
	ok, _, err := h.Hasher.Check(c.UserContext(), state.User.PasswordHash, password, true)
	if err != nil {
		return false, err
	}
	if ok {
		return true, h.Store.ForgiveAttempt(c.UserContext(), key)
	}
	wrong := event(c, now, audit.UserPasswordChanged)
	wrong.Outcome = audit.Refused
	wrong.Cause = &audit.Cause{ // not even the length of what was typed is kept: it may be right but for a letter
		Rule: "current_password", Expected: "the person's current password", Remedy: "If somebody else is at the browser, end its session.",
	}
	return false, h.Store.Record(c.UserContext(), wrong)
}
