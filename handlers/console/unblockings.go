package console

import (
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// limitedParty is who is limited: an address or, with the address of who speaks for a public one, a client.
func (h *Handlers) limitedParty(c *fiber.Ctx, l view.Limited) (view.Limited, audit.Party, error) {
	if !l.OfClient() {
		if !l.Known() || !isAddress(l.Who) {
			return l, audit.Party{}, fault.NotFound("limit")
		}
		return l, audit.Party{Kind: audit.KindAddress, ID: l.Who, Name: l.Who}, nil
	}
	id, address, ofAddress := strings.Cut(l.Who, " ")
	if ofAddress && !isAddress(address) {
		return l, audit.Party{}, fault.NotFound("limit")
	}
	client, err := h.Store.Client(c.UserContext(), id)
	if err != nil {
		return l, audit.Party{}, err
	}
	l.Client, l.Address = clientLink(client.ID, client.Name), address
	return l, audit.Party{Kind: audit.KindClient, ID: client.ID, Name: client.Name}, nil
}

// isAddress reports whether the text is an address or a network, as limits count them.
func isAddress(text string) bool {
	_, single := netip.ParseAddr(text)
	_, network := netip.ParsePrefix(text)
	return single == nil || network == nil
}

// ConfirmUnblock asks whether to let somebody go on who asked too much, and says what that gives them.
func (h *Handlers) ConfirmUnblock(c *fiber.Ctx) error {
	l, _, err := h.limitedParty(c, view.Limited{What: c.Query("what"), Who: strings.ToValidUTF8(c.Query("who"), "")})
	if err != nil {
		return err
	}
	return confirm(c, view.UnblockPage, view.UnblockDialog, l)
}

// Unblock lets somebody go on who asked too much: here at once, and on every other node when it next listens.
func (h *Handlers) Unblock(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	l, party, err := h.limitedParty(c, view.Limited{What: sent.Get("what"), Who: sent.Get("who")})
	if err != nil {
		return err
	}
	now := h.Now()
	lifted := eventOn(c, now, audit.LimitLifted, party)
	lifted.Changes = map[string]audit.Change{"limit": {Before: l.What}}
	if l.OfClient() {
		lifted.ClientID = party.ID
		if l.Address != "" {
			lifted.Changes["address"] = audit.Change{Before: l.Address}
		}
	}
	err = h.Store.Unblock(c.UserContext(), store.Unblocking{ID: identity.NewID(), What: l.What, Who: l.Who, At: now}, lifted)
	if err != nil {
		return err
	}
	_ = h.Unblocked(c.UserContext()) // it is kept, and this node hears of it like the others if not now
	return respond.Flash(c, securityPath, "success", "Unblocked", l.Name()+" may go on: here at once, on every other node within a second.")
}
