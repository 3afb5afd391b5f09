package main

import (
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// signIn makes the person ada sign in with a browser and grant the client something; it returns the family's id. The family
// lives with the browser's session.
func signIn(t *testing.T, m machine, clientID string) string {
	t.Helper()
	m.run("", "user", "create", "--username", "ada") // unless she is there
	s := storetest.Open(t, m.options)
	ada, err := s.UserByUsername(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	at, ctx := now(), t.Context()
	session := identity.Session{
		ID: identity.NewID(), TokenHash: secret.Hash(secret.New("")), UserID: ada.ID, AuthTime: at, LastSeenAt: at, ExpiresAt: at.Add(time.Hour),
		IP: "192.0.2.1", UserAgent: "A browser\x1b[2J",
	}
	if err := s.CreateSession(ctx, store.SignIn{Session: session, CheckedHash: ada.PasswordHash}, at, audit.Event{Action: audit.SignInSucceeded, At: at}); err != nil {
		t.Fatal(err)
	}
	code := oauth.Code{
		Hash: secret.Hash(secret.New("")), ClientID: clientID, UserID: ada.ID, SessionID: session.ID, FamilyID: identity.NewID(),
		Scopes: oauth.Scopes{"openid"}, AuthTime: at, CreatedAt: at, ExpiresAt: at.Add(time.Minute),
	}
	if err := s.IssueCode(ctx, code, nil, audit.Event{Action: audit.CodeIssued, At: at}); err != nil {
		t.Fatal(err)
	}
	family := oauth.Family{
		ID: code.FamilyID, ClientID: clientID, UserID: ada.ID, SessionID: session.ID, Scopes: code.Scopes, AuthTime: at, CreatedAt: at,
		ExpiresAt: at.Add(time.Hour), IdleExpiresAt: at.Add(time.Hour),
	}
	if err := s.RedeemCode(ctx, code.Hash, oauth.Beginning{Family: family}, audit.Event{Action: audit.CodeRedeemed, At: at}); err != nil {
		t.Fatal(err)
	}
	return family.ID
}

func (m machine) mustEnd(t *testing.T, n int64, line string) {
	t.Helper()
	if got := read[map[string]int64](t, m.do(t, line+" --json"))["ended"]; got != n {
		t.Errorf("%s ended %d, expected %d", line, got, n)
	}
}

func (m machine) mustHaveFamilies(t *testing.T, n int, filter string) {
	t.Helper()
	if got := read[[]familyView](t, m.do(t, "family list --json "+filter)); len(got) != n {
		t.Errorf("family list %s: %+v, expected %d", filter, got, n)
	}
}

func TestSession_endedByIdAndByUser(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		client := create(t, m, metadata).ClientID
		for range 3 {
			signIn(t, m, client)
		}
		sessions := read[[]sessionView](t, m.do(t, "session list --username ada --json"))
		if len(sessions) != 3 || sessions[0].IP != "192.0.2.1" {
			t.Fatalf("there are %+v", sessions)
		}
		if out := m.do(t, "session list ada"); strings.Count(out, "\n") != 4 || strings.Contains(out, "\x1b") {
			t.Errorf("printed\n%q", out)
		}
		m.mustEnd(t, 1, "session end --id "+sessions[0].ID)
		m.mustRecord(t, audit.SessionEnded, sessions[0].ID)
		m.mustHaveFamilies(t, 2, "--username ada")
		m.refuses(t, exitFailed, "not found", "session end "+sessions[0].ID)
		m.refuses(t, exitFailed, "not found", "session end nothing")
		if out := m.do(t, "session end "+sessions[1].ID); out != "Ended 1 session.\n" {
			t.Errorf("printed %s", out)
		}
		m.mustEnd(t, 1, "session end --username Ada")
		m.mustEnd(t, 0, "session end --username ada")
		m.mustHaveFamilies(t, 0, "")
		m.refuses(t, exitFailed, `user "nobody" not found`, "session end --username nobody")
	})
}

func TestSession_endedByClient(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		invoices, journal := create(t, m, metadata).ClientID, create(t, m, metadata).ClientID
		signIn(t, m, invoices)
		signIn(t, m, invoices)
		signIn(t, m, journal)
		m.mustEnd(t, 2, "session end --client "+invoices)
		m.mustHaveFamilies(t, 1, "")
		m.mustEnd(t, 0, "session end --client-id "+invoices)
		m.refuses(t, exitFailed, "not found", "session end --client-id cl_nobody")
	})
}

func TestFamily_revokedByIdUserAndClient(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		invoices, journal := create(t, m, metadata).ClientID, create(t, m, metadata).ClientID
		first := signIn(t, m, invoices)
		signIn(t, m, invoices)
		signIn(t, m, journal)

		out := m.do(t, "family list")
		if strings.Count(out, "\n") != 4 || !strings.Contains(out, "  ada  ") {
			t.Errorf("printed\n%s", out)
		}
		m.mustHaveFamilies(t, 2, "--client-id "+invoices)
		m.mustHaveFamilies(t, 1, "--limit 1")

		m.mustEnd(t, 1, "family revoke --id "+first)
		m.mustRecord(t, audit.FamilyEnded, first)
		if e := m.events(t)[0]; e.ClientID != invoices || e.UserID == "" {
			t.Errorf("the event is not in the histories it belongs to: %+v", e)
		}
		m.mustEnd(t, 0, "family revoke "+first)
		m.refuses(t, exitFailed, "not found", "family revoke nothing")

		m.mustEnd(t, 1, "family revoke --client-id "+invoices)
		m.mustRecord(t, audit.ClientRevokedAll, invoices)
		m.refuses(t, exitFailed, "not found", "family revoke --client-id nothing")

		m.mustEnd(t, 1, "family revoke --username ada")
		m.refuses(t, exitFailed, "not found", "family revoke --username nobody")
		m.mustHaveFamilies(t, 0, "")
		m.mustHaveFamilies(t, 3, "--all")
	})
}
