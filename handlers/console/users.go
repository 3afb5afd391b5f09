package console

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	usersPath    = "/console/users"
	usersPerPage = 25
	// sessionsShown and eventsShown are as many as a person's pages have room for; the lists of all are a link away.
	sessionsShown = 10
	eventsShown   = 50
)

func userPath(id string) string { return usersPath + "/" + url.PathEscape(id) }

// user reads the person that the path names.
func (h *Handlers) user(c *fiber.Ctx) (*identity.User, error) {
	id, err := url.PathUnescape(c.Params("id"))
	if err != nil {
		return nil, fault.NotFound("user")
	}
	return h.Store.User(c.UserContext(), id)
}

// userEvent is what is written down about what was done to the person.
func userEvent(c *fiber.Ctx, at time.Time, action audit.Action, u *identity.User) audit.Event {
	e := eventOn(c, at, action, audit.Party{Kind: audit.KindUser, ID: u.ID, Name: u.Username})
	e.UserID = u.ID
	return e
}

// rightsOver are what whoever looks may do to the person: nobody acts on a higher role's credentials (security.md rule 27), nor
// shuts out or deletes themselves. Whoever knows their own password changes it in their account, where it is asked for.
func rightsOver(c *fiber.Ctx, u *identity.User) view.UserRights {
	self, admin, end := u.ID == request.Of(c).User.ID, canEdit(c), canEnd(c, u.Role)
	return view.UserRights{Edit: admin, Reset: admin && !self, End: end, Disable: end && !self, Delete: admin && !self}
}

// userFilter says which people the URL asks for.
func userFilter(c *fiber.Ctx) store.UserFilter {
	want := store.UserFilter{
		Query: strings.ToValidUTF8(c.Query("q"), ""), Status: c.Query("status"), Role: identity.Role(c.Query("role")),
		After: c.Query("after"), Before: c.Query("before"), Limit: usersPerPage,
	}
	if want.Status != "active" && want.Status != "disabled" {
		want.Status = ""
	}
	if !slices.Contains(identity.Roles, want.Role) {
		want.Role = ""
	}
	return want
}

// ListUsers shows the people that fit what the URL says: q, status, role, and the edge of a page in after or before.
func (h *Handlers) ListUsers(c *fiber.Ctx) error {
	want := userFilter(c)
	page, err := h.Store.Users(c.UserContext(), want)
	if err != nil {
		return err
	}
	if len(page.Users) == 0 && page.Total > 0 { // what stood on this page was deleted meanwhile
		return respond.SeeOther(c, usersPage(want, "", ""))
	}
	d := view.UsersData{Q: want.Query, Status: want.Status, Role: string(want.Role), Count: usersCounted(page.Total), CanEdit: canEdit(c), Now: h.Now()}
	if page.Previous != "" {
		d.Previous = usersPage(want, "before", page.Previous)
	}
	if page.Next != "" {
		d.Next = usersPage(want, "after", page.Next)
	}
	for _, u := range page.Users {
		d.Rows = append(d.Rows, view.UserRow{User: userHead(&u, request.Of(c).User), Rights: rightsOver(c, &u)})
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.UsersPage(ch, d), view.UsersTable(ch, d))
}

// usersCounted says how many there are, as far as they are counted.
func usersCounted(n int64) string {
	if n > store.CountLimit {
		return "1,000+ users"
	}
	return ui.Count(int(n), "user", "users")
}

// usersPage is the address of another page of the same search.
func usersPage(want store.UserFilter, edge, cursor string) string {
	return searchPath(usersPath, map[string]string{"q": want.Query, "status": want.Status, "role": string(want.Role), edge: cursor})
}

// NewUser shows the empty form.
func (h *Handlers) NewUser(c *fiber.Ctx) error {
	attributes, err := h.Store.Attributes(c.UserContext())
	if err != nil {
		return err
	}
	f := userFormOf(&identity.User{Role: identity.RoleUser}, request.Of(c).User, attributes, nil, nil)
	f.RequestToken = secret.New("")
	return newUserPage(c, fiber.StatusOK, f)
}

func newUserPage(c *fiber.Ctx, status int, f view.UserFormData) error {
	f.ID = "" // it has one as soon as it was sent, but is none yet
	ch := request.Chrome(c)
	return respond.Page(c, status, view.NewUserPage(ch, f), view.UserForm(ch, f))
}

// CreateUser adds a person and makes the link with which they choose a password: no administrator ever knows it. The answer is
// the only page that shows the link.
func (h *Handlers) CreateUser(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	attributes, err := h.Store.Attributes(c.UserContext())
	if err != nil {
		return err
	}
	me, now := request.Of(c).User, h.Now()
	u := identity.User{ID: identity.NewID(), Username: identity.FoldUsername(sent.Get("username"))}
	if id := idOf(sent.Get("request_token")); id != "" {
		u.ID = identity.IDFrom(id)
	}
	fillUser(&u, sent, true)
	form := func(errs fault.Fields) view.UserFormData {
		f := userFormOf(&u, me, attributes, sent, errs)
		f.RequestToken = sent.Get("request_token")
		return f
	}
	errs := u.Validate()
	maps.Copy(errs, fillAttributes(&u, attributes, sent))
	if len(errs) > 0 {
		return newUserPage(c, fiber.StatusUnprocessableEntity, form(errs))
	}
	link, address := identity.NewResetLink(h.Rules.Issuer, u.ID, now)
	err = h.Store.InTx(c.UserContext(), func(tx *store.Store) error {
		created := userEvent(c, now, audit.UserCreated, &u)
		created.Changes = map[string]audit.Change{"role": {After: string(u.Role)}}
		attributes.Differ(nil, u.Attributes, func(a *identity.Attribute, _, after string) { created.Changes[a.Field()] = audit.Change{After: after} })
		if err := tx.CreateUser(c.UserContext(), u, now, created); err != nil {
			return err
		}
		return tx.CreateResetLink(c.UserContext(), link, now, userEvent(c, now, audit.UserResetLinkMade, &u))
	})
	if taken := fault.AsConflict(err); taken != nil {
		if twice, err := h.Store.User(c.UserContext(), u.ID); err == nil {
			return respond.Flash(c, userPath(twice.ID), "info", "Already added",
				"This form was sent twice. There is one user, and their link was shown once: if nobody copied it, make another.")
		}
		return newUserPage(c, fiber.StatusUnprocessableEntity, form(takenFault(taken)))
	}
	var wrong fault.Fields
	if errors.As(err, &wrong) { // an attribute was deleted meanwhile
		return newUserPage(c, fiber.StatusUnprocessableEntity, form(wrong))
	}
	if err != nil {
		return err
	}
	return showLink(c, view.UserLinkData{User: userHead(&u, me), Link: address, Expires: link.ExpiresAt, NewUser: true})
}

// takenFault says at which field something is that another person has.
func takenFault(taken *fault.ConflictError) fault.Fields {
	if taken.Field == "email" {
		return fault.Fields{"email": "Somebody else uses this address."}
	}
	return fault.Fields{"username": "This username is taken, or belonged to somebody who was deleted."}
}

// showLink shows a link to choose a password, this once.
func showLink(c *fiber.Ctx, d view.UserLinkData) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return respond.Page(c, fiber.StatusOK, view.UserLinkPage(request.Chrome(c), d), nil)
}

// ShowUser shows the profile: as a form for those who may change it, else in words.
func (h *Handlers) ShowUser(c *fiber.Ctx) error {
	u, err := h.user(c)
	if err != nil {
		return err
	}
	attributes, err := h.Store.Attributes(c.UserContext())
	if err != nil {
		return err
	}
	f := userFormOf(u, request.Of(c).User, attributes, nil, nil)
	f.CanEdit = canEdit(c)
	return userPage(c, fiber.StatusOK, u, f)
}

func userPage(c *fiber.Ctx, status int, u *identity.User, f view.UserFormData) error {
	ch := request.Chrome(c)
	return respond.Page(c, status, view.UserPage(ch, userHead(u, request.Of(c).User), rightsOver(c, u), f), view.UserForm(ch, f))
}

// UpdateUser changes the profile and the role, unless somebody else did since the form was shown. Nobody changes their own role.
func (h *Handlers) UpdateUser(c *fiber.Ctx) error {
	stored, err := h.user(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	attributes, err := h.Store.Attributes(c.UserContext())
	if err != nil {
		return err
	}
	me := request.Of(c).User
	u := *stored
	fillUser(&u, sent, stored.ID != me.ID)
	fillProfile(&u.Profile, sent)
	u.Version = versionOf(sent)
	refuse := func(errs fault.Fields) error {
		return userPage(c, fiber.StatusUnprocessableEntity, stored, userFormOf(&u, me, attributes, sent, errs))
	}
	errs := u.Validate()
	maps.Copy(errs, fillAttributes(&u, attributes, sent))
	if stored.ID == me.ID && sent.Has("role") && identity.Role(sent.Get("role")) != stored.Role { // no form of ours asks for it
		errs.Add("", "Nobody changes their own role: another administrator can.")
	}
	if len(errs) > 0 {
		return refuse(errs)
	}
	if changed := userDifferences(stored, &u, attributes); len(changed) > 0 { // none: it stands already as it was sent
		now := h.Now()
		update := userEvent(c, now, audit.UserUpdated, &u)
		update.Changes = changes(changed)
		err = h.Store.UpdateUser(c.UserContext(), u, now, update)
		var wrong fault.Fields
		switch taken := fault.AsConflict(err); {
		case taken != nil && taken.Field == "":
			return h.lostUserRace(c, &u, attributes)
		case taken != nil:
			return refuse(takenFault(taken))
		case errors.As(err, &wrong): // the last administrator, or an attribute was deleted meanwhile
			return refuse(wrong)
		case err != nil:
			return err
		}
	}
	return respond.Flash(c, userPath(u.ID), "success", "Profile saved", "Applications that may see it find it so from now on.")
}

// lostUserRace shows both what was sent and what somebody else saved first. Sending the form again overwrites the latter, knowingly.
func (h *Handlers) lostUserRace(c *fiber.Ctx, mine *identity.User, attributes identity.Attributes) error {
	theirs, err := h.Store.User(c.UserContext(), mine.ID)
	if err != nil {
		return err
	}
	f := userFormOf(mine, request.Of(c).User, attributes, nil, nil)
	f.Version = theirs.Version
	if f.Conflict, err = h.conflict(c, userEvent(c, theirs.UpdatedAt, audit.UserUpdated, theirs), userDifferences(theirs, mine, attributes)); err != nil {
		return err
	}
	return userPage(c, fiber.StatusConflict, theirs, f)
}

// ShowUserAccess shows where the person is signed in and what applications hold for them.
func (h *Handlers) ShowUserAccess(c *fiber.Ctx) error {
	u, err := h.user(c)
	if err != nil {
		return err
	}
	ctx, now := c.UserContext(), h.Now()
	impact, err := h.Store.UserImpact(ctx, u.ID, now)
	if err != nil {
		return err
	}
	sessions, err := h.Store.LiveSessions(ctx, u.ID, now)
	if err != nil {
		return err
	}
	consents, err := h.Store.Consents(ctx, u.ID, now)
	if err != nil {
		return err
	}
	d := view.UserAccessData{User: userHead(u, request.Of(c).User), Rights: rightsOver(c, u), Impact: userImpact(impact), Now: now}
	for _, s := range sessions[:min(len(sessions), sessionsShown)] {
		name, _ := identity.Device(s.UserAgent)
		d.Sessions = append(d.Sessions, view.UserSession{ID: s.ID, Device: name, IP: s.IP, Started: s.AuthTime, LastSeen: s.LastSeenAt})
	}
	for _, consent := range consents {
		d.Apps = append(d.Apps, view.UserApp{ClientID: consent.ClientID, Name: consent.ClientName, Scopes: consent.Scopes, Since: consent.UpdatedAt})
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.UserAccessPage(ch, d), view.UserAccess(ch, d))
}

func userImpact(i store.UserImpact) view.UserImpact {
	return view.UserImpact{
		Sessions: int(i.Sessions), Families: int(i.Families), Clients: int(i.Clients), Codes: int(i.Codes), Consents: int(i.Consents), Links: int(i.Links),
	}
}

// ShowUserActivity shows what the person did and what was done to them, the newest first.
func (h *Handlers) ShowUserActivity(c *fiber.Ctx) error {
	u, err := h.user(c)
	if err != nil {
		return err
	}
	d, err := h.activity(c, store.EventFilter{UserID: u.ID}, u.ID, view.UserLabel)
	if err != nil {
		return err
	}
	d.All, d.Self, d.Nothing = listing{path: eventsPath}.with("user", u.ID), "themselves", "Sign-ins, tokens and changes of this person appear here."
	return respond.Page(c, fiber.StatusOK, view.UserActivityPage(request.Chrome(c), userHead(u, request.Of(c).User), rightsOver(c, u), d), view.Activity(d))
}

// userAct reads the person that a confirmation is about, and what would end with them; it refuses whoever may not do it.
func (h *Handlers) userAct(c *fiber.Ctx, may func(view.UserRights) bool) (*identity.User, view.UserActData, error) {
	u, err := h.user(c)
	if err != nil {
		return nil, view.UserActData{}, err
	}
	switch me := request.Of(c).User; {
	case may(rightsOver(c, u)):
	case u.ID == me.ID:
		return nil, view.UserActData{}, fault.Fields{"": "Nobody does this to themselves: another administrator can."}
	default:
		return nil, view.UserActData{}, h.Denied(c, u.Role)
	}
	impact, err := h.Store.UserImpact(c.UserContext(), u.ID, h.Now())
	if err != nil {
		return nil, view.UserActData{}, err
	}
	life, err := h.tokenLife(c.UserContext())
	return u, view.UserActData{User: userHead(u, request.Of(c).User), TokenLife: life, Impact: userImpact(impact)}, err
}

func mayEndUser(r view.UserRights) bool     { return r.End }
func mayDisableUser(r view.UserRights) bool { return r.Disable }
func mayDeleteUser(r view.UserRights) bool  { return r.Delete }
func mayResetUser(r view.UserRights) bool   { return r.Reset }

// errHigherRole undoes an act on somebody who was given a higher role meanwhile.
var errHigherRole = errors.New("the person has a higher role by now")

// onUser does something to the person in one transaction, unless they have come to have a role above that of who does it: then
// nothing has happened (security.md rule 27). What act changes is their row, which stays as it is read from then on.
func (h *Handlers) onUser(c *fiber.Ctx, id string, act func(tx *store.Store) error) error {
	var higher identity.Role
	err := h.Store.InTx(c.UserContext(), func(tx *store.Store) error {
		if err := act(tx); err != nil {
			return err
		}
		u, err := tx.User(c.UserContext(), id)
		if err == nil && !canEnd(c, u.Role) {
			higher, err = u.Role, errHigherRole
		}
		return err
	})
	if errors.Is(err, errHigherRole) {
		return h.Denied(c, higher)
	}
	return err
}

// ConfirmDisableUser asks whether to disable the person, and says what that ends.
func (h *Handlers) ConfirmDisableUser(c *fiber.Ctx) error {
	u, d, err := h.userAct(c, mayDisableUser)
	if err != nil {
		return err
	}
	if !u.Enabled() {
		return respond.Flash(c, userPath(u.ID), "info", "Already disabled", u.Label()+" cannot sign in.")
	}
	return confirm(c, view.UserDisablePage, view.UserDisableDialog, d)
}

// DisableUser shuts the person out and ends all they have.
func (h *Handlers) DisableUser(c *fiber.Ctx) error {
	u, d, err := h.userAct(c, mayDisableUser)
	if err != nil {
		return err
	}
	now := h.Now()
	err = h.onUser(c, u.ID, func(tx *store.Store) error {
		return tx.DisableUser(c.UserContext(), u.ID, now, userEvent(c, now, audit.UserDisabled, u))
	})
	if err != nil {
		return err
	}
	return respond.FlashUndo(c, userPath(u.ID), "User disabled", acceptedUntil(now, d.TokenLife), userPath(u.ID)+"/enable")
}

// EnableUser lets the person in again.
func (h *Handlers) EnableUser(c *fiber.Ctx) error {
	u, _, err := h.userAct(c, mayDisableUser)
	if err != nil {
		return err
	}
	now := h.Now()
	err = h.onUser(c, u.ID, func(tx *store.Store) error {
		return tx.EnableUser(c.UserContext(), u.ID, now, userEvent(c, now, audit.UserEnabled, u))
	})
	if err != nil {
		return err
	}
	return respond.Flash(c, userPath(u.ID), "success", "User enabled", u.Label()+" may sign in again. What was ended stays so.")
}

// ConfirmEndUser asks whether to end all that the person holds, and says what that is.
func (h *Handlers) ConfirmEndUser(c *fiber.Ctx) error {
	_, d, err := h.userAct(c, mayEndUser)
	if err != nil {
		return err
	}
	return confirm(c, view.UserEndPage, view.UserEndDialog, d)
}

// EndUser ends all that the person holds, in one act.
func (h *Handlers) EndUser(c *fiber.Ctx) error {
	u, d, err := h.userAct(c, mayEndUser)
	if err != nil {
		return err
	}
	now := h.Now()
	var ended store.UserImpact
	err = h.onUser(c, u.ID, func(tx *store.Store) (err error) {
		ended, err = tx.EndUser(c.UserContext(), u.ID, oauth.EndedByOperator, now, userEvent(c, now, audit.UserEnded, u))
		return err
	})
	switch {
	case err != nil:
		return err
	case u.ID == request.Of(c).User.ID: // this session too
		request.SetCookie(c, request.SessionCookie, "", -1)
		return respond.SignIn(c, userPath(u.ID)+"/access")
	case !ended.Any():
		return respond.Flash(c, userPath(u.ID)+"/access", "info", "Nothing to end", u.Label()+" held nothing any more.")
	}
	return respond.Flash(c, userPath(u.ID)+"/access", "success", "Everything has ended",
		ui.Count(int(ended.Sessions), "session", "sessions")+" and "+ui.Count(int(ended.Families), "token family", "token families")+". "+acceptedUntil(now, d.TokenLife))
}

// ConfirmDeleteUser asks for the person's username before they are deleted, and says what that ends.
func (h *Handlers) ConfirmDeleteUser(c *fiber.Ctx) error {
	_, d, err := h.userAct(c, mayDeleteUser)
	if err != nil {
		return err
	}
	return confirm(c, view.UserDeletePage, view.UserDeleteDialog, d)
}

// DeleteUser removes the person and all they have, if their username was typed.
func (h *Handlers) DeleteUser(c *fiber.Ctx) error {
	u, d, err := h.userAct(c, mayDeleteUser)
	if err != nil {
		return err
	}
	if d.Confirm, d.Errs, err = typed(c, "username", u.Username); err != nil {
		return err
	}
	if len(d.Errs) > 0 {
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.UserDeletePage(request.Chrome(c), d), nil)
	}
	now := h.Now()
	err = h.Store.DeleteUser(c.UserContext(), u.ID, now, userEvent(c, now, audit.UserDeleted, u))
	if err != nil {
		return err
	}
	return respond.Flash(c, usersPath, "success", u.Label()+" is deleted", acceptedUntil(now, d.TokenLife))
}

// ConfirmResetUser asks whether to make a link to choose a password, and says what using it ends.
func (h *Handlers) ConfirmResetUser(c *fiber.Ctx) error {
	u, d, err := h.userAct(c, mayResetUser)
	if err != nil {
		return err
	}
	if !u.Enabled() {
		return resetDisabled(c, u)
	}
	return confirm(c, view.UserResetPage, view.UserResetDialog, d)
}

func resetDisabled(c *fiber.Ctx, u *identity.User) error {
	return respond.Flash(c, userPath(u.ID), "info", "Enable them first", u.Label()+" is disabled: a link would open nothing.")
}

// ResetUser makes a link with which the person chooses a password. The answer is the only page that shows it.
func (h *Handlers) ResetUser(c *fiber.Ctx) error {
	u, d, err := h.userAct(c, mayResetUser)
	if err != nil {
		return err
	}
	now := h.Now()
	link, address := identity.NewResetLink(h.Rules.Issuer, u.ID, now)
	err = h.Store.CreateResetLink(c.UserContext(), link, now, userEvent(c, now, audit.UserResetLinkMade, u))
	if fault.IsNotFound(err) {
		return resetDisabled(c, u)
	}
	if err != nil {
		return err
	}
	return showLink(c, view.UserLinkData{User: d.User, Link: address, Expires: link.ExpiresAt})
}
