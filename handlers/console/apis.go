package console

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const apisPath = "/console/apis"

func apiPath(id string) string { return apisPath + "/" + url.PathEscape(id) }

// api reads the API that the path names.
func (h *Handlers) api(c *fiber.Ctx) (*oauth.API, error) {
	id, err := url.PathUnescape(c.Params("id"))
	if err != nil {
		return nil, fault.NotFound("API")
	}
	return h.Store.APIByID(c.UserContext(), id)
}

// apiEvent is what is written down about a change of the API.
func apiEvent(c *fiber.Ctx, at time.Time, action audit.Action, a *oauth.API) audit.Event {
	return eventOn(c, at, action, audit.Party{Kind: audit.KindAPI, ID: a.ID, Name: a.Name})
}

// ListAPIs shows the APIs that fit the search, by identifier.
func (h *Handlers) ListAPIs(c *fiber.Ctx) error {
	apis, err := h.Store.APIs(c.UserContext())
	if err != nil {
		return err
	}
	l := listingOf(c, apisPath)
	d := view.APIsData{Q: l.get("q"), CanEdit: canEdit(c)}
	for _, a := range apis {
		if !l.finds(a.Name, a.Identifier, a.Scopes.String()) {
			continue
		}
		d.Rows = append(d.Rows, view.APIRow{API: apiHead(&a), Scopes: a.Scopes, Life: lifeWords(a.AccessTokenTTL)})
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.APIsPage(ch, d), view.APIsTable(ch, d))
}

func apiHead(a *oauth.API) view.API {
	return view.API{
		ID: a.ID, Name: a.Name, Identifier: a.Identifier, Format: a.TokenFormat, Alg: a.SigningAlg, Claims: a.Claims,
		Created: a.CreatedAt, Version: a.Version,
	}
}

func apiLink(a *oauth.API) view.APILink {
	return view.APILink{ID: a.ID, Name: a.Name, Identifier: a.Identifier}
}

// NewAPI shows the empty form.
func (h *Handlers) NewAPI(c *fiber.Ctx) error {
	o, err := h.offer(c.UserContext())
	if err != nil {
		return err
	}
	f := h.apiFormOf(newAPI(), nil, o)
	f.RequestToken = secret.New("")
	return newAPIPage(c, fiber.StatusOK, f)
}

func newAPIPage(c *fiber.Ctx, status int, f view.APIFormData) error {
	f.ID = "" // it has one as soon as it was sent, but is none yet
	ch := request.Chrome(c)
	return respond.Page(c, status, view.NewAPIPage(ch, f), view.APIForm(ch, f))
}

// CreateAPI registers an API. One that we share a secret of our making with is answered by the only page that ever shows it.
func (h *Handlers) CreateAPI(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	o, err := h.offer(c.UserContext())
	if err != nil {
		return err
	}
	var a oauth.API
	fillAPI(&a, sent)
	fillNewAPI(&a, sent)
	rows, added, removed := changeScopeRows(scopeRows(sent), sent)
	form := func(errs fault.Fields) view.APIFormData {
		f := h.apiFormOf(&a, rows, o)
		f.RequestToken, f.Life, f.AddedScope, f.RemovedScope, f.Errs = sent.Get("request_token"), sent.Get("access_token_ttl"), added, removed, errs
		f.OwnSecret = sent.Get("signing_secret_from") == "own"
		f.SecretLost = sent.Get("signing_secret") != "" && !request.HTMX(c)
		return f
	}
	if added || removed {
		return newAPIPage(c, fiber.StatusOK, form(nil))
	}

	now := h.Now()
	a.Identify(now)
	if id := idOf(sent.Get("request_token")); id != "" {
		a.ID = id
	}
	asked, rowFaults := readScopes(rows, o.Scopes)
	a.Scopes = asked.names
	errs := apiFaults(&a, h.Rules.Issuer, rowFaults)
	strangers, err := h.clientFaults(c.UserContext(), &a)
	if err != nil {
		return err
	}
	maps.Copy(errs, strangers)
	value, made, err := h.shareSecret(&a, sent, errs)
	if err != nil {
		return err
	}
	if len(errs) > 0 {
		return newAPIPage(c, fiber.StatusUnprocessableEntity, form(errs))
	}

	event := apiEvent(c, now, audit.APICreated, &a)
	event.Changes = born(&a, asked)
	err = h.Store.InTx(c.UserContext(), func(tx *store.Store) error {
		if err := tx.CreateAPI(c.UserContext(), a, asked.missing, now, event); err != nil {
			return err
		}
		if err := describe(c, tx, now, asked); err != nil {
			return err
		}
		return h.addMissingKey(c, tx, now, a.SigningAlg)
	})
	var wrong fault.Fields
	if taken := fault.AsConflict(err); taken != nil && taken.Field == "" { // a scope that it takes
		wrong = fault.Fields{"": "Somebody described one of these scopes meanwhile. Save again to see what it reads now."}
	} else if taken != nil {
		wrong = fault.Fields{"identifier": "Another API has this identifier."}
	}
	switch {
	case wrong != nil || errors.As(err, &wrong):
		if twice, err := h.Store.APIByID(c.UserContext(), a.ID); err == nil {
			return apiSentTwice(c, twice)
		}
		return newAPIPage(c, fiber.StatusUnprocessableEntity, form(wrong))
	case err != nil:
		return err
	case made:
		return showSigningSecret(c, &a, value, true)
	}
	text := "Clients ask for it as " + a.Identifier + "."
	if a.TokenFormat == oauth.FormatOpaque {
		text += " It introspects its tokens as a client of its own, which comes next."
	}
	return respond.Flash(c, apiPath(a.ID), "success", "API registered", text)
}

// apiSentTwice answers the second sending of a form. The secret is not shown again: nobody has it any more.
func apiSentTwice(c *fiber.Ctx, a *oauth.API) error {
	text := "This form was sent twice. There is one API."
	if a.SigningAlg == keys.HS256 {
		text = "This form was sent twice. There is one API, and its signing secret was shown once: if nobody copied it, rotate it."
	}
	return respond.Flash(c, apiPath(a.ID), "info", "Already registered", text)
}

// shareSecret seals the secret that is shared with the API, if it signs with one: the API's own, or one that is made here, which
// has to be shown. What is wrong with it is added to the faults.
func (h *Handlers) shareSecret(a *oauth.API, sent url.Values, errs fault.Fields) (value string, made bool, err error) {
	if a.SigningAlg != keys.HS256 {
		return "", false, nil
	}
	if value = sent.Get("signing_secret"); sent.Get("signing_secret_from") != "own" {
		value, made = oauth.NewSigningSecret(), true
	}
	err = a.SealSigningSecret(h.Rules.Sealer, value)
	var wrong fault.Fields
	if errors.As(err, &wrong) {
		maps.Copy(errs, wrong)
		err = nil
	}
	return value, made, err
}

// describe has the scopes that exist read as the form says.
func describe(c *fiber.Ctx, tx *store.Store, at time.Time, asked scopesAsked) error {
	for _, s := range asked.described {
		event := eventOn(c, at, audit.ScopeUpdated, audit.Party{Kind: audit.KindScope, ID: s.Name, Name: s.Name})
		event.Changes = map[string]audit.Change{"description": {Before: s.before, After: s.Description}}
		if err := tx.UpdateScope(c.UserContext(), s.Scope, at, event); err != nil {
			return err
		}
	}
	return nil
}

// addMissingKey makes a signing key of the algorithm, if the house has none.
func (h *Handlers) addMissingKey(c *fiber.Ctx, tx *store.Store, at time.Time, alg string) error {
	existing, err := tx.SigningKeys(c.UserContext())
	if err != nil {
		return err
	}
	made, err := keys.Missing(existing, alg, h.Rules.Sealer, at)
	if err != nil || len(made) == 0 {
		return err
	}
	event := eventOn(c, at, audit.KeyRotated, audit.Party{Kind: audit.KindKey, ID: made[0].KID, Name: alg})
	return tx.AddSigningKeys(c.UserContext(), made, event)
}

// showSigningSecret shows a signing secret, this once.
func showSigningSecret(c *fiber.Ctx, a *oauth.API, value string, isNew bool) error {
	d := view.NewSigningSecretData{API: apiHead(a), Secret: value, NewAPI: isNew, Issuer: request.Of(c).House.Issuer}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return respond.Page(c, fiber.StatusOK, view.NewSigningSecretPage(request.Chrome(c), d), nil)
}

// ShowAPI shows the settings: as a form for those who may change them, else in words.
func (h *Handlers) ShowAPI(c *fiber.Ctx) error {
	a, err := h.api(c)
	if err != nil {
		return err
	}
	o, err := h.offer(c.UserContext())
	if err != nil {
		return err
	}
	f := h.apiFormOf(a, storedRows(a), o)
	if f.CanEdit = canEdit(c); !f.CanEdit {
		f.Life = lifeWords(a.AccessTokenTTL)
	}
	return h.apiPage(c, fiber.StatusOK, a, f)
}

func (h *Handlers) apiPage(c *fiber.Ctx, status int, a *oauth.API, f view.APIFormData) error {
	var err error
	if f.Clients, err = h.clientsOf(c.UserContext(), a); err != nil {
		return err
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.APIPage(ch, f, apiHead(a)), view.APIForm(ch, f))
}

// clientsOf are the clients that name the API, its own first.
func (h *Handlers) clientsOf(ctx context.Context, a *oauth.API) ([]view.APIClient, error) {
	clients, err := h.Store.ClientsOfAPI(ctx, a.Identifier)
	if err != nil {
		return nil, err
	}
	out := make([]view.APIClient, len(clients))
	for i, c := range clients {
		out[i] = view.APIClient{
			ID: c.ID, Name: c.Name, Own: c.ResourceServer == a.Identifier, Default: c.DefaultResource == a.Identifier, Disabled: !c.Enabled(),
		}
	}
	slices.SortStableFunc(out, func(a, b view.APIClient) int {
		switch {
		case a.Own == b.Own:
			return 0
		case a.Own:
			return -1
		}
		return 1
	})
	return out, nil
}

// UpdateAPI changes name, scopes and life of tokens, unless somebody else did since the form was shown.
func (h *Handlers) UpdateAPI(c *fiber.Ctx) error {
	stored, err := h.api(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	o, err := h.offer(c.UserContext())
	if err != nil {
		return err
	}
	a := *stored
	fillAPI(&a, sent)
	a.Version = versionOf(sent)
	rows, added, removed := changeScopeRows(scopeRows(sent), sent)
	form := func(errs fault.Fields) view.APIFormData {
		f := h.apiFormOf(&a, rows, o)
		f.Life, f.AddedScope, f.RemovedScope, f.Errs = sent.Get("access_token_ttl"), added, removed, errs
		return f
	}
	if added || removed {
		return h.apiPage(c, fiber.StatusOK, stored, form(nil))
	}
	asked, rowFaults := readScopes(rows, o.Scopes)
	a.Scopes = asked.names
	errs, err := h.clientFaults(c.UserContext(), &a)
	if err != nil {
		return err
	}
	maps.Copy(errs, apiFaults(&a, h.Rules.Issuer, rowFaults))
	if len(errs) > 0 {
		return h.apiPage(c, fiber.StatusUnprocessableEntity, stored, form(errs))
	}
	clients, err := h.Store.ClientsOfAPI(c.UserContext(), a.Identifier) // before anything is saved
	if err != nil {
		return err
	}
	if changed := apiDifferences(stored, &a, asked); len(changed) > 0 { // none: it stands already as it was sent
		now := h.Now()
		update := apiEvent(c, now, audit.APIUpdated, &a)
		update.Changes = changes(changed)
		err = h.Store.InTx(c.UserContext(), func(tx *store.Store) error {
			if err := tx.UpdateAPI(c.UserContext(), a, asked.missing, now, update); err != nil {
				return err
			}
			return describe(c, tx, now, asked)
		})
		if fault.AsConflict(err) != nil {
			return h.lostAPIRace(c, &a, form(nil))
		}
		if err != nil {
			return err
		}
	}
	if stranded := a.Stranded(clients); len(stranded) > 0 {
		return respond.Flash(c, apiPath(a.ID), "info", "Settings saved, and clients left without tokens",
			"It is the default resource of clients that may not ask for it, or for none of its scopes, now: "+someOf(namesOf(stranded))+".")
	}
	return respond.Flash(c, apiPath(a.ID), "success", "Settings saved", "They apply to every token from now on.")
}

// lostAPIRace shows both what was sent and what somebody else saved first. Sending the form again overwrites the latter, knowingly.
func (h *Handlers) lostAPIRace(c *fiber.Ctx, mine *oauth.API, f view.APIFormData) error {
	theirs, err := h.Store.APIByID(c.UserContext(), mine.ID)
	if err != nil {
		return err
	}
	differ := apiDifferences(theirs, mine, scopesAsked{})
	for i, d := range differ {
		if d.name == "access_token_ttl" {
			differ[i].before, differ[i].after = lifeWords(theirs.AccessTokenTTL), lifeWords(mine.AccessTokenTTL)
		}
	}
	f.Version = theirs.Version
	if f.Conflict, err = h.conflict(c, apiEvent(c, theirs.UpdatedAt, audit.APIUpdated, theirs), differ); err != nil {
		return err
	}
	return h.apiPage(c, fiber.StatusConflict, theirs, f)
}

// namesOf are what the clients are called.
func namesOf(clients []oauth.Client) []string {
	names := make([]string, len(clients))
	for i, client := range clients {
		names[i] = client.Name
	}
	return names
}

// ConfirmRotateSigningSecret asks whether to rotate the secret that is shared with the API, and says what that ends.
func (h *Handlers) ConfirmRotateSigningSecret(c *fiber.Ctx) error {
	a, err := h.sharing(c)
	if err != nil {
		return err
	}
	return confirm(c, view.SigningSecretPage, view.SigningSecretDialog, view.APIActData{API: apiHead(a)})
}

// sharing reads the API that the path names, which has to share a secret.
func (h *Handlers) sharing(c *fiber.Ctx) (*oauth.API, error) {
	a, err := h.api(c)
	if err == nil && a.SigningAlg != keys.HS256 {
		return nil, fault.NotFound("signing secret")
	}
	return a, err
}

// RotateSigningSecret shares another secret with the API. One of our making is answered by the only page that ever shows it.
func (h *Handlers) RotateSigningSecret(c *fiber.Ctx) error {
	a, err := h.sharing(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	d := view.APIActData{API: apiHead(a), OwnSecret: sent.Get("signing_secret_from") == "own", Errs: fault.Fields{}}
	value, made, err := h.shareSecret(a, sent, d.Errs)
	if err != nil {
		return err
	}
	if len(d.Errs) > 0 {
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.SigningSecretPage(request.Chrome(c), d), nil)
	}
	now := h.Now()
	event := apiEvent(c, now, audit.APISecretChanged, a)
	event.Changes = map[string]audit.Change{"earlier_secret": {Before: "live", After: "ended"}}
	a.Version = versionOf(sent)
	err = h.Store.UpdateAPI(c.UserContext(), *a, nil, now, event)
	switch {
	case fault.AsConflict(err) != nil:
		return h.secretNotRotated(c, a.ID)
	case err != nil:
		return err
	case made:
		return showSigningSecret(c, a, value, false)
	}
	return respond.Flash(c, apiPath(a.ID), "success", "Signing secret rotated", "Tokens are signed with the API's own from now on. Gatehouse refuses the old ones.")
}

// secretNotRotated answers a form that came too late: it was sent before, or somebody changed the API since it was shown.
func (h *Handlers) secretNotRotated(c *fiber.Ctx, id string) error {
	a, err := h.Store.APIByID(c.UserContext(), id)
	if err != nil {
		return err
	}
	rotated, err := h.Store.Events(c.UserContext(), store.EventFilter{TargetID: a.ID, Action: audit.APISecretChanged, Limit: 1})
	if err != nil {
		return err
	}
	if len(rotated) == 1 && rotated[0].At.Equal(a.UpdatedAt) {
		return respond.Flash(c, apiPath(id), "info", "Already rotated",
			"This secret was rotated since the form was shown, or the form was sent twice. If nobody copied the new one, rotate it again.")
	}
	d := view.APIActData{API: apiHead(a), Errs: fault.Fields{"": "Somebody changed this API since the page was shown. Nothing was rotated yet."}}
	return respond.Page(c, fiber.StatusConflict, view.SigningSecretPage(request.Chrome(c), d), nil)
}

// ConfirmDeleteAPI asks for the API's identifier before it is deleted, and says what that ends.
func (h *Handlers) ConfirmDeleteAPI(c *fiber.Ctx) error {
	_, d, err := h.apiAct(c)
	if err != nil {
		return err
	}
	return confirm(c, view.APIDeletePage, view.APIDeleteDialog, d)
}

// apiAct reads the API that a confirmation is about, and the clients that name it.
func (h *Handlers) apiAct(c *fiber.Ctx) (*oauth.API, view.APIActData, error) {
	a, err := h.api(c)
	if err != nil {
		return nil, view.APIActData{}, err
	}
	d := view.APIActData{API: apiHead(a), TokenLife: time.Duration(a.AccessTokenTTL) * time.Second}
	if d.TokenLife == 0 {
		if d.TokenLife, err = h.ownTokenLife(c.UserContext()); err != nil {
			return nil, d, err
		}
	}
	d.Clients, err = h.clientsOf(c.UserContext(), a)
	return a, d, err
}

// DeleteAPI removes the API, if its identifier was typed and no client names it.
func (h *Handlers) DeleteAPI(c *fiber.Ctx) error {
	a, d, err := h.apiAct(c)
	if err != nil {
		return err
	}
	if d.Confirm, d.Errs, err = typed(c, "identifier", a.Identifier); err != nil {
		return err
	}
	if len(d.Errs) > 0 || len(d.Clients) > 0 { // the page says which clients
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.APIDeletePage(request.Chrome(c), d), nil)
	}
	now := h.Now()
	// Should a client have come to name it this very moment, the store refuses, and its sentence is shown.
	if err := h.Store.DeleteAPI(c.UserContext(), a.ID, now, apiEvent(c, now, audit.APIDeleted, a)); err != nil {
		return err
	}
	return respond.Flash(c, apisPath, "success", a.Name+" is deleted", "Gatehouse issues no more tokens for it. Its scopes stay.")
}
