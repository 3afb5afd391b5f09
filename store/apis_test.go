package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func orders() oauth.API {
	return oauth.API{
		ID: "orders", Identifier: "https://orders.example.org", Name: "Orders", Scopes: oauth.Scopes{"read", "write"}, SigningAlg: keys.HS256,
		TokenFormat: oauth.FormatJWT, Claims: oauth.ClaimsTutorial, SigningSecretSealed: "sealed", AccessTokenTTL: 600,
	}
}

var readAndWrite = []oauth.Scope{{Name: "read", Description: "Read orders", Builtin: true}, {Name: "write", Description: "Write orders"}}

func TestAPIs_areKeptAsTheyAre(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		must(t, s.CreateScope(ctx, oauth.Scope{Name: "read", Description: "Read all"}, noon, event(audit.ScopeCreated)))
		must(t, s.CreateAPI(ctx, orders(), readAndWrite, noon, event(audit.APICreated)))
		a := must1(s.API(ctx, "https://orders.example.org"))(t)
		want := orders()
		want.Version, want.CreatedAt, want.UpdatedAt = 1, a.CreatedAt, a.UpdatedAt
		if fmt.Sprint(*a) != fmt.Sprint(want) || !a.CreatedAt.Equal(noon) {
			t.Errorf("%+v", a)
		}
		if same := must1(s.APIByID(ctx, "orders"))(t); same.Identifier != a.Identifier {
			t.Errorf("%+v", same)
		}
		// The scope that was there keeps its words; the other was added, and is nobody's built-in.
		if scope := must1(s.Scope(ctx, "read"))(t); scope.Description != "Read all" {
			t.Errorf("%+v", scope)
		}
		if scope := must1(s.Scope(ctx, "write"))(t); scope.Description != "Write orders" || scope.Builtin {
			t.Errorf("%+v", scope)
		}
		again := orders()
		again.ID = "other"
		wantConflict(t, s.CreateAPI(ctx, again, nil, noon, event(audit.APICreated)), "identifier")
		again.ID, again.Identifier = "orders", "urn:other"
		wantConflict(t, s.CreateAPI(ctx, again, nil, noon, event(audit.APICreated)), "id")

		a.Name, a.Scopes, a.AccessTokenTTL, a.Identifier, a.SigningAlg = "Orders 2", oauth.Scopes{"write", "void"}, 0, "https://moved.example.org", keys.ES256
		must(t, s.UpdateAPI(ctx, *a, []oauth.Scope{{Name: "void", Description: "Void orders"}}, noon.Add(time.Hour), event(audit.APIUpdated)))
		wantConflict(t, s.UpdateAPI(ctx, *a, nil, noon.Add(time.Hour), event(audit.APIUpdated)), "")
		b := must1(s.APIByID(ctx, "orders"))(t)
		if b.Name != "Orders 2" || b.Scopes.String() != "write void" || b.AccessTokenTTL != 0 || b.Version != 2 || b.Identifier != "https://orders.example.org" || b.SigningAlg != keys.HS256 {
			t.Errorf("%+v", b)
		}
		must(t, s.UpdateScope(ctx, oauth.Scope{Name: "void", Description: "Cancel orders", Version: 1}, noon, event(audit.ScopeUpdated)))
		wantConflict(t, s.UpdateScope(ctx, oauth.Scope{Name: "void", Description: "Undo", Version: 1}, noon, event(audit.ScopeUpdated)), "")
		wantNotFound(t, s.UpdateScope(ctx, oauth.Scope{Name: "openid", Description: "x"}, noon, event(audit.ScopeUpdated)))
		if scope := must1(s.Scope(ctx, "void"))(t); scope.Description != "Cancel orders" {
			t.Errorf("%+v", scope)
		}
		second := orders()
		second.ID, second.Identifier = "b", "api://b"
		must(t, s.CreateAPI(ctx, second, nil, noon, event(audit.APICreated)))
		var found []string
		for _, api := range must1(s.APIs(ctx))(t) {
			found = append(found, api.ID)
		}
		if !slices.Equal(found, []string{"b", "orders"}) || events(t, s, audit.APICreated) != 2 || events(t, s, audit.APIUpdated) != 1 {
			t.Errorf("listed %q", found)
		}
		wantNotFound(t, s.DeleteAPI(ctx, "unknown", noon, event(audit.APIDeleted)))
		must(t, s.DeleteAPI(ctx, "b", noon, event(audit.APIDeleted)))
		_, err := s.APIByID(ctx, "b")
		wantNotFound(t, err)
	})
}

func TestDeleteAPI_waitsForWhoDependsOnIt(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.CreateAPI(ctx, orders(), readAndWrite, noon, event(audit.APICreated)))
		for _, depend := range []func(*oauth.Client){
			func(c *oauth.Client) { c.DefaultResource = orders().Identifier },
			func(c *oauth.Client) { c.ResourceServer = orders().Identifier },
		} {
			c := must1(s.Client(ctx, "app"))(t)
			depend(c)
			must(t, s.UpdateClient(ctx, *c, noon, event(audit.ClientUpdated)))
			if clients := must1(s.ClientsOfAPI(ctx, orders().Identifier))(t); len(clients) != 1 || clients[0].ID != "app" || clients[0].DefaultResource+clients[0].ResourceServer == "" {
				t.Errorf("%+v", clients)
			}
			if err := s.DeleteAPI(ctx, "orders", noon, event(audit.APIDeleted)); err == nil || fault.IsNotFound(err) {
				t.Errorf("deleted: %v", err)
			}
			c = must1(s.Client(ctx, "app"))(t)
			c.DefaultResource, c.ResourceServer = "", ""
			must(t, s.UpdateClient(ctx, *c, noon, event(audit.ClientUpdated)))
		}
		must(t, s.DeleteAPI(ctx, "orders", noon, event(audit.APIDeleted)))
	})
}

func opaque(hash, grantID, subject string) oauth.AccessToken {
	return oauth.AccessToken{
		Hash: hash, JTI: hash + "-jti", APIID: "orders", GrantID: grantID, ClientID: "app", Subject: subject, Scopes: oauth.Scopes{"read"},
		CreatedAt: noon, ExpiresAt: noon.Add(time.Minute),
	}
}

func TestAccessToken_comesAndGoesWithWhatItBelongsTo(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		must(t, s.CreateAPI(ctx, orders(), readAndWrite, noon, event(audit.APICreated)))
		saved := opaque("h", "g", "app")
		must(t, s.SaveAccessToken(ctx, saved))
		token, api, err := s.AccessToken(ctx, "h")
		must(t, err)
		if !token.ExpiresAt.Equal(saved.ExpiresAt) || token.JTI != "h-jti" || token.Scopes.String() != "read" || token.GrantID != "g" || token.Subject != "app" || api.Identifier != orders().Identifier || api.SigningAlg != keys.HS256 {
			t.Errorf("%+v for %+v", token, api)
		}
		_, _, err = s.AccessToken(ctx, "other")
		wantNotFound(t, err)

		// With a code, with a rotation, with a family of its own: in the same act, or not at all.
		must(t, s.IssueCode(ctx, code("k", "bob", ""), nil))
		first, second, third := opaque("k-a0", "k-family", "bob"), opaque("k-a1", "k-family", "bob"), opaque("f-a0", "f-family", "bob")
		must(t, s.RedeemCode(ctx, "k", oauth.Beginning{Family: family("k", "bob", ""), Access: &first}, event(audit.CodeRedeemed)))
		r := rotation("k", "k-0", "k-1", 1)
		r.Access = &second
		must(t, s.RotateRefreshToken(ctx, r, event(audit.TokenRefreshed)))
		must(t, s.BeginFamily(ctx, oauth.Beginning{Family: family("f", "bob", ""), Access: &third, CheckedHash: "hash"}, event(audit.PasswordTraded)))
		for _, hash := range []string{"k-a0", "k-a1", "f-a0"} {
			if _, _, err := s.AccessToken(ctx, hash); err != nil {
				t.Errorf("%s: %v", hash, err)
			}
		}
		lost := opaque("lost", "k-family", "bob")
		r = rotation("k", "k-0", "k-2", 1)
		r.Access = &lost
		if err := s.RotateRefreshToken(ctx, r, event(audit.TokenRefreshed)); err == nil {
			t.Error("a spent token was rotated")
		}
		_, _, err = s.AccessToken(ctx, "lost")
		wantNotFound(t, err)

		must1(s.Sweep(ctx, noon.Add(time.Minute-time.Microsecond), nil))(t)
		if n := count(t, s, "SELECT COUNT(*) FROM access_tokens"); n != 4 {
			t.Errorf("%d of 4 are left before they expire", n)
		}
		must(t, s.DeleteAPI(ctx, "orders", noon, event(audit.APIDeleted)))
		if n := count(t, s, "SELECT COUNT(*) FROM access_tokens"); n != 0 {
			t.Errorf("%d outlived their API", n)
		}
		wantNotFound(t, s.SaveAccessToken(ctx, saved))
	})
}

func TestBeginFamily_needsAllThatItHangsOnLive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		begin := func(id, session, hash string) error {
			b := oauth.Beginning{
				Family: family(id, "bob", session), CheckedHash: hash, First: &oauth.RefreshToken{Hash: id + "-0", CreatedAt: noon},
				Consent: &oauth.Consent{UserID: "bob", ClientID: "app", Scopes: oauth.Scopes{"email"}},
			}
			return s.BeginFamily(ctx, b, event(audit.PasswordTraded), event(audit.ConsentGiven))
		}
		must(t, begin("a", "bob-session", "hash"))
		if !alive(t, s, "a-family") || must1(s.Consent(ctx, "bob", "app"))(t).Scopes.String() != "email" || must1(s.RefreshToken(ctx, "a-0"))(t).ID != "a-family" {
			t.Error("it began without what belongs to it")
		}
		wantNotFound(t, begin("b", "", "another hash"))
		wantNotFound(t, begin("b", "no-session", ""))
		for _, c := range []struct{ end, undo string }{
			{"UPDATE users SET disabled_at = updated_at WHERE id = 'bob'", "UPDATE users SET disabled_at = NULL"},
			{"UPDATE clients SET disabled_at = updated_at", "UPDATE clients SET disabled_at = NULL"},
			{"UPDATE sessions SET ended_at = auth_time WHERE id = 'bob-session'", "UPDATE sessions SET ended_at = NULL"},
			{"UPDATE users SET role = 'auditor' WHERE id = 'bob'", "UPDATE users SET role = 'user' WHERE id = 'bob'"}, // after the password was checked
		} {
			s.DB().MustExec(c.end)
			wantNotFound(t, begin("b", "bob-session", "hash"))
			s.DB().MustExec(c.undo)
		}
		if n := count(t, s, "SELECT COUNT(*) FROM families"); n != 1 || events(t, s, audit.PasswordTraded) != 1 {
			t.Errorf("%d families", n)
		}
	})
}

// Two administrators at once get one API, too.
func TestCreateAPI_ofThoseThatNothingTellsApartThereIsOne(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		alike := func(k int) oauth.API {
			a := orders()
			a.ID, a.Identifier, a.SigningAlg, a.SigningSecretSealed = fmt.Sprint("api", k), fmt.Sprint("urn:", k), []string{keys.ES256, keys.RS256, keys.EdDSA}[k%3], ""
			return a
		}
		made, _, _ := race(t, 8, func(k int) error {
			err := s.CreateAPI(ctx, alike(k), readAndWrite, noon, event(audit.APICreated))
			if wrong, ok := errors.AsType[fault.Fields](err); ok && wrong["claims"] != "" {
				return oauth.ErrSpent
			}
			return err
		})
		if apis := must1(s.APIs(ctx))(t); made != 1 || len(apis) != 1 || events(t, s, audit.APICreated) != 1 {
			t.Errorf("%d were made, %d are there", made, len(apis))
		}
		for i, differ := range []func(*oauth.API){
			func(a *oauth.API) { a.SigningAlg, a.SigningSecretSealed = keys.HS256, "sealed" },
			func(a *oauth.API) { a.Claims = oauth.ClaimsStandard },
			func(a *oauth.API) {
				a.Claims, a.TokenFormat, a.SigningAlg = oauth.ClaimsStandard, oauth.FormatOpaque, ""
			},
		} {
			for k := range 2 {
				a := alike(10 + 2*i + k)
				differ(&a)
				must(t, s.CreateAPI(ctx, a, nil, noon, event(audit.APICreated)))
			}
		}
	})
}

// What begins in the very moment of an ending is ended by it, or does not begin; a person who is let in again finds nothing alive.
func TestBeginning_racingAnEndingLeavesNothingAlive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for i, end := range []struct {
			what string
			do   func(user, client, session string) error
			undo func(user, client string) error
		}{
			{"person disabled", func(user, _, _ string) error { return s.DisableUser(ctx, user, noon, event(audit.UserDisabled)) },
				func(user, _ string) error { return s.EnableUser(ctx, user, noon, event(audit.UserEnabled)) }},
			{"client disabled", func(_, client, _ string) error {
				return s.DisableClient(ctx, client, noon, event(audit.ClientDisabled))
			},
				func(_, client string) error { return s.EnableClient(ctx, client, noon, event(audit.ClientEnabled)) }},
			{"session ended", func(_, _, session string) error {
				return s.EndSession(ctx, session, "x", noon, event(audit.SessionEnded))
			}, nil},
			{"password changed", func(user, _, _ string) error {
				return s.ChangePassword(ctx, store.PasswordChange{UserID: user, OldHash: "hash", NewHash: "new"}, noon, event(audit.UserPasswordChanged))
			}, nil},
		} {
			for n := range 12 {
				id := fmt.Sprintf("%d-%d", i, n)
				addUser(t, s, id, identity.RoleUser)
				addClient(t, s, "c"+id)
				addSession(t, s, "s"+id, id)
				race(t, 8, func(k int) error {
					switch {
					case k == 0:
						return end.do(id, "c"+id, "s"+id)
					case k%2 == 0:
						c := code(fmt.Sprint(id, k), id, "s"+id)
						c.ClientID = "c" + id
						return s.IssueCode(ctx, c, nil, event(audit.CodeIssued))
					default:
						f := family(fmt.Sprint(id, k), id, "s"+id)
						f.ClientID = "c" + id
						return s.BeginFamily(ctx, oauth.Beginning{Family: f, CheckedHash: "hash"}, event(audit.PasswordTraded))
					}
				})
				if end.undo != nil {
					must(t, end.undo(id, "c"+id))
				}
				if left := must1(s.Families(ctx, store.FamilyFilter{UserID: id, State: oauth.FamilyLive}))(t); len(left) > 0 {
					t.Errorf("%s left %d families alive", end.what, len(left))
				}
				if left := count(t, s, "SELECT COUNT(*) FROM codes WHERE user_id = $1 AND spent_at IS NULL AND era = (SELECT era FROM clients WHERE id = codes.client_id)", id); left > 0 {
					t.Errorf("%s left %d codes alive", end.what, left)
				}
			}
		}
	})
}

// Whoever is given a role in the console in the very moment of trading a password keeps nothing of it (security.md rule 16).
func TestBeginFamily_racingARoleLeavesNothingAlive(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for n := range 12 {
			id := fmt.Sprint("racer", n)
			u := addUser(t, s, id, identity.RoleUser)
			u.Version, u.Role = 1, identity.RoleAuditor
			race(t, 8, func(k int) error {
				if k == 0 {
					return s.UpdateUser(ctx, u, noon, event(audit.UserUpdated))
				}
				f := family(fmt.Sprint(id, k), id, "")
				f.GrantType = oauth.GrantPassword
				return s.BeginFamily(ctx, oauth.Beginning{Family: f, CheckedHash: "hash"}, event(audit.PasswordTraded))
			})
			if left := must1(s.Families(ctx, store.FamilyFilter{UserID: id, State: oauth.FamilyLive}))(t); len(left) > 0 {
				t.Errorf("%d families are alive", len(left))
			}
		}
	})
}

// A client comes to name an API in the moment in which it is deleted: one of the two is refused.
func TestDeleteAPI_racingAClientThatComesToNameIt(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		for i := range 30 {
			a := orders()
			a.ID, a.Identifier = fmt.Sprint("api", i), fmt.Sprint("urn:api", i)
			must(t, s.CreateAPI(ctx, a, nil, noon, event(audit.APICreated)))
			id := fmt.Sprint("c", i)
			addClient(t, s, id)
			c := must1(s.Client(ctx, id))(t)
			if i%2 == 0 {
				c.DefaultResource = a.Identifier
			} else {
				c.ResourceServer = a.Identifier
			}
			var errs [2]error
			race(t, 2, func(n int) error {
				if n == 0 {
					errs[n] = s.DeleteAPI(ctx, a.ID, noon, event(audit.APIDeleted))
				} else {
					errs[n] = s.UpdateClient(ctx, *c, noon, event(audit.ClientUpdated))
				}
				return nil
			})
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Errorf("round %d: deleting %v, naming %v", i, errs[0], errs[1])
			}
			for _, err := range errs {
				if _, ok := errors.AsType[fault.Fields](err); err != nil && !ok {
					t.Errorf("round %d: %v", i, err)
				}
			}
		}
		c := oauth.Client{ID: "new", Name: "New", DefaultResource: "urn:nowhere"}
		if fields, ok := errors.AsType[fault.Fields](s.CreateClient(ctx, c, nil, noon, event(audit.ClientCreated))); !ok || fields["default_resource"] == "" {
			t.Error("a client names an API that does not exist")
		}
	})
}
