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
		page, err := h.Store.ConsentPage(ctx, store.ConsentFilter{
			UserID: both(l.get("user"), m.userID), ClientID: both(l.get("client"), m.clientID), After: c.Query("after"), Before: c.Query("before"), Limit: rowsPerPage,
		})
		if err != nil {
			return err
		}
		if len(page.Consents) == 0 && page.Total > 0 { // what stood on this page was withdrawn meanwhile
			return respond.SeeOther(c, l.address())
		}
		d.Total = int(page.Total)
		l.pages(&d.ListData, page.Previous, page.Next)
		for i := range page.Consents {
			d.Rows = append(d.Rows, consentOf(c, &page.Consents[i]))
		}
	}
	ch := request.Chrome(c)
	return respond.Page(c, fiber.StatusOK, view.ConsentsPage(ch, d), view.ConsentsTable(ch, d))
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
