// Package views_test renders every page and looks at what all of them owe:
// a CSRF token in each form that posts, ids that are unique, and no markup
// that our Content-Security-Policy would refuse.
package views_test

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/views/account"
	"gatehouse/views/console"
	"gatehouse/views/layout"
	"gatehouse/views/login"
	"gatehouse/views/oauth"
	"gatehouse/views/ui"

	"github.com/a-h/templ"
)

const hostile = `"><script>alert(1)</script>' onerror=x {{`

func pages() map[string]templ.Component {
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	ch := layout.Chrome{
		User:  &layout.ChromeUser{ID: "u", Name: hostile, Email: hostile, Username: hostile, Role: "admin"},
		CSRF:  "the-token",
		Flash: []layout.Flash{{Tone: "success", Title: hostile, Text: hostile, Undo: "/console/clients/x/enable"}},
		Path:  "/console/clients", Issuer: "https://id.example", RequestID: hostile,
	}
	errs := map[string]string{"": hostile, "client_name": hostile, "redirect_uris.0": hostile, "grant_types": hostile, "confirm": hostile, "password": hostile, "username": hostile, "email": hostile, "name": hostile}
	client := console.Client{ID: hostile, Name: hostile, LiveSecrets: 1, Created: now}
	secret := console.Secret{ID: hostile, Last4: hostile, Created: now}
	links := []console.APILink{{ID: hostile, Name: hostile, Identifier: hostile}}
	choices := []console.Choice{{Value: hostile, Label: hostile, Hint: hostile, Badge: hostile, Tone: hostile, Checked: true}}
	form := console.ClientFormData{
		ID: hostile, CanEdit: true, ClientName: hostile, RedirectURIs: []string{hostile, ""}, Grants: choices, Scopes: choices,
		Contacts: hostile, Errs: errs,
		Conflict: &console.Conflict{What: "client", By: hostile, At: now, Changes: []console.Change{{Field: hostile, Theirs: hostile, Yours: hostile}}},
	}
	look, fresh := form, form
	look.CanEdit, fresh.ID = false, ""
	fresh.Notice, fresh.Profile = hostile, &console.ClientProfile{Name: hostile, Label: hostile, Sets: choices}
	api := console.API{ID: hostile, Name: hostile, Identifier: hostile, Format: "jwt", Alg: "HS256", Claims: hostile, Created: now}
	opaque := console.API{ID: hostile, Name: hostile, Identifier: hostile, Format: "opaque"}
	users := []console.APIClient{{ID: hostile, Name: hostile, Own: true, Default: true, Disabled: true}}
	rows := []console.ScopeRow{{Name: hostile, Description: hostile, Shown: hostile, Also: []string{hostile, hostile}}, {}}
	settings := console.APIFormData{
		API: api, CanEdit: true, Life: hostile, DefaultLife: hostile, Scopes: rows, Known: []ui.Option{{Value: hostile, Label: hostile}},
		JWKS: hostile, Introspection: hostile, Clients: users, Conflict: form.Conflict,
		Errs: map[string]string{"": hostile, "name": hostile, "scope_names.0": hostile, "scope_descriptions.1": hostile, "scopes": hostile},
	}
	newAPI, readAPI, ownless := settings, settings, settings
	newAPI.API, newAPI.Conflict = console.API{Name: hostile, Identifier: hostile}, nil
	newAPI.Formats, newAPI.Algs, newAPI.Claimed, newAPI.OwnSecret, newAPI.SecretLost = choices, choices, choices, true, true
	readAPI.CanEdit = false
	ownless.API, ownless.Clients, ownless.Scopes = opaque, nil, nil
	end, needed := console.APIActData{API: api, Confirm: hostile, Errs: errs}, console.APIActData{API: opaque, Clients: users}
	form.APIs, look.APIs, fresh.APIs = links, links, links
	form.DefaultResource, look.ResourceServer = hostile, hostile
	fresh.Marks = []console.SettingField{{Name: "logo", Label: hostile, Value: hostile, Picture: true}, {Name: "policy_uri", Label: hostile, Hint: hostile, Value: hostile}}
	fresh.Lives = []console.LifeField{{Name: "access_token_ttl", Label: hostile, Hint: hostile, Value: hostile}}
	tokens := console.ClientTokensData{
		Client: client, CanEdit: true, Fields: fresh.Lives, Errs: map[string]string{"access_token_ttl": hostile}, Conflict: form.Conflict,
		Holds: []console.Holding{{What: hostile, Life: hostile, By: "api", API: api}, {What: hostile, By: "client"}, {What: hostile, By: "house"}},
	}
	disabled := client
	disabled.Disabled = true
	act := console.ClientActData{Client: client, Confirm: hostile, Errs: errs}
	revoke := console.SecretRevokeData{Client: client, Secret: secret, Last: true, Now: now, Errs: errs}
	person := console.User{ID: hostile, Name: hostile, Username: hostile, Email: hostile, Role: hostile, LastSignIn: now, Created: now}
	may := console.UserRights{Edit: true, Reset: true, End: true, Disable: true, Delete: true}
	profile := console.UserFormData{
		User: person, CanEdit: true, GivenName: hostile, FamilyName: hostile, Nickname: hostile, Profile: hostile, Website: hostile, Gender: hostile,
		PhoneNumber: hostile, Formatted: hostile, StreetAddress: hostile, Errs: errs, Conflict: form.Conflict,
	}
	var answers []identity.Answer
	for i, kind := range identity.AttributeTypes {
		answers = append(answers, identity.Answer{Attribute: identity.Attribute{Key: "key" + strconv.Itoa(i), Label: hostile, Type: kind, Claim: hostile, Scope: hostile}, Text: hostile, Why: hostile})
	}
	profile.Attributes = answers
	readProfile, newProfile, shut := profile, profile, person
	readProfile.CanEdit, shut.Disabled = false, true
	newProfile.User = console.User{Name: hostile, Username: hostile}
	held := console.UserImpact{Sessions: 1, Families: 1, Consents: 1, Links: 1}
	personAct := console.UserActData{User: person, Impact: held, Confirm: hostile, Errs: errs}
	access := console.UserAccessData{
		User: shut, Rights: may, Impact: held, Now: now,
		Sessions: []console.UserSession{{ID: hostile, Device: hostile, IP: hostile, Started: now, LastSeen: now}}, Apps: []console.UserApp{{ClientID: hostile, Name: hostile, Scopes: []string{hostile}}},
	}
	activity := console.ActivityData{More: true, All: "/console/audit", Self: hostile, Events: []console.ActivityEvent{
		{ID: hostile, At: now, Action: hostile, Refused: true, By: hostile, Target: hostile, IP: hostile, Changes: []console.Change{{Field: hostile, Theirs: hostile, Yours: hostile}}},
	}}
	scope := console.Scope{Name: hostile, Description: hostile, Created: now}
	limited := scope
	limited.Groups = []string{hostile}
	asked := console.ClientScopesData{
		Client: client, CanEdit: true, Scopes: []console.ClientScope{{Scope: limited, APIs: []string{hostile}, OfPeople: true, Checked: true}}, Errs: map[string]string{"scopes": hostile, "": hostile},
		APIs: []console.APILink{{ID: hostile, Name: hostile, Identifier: hostile}}, DefaultResource: hostile, ResourceServer: hostile, Conflict: form.Conflict,
		Opens: []console.OpenAPI{{API: api, Scopes: []string{hostile}}},
	}
	lookedAt := asked
	lookedAt.CanEdit = false
	claims := []console.Attribute{{Attribute: identity.Attribute{Key: hostile, Label: hostile, Scope: hostile, Claim: hostile}}}
	scopeForm := console.ScopeFormData{Scope: scope, CanEdit: true, ScopeUsers: console.ScopeUsers{Attributes: claims, APIs: links, Clients: users, More: 2}, Errs: map[string]string{"": hostile, "name": hostile, "description": hostile}, Conflict: form.Conflict}
	newScope, readScope := scopeForm, scopeForm
	newScope.IsNew, readScope.CanEdit = true, false
	list := console.ListData{
		Q: hostile, Chips: []console.Chip{{Name: hostile, Field: "user", Value: hostile, Text: hostile, Without: "/console/audit?q=" + hostile}}, Filtered: true, Total: 1001,
		Clear: "/console/audit", Next: "?after=b", Meant: []console.Choose{{Text: hostile, Kind: hostile, Href: "/console/families?user=x"}},
	}
	unknown := list
	unknown.Unknown = true
	who, link := console.Person{ID: hostile, Name: hostile, Username: hostile}, console.Link{ID: hostile, Text: hostile, Href: "/console/clients/x"}
	jobs := []console.Link{link}
	session := console.Session{ID: hostile, Person: who, Device: hostile, UserAgent: hostile, IP: hostile, AMR: []string{hostile}, Clients: []console.Link{link, {}}, CanEnd: true, Expires: now.Add(time.Hour), Idle: now.Add(time.Hour), Now: now}
	ended := console.Session{ID: hostile, Ended: now, EndReason: hostile, Now: now}
	family := console.Family{
		ID: hostile, Person: who, Client: link, Session: hostile, GrantType: hostile, Scopes: []string{hostile, hostile, hostile, hostile}, Resources: []string{hostile}, AMR: []string{hostile},
		Expires: now.Add(time.Hour), Idle: now.Add(time.Minute), State: "live", CanEnd: true, Now: now,
	}
	over := console.Family{ID: hostile, Ended: now, EndReason: hostile, State: "ended", Replayed: true}
	seen := console.EventRow{ID: hostile, Href: "/console/audit/x?q=" + hostile, At: now, Action: audit.Action(hostile), Words: hostile, Actor: link, Target: link, Client: link, Person: link, IP: hostile}
	told := console.EventData{
		EventRow: seen, UserAgent: hostile, RequestID: hostile, Cause: &audit.Cause{Rule: hostile, Expected: hostile, Received: hostile, Remedy: hostile}, Error: hostile, Meaning: hostile, Section: hostile,
		Reason: hostile, Changes: []console.Changed{{Field: hostile, Before: hostile}}, Beside: []console.EventRow{seen}, Close: "/console/audit", Presented: 2, Current: 3,
	}
	story := console.FamilyData{Family: family, Replay: &console.Replay{What: hostile, IP: hostile, Device: hostile, FirstIP: hostile, Event: "/console/audit/x"}, Events: []console.EventRow{seen}, Lineage: []console.LineageStep{
		{Number: 1, State: "spent", IP: hostile, Device: hostile, RequestID: hostile, Spent: now, Again: []console.Presented{{IP: hostile, Device: hostile, Event: "/console/audit/x", Replay: true}, {}}}, {Left: 2, Show: "?from=1"}, {Number: 4, State: "current"},
	}}
	stop := console.EndData{
		ID: "family-revoke", Title: hostile, Text: hostile, Button: hostile, Heading: hostile, Section: console.Crumbs{Label: hostile, Href: "/console/families"}, Action: "/console/families/" + "x", Fields: []console.Sent{{Name: "user", Value: hostile}}, Phrase: hostile, Confirm: hostile,
		Back: "/console/families", Life: hostile, Reason: hostile, Errs: map[string]string{"": hostile, "reason": hostile}, Impact: []console.ImpactLine{{N: 1, One: hostile}},
	}
	attribute := console.Attribute{Attribute: identity.Attribute{Key: hostile, Label: hostile, Type: hostile, Required: true, Scope: hostile, Claim: hostile}}
	attributeForm := console.AttributeFormData{
		Attribute: attribute, CanEdit: true, PositionTyped: hostile, Scopes: []ui.Option{{Value: hostile, Label: hostile}}, People: 2, Conflict: form.Conflict,
		Errs: map[string]string{"": hostile, "key": hostile, "label": hostile, "type": hostile, "scope": hostile, "claim": hostile, "position": hostile},
	}
	newAttribute, readAttribute := attributeForm, attributeForm
	newAttribute.IsNew, readAttribute.CanEdit = true, false
	group := console.Group{ID: hostile, Name: hostile, Description: hostile, Created: now}
	unlocked := []console.ScopeLink{{Name: hostile, Description: hostile}}
	groupForm := console.GroupFormData{Group: group, CanEdit: true, Scopes: unlocked, Errs: map[string]string{"": hostile, "name": hostile, "description": hostile}, Conflict: form.Conflict}
	newGroup, readGroup := groupForm, groupForm
	newGroup.IsNew, readGroup.CanEdit = true, false
	file := console.Import{ID: hostile, File: hostile, State: "waiting", Phase: "check", Done: 1, Total: 2, By: hostile, Started: now}
	working, failed := file, file
	working.State, failed.State, failed.Problem = "queued", "failed", hostile
	lines := []console.RefusedLine{{Line: 2, Username: hostile, Column: hostile, Problem: hostile}, {Line: 3}}
	scopeForm.Known, scopeForm.GroupsTyped = []ui.Option{{Value: hostile}}, hostile
	var signing console.SigningKeysData
	for _, state := range []keys.State{keys.Retired, keys.Compromised, keys.Retiring, keys.Current, keys.Next} {
		signing.Add(console.SigningKey{KID: hostile, Algorithm: "ES256", State: state, Created: now, Signs: now, PublishedUntil: now.Add(time.Hour)})
	}
	signing.CanEdit, signing.Now, signing.Every, signing.NextRotation = true, now, 90*24*time.Hour, now
	calm := stop
	calm.Calm, calm.Icon, calm.KeepWords, calm.Notes, calm.Life = true, "key", hostile, []string{hostile}, ""
	again := console.SudoData{Action: "/console/clients", Form: hostile, Back: hostile, TooLong: true, SecretsLeft: true, Trouble: layout.Trouble{Message: hostile, Field: hostile}}
	proven := console.VerificationRow{ID: hostile, By: hostile, Asked: now, Seen: now, Finished: now, Verification: audit.Verification{Events: 1, Expired: 2, SealedUntil: now, Unsealed: 3, OldestOpen: now}}
	broken, going := proven, proven
	broken.Breaks = []audit.Break{{Class: hostile, Seq: 1, EventID: hostile, What: hostile}, {What: hostile}}
	going.Finished, going.Of = time.Time{}, 7
	kept := []console.SavedFilter{{ID: "x", Name: hostile, Href: "/console/audit?q=" + hostile}, {ID: "y", Name: hostile, Current: true}}
	told.Changes = append(told.Changes, console.ChangedField("redirect_uris", audit.Change{Before: "https://a " + hostile, After: "https://b " + hostile}), console.ChangedField(hostile, audit.Change{After: hostile}))
	branded := ch
	branded.Brand = layout.Brand{Name: hostile, Logo: hostile, Accent: hostile, Sheet: hostile, Links: []layout.Link{{Label: hostile, Href: "javascript:alert(1)"}, {Label: hostile, Href: hostile}}}
	branded.Sheets = []string{layout.HostedSheet}
	return map[string]templ.Component{
		"keys":            console.SigningKeysPage(ch, signing),
		"keys none":       console.SigningKeysPage(ch, console.SigningKeysData{}),
		"keys stage":      console.EndPage(ch, calm),
		"sudo":            console.SudoPage(ch, again),
		"sudo dialog":     console.SudoDialog(ch, again),
		"sudo busy":       console.SudoPage(ch, console.SudoData{Trouble: layout.Trouble{Busy: true}}),
		"restored":        layout.Restored(layout.RestoredData{Left: []layout.Typed{{Name: hostile, Value: hostile}}, SecretsLeft: true, Discard: hostile}),
		"login resumed":   login.LoginPage(ch, login.LoginData{ReturnTo: "/console?interrupted=1"}),
		"verified":        console.VerificationPage(ch, console.VerificationData{Runs: []console.VerificationRow{proven, broken}, Now: now}),
		"verified not":    console.VerificationPage(ch, console.VerificationData{Runs: []console.VerificationRow{going, broken, proven}, Now: now}),
		"verified never":  console.VerificationPage(ch, console.VerificationData{}),
		"events saved":    console.EventsPage(ch, console.EventsData{ListData: list, Rows: []console.EventRow{seen}, Query: "q=" + hostile, Saved: kept[:1], SaveAs: hostile, SaveErrs: errs, Verified: &broken, Now: now}),
		"events kept":     console.EventsPage(ch, console.EventsData{ListData: list, Rows: []console.EventRow{seen}, Saved: kept, Verified: &going, Now: now}),
		"attributes":      console.AttributesPage(ch, console.AttributesData{Q: hostile, Rows: []console.Attribute{attribute, {}}, CanEdit: true}),
		"attributes none": console.AttributesPage(ch, console.AttributesData{CanEdit: true}),
		"attributes not":  console.AttributesPage(ch, console.AttributesData{Q: hostile}),
		"attribute new":   console.NewAttributePage(ch, newAttribute),
		"attribute":       console.AttributePage(ch, attribute, attributeForm),
		"attribute read":  console.AttributePage(ch, attribute, readAttribute),
		"attribute delete": console.AttributeDeletePage(ch, console.AttributeActData{
			Attribute: attribute, People: 1, Life: time.Minute, Confirm: hostile, Errs: map[string]string{"": hostile, "confirm": hostile},
		}),
		"groups":        console.GroupsPage(ch, console.GroupsData{ListData: list, Rows: []console.GroupRow{{Group: group, Members: 1001, Scopes: []string{hostile}}, {}}, CanEdit: true}),
		"groups none":   console.GroupsPage(ch, console.GroupsData{CanEdit: true}),
		"group new":     console.NewGroupPage(ch, newGroup),
		"group":         console.GroupPage(ch, group, groupForm),
		"group read":    console.GroupPage(ch, group, readGroup),
		"group delete":  console.GroupDeletePage(ch, console.GroupActData{Group: group, Members: 2, Confirm: hostile, Errs: errs}),
		"group needed":  console.GroupDeletePage(ch, console.GroupActData{Group: group, Scopes: unlocked}),
		"members":       console.MembersPage(ch, console.MembersData{Group: group, CanEdit: true, ListData: list, Rows: []console.User{person, shut}, Count: hostile, Typed: hostile, Errs: map[string]string{"": hostile, "username": hostile}, Now: now}),
		"members none":  console.MembersPage(ch, console.MembersData{Group: group, ListData: console.ListData{Q: hostile}}),
		"member remove": console.MemberRemovePage(ch, console.MemberActData{Group: group, User: person, Scopes: []string{hostile}, Life: time.Minute, From: "?from=user", Errs: errs}),
		"user groups": console.UserGroupsPage(ch, console.UserGroupsData{
			User: person, Rights: may, Groups: []console.Group{group}, Scopes: []console.UserScope{{ScopeLink: unlocked[0], Open: true, Why: hostile}, {}}, Known: []ui.Option{{Value: hostile}},
			CanEdit: true, Typed: hostile, Errs: map[string]string{"": hostile, "group": hostile},
		}),
		"user security":   console.UserSecurityPage(ch, console.UserSecurityData{User: person, Rights: may, Failures: 100, Limit: 100, Locked: true, Links: 1, Browsers: []console.KnownBrowser{{Since: now, LastSeen: now}}, Now: now}),
		"user consents":   console.UserConsentsPage(ch, console.UserConsentsData{User: person, Rights: may, Apps: []console.UserApp{{ClientID: hostile, Name: hostile, Scopes: []string{hostile}, Since: now}}}),
		"import form":     console.ImportFormPage(ch, console.ImportFormData{Columns: []string{hostile}, RequestToken: hostile, Latest: []console.Import{file, failed}, Errs: map[string]string{"file": hostile}}),
		"import":          console.ImportPage(ch, console.UserImportData{Import: file, Outcomes: map[string]int64{"create": 1, "update": 2}, Refused: lines, More: true}),
		"import on":       console.ImportPage(ch, console.UserImportData{Import: working}),
		"import failed":   console.ImportPage(ch, console.UserImportData{Import: failed}),
		"users":           console.UsersPage(ch, console.UsersData{Q: hostile, Rows: []console.UserRow{{User: person, Rights: may}, {User: shut}}, Count: hostile, Next: hostile, CanEdit: true, Now: now}),
		"users none":      console.UsersPage(ch, console.UsersData{Q: hostile, Role: "auditor"}),
		"user new":        console.NewUserPage(ch, newProfile),
		"user":            console.UserPage(ch, person, may, profile),
		"user read":       console.UserPage(ch, shut, console.UserRights{}, readProfile),
		"user access":     console.UserAccessPage(ch, access),
		"user history":    console.UserActivityPage(ch, person, may, activity),
		"client history":  console.ClientActivityPage(ch, client, true, activity),
		"client access":   console.ClientAccessPage(ch, console.ClientAccessData{Client: client, FamilyRows: []console.Family{family}, SessionRows: []console.Session{session}}, true, true),
		"user end":        console.UserEndPage(ch, personAct),
		"user disable":    console.UserDisablePage(ch, personAct),
		"user delete":     console.UserDeletePage(ch, personAct),
		"user reset":      console.UserResetPage(ch, personAct),
		"user link":       console.UserLinkPage(ch, console.UserLinkData{User: person, Link: hostile, Expires: now, NewUser: true}),
		"scopes":          console.ScopesPage(ch, console.ScopesData{CanEdit: true, Rows: []console.ScopeUse{{Scope: scope, APIs: []string{hostile, hostile, hostile}}}}),
		"scope new":       console.NewScopePage(ch, newScope),
		"scope":           console.ScopePage(ch, scope, scopeForm),
		"scope read":      console.ScopePage(ch, scope, readScope),
		"scope delete":    console.ScopeDeletePage(ch, console.ScopeActData{Scope: scope, People: 2, Errs: errs}),
		"scope needed":    console.ScopeDeletePage(ch, console.ScopeActData{Scope: scope, ScopeUsers: console.ScopeUsers{Attributes: claims, APIs: links, Clients: users, More: 1}}),
		"setup":           login.SetupPage(ch, login.SetupData{Token: hostile, Name: hostile, Username: hostile, Email: hostile, Errs: errs}),
		"setup closed":    login.SetupClosedPage(ch),
		"login":           login.LoginPage(ch, login.LoginData{ReturnTo: hostile, Username: hostile, Client: &layout.App{Name: hostile, Logo: hostile, URI: hostile, PolicyURI: hostile, TosURI: "javascript:alert(1)"}, Errs: errs}),
		"login paused":    login.LoginPage(ch, login.LoginData{WaitSeconds: 1}),
		"login busy":      login.LoginPage(ch, login.LoginData{Busy: true}),
		"reset":           login.ResetPage(ch, login.ResetData{Token: hostile, Username: hostile, Errs: errs}),
		"reset done":      login.ResetDonePage(ch),
		"reset closed":    login.ResetClosedPage(ch),
		"logout":          login.LogoutPage(ch),
		"signed out":      login.SignedOutPage(ch),
		"sessions":        console.SessionsPage(ch, console.SessionsData{ListData: list, Rows: []console.Session{session, ended}, Now: now}),
		"sessions none":   console.SessionsPage(ch, console.SessionsData{ListData: unknown}),
		"session":         console.SessionPage(ch, session),
		"session, ended":  console.SessionPage(ch, ended),
		"families":        console.FamiliesPage(ch, console.FamiliesData{ListData: list, Rows: []console.Family{family, over}, Now: now}),
		"families none":   console.FamiliesPage(ch, console.FamiliesData{ListData: console.ListData{EndAll: link}}),
		"family":          console.FamilyPage(ch, story),
		"family, over":    console.FamilyPage(ch, console.FamilyData{Family: over}),
		"events":          console.EventsPage(ch, console.EventsData{ListData: list, Rows: []console.EventRow{seen, {}}, From: hostile, Errs: map[string]string{"from": hostile, "to": hostile}}),
		"events none":     console.EventsPage(ch, console.EventsData{ListData: unknown}),
		"event":           console.EventPage(ch, told),
		"event, plain":    console.EventPage(ch, console.EventData{EventRow: console.EventRow{Count: 3}}),
		"event panel":     console.EventPanel(ch, told),
		"end":             console.EndPage(ch, stop),
		"families chosen": console.FamiliesPage(ch, console.FamiliesData{ListData: console.ListData{Select: true, EndFound: link, Jobs: jobs}, Rows: []console.Family{family}, Now: now}),
		"sessions chosen": console.SessionsPage(ch, console.SessionsData{ListData: console.ListData{Select: true, EndFound: link, Jobs: jobs}, Rows: []console.Session{session}, Now: now}),
		"job":             console.JobPage(ch, console.JobData{ID: hostile, About: hostile, Kind: "end_families", State: "queued", Of: list.Chips, Spares: []string{hostile}, Reason: hostile, By: hostile, Started: now, CanCancel: true}),
		"job failed":      console.JobPage(ch, console.JobData{ID: hostile, About: hostile, Kind: "end_sessions", State: "failed", Problem: hostile, By: hostile, Started: now}),
		"job removal":     console.JobPage(ch, console.JobData{ID: hostile, About: hostile, Kind: "client", State: "queued", Of: list.Chips, By: hostile, Started: now}),
		"consents":        console.ConsentsPage(ch, console.ConsentsData{ListData: list, Now: now, Rows: []console.Consent{{Person: who, Client: link, Scopes: []console.GivenScope{{Name: hostile, At: now}}, CanWithdraw: true}, {}}}),
		"end dialog":      console.EndDialog(ch, stop),
		"branding":        console.BrandingPage(branded, hostileBranding(branded, true)),
		"branding read":   console.ClientBrandingPage(branded, client, hostileBranding(branded, false)),
		"login branded":   login.LoginPage(branded, login.LoginData{Client: &layout.App{Name: hostile}}),
		"settings":        console.SettingsPage(ch, hostileSettings(true)),
		"settings read":   console.SettingsPage(ch, hostileSettings(false)),
		"security": console.SecurityPage(ch, console.SecurityData{
			Lockouts: []console.Lockout{{Person: who, Networks: []string{hostile, "a", "b", "c", "d"}, Until: now.Add(time.Minute), CanUnlock: true}, {Person: who, Strangers: true}}, MoreLockouts: true,
			Limited: []console.Limited{{What: "requests", Who: hostile, Client: link, Until: now}, {What: "signin", Who: hostile}, {What: "password", Client: link}, {What: "client"}}, LimitedTotal: 9, CanUnblock: true,
			Hash:     console.HashCost{Now: hostile, Measuring: true, At: now, Fault: hostile, Measured: []console.MeasuredHash{{Cost: hostile}}, Suggestions: []console.SuggestedHash{{Cost: hostile}, {InUse: true}}},
			Settings: hostileSettings(true), CanEdit: true, Now: now,
		}),
		"unblock":        console.UnblockPage(ch, console.Limited{What: "requests", Who: hostile, Client: link, Address: hostile}),
		"unblock dialog": console.UnblockDialog(ch, console.Limited{What: "signin", Who: hostile}),
		"security none":  console.SecurityPage(ch, console.SecurityData{Hash: console.HashCost{Measured: []console.MeasuredHash{{Cost: hostile}}}}),
		"system": console.SystemPage(ch, console.SystemData{
			Version: hostile, Commit: hostile, Go: hostile, Platform: hostile, Issuer: hostile, Database: hostile, DatabaseVersion: hostile, LastMigration: hostile, Pending: 1, Now: now,
			Nodes:    []console.Node{{ID: hostile, Address: hostile, Version: hostile, Commit: hostile}, {Silent: true}, {Other: true}},
			Health:   []console.Health{{Part: hostile, Text: hostile}, {Well: true}},
			Settings: []console.SystemSetting{{Name: hostile, Value: hostile, Source: hostile}, {Source: "default"}},
		}),
		"search":       console.SearchPage(ch, layout.Palette{Q: hostile, Groups: []layout.PaletteGroup{{Label: hostile, Items: []layout.PaletteItem{{Label: hostile, Note: hostile, Href: "/console", Icon: "app"}}}}}),
		"search none":  console.SearchPage(ch, layout.Palette{Q: hostile}),
		"palette":      layout.PaletteResults(layout.Palette{Q: hostile, Groups: []layout.PaletteGroup{{Label: hostile, Items: []layout.PaletteItem{{Label: hostile, Note: hostile, Href: "/console", Icon: "app"}}}}}),
		"palette none": layout.PaletteResults(layout.Palette{Q: hostile}),
		"consent": oauth.ConsentPage(ch, oauth.ConsentData{
			Interaction: hostile, App: layout.App{Name: hostile, Logo: hostile, URI: "javascript:alert(1)", PolicyURI: hostile, TosURI: hostile}, RedirectHost: hostile, SwitchURL: "/login", Error: hostile,
			Scopes: []oauth.ConsentScope{{Value: "openid", Needed: true}, {Value: hostile, Title: hostile, Description: hostile, APIs: []oauth.ConsentAPI{{Name: hostile, Identifier: hostile}}}},
		}),
		"error":      oauth.ErrorPage(ch, oauth.ErrorData{Title: hostile, Text: hostile, Code: hostile, BackURL: "/", BackText: hostile}),
		"error code": oauth.ErrorCodePage(ch, oauth.CodeData{Code: hostile, Meaning: hostile, Causes: []string{hostile}, Reference: hostile, Request: hostile}),
		"account": account.AccountPage(ch, account.AccountData{
			Profile:  account.ProfileData{Name: hostile, Username: hostile, Email: hostile, Errs: errs, Attributes: answers},
			Password: account.PasswordData{Changed: now, Errs: map[string]string{"current_password": hostile}},
			Sessions: account.SessionsData{Now: now, List: []account.Session{{ID: "1", Device: hostile, IP: hostile, Current: true}, {ID: hostile, Device: hostile, IP: hostile}}},
			Consents: account.ConsentsData{List: []account.Consent{{ClientID: hostile, ClientName: hostile, Scopes: []string{hostile}}}},
		}),
		"account, empty":       account.AccountPage(ch, account.AccountData{}),
		"clients":              console.ClientsPage(ch, console.ClientsData{Q: hostile, Rows: []console.ClientRow{{Client: client, URI: hostile, Grants: []string{hostile}, Families: 101}, {Client: console.Client{ID: "b"}}}, Sorted: console.Sorting{Value: hostile, By: "name", Reversed: true, Links: map[string]string{"name": "?sort=" + hostile}}, CSV: "?q=" + hostile, Next: "?after=b", CanEdit: true}),
		"clients, empty":       console.ClientsPage(ch, console.ClientsData{Q: hostile, Status: "active"}),
		"client":               console.ClientPage(ch, client, form),
		"client, scopes":       console.ClientScopesPage(ch, asked),
		"client, scopes, look": console.ClientScopesPage(ch, lookedAt),
		"client, tokens":       console.ClientTokensPage(ch, tokens),
		"client, tokens, look": console.ClientTokensPage(ch, console.ClientTokensData{Client: client}),
		"client, look":         console.ClientPage(ch, client, look),
		"client, off":          console.ClientPage(ch, disabled, form),
		"client, new":          console.NewClientPage(ch, fresh),
		"client, kinds":        console.ClientProfilesPage(ch, []console.ClientProfile{{Name: hostile, Label: hostile, Icon: "app", Text: hostile}}),
		"client, import":       console.ImportClientPage(ch, console.ImportData{Metadata: hostile, Errs: map[string]string{"metadata": hostile}}),
		"integrate": console.IntegratePage(ch, console.Integration{
			Client: client, Lang: hostile, Snippet: console.Snippet{Title: hostile, Text: hostile, File: hostile, Code: hostile}, Languages: []console.Language{{Key: hostile, Label: hostile}},
			Endpoints: []console.Link{link}, Milestones: []console.Milestone{{Text: hostile, Hint: hostile}, {Text: hostile, Done: true}}, Refusal: seen, Now: now, Live: "/console/events/audit?client=" + hostile,
		}, true),
		"credentials":     console.ClientCredentialsPage(ch, console.CredentialsData{Client: client, Secrets: []console.Secret{secret}, CanEdit: true, Now: now, Errs: errs}),
		"new secret":      console.NewSecretPage(ch, console.NewSecretData{Client: client, Secret: hostile, NewClient: true}),
		"disable":         console.ClientDisablePage(ch, act),
		"disable dialog":  console.ClientDisableDialog(ch, act),
		"delete":          console.ClientDeletePage(ch, act),
		"delete dialog":   console.ClientDeleteDialog(ch, act),
		"revoke":          console.SecretRevokePage(ch, revoke),
		"revoke dialog":   console.SecretRevokeDialog(ch, revoke),
		"APIs":            console.APIsPage(ch, console.APIsData{Rows: []console.APIRow{{API: api, Scopes: []string{hostile, hostile, hostile}, Life: hostile}, {API: opaque}}, CanEdit: true}),
		"APIs, empty":     console.APIsPage(ch, console.APIsData{}),
		"APIs, no match":  console.APIsPage(ch, console.APIsData{Q: hostile}),
		"scopes, none":    console.ScopesPage(ch, console.ScopesData{Q: hostile}),
		"API":             console.APIPage(ch, settings, api),
		"API, look":       console.APIPage(ch, readAPI, api),
		"API, ownless":    console.APIPage(ch, ownless, opaque),
		"API, new":        console.NewAPIPage(ch, newAPI),
		"API, delete":     console.APIDeletePage(ch, end),
		"API, needed":     console.APIDeleteDialog(ch, needed),
		"rotate":          console.SigningSecretPage(ch, end),
		"rotate dialog":   console.SigningSecretDialog(ch, end),
		"signing secret":  console.NewSigningSecretPage(ch, console.NewSigningSecretData{API: api, Secret: hostile, NewAPI: true, Issuer: hostile}),
		"console error":   console.ConsoleErrorPage(ch, console.ErrorData{Title: hostile, Text: hostile}),
		"console, nobody": console.ConsoleErrorPage(layout.Chrome{CSRF: "the-token"}, console.ErrorData{Title: "t"}),
	}
}

var (
	postForm  = regexp.MustCompile(`(?s)<form[^>]*method="post".*?</form>`)
	tag       = regexp.MustCompile(`<[a-zA-Z][^<>]*>`)
	quoted    = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	id        = regexp.MustCompile(`\sid="([^"]*)"`)
	forbidden = regexp.MustCompile(`(?i)\s(style|on[a-z]+|hx-on[a-z:-]*)\s*=`)
	jsLink    = regexp.MustCompile(`(?i)(href|src|action|hx-[a-z]+)="\s*(javascript|js):`)
)

func TestPages_payWhatTheyOwe(t *testing.T) {
	for name, page := range pages() {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := page.Render(context.Background(), &out); err != nil {
				t.Fatal(err)
			}
			html := out.String()
			for _, form := range postForm.FindAllString(html, -1) {
				if !strings.Contains(form, `name="csrf_token" value="the-token"`) {
					t.Errorf("a form posts without its CSRF token: %.120s", form)
				}
			}
			seen := map[string]bool{}
			for _, m := range id.FindAllStringSubmatch(html, -1) {
				if seen[m[1]] {
					t.Errorf("two elements have the id %q", m[1])
				}
				seen[m[1]] = true
			}
			if strings.Contains(html, "<script>") {
				t.Error("what was stored became markup")
			}
			if found := jsLink.FindString(html); found != "" {
				t.Errorf("a link runs script: %s", found)
			}
			for _, element := range tag.FindAllString(html, -1) {
				if found := forbidden.FindString(quoted.ReplaceAllString(element, `""`)); found != "" {
					t.Errorf("%s holds%s", element, found)
				}
			}
		})
	}
}

// hostileSettings are settings of every kind.
func hostileBranding(ch layout.Chrome, canEdit bool) console.SettingsData {
	d := hostileSettings(canEdit)
	d.Groups[0].Fields = append(d.Groups[0].Fields, console.SettingField{Name: "logo", Label: hostile, Value: hostile, Hint: hostile, Picture: true})
	d.Errs["logo"] = hostile
	d.Revision, d.Version = "", 7
	sign := login.LoginData{Client: &layout.App{Name: hostile, Logo: hostile}}
	d.Preview = &console.Preview{
		Action: "/console/settings/branding/preview", Sheet: layout.AccentSheet(ch.Brand), Notes: []string{hostile},
		Light: login.LoginPreview(ch, sign, "light"), Dark: login.LoginPreview(ch, sign, "dark"),
	}
	return d
}

func hostileSettings(canEdit bool) console.SettingsData {
	return console.SettingsData{
		Loss: &console.SettingsLoss{Events: hostile, Of: hostile}, Action: "/console/settings", Revision: hostile, CanEdit: canEdit, Errs: map[string]string{"a": hostile},
		Conflict: &console.Conflict{What: hostile, By: hostile, Changes: []console.Change{{Field: hostile, Theirs: hostile, Yours: hostile}}},
		Groups: []console.SettingGroup{{Title: hostile, Text: hostile, Fields: []console.SettingField{
			{Name: "a", Label: hostile, Hint: hostile, Unit: hostile, Value: hostile, Default: hostile, Bounds: hostile, Kept: true},
			{Name: "b", Label: hostile, Hint: hostile, Value: "true", Switch: true}, {Name: "c", Label: "c", Value: hostile, Source: hostile}, {Name: "d", Label: "d", Switch: true, Source: hostile},
		}}},
	}
}
