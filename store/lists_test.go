package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

// idOf is the nth of ids that sort by time, as those that the house makes.
func idOf(kind string, n int) string {
	return fmt.Sprintf("019a%s-%04d-7000-8000-000000000000", kind, n)
}

// walk reads a list to its end and back, and returns what stood on its pages on the way there.
func walk[T any](t *testing.T, page func(after, before string) (rows []T, previous, next string), id func(T) string) (ids []string) {
	t.Helper()
	var forth [][]string
	read := func(after, before string) (on []string, previous, next string) {
		rows, previous, next := page(after, before)
		for _, r := range rows {
			on = append(on, id(r))
		}
		return on, previous, next
	}
	on, previous, next := read("", "")
	if previous != "" {
		t.Error("something comes before the first page")
	}
	for {
		forth = append(forth, on)
		ids = append(ids, on...)
		if next == "" {
			break
		}
		if on, previous, next = read(next, ""); len(on) == 0 || len(forth) > 20 {
			t.Fatalf("page %d: %q", len(forth), on)
		}
	}
	for i := len(forth) - 2; i >= 0; i-- {
		if on, previous, _ = read("", previous); !slices.Equal(on, forth[i]) {
			t.Fatalf("back on page %d: %q, was %q", i, on, forth[i])
		}
	}
	if previous != "" && len(forth) > 1 {
		t.Error("something comes before the first page, on the way back")
	}
	return ids
}

// eleven adds that many sessions and families, of two people and two clients, in several states.
func eleven(t *testing.T, s *store.Store) {
	t.Helper()
	populated(t, s)
	addClient(t, s, "shop")
	for i := range 11 {
		user := []string{"ada", "bob"}[i%2]
		session := identity.Session{
			ID: idOf("aaaa", i), TokenHash: fmt.Sprint("token", i), UserID: user, AuthTime: noon, LastSeenAt: noon, ExpiresAt: noon.Add(24 * time.Hour), IP: fmt.Sprint("192.0.2.", i%3),
		}
		must(t, s.CreateSession(ctx, signIn(session, ""), noon, event(audit.SignInSucceeded)))
		c := code(fmt.Sprint("code", i), user, session.ID)
		f := family(c.Hash, user, "")
		c.FamilyID, f.ID = idOf("bbbb", i), idOf("bbbb", i)
		if i%3 == 0 {
			c.ClientID, f.ClientID = "shop", "shop"
		}
		if i == 4 { // lives and dies with its session, and cannot be refreshed
			f.SessionID, f.CurrentHash, f.ExpiresAt = session.ID, "", noon.Add(15*time.Minute)
		}
		must(t, s.IssueCode(ctx, c, nil))
		must(t, s.RedeemCode(ctx, c.Hash, oauth.Beginning{Family: f}, event(audit.CodeRedeemed)))
	}
	must(t, s.EndFamily(ctx, idOf("bbbb", 1), oauth.EndedByReplay, noon, event(audit.RefreshReplayed)))
	must(t, s.EndFamily(ctx, idOf("bbbb", 2), oauth.EndedByCodeReuse, noon, event(audit.CodeReplayed)))
	must(t, s.EndFamily(ctx, idOf("bbbb", 3), oauth.EndedByClient, noon, event(audit.FamilyEnded)))
	must(t, s.EndSession(ctx, idOf("aaaa", 5), "signed_out", noon, event(audit.SessionEnded)))
}

func nth(kind string, numbers ...int) (ids []string) {
	for _, n := range numbers {
		ids = append(ids, idOf(kind, n))
	}
	return ids
}

func TestFamilyPage_readsNewestFirst(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		eleven(t, s)
		later := noon.Add(time.Hour)
		for _, c := range []struct {
			name string
			want store.FamilyFilter
			ids  []string
		}{
			{"all", store.FamilyFilter{}, nth("bbbb", 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)},
			{"a person's", store.FamilyFilter{UserID: "bob"}, nth("bbbb", 9, 7, 5, 3, 1)},
			{"a client's", store.FamilyFilter{ClientID: "shop"}, nth("bbbb", 9, 6, 3, 0)},
			{"a person's of a client", store.FamilyFilter{UserID: "ada", ClientID: "shop"}, nth("bbbb", 6, 0)},
			{"one", store.FamilyFilter{ID: idOf("bbbb", 6)}, nth("bbbb", 6)},
			{"live", store.FamilyFilter{State: oauth.FamilyLive, At: noon}, nth("bbbb", 10, 9, 8, 7, 6, 5, 4, 0)},
			{"live an hour later", store.FamilyFilter{State: oauth.FamilyLive, At: later}, nth("bbbb", 10, 9, 8, 7, 6, 5, 0)},
			{"lapsed", store.FamilyFilter{State: oauth.FamilyExpired, At: later}, nth("bbbb", 4)},
			{"idle for too long", store.FamilyFilter{State: oauth.FamilyExpired, At: noon.Add(15 * 24 * time.Hour)}, nth("bbbb", 10, 9, 8, 7, 6, 5, 4, 0)},
			{"ended", store.FamilyFilter{State: oauth.FamilyEnded}, nth("bbbb", 3, 2, 1)},
			{"replayed", store.FamilyFilter{State: store.FamilyReplayed}, nth("bbbb", 2, 1)},
			{"nobody's", store.FamilyFilter{UserID: "eve"}, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.want.Limit = 3
				got := walk(t, func(after, before string) ([]store.ListedFamily, string, string) {
					c.want.After, c.want.Before = after, before
					p := must1(s.FamilyPage(ctx, c.want))(t)
					if int(p.Total) != len(c.ids) {
						t.Errorf("%d in all, want %d", p.Total, len(c.ids))
					}
					return p.Families, p.Previous, p.Next
				}, func(f store.ListedFamily) string { return f.ID })
				if !slices.Equal(got, c.ids) {
					t.Errorf("%q, want %q", got, c.ids)
				}
			})
		}
		p := must1(s.FamilyPage(ctx, store.FamilyFilter{ID: idOf("bbbb", 6), After: "garbage", Before: "\x00"}))(t)
		if f := p.Families[0]; f.Username != "ada" || f.Name != "ada" || f.Role != identity.RoleAdmin || f.ClientName != "shop" {
			t.Errorf("%+v", f)
		}
	})
}

func TestSessionPage_readsNewestFirst(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		eleven(t, s)
		must(t, s.TouchSession(ctx, idOf("aaaa", 7), noon.Add(5*time.Hour)))
		for _, c := range []struct {
			name string
			want store.SessionFilter
			ids  []string
		}{
			{"a person's", store.SessionFilter{UserID: "bob", ID: ""}, append([]string{"bob-session"}, nth("aaaa", 9, 7, 5, 3, 1)...)},
			{"an address", store.SessionFilter{IP: "192.0.2.1"}, nth("aaaa", 10, 7, 4, 1)},
			{"one", store.SessionFilter{ID: idOf("aaaa", 6)}, nth("aaaa", 6)},
			{"a client's", store.SessionFilter{ClientID: "shop"}, nth("aaaa", 9, 6, 3, 0)},
			{"a client's of a person", store.SessionFilter{ClientID: "shop", UserID: "ada"}, nth("aaaa", 6, 0)},
			{"nobody's", store.SessionFilter{ClientID: "none"}, nil},
			{"a person's that live", store.SessionFilter{UserID: "bob", State: store.SessionLive, At: noon}, append([]string{"bob-session"}, nth("aaaa", 9, 7, 3, 1)...)},
			{"later", store.SessionFilter{UserID: "bob", State: store.SessionLive, At: noon.Add(9 * time.Hour)}, nth("aaaa", 7)},
			{"much later", store.SessionFilter{UserID: "bob", State: store.SessionLive, At: noon.Add(25 * time.Hour)}, nil},
			{"ended", store.SessionFilter{UserID: "bob", State: store.SessionEnded, At: noon}, nth("aaaa", 5)},
			{"or idle", store.SessionFilter{UserID: "bob", State: store.SessionEnded, At: noon.Add(9 * time.Hour)}, append([]string{"bob-session"}, nth("aaaa", 9, 5, 3, 1)...)},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.want.Limit = 50
				p := must1(s.SessionPage(ctx, c.want))(t)
				var got []string
				for _, s := range p.Sessions {
					got = append(got, s.ID)
				}
				if !slices.Equal(got, c.ids) || int(p.Total) != len(c.ids) {
					t.Errorf("%q of %d, want %q", got, p.Total, c.ids)
				}
			})
		}
		all := walk(t, func(after, before string) ([]store.ListedSession, string, string) {
			p := must1(s.SessionPage(ctx, store.SessionFilter{IP: "192.0.2.1", After: after, Before: before, Limit: 3}))(t)
			return p.Sessions, p.Previous, p.Next
		}, func(s store.ListedSession) string { return s.ID })
		if !slices.Equal(all, nth("aaaa", 10, 7, 4, 1)) {
			t.Errorf("%q", all)
		}
		one := must1(s.Session(ctx, idOf("aaaa", 6)))(t)
		if len(one.Clients) != 1 || one.Clients[0].ID != "shop" || one.Username != "ada" || one.Role != identity.RoleAdmin {
			t.Errorf("%+v", one)
		}
		_, err := s.Session(ctx, "nothing")
		wantNotFound(t, err)
	})
}

func TestImpact_countsWhatEnds(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		eleven(t, s)
		live := oauth.FamilyLive
		for _, c := range []struct {
			want store.FamilyFilter
			is   store.FamilyImpact
		}{
			{store.FamilyFilter{UserID: "bob", State: live, At: noon}, store.FamilyImpact{Families: 3, People: 1, Clients: 2}},
			{store.FamilyFilter{ClientID: "shop", State: live, At: noon}, store.FamilyImpact{Families: 3, People: 2, Clients: 1, Admins: 2}},
			{store.FamilyFilter{UserID: "eve", State: live, At: noon}, store.FamilyImpact{}},
		} {
			if is := must1(s.FamilyImpact(ctx, c.want))(t); is != c.is {
				t.Errorf("%+v: %+v, want %+v", c.want, is, c.is)
			}
		}
		n := must1(s.EndFamiliesOfUser(ctx, "bob", oauth.EndedByOperator, noon, event(audit.FamiliesEnded)))(t)
		if n != 3 {
			t.Errorf("%d families ended", n)
		}
		is := must1(s.SessionImpact(ctx, store.SessionFilter{UserID: "ada", State: store.SessionLive, At: noon}))(t)
		if is != (store.SessionImpact{Sessions: 7, Families: 1, Clients: 1, People: 1, Admins: 7}) {
			t.Errorf("%+v", is)
		}
		ofShop := must1(s.SessionImpact(ctx, store.SessionFilter{ClientID: "shop", State: store.SessionLive, At: noon}))(t)
		if ofShop != (store.SessionImpact{Sessions: 4, Clients: 0, People: 2, Admins: 2}) {
			t.Errorf("%+v", ofShop)
		}
		if n := must1(s.EndSessions(ctx, "ada", "", "why", noon, event(audit.SessionsEnded)))(t); n != is.Sessions {
			t.Errorf("%d sessions ended, %d were announced", n, is.Sessions)
		}
	})
}

// Whatever the clock does, and whoever wrote an event, the log is read by the times that its events tell.
func TestEventPage_readsByTheTimesTold(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		var want []string
		for i, minutes := range []int{5, 1, 9, 9, 9, 3, 7} {
			e := event(audit.TokenRefused)
			e.At, e.Caller.RequestID = noon.Add(time.Duration(minutes)*time.Minute), fmt.Sprint(i)
			must(t, s.Record(ctx, e))
		}
		want = []string{"4", "3", "2", "6", "0", "5", "1"}
		page := func(f store.EventFilter) func(after, before string) ([]audit.Event, string, string) {
			return func(after, before string) ([]audit.Event, string, string) {
				f.After, f.Before, f.Limit = after, before, 2
				p := must1(s.EventPage(ctx, f))(t)
				return p.Events, p.Previous, p.Next
			}
		}
		requestID := func(e audit.Event) string { return e.Caller.RequestID }
		if got := walk(t, page(store.EventFilter{Action: audit.TokenRefused}), requestID); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		between := store.EventFilter{From: noon.Add(3 * time.Minute).Truncate(time.Second), To: noon.Add(9 * time.Minute).Truncate(time.Second)}
		if got := walk(t, page(between), requestID); !slices.Equal(got, []string{"6", "0", "5"}) {
			t.Errorf("between: %q", got)
		}
	})
}

func TestEventPage_filters(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		told := audit.Event{
			At: noon, Action: audit.TokenRefused, Outcome: audit.Refused, Actor: audit.Party{Kind: audit.KindUser, ID: "actor"}, Target: audit.Party{Kind: audit.KindFamily, ID: "target"},
			ClientID: "client", UserID: "user", Caller: audit.Caller{RequestID: "request", IP: "192.0.2.7"}, Error: "invalid_grant",
			Cause: &audit.Cause{Rule: "code_unused"}, Changes: map[string]audit.Change{"generation": {Before: "1", After: "3"}},
		}
		must(t, s.Record(ctx, told))
		must(t, s.Record(ctx, audit.Event{At: noon, Action: audit.KeyRotated, Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindCLI, ID: "actor"}}))
		for name, f := range map[string]store.EventFilter{
			"request": {RequestID: "request"}, "client": {ClientID: "client"}, "user": {UserID: "user"}, "actor": {ActorID: "actor"}, "target": {TargetID: "target"},
			"ip": {IP: "192.0.2.7"}, "error": {Error: "invalid_grant"}, "action": {Action: audit.TokenRefused}, "except": {Except: audit.KeyRotated}, "outcome": {Outcome: audit.Refused},
		} {
			p := must1(s.EventPage(ctx, f))(t)
			if len(p.Events) != 1 || p.Total != 1 || p.Events[0].Action != audit.TokenRefused {
				t.Errorf("%s: %+v", name, p)
				continue
			}
			if found := must1(s.Events(ctx, f))(t); len(found) != 1 || found[0].ID != p.Events[0].ID {
				t.Errorf("%s: %+v", name, found)
			}
			one := must1(s.Event(ctx, p.Events[0].ID))(t)
			if one.Cause.Rule != "code_unused" || one.Changes["generation"].After != "3" || !one.At.Equal(noon) {
				t.Errorf("%+v", one)
			}
		}
		if p := must1(s.EventPage(ctx, store.EventFilter{Outcome: audit.Success}))(t); len(p.Events) != 1 || p.Events[0].Action != audit.KeyRotated {
			t.Errorf("%+v", p)
		}
		_, err := s.Event(ctx, "nothing")
		wantNotFound(t, err)
	})
}

// What happens all day is not counted to its end.
func TestEventPage_stopsCounting(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		must(t, s.InTx(ctx, func(tx *store.Store) error {
			for range store.CountLimit + 5 {
				if err := tx.Record(ctx, audit.Event{At: noon, Action: audit.TokenRefreshed, Outcome: audit.Success}); err != nil {
					return err
				}
			}
			return nil
		}))
		p := must1(s.EventPage(ctx, store.EventFilter{}))(t)
		if p.Total != store.CountLimit+1 || len(p.Events) != 50 || p.Next == "" {
			t.Errorf("%d counted, %d shown", p.Total, len(p.Events))
		}
	})
}

func TestRefreshTokens_areThoseAskedFor(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		grant(t, s, "a", "bob", "")
		for i := range 5 {
			must(t, s.RotateRefreshToken(ctx, rotation("a", fmt.Sprint("a-", i), fmt.Sprint("a-", i+1), int64(i+1)), event(audit.TokenRefreshed)))
		}
		tokens := must1(s.RefreshTokens(ctx, "a-family", []int64{4, 0, 5, 17}))(t)
		var got []int64
		for _, token := range tokens {
			got = append(got, token.Generation)
		}
		if !slices.Equal(got, []int64{0, 4, 5}) || tokens[0].IP != "192.0.2.1" {
			t.Errorf("%v", tokens)
		}
		if tokens := must1(s.RefreshTokens(ctx, "a-family", nil))(t); len(tokens) != 0 {
			t.Errorf("%v", tokens)
		}
	})
}

// A page of a list costs the same however long the list is: each filter is read from an index, in the order of the list.
func TestLists_areReadFromAnIndex(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		explain := "EXPLAIN QUERY PLAN "
		if s.Dialect() == store.PostgreSQL {
			explain = "EXPLAIN "
			// Tables of tests are so small that reading them whole is cheapest; what is asked is what can be done.
			conn := s.DB()
			conn.SetMaxOpenConns(1)
			must1(conn.Exec("SET enable_seqscan = off"))(t)
			must1(conn.Exec("SET enable_sort = off"))(t)
			must1(conn.Exec("SET enable_bitmapscan = off"))(t)
		}
		for _, c := range []struct{ table, where, index string }{
			{"sessions", "user_id = 'x'", "sessions_user"},
			{"sessions", "ip = 'x'", "sessions_ip"},
			{"session_clients", "client_id = 'x'", "session_clients_client"},
			{"families", "user_id = 'x'", "families_user"},
			{"families", "client_id = 'x'", "families_client"},
			{"families", "ended_at IS NOT NULL", "families_ended"},
			{"families", "end_reason IN ('" + oauth.EndedByReplay + "', '" + oauth.EndedByCodeReuse + "')", "families_replayed"},
			{"audit_events", "client_id = 'x'", "audit_events_client"},
			{"audit_events", "user_id = 'x'", "audit_events_user"},
			{"audit_events", "target_id = 'x'", "audit_events_target"},
			{"audit_events", "action = 'x'", "audit_events_action"},
			{"audit_events", "ip = 'x'", "audit_events_ip"},
			{"audit_events", "actor_kind = 'user' AND actor_id = 'x'", "audit_events_actor"},
			{"audit_events", "outcome = 'refused'", "audit_events_refused"},
			{"audit_events", "client_id = 'x' AND outcome = 'refused'", "audit_events_client_refused"},
		} {
			id := "id"
			if c.table == "session_clients" {
				id, c.table = "session_id", "session_clients JOIN sessions ON sessions.id = session_clients.session_id"
			}
			text := strings.Join(planOf(t, s, explain+"SELECT "+id+" FROM "+c.table+" WHERE "+c.where+" AND "+id+" < 'y' ORDER BY "+id+" DESC LIMIT 26"), "\n")
			if !strings.Contains(text, c.index) || strings.Contains(text, "TEMP B-TREE") || strings.Contains(text, "Sort") {
				t.Errorf("%s by %s: %s", c.table, c.where, text)
			}
		}
	})
}
