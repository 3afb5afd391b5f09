package account

import (
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/store"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// WithdrawConsent takes back what the person let an application do, and ends what it was given.
func (h *Handlers) WithdrawConsent(c *fiber.Ctx) error {
	id, err := url.PathUnescape(c.Params("client"))
	if err != nil {
		return fault.NotFound("consent")
	}
	user, now := request.Of(c).User, h.Now()
	mine, err := h.Store.Consents(c.UserContext(), user.ID, now)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(mine, func(consent store.ClientConsent) bool { return consent.ClientID == id })
	if i < 0 {
		return fault.NotFound("consent")
	}
	withdrawn := event(c, now, audit.ConsentWithdrawn)
	withdrawn.Target, withdrawn.ClientID = audit.Party{Kind: audit.KindClient, ID: id, Name: mine[i].ClientName}, id
	if err := h.Store.WithdrawConsent(c.UserContext(), user.ID, id, now, withdrawn); err != nil {
		return err
	}
	return respond.Flash(c, accountPath, "success", "Access removed", mine[i].ClientName+" has to ask you again.")
}
