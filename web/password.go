package web

import (
	"context"
	"strings"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
)

// checkPassword proves a person for the password grant as the sign-in page does. Whoever has a role in the console is refused, and
// cannot be told from somebody with a wrong password (security.md rule 16).
func (s *site) checkPassword(ctx context.Context, c *oauth.Client, username, password string, from audit.Caller) (oauth.PasswordCheck, error) {
	var meant, passedOnBy string
	if !c.Public() {
		passedOnBy = c.ID
	}
	user, refusal, err := s.door.Prove(ctx, identity.Attempt{
		Name: strings.TrimSpace(username), Password: password, IP: from.IP, Client: passedOnBy,
		Bar: func(u *identity.User) *identity.Refusal {
			if !u.Role.Console() {
				return nil
			}
			return &identity.Refusal{Rule: "password_grant_role", Expected: "a person without a role in the console", Remedy: "Let them sign in with the authorization code."}
		},
		Refused: func(u *identity.User, _ *identity.Refusal) error {
			if u != nil {
				meant = u.ID
			}
			return nil
		},
	})
	if err != nil {
		return oauth.PasswordCheck{}, err
	}
	if refusal != nil {
		because := audit.Cause{Rule: refusal.Rule, Expected: refusal.Expected, Remedy: refusal.Remedy}
		return oauth.PasswordCheck{Refusal: oauth.WrongPassword(because, meant)}, nil
	}
	return oauth.PasswordCheck{UserID: user.ID, CheckedHash: user.PasswordHash}, nil
}
