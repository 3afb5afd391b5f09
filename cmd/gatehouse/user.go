package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/policy"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

type userCommands struct {
	Create        userCreate        `cmd:"" help:"Add a person."`
	Update        userUpdate        `cmd:"" help:"Change a person's profile, role, attributes or groups."`
	List          userList          `cmd:"" help:"List people."`
	Import        userImport        `cmd:"" help:"Add people from a CSV file, or change those who are there."`
	Export        userExport        `cmd:"" help:"Write people to standard output, without their passwords."`
	End           userEnd           `cmd:"" help:"End all a person has: sessions, families, unused codes and links. They may sign in again."`
	Disable       userDisable       `cmd:"" help:"Shut a person out and end all they have."`
	Enable        userEnable        `cmd:"" help:"Let a person in again."`
	Delete        userDelete        `cmd:"" help:"Remove a person and all they have. Nobody is given their username again."`
	ResetPassword userResetPassword `cmd:"" help:"Make a one-time link with which a person chooses a new password."`
}

// person names whom a command is about.
type person struct {
	Username string `placeholder:"NAME" help:"The person's username."`
	Name     string `arg:"" optional:"" name:"username" help:"The same, without the flag."`
}

func (w person) find(ctx context.Context, h *house) (*identity.User, error) {
	username, err := onlyOne("person: --username", w.Username, w.Name)
	if err != nil {
		return nil, err
	}
	return userNamed(ctx, h, username)
}

// openFor opens the database for a command about a person, whom it finds.
func (l place) openFor(ctx context.Context, p *process, who person) (*house, *identity.User, error) {
	h, err := l.open(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	u, err := who.find(ctx, h)
	if err != nil {
		return nil, nil, errors.Join(err, h.Close())
	}
	return h, u, nil
}

func userNamed(ctx context.Context, h *house, username string) (*identity.User, error) {
	u, err := h.UserByUsername(ctx, username)
	if fault.IsNotFound(err) {
		return nil, fault.NotFound(fmt.Sprintf("user %q", username))
	}
	return u, err
}

func partyOf(u *identity.User) audit.Party {
	return audit.Party{Kind: audit.KindUser, ID: u.ID, Name: u.Username}
}

// userView is a person for a machine.
type userView struct {
	ID            string        `json:"id"`
	Username      string        `json:"username"`
	Email         string        `json:"email"`
	EmailVerified bool          `json:"email_verified"`
	Name          string        `json:"name"`
	Role          identity.Role `json:"role"`
	Status        string        `json:"status"`
	HasPassword   bool          `json:"has_password"`
	LastSignInAt  *time.Time    `json:"last_sign_in_at,omitempty"`
	CreatedAt     time.Time     `json:"created_at"`
}

func viewOf(u *identity.User) userView {
	return userView{
		ID: u.ID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified, Name: u.Name, Role: u.Role,
		Status: status(u.DisabledAt), HasPassword: u.PasswordHash != "", LastSignInAt: u.LastSignInAt, CreatedAt: u.CreatedAt,
	}
}

type userCreate struct {
	place
	Username          string            `required:"" placeholder:"NAME" help:"Letters a to z, digits, and . _ -; it is never given to anybody else."`
	Email             string            `placeholder:"ADDRESS" help:"E-mail address."`
	Name              string            `placeholder:"NAME" help:"The name people see."`
	Role              string            `enum:"admin,operator,auditor,user" default:"user" placeholder:"ROLE" help:"admin, operator or auditor open the console; user does not (user)."`
	PasswordStdin     bool              `xor:"password" help:"Read the password from standard input."`
	PasswordHashStdin bool              `xor:"password" help:"Read a password hash made elsewhere from standard input: bcrypt, argon2id, scrypt or PBKDF2."`
	Attr              map[string]string `placeholder:"KEY=VALUE" mapsep:"none" help:"Value of an attribute; more than one by naming the flag again. The entries of a list have a | between two."`
	Claims            string            `placeholder:"FILE" help:"JSON object with further standard claims of OpenID Connect, such as given_name, locale or email_verified."`
}

func (c userCreate) Run(ctx context.Context, p *process) error {
	u := identity.User{
		ID: identity.NewID(), Username: identity.FoldUsername(c.Username), Email: c.Email, Name: c.Name, Role: identity.Role(c.Role),
	}
	if err := readClaims(c.Claims, &u); err != nil {
		return err
	}
	if err := u.Validate().Err(); err != nil {
		return err
	}
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	if u.PasswordHash, err = c.passwordHash(ctx, p, h.settled.Now().Password, &u); err != nil {
		return err
	}
	attributes, err := readAttributes(ctx, h, c.Attr, &u)
	if err != nil {
		return err
	}
	others, err := h.AnyUser(ctx)
	if err != nil {
		return err
	}
	event := h.event(audit.UserCreated, partyOf(&u))
	event.Changes = map[string]audit.Change{"role": {After: c.Role}}
	attributes.Differ(nil, u.Attributes, func(a *identity.Attribute, _, after string) { event.Changes[a.Field()] = audit.Change{After: after} })
	if err := h.CreateUser(ctx, u, h.at, event); err != nil {
		return err
	}
	u.CreatedAt = h.at
	told := "Created " + u.Username + " (" + string(u.Role) + ")."
	if u.PasswordHash == "" {
		told += " There is no password yet: `gatehouse user reset-password --username " + u.Username + "` makes a link to choose one."
	}
	if !others && u.Role != identity.RoleAdmin { // the set-up link ends with the first user, whoever that is
		told += "\nNobody administers this server yet, and its set-up link has ended: `gatehouse user create --role admin` makes an administrator."
	}
	return p.say(viewOf(&u), "%s", told)
}

// passwordHash reads what the person will sign in with; empty where neither password nor hash was announced.
func (c userCreate) passwordHash(ctx context.Context, p *process, settled policy.Password, u *identity.User) (string, error) {
	if !c.PasswordStdin && !c.PasswordHashStdin {
		return "", nil
	}
	text, err := p.readSecret()
	if err != nil {
		return "", err
	}
	if c.PasswordHashStdin {
		if err := secret.ValidateImported(text); err != nil {
			return "", fault.Fields{"password_hash": err.Error()}
		}
		return text, nil
	}
	if err := secret.CheckPasswordRule(settled.MinLength, text, u.Username, u.Email, u.Name, u.Profile.GivenName, u.Profile.FamilyName, u.Profile.Nickname); err != nil {
		return "", fault.Fields{"password": err.Error()}
	}
	hasher, err := secret.NewHasher(secret.HasherOptions{})
	if err != nil {
		return "", err
	}
	defer hasher.Close()
	hasher.SetCost(settled.Cost)
	return hasher.Hash(ctx, text)
}

// maxClaims is longer than any profile.
const maxClaims = 64 << 10

// readClaims fills in the standard claims (OpenID Connect Core §5.1) that have no flag, and leaves those that the file does not name. A member we do not keep is refused:
// whoever wrote it means something by it.
func readClaims(path string, u *identity.User) error {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	claims := struct {
		identity.Profile
		EmailVerified bool `json:"email_verified"`
	}{u.Profile, u.EmailVerified}
	if claims.Address != nil { // what the file says goes into one of its own
		address := *claims.Address
		claims.Address = &address
	}
	d := json.NewDecoder(io.LimitReader(f, maxClaims))
	d.DisallowUnknownFields()
	if err := d.Decode(&claims); err != nil {
		return fault.Fields{"claims": path + ": " + err.Error()}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.Fields{"claims": path + ": expected one JSON object"}
	}
	if claims.EmailVerified && u.Email == "" {
		return fault.Fields{"claims": path + ": email_verified needs an e-mail address"}
	}
	if u.Profile, u.EmailVerified = claims.Profile, claims.EmailVerified; u.Profile.Address != nil && *u.Profile.Address == (identity.Address{}) {
		u.Profile.Address = nil
	}
	return nil
}

type userUpdate struct {
	place
	person
	Email    *string           `placeholder:"ADDRESS" help:"E-mail address; another one is not verified, unless --claims says so. Empty removes it."`
	FullName *string           `name:"name" placeholder:"NAME" help:"The name people see."`
	Role     string            `enum:"admin,operator,auditor,user," default:"" placeholder:"ROLE" help:"admin, operator or auditor open the console; user does not."`
	Attr     map[string]string `placeholder:"KEY=VALUE" mapsep:"none" help:"Value of an attribute; more than one by naming the flag again. An empty one removes it."`
	Claims   string            `placeholder:"FILE" help:"JSON object with further standard claims, such as given_name, locale or email_verified; those it does not name stay."`
	Join     []string          `sep:"none" placeholder:"GROUP" help:"A group to take the person into, by its name; once for each."`
	Leave    []string          `sep:"none" placeholder:"GROUP" help:"A group to take the person out of; once for each."`
}

func (c userUpdate) Run(ctx context.Context, p *process) error {
	if c.Email == nil && c.FullName == nil && c.Role == "" && c.Attr == nil && c.Claims == "" && c.Join == nil && c.Leave == nil {
		return usage("say what to change: --email, --name, --role, --attr, --claims, --join or --leave")
	}
	h, u, err := c.openFor(ctx, p, c.person)
	if err != nil {
		return err
	}
	defer h.Close()
	before := *u
	if change(&u.Email, c.Email); u.Email != before.Email {
		u.EmailVerified = false
	}
	change(&u.Name, c.FullName)
	if c.Role != "" {
		u.Role = identity.Role(c.Role)
	}
	if err := readClaims(c.Claims, u); err != nil {
		return err
	}
	if err := u.Validate().Err(); err != nil {
		return err
	}
	attributes, err := readAttributes(ctx, h, c.Attr, u)
	if err != nil {
		return err
	}
	event := h.event(audit.UserUpdated, partyOf(u))
	event.Changes = store.UserChanges(&before, u, attributes)
	if u.Role != before.Role {
		event.Changes["role"] = audit.Change{Before: string(before.Role), After: string(u.Role)}
	}
	changed := slices.Sorted(maps.Keys(event.Changes))
	err = h.InTx(ctx, func(tx *store.Store) error {
		if len(changed) > 0 {
			if err := tx.UpdateUser(ctx, *u, h.at, event); err != nil {
				return err
			}
		}
		moved, err := c.move(ctx, h, tx, u)
		changed = append(changed, moved...)
		return err
	})
	if err != nil {
		return err
	}
	if len(changed) == 0 {
		return p.say(viewOf(u), "Nothing changes: %s is so already.", u.Username)
	}
	return p.say(viewOf(u), "Updated %s: %s.", u.Username, strings.Join(changed, ", "))
}

// move takes the person out of groups and into others, and tells which.
func (c userUpdate) move(ctx context.Context, h *house, tx *store.Store, u *identity.User) (moved []string, err error) {
	in, err := tx.GroupsOf(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	for i, name := range slices.Concat(c.Leave, c.Join) { // out first: there is a most that somebody is in
		g, err := tx.GroupByName(ctx, name)
		if fault.IsNotFound(err) {
			return nil, fault.NotFound(fmt.Sprintf("group %q", name))
		} else if err != nil {
			return nil, err
		}
		act, word := tx.RemoveMember, "out of "
		event := h.event(audit.GroupMemberRemoved, audit.Party{Kind: audit.KindGroup, ID: g.ID, Name: g.Name})
		event.Changes = map[string]audit.Change{"member": {Before: u.Username}}
		joins := i >= len(c.Leave)
		if joins {
			act, word = tx.AddMember, "into "
			event.Action, event.Changes = audit.GroupMemberAdded, map[string]audit.Change{"member": {After: u.Username}}
		}
		event.UserID = u.ID
		if slices.ContainsFunc(in, func(o identity.Group) bool { return o.ID == g.ID }) == joins {
			continue // it is so already
		}
		if err := act(ctx, g.ID, u.ID, h.at, event); err != nil {
			return nil, err
		}
		moved = append(moved, word+g.Name)
	}
	return moved, nil
}

type userList struct {
	place
	Query string `placeholder:"TEXT" help:"Only people whose name, username or e-mail address begins with this."`
}

func (c userList) Run(ctx context.Context, p *process) error {
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	views, rows := []userView{}, [][]string{}
	err = h.eachUser(ctx, c.Query, func(u *identity.User) error {
		v := viewOf(u)
		views = append(views, v)
		rows = append(rows, []string{v.Username, v.Name, v.Email, string(v.Role), v.Status, date(v.CreatedAt)})
		return nil
	})
	if err != nil {
		return err
	}
	return p.list(views, "USERNAME NAME EMAIL ROLE STATUS CREATED", rows)
}

// pageSize is how much of a list is read at once.
const pageSize = 500

// eachUser does something with everybody whom the query finds; empty finds all.
func (h *house) eachUser(ctx context.Context, query string, do func(u *identity.User) error) error {
	want := store.UserFilter{Query: query, Limit: pageSize}
	for more := true; more; {
		page, err := h.Users(ctx, want)
		if err != nil {
			return err
		}
		for _, u := range page.Users {
			if err := do(&u); err != nil {
				return err
			}
		}
		want.After, more = page.Next, page.Next != ""
	}
	return nil
}

type userEnd struct {
	place
	person
	Everybody bool `help:"End all that anybody has, as after a backup was restored."`
}

func (c userEnd) Run(ctx context.Context, p *process) error {
	everybody := ""
	if c.Everybody {
		everybody = "everybody"
	}
	if _, err := onlyOne("person, or --everybody", c.Username, c.Name, everybody); err != nil {
		return err
	}
	h, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	defer h.Close()
	var all userEnding
	if c.Everybody {
		err = h.eachUser(ctx, "", func(u *identity.User) error { return all.end(ctx, h, u) })
	} else if u, missing := c.find(ctx, h); missing != nil {
		err = missing
	} else {
		err = all.end(ctx, h, u)
	}
	if err != nil {
		return err
	}
	return p.say(all, "Ended %s and %s of %s, with unused codes and links.", count(all.Sessions, "session", "sessions"), families(all.Families),
		count(all.People, "person", "people"))
}

// userEnding counts what has ended.
type userEnding struct {
	People   int64 `json:"people"` // who had anything
	Sessions int64 `json:"sessions"`
	Families int64 `json:"families"`
	Codes    int64 `json:"codes"`
	Links    int64 `json:"links"`
}

func (e *userEnding) end(ctx context.Context, h *house, u *identity.User) error {
	ended, err := h.EndUser(ctx, u.ID, oauth.EndedByOperator, h.at, h.event(audit.UserEnded, partyOf(u)))
	if err != nil {
		return err
	}
	if ended.Any() {
		e.People++
	}
	e.Sessions += ended.Sessions
	e.Families += ended.Families
	e.Codes += ended.Codes
	e.Links += ended.Links
	return nil
}

type userDisable struct {
	place
	person
}

func (c userDisable) Run(ctx context.Context, p *process) error {
	h, u, err := c.openFor(ctx, p, c.person)
	if err != nil {
		return err
	}
	defer h.Close()
	was := u.Enabled()
	if err := h.DisableUser(ctx, u.ID, h.at, h.event(audit.UserDisabled, partyOf(u))); err != nil {
		return err
	}
	if !was {
		return p.say(viewOf(u), "%s was disabled already.", u.Username)
	}
	u.DisabledAt = &h.at
	return p.say(viewOf(u), "Disabled %s: sessions, families, unused codes and links have ended.", u.Username)
}

type userEnable struct {
	place
	person
}

func (c userEnable) Run(ctx context.Context, p *process) error {
	h, u, err := c.openFor(ctx, p, c.person)
	if err != nil {
		return err
	}
	defer h.Close()
	was := u.Enabled()
	if err := h.EnableUser(ctx, u.ID, h.at, h.event(audit.UserEnabled, partyOf(u))); err != nil {
		return err
	}
	u.DisabledAt = nil
	if was {
		return p.say(viewOf(u), "%s was not disabled.", u.Username)
	}
	return p.say(viewOf(u), "Enabled %s. What was ended stays so.", u.Username)
}

type userDelete struct {
	place
	person
}

func (c userDelete) Run(ctx context.Context, p *process) error {
	h, u, err := c.openFor(ctx, p, c.person)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.DeleteUser(ctx, u.ID, h.at, h.event(audit.UserDeleted, partyOf(u))); err != nil {
		return err
	}
	return p.say(map[string]any{"username": u.Username, "status": "deleted"},
		"Deleted %s: sessions, families, consents and links have ended. Nobody is given the username again.", u.Username)
}

type userResetPassword struct {
	place
	Issuer string `variable:"GATEHOUSE_ISSUER" placeholder:"URL" help:"The URL people know the server by (http://localhost:8080)."`
	person
}

func (c userResetPassword) Run(ctx context.Context, p *process) error {
	config := c.config()
	config.Issuer = c.Issuer
	h, err := openHouse(ctx, p, config, "GATEHOUSE_ISSUER")
	if err != nil {
		return err
	}
	defer h.Close()
	u, err := c.find(ctx, h)
	if err != nil {
		return err
	}
	if !u.Enabled() {
		return fmt.Errorf("%s is disabled: a link would open nothing", u.Username)
	}
	link, address := identity.NewResetLink(h.settings.Issuer, u.ID, h.at)
	if err := h.CreateResetLink(ctx, link, h.at, h.event(audit.UserResetLinkMade, partyOf(u))); err != nil {
		return err
	}
	return p.say(map[string]any{"username": u.Username, "url": address, "expires_at": link.ExpiresAt},
		"%s\n\nWith this link %s chooses a new password, once, until %s. Earlier links do not work any more.", address, u.Username, date(link.ExpiresAt))
}
