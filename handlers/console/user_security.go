package console

import (
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// ShowUserSecurity shows how the person proves who they are: their password, the browsers that are known, and wrong tries of today.
func (h *Handlers) ShowUserSecurity(c *fiber.Ctx) error {
	u, err := h.user(c)
	if err != nil {
		return err
	}
	ctx, now := c.UserContext(), h.Now()
	d := view.UserSecurityData{User: userHead(u, request.Of(c).User), Rights: rightsOver(c, u), PasswordChanged: orZero(u.PasswordChangedAt), Now: now, Limit: identity.DailyFailureLimit}
	if d.Failures, d.Locked, err = h.Door.FailuresToday(ctx, u); err != nil {
		return err
	}
	browsers, err := h.Store.KnownDevices(ctx, u.ID, now.Add(-identity.DeviceLife))
	if err != nil {
		return err
	}
	for _, b := range browsers {
		d.Browsers = append(d.Browsers, view.KnownBrowser{Since: b.CreatedAt, LastSeen: b.LastSeenAt})
	}
	impact, err := h.Store.UserImpact(ctx, u.ID, now)
	if err != nil {
		return err
	}
	d.Links = int(impact.Links)
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.UserSecurityPage(ch, d), view.UserSecurity(ch, d))
}

// UnlockUser forgets the wrong passwords that are counted for the person, so that they may try theirs at once and in any browser. It
// leads back to the list if that is where it was asked for.
func (h *Handlers) UnlockUser(c *fiber.Ctx) error {
	u, err := h.user(c)
	if err != nil {
		return err
	}
	if err := h.mayEnd(c, u.Role); err != nil { // whoever may not end it must not open it (security.md rule 27)
		return err
	}
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	back := userPath(u.ID) + "/security"
	if form.Get("from") == "lockouts" {
		back = securityPath
	}
	now, who := h.Now(), personOfUser(u)
	n, err := h.Store.Unlock(c.UserContext(), u.ID, now, userEvent(c, now, audit.SignInUnlocked, u))
	if err != nil {
		return err
	}
	if n == 0 {
		return respond.Flash(c, back, "info", "Nothing to unlock", "No failures are counted for "+who.Label()+".")
	}
	return respond.Flash(c, back, "success", "Unlocked", who.Label()+" can try a password again at once.")
}

// ShowUserConsents shows what the person lets applications do.
func (h *Handlers) ShowUserConsents(c *fiber.Ctx) error {
	u, err := h.user(c)
	if err != nil {
		return err
	}
	consents, err := h.Store.Consents(c.UserContext(), u.ID, h.Now())
	if err != nil {
		return err
	}
	d := view.UserConsentsData{User: userHead(u, request.Of(c).User), Rights: rightsOver(c, u)}
	for _, consent := range consents {
		d.Apps = append(d.Apps, view.UserApp{ClientID: consent.ClientID, Name: consent.ClientName, Scopes: consent.Scopes, Since: consent.UpdatedAt})
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.UserConsentsPage(ch, d), view.UserConsents(ch, d))
}

// ConfirmWithdrawConsent asks whether to take back what the person lets the application do.
func (h *Handlers) ConfirmWithdrawConsent(c *fiber.Ctx) error { return h.withdrawConsent(c, false) }

// WithdrawConsent takes it back and ends what the application was given.
func (h *Handlers) WithdrawConsent(c *fiber.Ctx) error { return h.withdrawConsent(c, true) }

func (h *Handlers) withdrawConsent(c *fiber.Ctx, sure bool) error {
	u, err := h.user(c)
	if err != nil {
		return err
	}
	if err := h.mayEnd(c, u.Role); err != nil {
		return err
	}
	id, err := url.PathUnescape(c.Params("client"))
	if err != nil {
		return fault.NotFound("consent")
	}
	ctx, now := c.UserContext(), h.Now()
	consents, err := h.Store.Consents(ctx, u.ID, now)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(consents, func(consent store.ClientConsent) bool { return consent.ClientID == id })
	if i < 0 {
		return respond.Flash(c, userPath(u.ID)+"/consents", "info", "Nothing to withdraw", u.Label()+" lets this application do nothing.")
	}
	impact, err := h.Store.FamilyImpact(ctx, store.FamilyFilter{UserID: u.ID, ClientID: id, State: "live", At: now})
	if err != nil {
		return err
	}
	name := consents[i].ClientName
	e := &end{EndData: view.EndData{
		ID: "consent-withdraw", Title: "Withdraw what " + name + " may do?", Text: name + " has to ask " + u.Label() + " again, and what it holds for them ends at once.",
		Button: "Withdraw", Heading: "Consent of " + u.Label(), Section: view.Crumbs{Label: "Users", Href: usersPath},
		Action: userPath(u.ID) + "/consents/" + url.PathEscape(id) + "/withdraw", Back: userPath(u.ID) + "/consents",
		Impact: []view.ImpactLine{{N: len(consents[i].Scopes), One: "scope", Many: "scopes"}, {N: int(impact.Families), One: "token family", Many: "token families"}},
	}}
	e.event = userEvent(c, now, audit.ConsentWithdrawn, u)
	e.event.ClientID, e.event.Target = id, audit.Party{Kind: audit.KindClient, ID: id, Name: name}
	e.do = func(event audit.Event) (string, string, error) {
		return "Consent withdrawn", name + " has to ask again.", h.Store.WithdrawConsent(ctx, u.ID, id, now, event)
	}
	return h.answer(c, e, sure)
}
