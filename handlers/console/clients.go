package console

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const clientsPerPage = 25

// ListClients shows the clients that fit what the URL says: q, type, grant, status, their order in sort, and the edge of a page in
// after or before.
func (h *Handlers) ListClients(c *fiber.Ctx) error {
	l := listingOf(c, clientsPath, append(clientFilters, "after", "before")...)
	want := h.clientsWanted(l)
	want.After, want.Before, want.Limit, want.At = l.get("after"), l.get("before"), clientsPerPage, h.Now()
	page, err := h.Store.Clients(c.UserContext(), want)
	if err != nil {
		return err
	}
	l.query.Del("after")
	l.query.Del("before")
	if len(page.Clients) == 0 && page.Total > 0 { // what stood on this page was deleted meanwhile
		return respond.SeeOther(c, l.address())
	}
	files := listing{clientsPath + "/export", l.query}
	d := view.ClientsData{
		Q: l.get("q"), Kind: l.get("type"), Grant: l.get("grant"), Status: l.get("status"), Sorted: l.sorting("name", "-last_used", "-created"),
		Count: int(page.Total), CSV: files.with("format", "csv"), JSON: files.with("format", "json"), CanEdit: canEdit(c), Now: want.At,
	}
	if page.Previous != "" {
		d.Previous = l.with("before", page.Previous)
	}
	if page.Next != "" {
		d.Next = l.with("after", page.Next)
	}
	for _, listed := range page.Clients {
		row := view.ClientRow{Client: headOf(&listed.Client), URI: listed.ClientURI, Grants: listed.GrantTypes, Families: int(listed.Families)}
		row.LastUsed, row.LiveSecrets = orZero(listed.LastUsedAt), int(listed.LiveSecrets)
		d.Rows = append(d.Rows, row)
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.ClientsPage(ch, d), view.ClientsTable(ch, d))
}

// clientFilters are what a list of clients is narrowed to and ordered by.
var clientFilters = []string{"type", "grant", "status", "sort"}

// clientsWanted is what the URL of a list of clients asks for. What it does not know it takes out.
func (h *Handlers) clientsWanted(l listing) store.ClientFilter {
	want := store.ClientFilter{
		Query: l.get("q"), Kind: l.among("type", view.ClientKinds()), GrantType: l.among("grant", view.ClientGrants()), Status: l.among("status", view.ClientStatuses()),
	}
	now := h.Now()
	switch want.Status {
	case "locked":
		want.Status, want.Locked = "", now
	case "idle":
		want.Status, want.IdleSince = "", now.Add(-clientIdle)
	case "unused":
		want.Status, want.UnusedSince = "", unusedSince(now)
	}
	by, reversed := strings.CutPrefix(l.oneOf("sort", "-name", "last_used", "-last_used", "created", "-created"), "-")
	want.Reversed = reversed
	if by != "name" {
		want.Sort = store.ClientSort(by)
	}
	return want
}

// clientIdle is how long a client is not used that people should look at.
const clientIdle = 90 * 24 * time.Hour

// searchPath is the address of a list that is searched; what is empty is left out.
func searchPath(path string, search map[string]string) string {
	query := url.Values{}
	for name, value := range search {
		if value != "" {
			query.Set(name, value)
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// NewClient asks what kind of application it is, and shows the form for it: that of an API's own client where resource_server names
// the API, that of a copy where from names a client.
func (h *Handlers) NewClient(c *fiber.Ctx) error {
	o, err := h.offer(c.UserContext())
	if err != nil {
		return err
	}
	var client *oauth.Client
	profile := profileOf(c.Query("type"))
	switch i := slices.IndexFunc(o.APIs, func(a oauth.API) bool { return a.Identifier == c.Query("resource_server") }); {
	case i >= 0:
		client = clientOfAPI(&o.APIs[i])
	case c.Query("from") != "":
		if client, err = h.Store.Client(c.UserContext(), c.Query("from")); err != nil {
			return err
		}
		client = copyOf(client)
	case profile != nil:
		client = profile.client()
	default:
		return respond.Page(c, fiber.StatusOK, view.ClientProfilesPage(request.Chrome(c), profileViews()), nil)
	}
	f := formOf(client, o)
	f.Profile = profile.view()
	f.RequestToken = secret.New("")
	return newClientPage(c, fiber.StatusOK, f)
}

func newClientPage(c *fiber.Ctx, status int, f view.ClientFormData) error {
	ch := request.Chrome(c)
	return respond.Page(c, status, view.NewClientPage(ch, f), view.ClientForm(ch, f))
}

// CreateClient registers a client. A confidential one is answered by the only page that ever shows its secret.
func (h *Handlers) CreateClient(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	o, err := h.offer(c.UserContext())
	if err != nil {
		return err
	}
	var client oauth.Client
	fillNew(&client, sent)
	f := formOf(&client, o)
	f.RequestToken, f.Profile = sent.Get("request_token"), profileOf(sent.Get("type")).view()
	if changeRows(&f, sent) {
		return newClientPage(c, fiber.StatusOK, f)
	}
	if f.Errs = faults(&client, o); len(f.Errs) > 0 {
		return newClientPage(c, fiber.StatusUnprocessableEntity, f)
	}

	now := h.Now()
	client.Identify(now)
	if id := idOf(f.RequestToken); id != "" {
		client.ID = "cl_" + id
	}
	var value string
	var first *oauth.ClientSecret
	if !client.Public() {
		v, row := oauth.NewClientSecret(client.ID, now, nil)
		value, first = v, &row
	}
	err = h.Store.CreateClient(c.UserContext(), client, first, now, event(c, now, audit.ClientCreated, &client))
	switch {
	case fault.AsConflict(err) != nil: // this form was sent before
		return h.alreadyCreated(c, client.ID)
	case err != nil:
		return err
	case first != nil:
		return showSecret(c, &client, value, first, true)
	}
	return respond.Flash(c, clientPath(client.ID), "success", "Client registered", client.Name+" may now ask for tokens. It is public and has no secret.")
}

// idOf derives the id of what a form makes from the form's own random token: a form that is sent twice names the same thing
// twice, and the second time finds the id taken. It is empty for anything that is no such token.
func idOf(requestToken string, of ...string) string {
	if len(requestToken) != len(secret.New("")) {
		return ""
	}
	return secret.Hash(strings.Join(append(of, requestToken), " "))[:22] // 132 bits
}

// alreadyCreated answers the second sending of a form. The secret is not shown again: nobody has it any more.
func (h *Handlers) alreadyCreated(c *fiber.Ctx, id string) error {
	client, err := h.Store.Client(c.UserContext(), id)
	if err != nil {
		return err
	}
	if client.Public() {
		return respond.Flash(c, clientPath(id), "info", "Already registered", "This form was sent twice. There is one client.")
	}
	return respond.Flash(c, clientPath(id)+"/credentials", "info", "Already registered",
		"This form was sent twice. There is one client, and its secret was shown once: if nobody copied it, revoke it and add another.")
}

// ShowClient shows the settings: as a form for those who may change them, else in words.
func (h *Handlers) ShowClient(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	o, err := h.offerTo(c.UserContext(), client)
	if err != nil {
		return err
	}
	f := h.formOfStored(client, o)
	f.CanEdit = canEdit(c)
	return h.clientPage(c, fiber.StatusOK, client, f)
}

func (h *Handlers) clientPage(c *fiber.Ctx, status int, client *oauth.Client, f view.ClientFormData) error {
	head, err := h.head(c, client)
	if err != nil {
		return err
	}
	ch := request.Chrome(c)
	return respond.Page(c, status, view.ClientPage(ch, head, f), view.ClientForm(ch, f))
}

// head is what all pages of a client begin with.
func (h *Handlers) head(c *fiber.Ctx, client *oauth.Client) (view.Client, error) {
	head, err := h.used(c, client)
	if err != nil || client.Public() {
		return head, err
	}
	secrets, err := h.Store.ClientSecrets(c.UserContext(), client.ID)
	head.LiveSecrets = live(secrets, h.Now())
	return head, err
}

// used is the head of a client with its last use.
func (h *Handlers) used(c *fiber.Ctx, client *oauth.Client) (view.Client, error) {
	head := headOf(client)
	uses, err := h.Store.ClientUses(c.UserContext(), client.ID)
	head.LastUsed, head.Now = uses[client.ID], h.Now()
	return head, err
}

func headOf(client *oauth.Client) view.Client {
	return view.Client{
		ID: client.ID, Name: client.Name, Kind: client.Kind(), Public: client.Public(), FirstParty: client.FirstParty,
		Disabled: !client.Enabled(), Created: client.CreatedAt, Version: client.Version, Logo: client.Logo, Scopes: len(client.Scopes),
	}
}

// UpdateClient changes the settings, unless somebody else did since the form was shown.
func (h *Handlers) UpdateClient(c *fiber.Ctx) error {
	stored, sent, err := h.clientAndForm(c)
	if err != nil {
		return err
	}
	o, err := h.offerTo(c.UserContext(), stored)
	if err != nil {
		return err
	}
	client := *stored
	fillSettings(&client, sent)
	client.Version = versionOf(sent)
	f := h.formOfStored(&client, o)
	if changeRows(&f, sent) {
		return h.clientPage(c, fiber.StatusOK, stored, f)
	}
	errs := faultsOn(settingsTab, stored, &client, o)
	if client.Public() != stored.Public() { // applications out there hold what belongs to the old way
		errs["token_endpoint_auth_method"] = "A client cannot begin or cease to have a secret. Register a new client instead."
	}
	if f.Errs = errs; len(errs) > 0 {
		return h.clientPage(c, fiber.StatusUnprocessableEntity, stored, f)
	}
	err = h.saveClient(c, stored, &client)
	if fault.AsConflict(err) != nil {
		return h.lostRace(c, &client, f)
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, clientPath(client.ID), "success", "Settings saved", "They hold from the next request on.")
}

// saveClient changes the client, unless it stands already as it was sent; fault.Conflict if somebody else saved first.
func (h *Handlers) saveClient(c *fiber.Ctx, stored, client *oauth.Client) error {
	changed := differences(stored, client)
	if len(changed) == 0 {
		return nil
	}
	now := h.Now()
	update := event(c, now, audit.ClientUpdated, client)
	update.Changes = changes(changed)
	return h.Store.UpdateClient(c.UserContext(), *client, now, update)
}

// lostRace shows both what was sent and what somebody else saved first. Sending the form again overwrites the latter, knowingly.
func (h *Handlers) lostRace(c *fiber.Ctx, mine *oauth.Client, f view.ClientFormData) error {
	theirs, conflict, err := h.overtaken(c, mine)
	if err != nil {
		return err
	}
	f.Version, f.Conflict = theirs.Version, conflict
	return h.clientPage(c, fiber.StatusConflict, theirs, f)
}

// overtaken reads what somebody else saved of the client first, and how it differs.
func (h *Handlers) overtaken(c *fiber.Ctx, mine *oauth.Client) (theirs *oauth.Client, lost *view.Conflict, err error) {
	if theirs, err = h.Store.Client(c.UserContext(), mine.ID); err != nil {
		return nil, nil, err
	}
	lost, err = h.conflict(c, event(c, theirs.UpdatedAt, audit.ClientUpdated, theirs), differences(theirs, mine))
	return theirs, lost, err
}

// ConfirmDisableClient asks whether to disable the client, and says what that ends.
func (h *Handlers) ConfirmDisableClient(c *fiber.Ctx) error {
	client, d, err := h.act(c)
	if err != nil {
		return err
	}
	if !client.Enabled() {
		return respond.Flash(c, clientPath(client.ID), "info", "Already disabled", client.Name+" is not served.")
	}
	return confirm(c, view.ClientDisablePage, view.ClientDisableDialog, d)
}

// act reads the client that a confirmation is about, and what would end with it.
func (h *Handlers) act(c *fiber.Ctx) (*oauth.Client, view.ClientActData, error) {
	client, err := h.client(c)
	if err != nil {
		return nil, view.ClientActData{}, err
	}
	impact, err := h.Store.ClientImpact(c.UserContext(), client.ID)
	if err != nil {
		return nil, view.ClientActData{}, err
	}
	head, err := h.head(c, client)
	if err != nil {
		return nil, view.ClientActData{}, err
	}
	life, err := h.tokenLifeOf(c.UserContext(), client)
	return client, view.ClientActData{Client: head, TokenLife: life, Impact: view.Impact{
		Secrets: int(impact.Secrets), Families: int(impact.Families), Consents: int(impact.Consents), People: int(impact.People),
	}}, err
}

// DisableClient stops serving the client and ends what it was given.
func (h *Handlers) DisableClient(c *fiber.Ctx) error {
	client, d, err := h.act(c)
	if err != nil {
		return err
	}
	now := h.Now()
	if err := h.Store.DisableClient(c.UserContext(), client.ID, now, event(c, now, audit.ClientDisabled, client)); err != nil {
		return err
	}
	return respond.FlashUndo(c, clientPath(client.ID), "Client disabled", acceptedUntil(now, d.TokenLife), clientPath(client.ID)+"/enable")
}

// EnableClient serves the client again.
func (h *Handlers) EnableClient(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	now := h.Now()
	if err := h.Store.EnableClient(c.UserContext(), client.ID, now, event(c, now, audit.ClientEnabled, client)); err != nil {
		return err
	}
	return respond.Flash(c, clientPath(client.ID), "success", "Client enabled", "It is served again. What was ended stays so: people sign in anew.")
}

// ConfirmDeleteClient asks for the client's name before it is deleted, and says what that ends.
func (h *Handlers) ConfirmDeleteClient(c *fiber.Ctx) error {
	_, d, err := h.act(c)
	if err != nil {
		return err
	}
	return confirm(c, view.ClientDeletePage, view.ClientDeleteDialog, d)
}

// DeleteClient removes the client and all it holds, if its name was typed.
func (h *Handlers) DeleteClient(c *fiber.Ctx) error {
	client, d, err := h.act(c)
	if err != nil {
		return err
	}
	if d.Confirm, d.Errs, err = typed(c, "name", client.Name); err != nil {
		return err
	}
	if len(d.Errs) > 0 {
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.ClientDeletePage(request.Chrome(c), d), nil)
	}
	now := h.Now()
	if err := h.Store.DeleteClient(c.UserContext(), client.ID, now, event(c, now, audit.ClientDeleted, client)); err != nil {
		return err
	}
	return h.deleted(c, audit.KindClient, client.ID, clientsPath, client.Name+" is deleted", acceptedUntil(now, d.TokenLife))
}

// orZero is the zero time, which pages print as never, where there is none.
func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
