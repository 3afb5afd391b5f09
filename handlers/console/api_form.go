package console

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
)

// maxAPIClients is as many clients as an API is for, unless it is for all.
const maxAPIClients = 100

// newAPI is what an empty form offers.
func newAPI() *oauth.API {
	return &oauth.API{TokenFormat: oauth.FormatJWT, SigningAlg: oauth.APISigningAlgs[0], Claims: oauth.ClaimsStandard}
}

// fillAPI gives the API what was typed of what may change; the rules judge it afterwards. Scopes are read by readScopes.
func fillAPI(a *oauth.API, sent url.Values) {
	a.Name = strings.TrimSpace(sent.Get("name"))
	a.AccessTokenTTL = parseLife(sent.Get("access_token_ttl"))
	a.Clients = once(strings.Fields(sent.Get("only_clients")))
}

// fillNewAPI gives the API what is chosen once. What an opaque token has not is not read: the form hides it.
func fillNewAPI(a *oauth.API, sent url.Values) {
	a.Identifier = strings.TrimSpace(sent.Get("identifier"))
	a.TokenFormat, a.SigningAlg, a.Claims = sent.Get("token_format"), sent.Get("signing_alg"), sent.Get("claims")
	if a.TokenFormat == oauth.FormatOpaque {
		a.SigningAlg, a.Claims = "", oauth.ClaimsStandard
	}
}

// parseLife reads a life of tokens, in seconds: minutes, or what time.ParseDuration takes. Nothing is 0, the server's own; what
// cannot be read is negative, which no rule lets pass.
func parseLife(typed string) int64 {
	typed = strings.ToLower(strings.ReplaceAll(typed, " ", ""))
	if typed == "" {
		return 0
	}
	if minutes, err := strconv.Atoi(typed); err == nil {
		if minutes < 1 || minutes > int(oauth.MaxAccessTokenTTL/time.Minute) {
			return -1
		}
		return int64(minutes) * 60
	}
	d, err := time.ParseDuration(strings.TrimSuffix(typed, "in")) // 15 min
	if err != nil || d <= 0 || d%time.Second != 0 {
		return -1
	}
	return int64(d / time.Second)
}

// lifeTyped is what parseLife reads as so many seconds.
func lifeTyped(seconds int64) string {
	switch {
	case seconds == 0:
		return ""
	case seconds%60 == 0:
		return strconv.FormatInt(seconds/60, 10)
	}
	return strconv.FormatInt(seconds, 10) + "s"
}

// lifeWords are the same for people.
func lifeWords(seconds int64) string {
	switch {
	case seconds == 0:
		return ""
	case seconds%60 == 0:
		return strconv.FormatInt(seconds/60, 10) + " min"
	}
	return strconv.FormatInt(seconds, 10) + " s"
}

// apiFormOf is the form that shows the API. Its rows of scopes are those that are given.
func (h *Handlers) apiFormOf(a *oauth.API, rows []view.ScopeRow, o oauth.Offer) view.APIFormData {
	f := view.APIFormData{
		API: apiHead(a), CanEdit: true, Life: lifeTyped(a.AccessTokenTTL), DefaultLife: h.defaultLife(), Scopes: rows,
		Admitted: strings.Join(a.Clients, "\n"),
		JWKS:     h.Rules.Issuer + oauth.PathJWKS, Introspection: h.Rules.Issuer + oauth.PathIntrospect,
	}
	for _, c := range formats {
		c.Checked = c.Value == or(a.TokenFormat, oauth.FormatJWT)
		f.Formats = append(f.Formats, c)
	}
	for _, alg := range oauth.APISigningAlgs {
		c := algs[alg]
		c.Value, c.Label, c.Checked = alg, alg, alg == or(a.SigningAlg, oauth.APISigningAlgs[0])
		f.Algs = append(f.Algs, c)
	}
	for _, c := range claims {
		c.Checked = c.Value == or(a.Claims, oauth.ClaimsStandard)
		f.Claimed = append(f.Claimed, c)
	}
	for _, s := range o.Scopes {
		if !s.Builtin {
			f.Known = append(f.Known, ui.Option{Value: s.Name, Label: s.Description})
		}
	}
	for i, row := range f.Scopes {
		if s := scopeNamed(o.Scopes, row.Name); s != nil && row.Description == "" {
			f.Scopes[i].Description, f.Scopes[i].Shown = s.Description, s.Description
		}
		for _, other := range o.APIs {
			if other.ID != a.ID && other.Scopes.Has(row.Name) {
				f.Scopes[i].Also = append(f.Scopes[i].Also, other.Name)
			}
		}
	}
	return f
}

// defaultLife is the life of tokens for APIs that have none of their own.
func (h *Handlers) defaultLife() string {
	lifetimes := &h.Policy.Now().OAuth.Lifetimes
	person, client := lifetimes.AccessToken, lifetimes.ClientAccessToken
	if person == client {
		return lifeWords(int64(person / time.Second))
	}
	return fmt.Sprintf("%s (%s where a client acts as itself)", lifeWords(int64(person/time.Second)), lifeWords(int64(client/time.Second)))
}

var formats = []view.Choice{
	{Value: oauth.FormatJWT, Label: "JWT", Hint: "The API checks the signature itself. It accepts a revoked token until it expires."},
	{Value: oauth.FormatOpaque, Label: "Opaque", Hint: "The API asks Gatehouse about each token. A revoked one ends at once."},
}

var algs = map[string]view.Choice{
	keys.ES256: {Badge: "Recommended", Tone: "success", Hint: "Small and fast, and read by every current library."},
	keys.RS256: {Hint: "Larger tokens. Read by old libraries too."},
	keys.EdDSA: {Hint: "Ed25519. Small and fast; not every library reads it."},
	keys.HS256: {Hint: "Shares a secret with the API, which could then make tokens too. For code written from the FastAPI guides."},
}

var claims = []view.Choice{
	{Value: oauth.ClaimsStandard, Label: "Standard", Hint: "RFC 9068: sub is a permanent id, aud the API, scope one string."},
	{Value: oauth.ClaimsTutorial, Label: "As in the FastAPI guides", Hint: "sub is the username, scopes a list, and there is no aud. For code written from those guides."},
}

func scopeNamed(scopes []oauth.Scope, name string) *oauth.Scope {
	i := slices.IndexFunc(scopes, func(s oauth.Scope) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &scopes[i]
}

// scopeRows are the rows that were sent. A row that lacks a part, as no form of ours sends it, has nothing there.
func scopeRows(sent url.Values) []view.ScopeRow {
	names, descriptions, shown := sent["scope_names"], sent["scope_descriptions"], sent["scope_shown"]
	rows := make([]view.ScopeRow, len(names))
	at := func(list []string, i int) string {
		if i >= len(list) {
			return ""
		}
		return strings.TrimSpace(list[i])
	}
	for i := range rows {
		rows[i] = view.ScopeRow{Name: at(names, i), Description: at(descriptions, i), Shown: at(shown, i)}
	}
	return rows
}

// storedRows are the rows of what is stored.
func storedRows(a *oauth.API) []view.ScopeRow {
	rows := make([]view.ScopeRow, len(a.Scopes))
	for i, name := range a.Scopes {
		rows[i].Name = name
	}
	return rows
}

// changeScopeRows gives the rows one more or less, where that is what was asked for. Then nothing is saved.
func changeScopeRows(rows []view.ScopeRow, sent url.Values) (changed []view.ScopeRow, added, removed bool) {
	switch {
	case sent.Has("add_scope"):
		return append(rows, view.ScopeRow{}), true, false
	case sent.Has("remove_scope"):
		if i, err := strconv.Atoi(sent.Get("remove_scope")); err == nil && i >= 0 && i < len(rows) {
			rows = slices.Delete(rows, i, i+1)
		}
		return rows, false, true
	}
	return rows, false, false
}

// scopesAsked is what the rows of a form ask of the scopes of the house.
type scopesAsked struct {
	names     oauth.Scopes
	missing   []oauth.Scope // that do not exist
	described []described   // that do, and shall read otherwise
}

type described struct {
	oauth.Scope
	before string
}

// readScopes reads the rows and says what is wrong with them, by the names of the form's fields. Rows that are mended by sending
// them again come back so: a description that somebody else gave meanwhile has been shown then.
func readScopes(rows []view.ScopeRow, known []oauth.Scope) (asked scopesAsked, f fault.Fields) {
	f = fault.Fields{}
	for i := range rows {
		row := &rows[i]
		name, description := fmt.Sprintf("scope_names.%d", i), fmt.Sprintf("scope_descriptions.%d", i)
		scope := oauth.Scope{Name: row.Name, Description: row.Description}
		existing := scopeNamed(known, row.Name)
		wrong := scope.Validate()
		switch {
		case row.Name == "" && row.Description == "":
			continue
		case row.Name == "":
			f.Add(name, "Name the scope, or remove the row.")
		case wrong["name"] != "":
			f.Add(name, wrong["name"])
		case oauth.PersonScopes.Has(row.Name) || existing != nil && existing.Builtin:
			f.Add(name, "This scope is OpenID's own: no API takes it.")
		case asked.names.Has(row.Name):
			f.Add(name, "This scope is there twice.")
		case existing != nil && (row.Description == "" || row.Description == existing.Description || row.Description == row.Shown):
			// It is taken as it is.
		case wrong["description"] != "":
			f.Add(description, wrong["description"])
		case existing == nil:
			asked.missing = append(asked.missing, scope)
		case row.Shown != existing.Description:
			f.Add(description, "The scope exists and reads “"+existing.Description+"”. Save again to change that everywhere, or empty this field to keep it.")
			row.Shown = existing.Description
		default:
			scope = *existing // whom it is for stays as it is
			scope.Description = row.Description
			asked.described = append(asked.described, described{scope, existing.Description})
		}
		asked.names = append(asked.names, row.Name)
	}
	return asked, f
}

// clientFaults says which of the clients that may ask do not exist.
func (h *Handlers) clientFaults(ctx context.Context, a *oauth.API) (fault.Fields, error) {
	f := fault.Fields{}
	if len(a.Clients) > maxAPIClients {
		f.Add("only_clients", fmt.Sprintf("Name at most %d clients, or leave it empty and give its scopes to those that may ask.", maxAPIClients))
		return f, nil
	}
	known, err := h.Store.Names(ctx, nil, a.Clients)
	for _, id := range a.Clients {
		if _, exists := known.Clients[id]; !exists {
			f.Add("only_clients", "There is no client with the id "+id+".")
		}
	}
	return f, err
}

// apiFaults asks the rules what is wrong with the API and the rows of its scopes, by the names of the form's fields.
func apiFaults(a *oauth.API, issuer string, rows fault.Fields) fault.Fields {
	f := a.Validate(issuer)
	message, wrong := f["scope"]
	delete(f, "scope")
	for field, message := range rows {
		f.Add(field, message)
	}
	if wrong && len(rows) == 0 { // else it is said at its row
		f.Add("scopes", message)
	}
	return f
}

// apiDifferences lists the settings in which the two differ, and what shall read otherwise, in the order of the form.
func apiDifferences(before, after *oauth.API, asked scopesAsked) []difference {
	var out compared
	compare := out.setting
	compare("name", "Name", before.Name, after.Name)
	compare("scope", "Scopes", set(before.Scopes), set(after.Scopes))
	compare("new_scopes", "New scopes", "", oauth.ScopeNames(asked.missing).String())
	for _, s := range asked.described {
		compare("description."+s.Name, "What people read of "+s.Name, s.before, s.Description)
	}
	compare("only_clients", "Clients that may ask", set(before.Clients), set(after.Clients))
	compare("access_token_ttl", "Access token lifetime", strconv.FormatInt(before.AccessTokenTTL, 10), strconv.FormatInt(after.AccessTokenTTL, 10))
	return out
}

// born is what the audit log keeps of a new API.
func born(a *oauth.API, asked scopesAsked) map[string]audit.Change {
	out := map[string]audit.Change{"scope": {After: a.Scopes.String()}}
	if len(asked.missing) > 0 {
		out["new_scopes"] = audit.Change{After: oauth.ScopeNames(asked.missing).String()}
	}
	return out
}
