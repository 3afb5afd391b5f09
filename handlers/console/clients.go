package console

import (
	"net/url"
	"slices"
	"strconv"
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

// ListClients shows the clients that fit what the URL says: q, status, and the edge of a page in after or before.
func (h *Handlers) ListClients(c *fiber.Ctx) error {
	want := store.ClientFilter{
		Query: strings.ToValidUTF8(c.Query("q"), ""), Status: c.Query("status"),
		After: c.Query("after"), Before: c.Query("before"), Limit: clientsPerPage,
	}
	status := want.Status
	switch status {
	case "active", "disabled":
	case "unused":
		want.Status, want.UnusedSince = "", unusedSince(h.Now())
	default:
		status, want.Status = "", ""
	}
	page, err := h.Store.Clients(c.UserContext(), want)
	if err != nil {
		return err
	}
	if len(page.Clients) == 0 && page.Total > 0 { // what stood on this page was deleted meanwhile
		return respond.SeeOther(c, pageOf(want.Query, status, "", ""))
	}
	uses, err := h.Store.ClientUses(c.UserContext(), idsOf(page.Clients)...)
	if err != nil {
		return err
	}
	d := view.ClientsData{Q: want.Query, Status: status, Count: int(page.Total), CanEdit: canEdit(c), Now: h.Now()}
	if page.Previous != "" {
		d.Previous = pageOf(want.Query, status, "before", page.Previous)
	}
	if page.Next != "" {
		d.Next = pageOf(want.Query, status, "after", page.Next)
	}
	for _, client := range page.Clients {
		d.Rows = append(d.Rows, view.ClientRow{
			ID: client.ID, Name: client.Name, URI: client.ClientURI, ApplicationType: client.ApplicationType, Public: client.Public(),
			Grants: client.GrantTypes, Disabled: !client.Enabled(), Created: client.CreatedAt, LastUsed: uses[client.ID],
		})
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.ClientsPage(ch, d), view.ClientsTable(ch, d))
}

// pageOf is the address of another page of the same search.
func pageOf(q, status, edge, cursor string) string {
	return searchPath(clientsPath, map[string]string{"q": q, "status": status, edge: cursor})
}

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

func idsOf(clients []oauth.Client) []string {
	ids := make([]string, len(clients))
	for i, client := range clients {
		ids[i] = client.ID
	}
	return ids
}

// NewClient shows the empty form, or that of an API's own client where resource_server names the API.
func (h *Handlers) NewClient(c *fiber.Ctx) error {
	o, err := h.offer(c.UserContext())
	if err != nil {
		return err
	}
	client := newClient()
	if i := slices.IndexFunc(o.APIs, func(a oauth.API) bool { return a.Identifier == c.Query("resource_server") }); i >= 0 {
		client = clientOfAPI(&o.APIs[i])
	}
	f := formOf(client, o)
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
	fill(&client, sent)
	f := formOf(&client, o)
	f.RequestToken = sent.Get("request_token")
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
		ID: client.ID, Name: client.Name, ApplicationType: client.ApplicationType, Public: client.Public(),
		Disabled: !client.Enabled(), Created: client.CreatedAt, Version: client.Version,
	}
}

// UpdateClient changes the settings, unless somebody else did since the form was shown.
func (h *Handlers) UpdateClient(c *fiber.Ctx) error {
	stored, err := h.client(c)
	if err != nil {
		return err
	}
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	o, err := h.offerTo(c.UserContext(), stored)
	if err != nil {
		return err
	}
	client := *stored
	fill(&client, sent)
	client.Version, _ = strconv.ParseInt(sent.Get("version"), 10, 64) // none is version 0, which nothing has
	f := h.formOfStored(&client, o)
	if changeRows(&f, sent) {
		return h.clientPage(c, fiber.StatusOK, stored, f)
	}
	errs := faults(&client, o)
	if client.Public() != stored.Public() { // applications out there hold what belongs to the old way
		errs["token_endpoint_auth_method"] = "A client cannot begin or cease to have a secret. Register a new client instead."
	}
	if f.Errs = errs; len(errs) > 0 {
		return h.clientPage(c, fiber.StatusUnprocessableEntity, stored, f)
	}
	if changed := differences(stored, &client); len(changed) > 0 { // none: it stands already as it was sent
		now := h.Now()
		update := event(c, now, audit.ClientUpdated, &client)
		update.Changes = changes(changed)
		err = h.Store.UpdateClient(c.UserContext(), client, now, update)
		if fault.AsConflict(err) != nil {
			return h.lostRace(c, &client, f)
		}
		if err != nil {
			return err
		}
	}
	return respond.Flash(c, clientPath(client.ID), "success", "Settings saved", "They hold from the next request on.")
}

// lostRace shows both what was sent and what somebody else saved first. Sending the form again overwrites the latter, knowingly.
func (h *Handlers) lostRace(c *fiber.Ctx, mine *oauth.Client, f view.ClientFormData) error {
	theirs, err := h.Store.Client(c.UserContext(), mine.ID)
	if err != nil {
		return err
	}
	f.Version, f.Conflict = theirs.Version, &view.Conflict{What: "client", At: theirs.UpdatedAt}
	for _, d := range differences(theirs, mine) {
		f.Conflict.Changes = append(f.Conflict.Changes, view.Change{Field: d.label, Theirs: d.before, Yours: d.after})
	}
	last, err := h.Store.Events(c.UserContext(), store.EventFilter{ClientID: mine.ID, Action: audit.ClientUpdated, Limit: 1})
	if err != nil {
		return err
	}
	if len(last) == 1 && last[0].At.Equal(theirs.UpdatedAt) { // otherwise it was another act: disabling, enabling
		f.Conflict.By = last[0].Actor.Name
	}
	return h.clientPage(c, fiber.StatusConflict, theirs, f)
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
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.ClientDisablePage(ch, d), view.ClientDisableDialog(ch, d))
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
	life, err := h.tokenLife(c.UserContext())
	return client, view.ClientActData{Client: headOf(client), TokenLife: life, Impact: view.Impact{
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
	return respond.Flash(c, clientPath(client.ID), "success", "Client disabled", acceptedUntil(now, d.TokenLife))
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
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.ClientDeletePage(ch, d), view.ClientDeleteDialog(ch, d))
}

// DeleteClient removes the client and all it holds, if its name was typed.
func (h *Handlers) DeleteClient(c *fiber.Ctx) error {
	form, err := request.Form(c)
	if err != nil {
		return err
	}
	client, d, err := h.act(c)
	if err != nil {
		return err
	}
	if d.Confirm = strings.TrimSpace(form.Get("confirm")); d.Confirm != strings.TrimSpace(client.Name) {
		d.Errs = fault.Fields{"confirm": "Type the name exactly as it is written: " + client.Name}
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.ClientDeletePage(request.Chrome(c), d), nil)
	}
	now := h.Now()
	if err := h.Store.DeleteClient(c.UserContext(), client.ID, now, event(c, now, audit.ClientDeleted, client)); err != nil {
		return err
	}
	return respond.Flash(c, clientsPath, "success", client.Name+" is deleted", acceptedUntil(now, d.TokenLife))
}

// orZero is the zero time, which pages print as never, where there is none.
func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
