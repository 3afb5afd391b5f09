package console

import (
	"github.com/gofiber/fiber/v2"

	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const consentsPath = "/console/consents"

// ListConsents shows who lets which client do what, as the URL says: user, client, q, and the edge of a page in after or before.
func (h *Handlers) ListConsents(c *fiber.Ctx) error {
	ctx := c.UserContext()
	l := listingOf(c, consentsPath, "user", "client")
	m, err := h.meant(ctx, l)
	if err != nil {
		return err
	}
	d := view.ConsentsData{Now: h.Now()}
	d.ListData = view.ListData{Q: l.get("q"), Clear: consentsPath, Filtered: len(l.query) > 0, Meant: m.perhaps}
	d.Unknown = m.unknown || m.id+m.ip+m.code+m.requestID != ""
	if d.Chips, err = h.chips(ctx, l, [2]string{"user", "Person"}, [2]string{"client", "Client"}); err != nil {
		return err
	}
	if !d.Unknown {
		if onward, err := h.readConsents(c, l, store.ConsentFilter{UserID: both(l.get("user"), m.userID), ClientID: both(l.get("client"), m.clientID)}, &d); onward || err != nil {
			return err
		}
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.ConsentsPage(ch, d), view.ConsentsTable(d))
}

// ShowClientConsents shows who lets the client do what.
func (h *Handlers) ShowClientConsents(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	head, err := h.head(c, client)
	if err != nil {
		return err
	}
	d := view.ConsentsData{Now: h.Now(), OfClient: true}
	if onward, err := h.readConsents(c, listing{path: clientPath(client.ID) + "/consents"}, store.ConsentFilter{ClientID: client.ID}, &d); onward || err != nil {
		return err
	}
	return respond.Page(c, fiber.StatusOK, view.ClientConsentsPage(request.Chrome(c), head, canEdit(c), d), view.ConsentsTable(d))
}

// readConsents reads the page of the list that the URL asks for. onward says that it has answered: what stood there was withdrawn
// meanwhile, and the list's first page is where to go.
func (h *Handlers) readConsents(c *fiber.Ctx, l listing, want store.ConsentFilter, d *view.ConsentsData) (onward bool, err error) {
	want.After, want.Before, want.Limit = c.Query("after"), c.Query("before"), rowsPerPage
	page, err := h.Store.ConsentPage(c.UserContext(), want)
	if err != nil {
		return false, err
	}
	if len(page.Consents) == 0 && page.Total > 0 {
		return true, respond.SeeOther(c, l.address())
	}
	d.Total = int(page.Total)
	l.pages(&d.ListData, page.Previous, page.Next)
	for i := range page.Consents {
		d.Rows = append(d.Rows, consentOf(c, &page.Consents[i]))
	}
	return false, nil
}

func consentOf(c *fiber.Ctx, k *store.ListedConsent) view.Consent {
	v := view.Consent{
		Person: personOf(k.UserID, k.Holder), Client: clientLink(k.ClientID, k.ClientName), Given: k.GivenAt, LastUsed: k.LastUsed(), CanWithdraw: canEnd(c, k.Role),
	}
	for _, s := range k.Scopes {
		if s.Scope != "" {
			v.Scopes = append(v.Scopes, view.GivenScope{Name: s.Scope, At: s.GivenAt})
		}
	}
	return v
}
