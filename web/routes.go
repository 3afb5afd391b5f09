package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

// audience is whom a URL answers: it decides headers, cookies, and how errors look.
type audience int

const (
	person  audience = iota // HTML, session, no CORS
	passage                 // the same, and its forms may lead out to a client: no form-action in the CSP (security.md rule 11)
	machine                 // JSON, CORS, no cookies
	asset                   // files
	probe                   // health checks: any Host
)

// route is a URL, its audience and its guard, on one line.
type route struct {
	method   string
	path     string
	audience audience
	guard    fiber.Handler
	handler  fiber.Handler
	refusal  audit.Action // how a refusal of this endpoint is written down
}

// entry is a route as it is served.
type entry struct {
	route
	requests *counted
}

// served are the routes of the site map, ready to be found and counted.
func (s *site) served() []entry {
	routes := s.routes()
	if !s.MetricsApart {
		routes = append(routes, route{fiber.MethodGet, "/metrics", probe, s.open, s.serveMetrics, ""})
	}
	entries := make([]entry, len(routes))
	for i, r := range routes {
		entries[i] = entry{r, s.metrics.count(r.path)}
	}
	return entries
}

// routes is the site map: every URL there is.
func (s *site) routes() []route {
	const get, post = fiber.MethodGet, fiber.MethodPost
	auditor, operator, admin := s.role(identity.RoleAuditor), s.role(identity.RoleOperator), s.role(identity.RoleAdmin)
	// What administrators alone may change asks for the password again (security.md rule 27): secrets, keys, roles, redirect URIs,
	// grants, settings, others' passwords, a file of everybody, and deleting. What only stops or ends something does not: there may be no time.
	sudo := s.sudo(identity.RoleAdmin)
	return []route{
		// Applications
		{get, oauth.PathAuthorize, passage, s.visitor, s.oauth.Authorize, audit.AuthorizeRefused},
		{post, oauth.PathAuthorize, passage, s.open, s.oauth.PostAuthorize, audit.AuthorizeRefused},
		{post, oauth.PathToken, machine, s.open, s.oauth.Token, audit.TokenRefused},
		{post, oauth.PathRevoke, machine, s.open, s.oauth.Revoke, audit.RevokeRefused},
		{post, oauth.PathIntrospect, machine, s.open, s.oauth.Introspect, audit.IntrospectRefused},
		{get, oauth.PathUserinfo, machine, s.open, s.oauth.Userinfo, audit.UserinfoRefused},
		{post, oauth.PathUserinfo, machine, s.open, s.oauth.Userinfo, audit.UserinfoRefused},
		{get, oauth.PathTutorialAuthorize, passage, s.visitor, s.oauth.Authorize, audit.AuthorizeRefused},
		{post, oauth.PathTutorialAuthorize, passage, s.open, s.oauth.PostAuthorize, audit.AuthorizeRefused},
		{post, oauth.PathTutorialToken, machine, s.open, s.oauth.TutorialToken, audit.TokenRefused},
		{post, oauth.PathTutorialRefresh, machine, s.open, s.oauth.RefreshToken, audit.TokenRefused},
		{get, oauth.PathMe, machine, s.open, s.oauth.Me, audit.MeRefused},
		{get, oauth.PathJWKS, machine, s.open, s.oauth.JWKS, ""},
		{get, "/.well-known/openid-configuration", machine, s.open, s.oauth.Discovery, ""},
		{get, "/.well-known/oauth-authorization-server", machine, s.open, s.oauth.Discovery, ""},
		{get, oauth.PathErrors + ":code", person, s.visitor, s.oauth.ErrorCode, ""},

		// People
		{get, "/", person, s.visitor, s.login.Home, ""},
		{get, "/consent", passage, s.signedIn, s.oauth.AskConsent, audit.AuthorizeRefused},
		{post, "/consent", passage, s.signedIn, s.oauth.AnswerConsent, audit.AuthorizeRefused},
		{get, "/login", passage, s.anybody, s.login.SignInForm, ""},
		{post, "/login", passage, s.anybody, s.login.SignIn, ""},
		{get, "/logout", passage, s.visitor, s.login.SignOutForm, ""},
		{post, "/logout", passage, s.visitor, s.login.SignOut, ""},
		{get, "/setup", person, s.anybody, s.login.SetupForm, ""},
		{post, "/setup", person, s.anybody, s.login.Setup, ""},
		{get, "/reset", person, s.anybody, s.login.ResetForm, ""},
		{post, "/reset", person, s.anybody, s.login.Reset, ""},
		{post, "/preferences/theme", person, s.visitor, s.login.SetTheme, ""},
		{get, "/account", person, s.signedIn, s.account.Show, ""},
		{post, "/account/profile", person, s.signedIn, s.account.UpdateProfile, ""},
		{post, "/account/password", person, s.signedIn, s.account.ChangePassword, ""},
		{post, "/account/sessions/end-others", person, s.signedIn, s.account.EndOtherSessions, ""},
		{post, "/account/sessions/:id/end", person, s.signedIn, s.account.EndSession, ""},
		{post, "/account/consents/:client/withdraw", person, s.signedIn, s.account.WithdrawConsent, ""},

		// Administrators, operators, auditors
		{get, "/console", person, auditor, s.console.Overview, ""},
		{get, "/console/clients", person, auditor, s.console.ListClients, ""},
		{post, "/console/clients", person, sudo, s.console.CreateClient, ""},
		{get, "/console/clients/new", person, admin, s.console.NewClient, ""},
		{get, "/console/clients/import", person, admin, s.console.ImportClientForm, ""},
		{post, "/console/clients/import", person, admin, s.console.ImportClient, ""},
		{post, "/console/clients/redirect-uri", person, admin, s.console.CheckRedirectURI, ""},
		{get, "/console/clients/export", person, auditor, s.console.ExportClients, ""},
		{get, "/console/clients/:id", person, auditor, s.console.ShowClient, ""},
		{post, "/console/clients/:id", person, sudo, s.console.UpdateClient, ""},
		{get, "/console/clients/:id/export", person, auditor, s.console.ExportClient, ""},
		{get, "/console/clients/:id/disable", person, admin, s.console.ConfirmDisableClient, ""},
		{post, "/console/clients/:id/disable", person, admin, s.console.DisableClient, ""},
		{post, "/console/clients/:id/enable", person, sudo, s.console.EnableClient, ""},
		{get, "/console/clients/:id/delete", person, admin, s.console.ConfirmDeleteClient, ""},
		{post, "/console/clients/:id/delete", person, sudo, s.console.DeleteClient, ""},
		{get, "/console/clients/:id/credentials", person, auditor, s.console.ListClientSecrets, ""},
		{get, "/console/clients/:id/scopes", person, auditor, s.console.ShowClientScopes, ""},
		{post, "/console/clients/:id/scopes", person, sudo, s.console.UpdateClientScopes, ""},
		{get, "/console/clients/:id/access", person, auditor, s.console.ShowClientAccess, ""},
		{get, "/console/clients/:id/consents", person, auditor, s.console.ShowClientConsents, ""},
		{get, "/console/clients/:id/activity", person, auditor, s.console.ShowClientActivity, ""},
		{get, "/console/clients/:id/integrate", person, auditor, s.console.IntegrateClient, ""},
		{get, "/console/clients/:id/tokens", person, auditor, s.console.ShowClientTokens, ""},
		{post, "/console/clients/:id/tokens", person, sudo, s.console.UpdateClientTokens, ""},
		{get, "/console/clients/:id/branding", person, auditor, s.console.ShowClientBranding, ""},
		{post, "/console/clients/:id/branding", person, sudo, s.console.UpdateClientBranding, ""},
		{post, "/console/clients/:id/branding/preview", person, s.upload(identity.RoleAdmin), s.console.PreviewClientBranding, ""},
		{post, "/console/clients/:id/secrets", person, sudo, s.console.AddClientSecret, ""},
		{get, "/console/clients/:id/secrets/:secret/revoke", person, admin, s.console.ConfirmRevokeClientSecret, ""},
		{post, "/console/clients/:id/secrets/:secret/revoke", person, sudo, s.console.RevokeClientSecret, ""},
		{get, "/console/apis", person, auditor, s.console.ListAPIs, ""},
		{post, "/console/apis", person, sudo, s.console.CreateAPI, ""},
		{get, "/console/apis/new", person, admin, s.console.NewAPI, ""},
		{get, "/console/apis/:id", person, auditor, s.console.ShowAPI, ""},
		{post, "/console/apis/:id", person, sudo, s.console.UpdateAPI, ""},
		{get, "/console/apis/:id/rotate-secret", person, admin, s.console.ConfirmRotateSigningSecret, ""},
		{post, "/console/apis/:id/rotate-secret", person, sudo, s.console.RotateSigningSecret, ""},
		{get, "/console/apis/:id/delete", person, admin, s.console.ConfirmDeleteAPI, ""},
		{post, "/console/apis/:id/delete", person, sudo, s.console.DeleteAPI, ""},
		{get, "/console/scopes", person, auditor, s.console.ListScopes, ""},
		{post, "/console/scopes", person, sudo, s.console.CreateScope, ""},
		{get, "/console/scopes/new", person, admin, s.console.NewScope, ""},
		{get, "/console/scopes/edit", person, auditor, s.console.ShowScope, ""},
		{post, "/console/scopes/edit", person, sudo, s.console.UpdateScope, ""},
		{get, "/console/scopes/delete", person, admin, s.console.ConfirmDeleteScope, ""},
		{post, "/console/scopes/delete", person, sudo, s.console.DeleteScope, ""},
		{get, "/console/groups", person, auditor, s.console.ListGroups, ""},
		{post, "/console/groups", person, sudo, s.console.CreateGroup, ""},
		{get, "/console/groups/new", person, admin, s.console.NewGroup, ""},
		{get, "/console/groups/:id", person, auditor, s.console.ShowGroup, ""},
		{get, "/console/groups/:id/edit", person, auditor, s.console.EditGroup, ""},
		{post, "/console/groups/:id/edit", person, sudo, s.console.UpdateGroup, ""},
		{post, "/console/groups/:id/members", person, sudo, s.console.AddMember, ""},
		{get, "/console/groups/:id/members/:user/remove", person, admin, s.console.ConfirmRemoveMember, ""},
		{post, "/console/groups/:id/members/:user/remove", person, sudo, s.console.RemoveMember, ""},
		{get, "/console/groups/:id/delete", person, admin, s.console.ConfirmDeleteGroup, ""},
		{post, "/console/groups/:id/delete", person, sudo, s.console.DeleteGroup, ""},
		{get, "/console/attributes", person, auditor, s.console.ListAttributes, ""},
		{post, "/console/attributes", person, sudo, s.console.CreateAttribute, ""},
		{get, "/console/attributes/new", person, admin, s.console.NewAttribute, ""},
		{get, "/console/attributes/edit", person, auditor, s.console.ShowAttribute, ""},
		{post, "/console/attributes/edit", person, sudo, s.console.UpdateAttribute, ""},
		{get, "/console/attributes/delete", person, admin, s.console.ConfirmDeleteAttribute, ""},
		{post, "/console/attributes/delete", person, sudo, s.console.DeleteAttribute, ""},
		{get, "/console/users", person, auditor, s.console.ListUsers, ""},
		{post, "/console/users", person, sudo, s.console.CreateUser, ""},
		{get, "/console/users/new", person, admin, s.console.NewUser, ""},
		{get, importPath, person, admin, s.console.NewImport, ""},
		{post, importPath, person, s.upload(identity.RoleAdmin), s.console.CreateImport, ""},
		{get, importPath + "/:id", person, admin, s.console.ShowImport, ""},
		{post, importPath + "/:id/start", person, sudo, s.console.StartImport, ""},
		{post, importPath + "/:id/cancel", person, sudo, s.console.CancelImport, ""},
		{get, importPath + "/:id/refused", person, admin, s.console.DownloadRefused, ""},
		{get, "/console/users/export", person, sudo, s.console.ExportUsers, ""},
		{post, "/console/users/export", person, sudo, s.console.ConfirmExportUsers, ""},
		{get, "/console/users/:id", person, auditor, s.console.ShowUser, ""},
		{post, "/console/users/:id", person, sudo, s.console.UpdateUser, ""},
		{get, "/console/users/:id/access", person, auditor, s.console.ShowUserAccess, ""},
		{get, "/console/users/:id/security", person, auditor, s.console.ShowUserSecurity, ""},
		{post, "/console/users/:id/unlock", person, operator, s.console.UnlockUser, ""},
		{get, "/console/users/:id/consents", person, auditor, s.console.ShowUserConsents, ""},
		{get, "/console/users/:id/consents/:client/withdraw", person, operator, s.console.ConfirmWithdrawConsent, ""},
		{post, "/console/users/:id/consents/:client/withdraw", person, operator, s.console.WithdrawConsent, ""},
		{get, "/console/users/:id/groups", person, auditor, s.console.ShowUserGroups, ""},
		{post, "/console/users/:id/groups", person, sudo, s.console.JoinGroup, ""},
		{get, "/console/users/:id/activity", person, auditor, s.console.ShowUserActivity, ""},
		{get, "/console/users/:id/end", person, operator, s.console.ConfirmEndUser, ""},
		{post, "/console/users/:id/end", person, operator, s.console.EndUser, ""},
		{get, "/console/users/:id/disable", person, operator, s.console.ConfirmDisableUser, ""},
		{post, "/console/users/:id/disable", person, operator, s.console.DisableUser, ""},
		{post, "/console/users/:id/enable", person, operator, s.console.EnableUser, ""},
		{get, "/console/users/:id/reset-link", person, admin, s.console.ConfirmResetUser, ""},
		{post, "/console/users/:id/reset-link", person, sudo, s.console.ResetUser, ""},
		{get, "/console/users/:id/delete", person, admin, s.console.ConfirmDeleteUser, ""},
		{post, "/console/users/:id/delete", person, sudo, s.console.DeleteUser, ""},
		{get, "/console/sessions", person, auditor, s.console.ListSessions, ""},
		{get, "/console/sessions/end", person, operator, s.console.ConfirmEndSessions, ""},
		{post, "/console/sessions/end", person, operator, s.console.EndSessions, ""},
		{get, "/console/sessions/end-found", person, operator, s.console.ConfirmEndFound, ""},
		{post, "/console/sessions/end-found", person, operator, s.console.EndFound, ""},
		{get, "/console/sessions/:id", person, auditor, s.console.ShowSession, ""},
		{get, "/console/sessions/:id/end", person, operator, s.console.ConfirmEndSession, ""},
		{post, "/console/sessions/:id/end", person, operator, s.console.EndSession, ""},
		{get, "/console/families", person, auditor, s.console.ListFamilies, ""},
		{get, "/console/families/revoke", person, operator, s.console.ConfirmRevokeFamilies, ""},
		{post, "/console/families/revoke", person, operator, s.console.RevokeFamilies, ""},
		{get, "/console/families/revoke-found", person, operator, s.console.ConfirmRevokeFound, ""},
		{post, "/console/families/revoke-found", person, operator, s.console.RevokeFound, ""},
		{get, "/console/families/:id", person, auditor, s.console.ShowFamily, ""},
		{get, "/console/families/:id/revoke", person, operator, s.console.ConfirmRevokeFamily, ""},
		{post, "/console/families/:id/revoke", person, operator, s.console.RevokeFamily, ""},
		{get, "/console/consents", person, auditor, s.console.ListConsents, ""},
		{get, "/console/jobs/:id", person, auditor, s.console.ShowJob, ""},
		{post, "/console/jobs/:id/cancel", person, operator, s.console.CancelJob, ""},
		{get, "/console/keys", person, auditor, s.console.ListSigningKeys, ""},
		{get, "/console/keys/stage", person, admin, s.console.ConfirmStageKeys, ""},
		{post, "/console/keys/stage", person, sudo, s.console.StageKeys, ""},
		{get, "/console/keys/replace", person, admin, s.console.ConfirmReplaceKeys, ""},
		{post, "/console/keys/replace", person, sudo, s.console.ReplaceKeys, ""},
		{get, "/console/keys/:id/roll-back", person, admin, s.console.ConfirmRollBackKey, ""},
		{post, "/console/keys/:id/roll-back", person, sudo, s.console.RollBackKey, ""},
		{get, "/console/keys/:id/retire", person, admin, s.console.ConfirmRetireKey, ""},
		{post, "/console/keys/:id/retire", person, sudo, s.console.RetireKey, ""},
		{get, "/console/security", person, auditor, s.console.ShowSecurity, ""},
		{post, "/console/security", person, sudo, s.console.UpdateSecurity, ""},
		{post, "/console/security/measure", person, sudo, s.console.MeasureHash, ""},
		{get, "/console/security/unblock", person, operator, s.console.ConfirmUnblock, ""},
		{post, "/console/security/unblock", person, operator, s.console.Unblock, ""},
		{get, "/console/settings", person, auditor, s.console.ShowSettings, ""},
		{post, "/console/settings", person, sudo, s.console.UpdateSettings, ""},
		{get, "/console/settings/branding", person, auditor, s.console.ShowBranding, ""},
		{post, "/console/settings/branding", person, sudo, s.console.UpdateBranding, ""},
		{post, "/console/settings/branding/preview", person, s.upload(identity.RoleAdmin), s.console.PreviewBranding, ""},
		{get, "/console/system", person, auditor, s.console.ShowSystem, ""},
		{get, "/console/search", person, auditor, s.console.Search, ""},
		{get, "/console/audit", person, auditor, s.console.ListEvents, ""},
		{get, "/console/audit/export", person, auditor, s.console.ExportEvents, ""},
		{get, "/console/audit/verification", person, auditor, s.console.ShowVerification, ""},
		{post, "/console/audit/verification", person, auditor, s.console.Verify, ""},
		{post, "/console/audit/filters", person, auditor, s.console.SaveEventFilter, ""},
		{post, "/console/audit/filters/:id/delete", person, auditor, s.console.DeleteEventFilter, ""},
		{get, "/console/events/audit", person, s.onlooker(identity.RoleAuditor), s.console.FollowEvents, ""},
		{get, "/console/audit/:id", person, auditor, s.console.ShowEvent, ""},

		// The house
		{get, "/assets/*", asset, s.open, s.serveAsset, ""},
		{get, "/brand/accent/:file", asset, s.open, s.serveAccent, ""},
		{get, "/brand/logo/:file", asset, s.open, s.serveLogo, ""},
		{get, "/favicon.ico", asset, s.open, s.serveFavicon, ""},
		{get, "/healthz", probe, s.open, s.healthz, ""},
		{get, "/readyz", probe, s.open, s.readyz, ""},
	}
}

// register adds the route to the app. GET answers HEAD too, and machine endpoints answer preflights (security.md rule 10).
func (r route) register(app *fiber.App, s *site) {
	headers := s.headers(r.audience)
	if r.method == fiber.MethodGet {
		app.Get(r.path, headers, r.guard, r.handler)
	} else {
		app.Add(r.method, r.path, headers, r.guard, r.handler)
	}
	if r.audience == machine {
		app.Options(r.path, headers, s.preflight)
	}
}

// routeOf finds the route of a request by its path, whatever the method: an error has to know whom it answers before, or
// without, any route having run.
func (s *site) routeOf(c *fiber.Ctx) *entry {
	if found, asked := c.Locals(routeKey{}).(*entry); asked {
		return found
	}
	found := s.findRoute(c.Method(), c.Path())
	c.Locals(routeKey{}, found)
	return found
}

// routeKey is where routeOf remembers what it found for a request: several ask.
type routeKey struct{}

func (s *site) findRoute(method, path string) (byPath *entry) {
	for i := range s.table {
		r := &s.table[i]
		if !r.matches(path) {
			continue
		}
		if r.method == method {
			return r
		}
		if byPath == nil {
			byPath = r
		}
	}
	return byPath
}

// matches leaves what is no pattern to a comparison: Fiber reads a pattern anew each time it matches one.
func (r *route) matches(path string) bool {
	if !strings.ContainsAny(r.path, ":*") {
		return r.path == path
	}
	return fiber.RoutePatternMatch(path, r.path, fiber.Config{StrictRouting: true, CaseSensitive: true})
}

// audienceOf says whom a request answers. What lies below the machines' paths is theirs, even if it does not exist.
func (s *site) audienceOf(c *fiber.Ctx) audience {
	if r := s.routeOf(c); r != nil {
		return r.audience
	}
	if strings.HasPrefix(c.Path(), "/oauth/") || strings.HasPrefix(c.Path(), "/.well-known/") {
		return machine
	}
	return person
}
