package store_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
)

func inJSON(v any) string { b, _ := json.Marshal(v); return string(b) }

func TestAttributes_comeWithThePerson(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		addUser(t, s, "bob", identity.RoleUser)
		if u := must1(s.User(ctx, "bob"))(t); u.Attributes == nil || len(u.Attributes) > 0 {
			t.Errorf("without any: %v", u.Attributes)
		}
		attributed(t, s)
		const want = `{"dept":"Sales","sites":"Oslo"}`
		u := must1(s.User(ctx, "bob"))(t)
		person, standing := must1(s.Person(ctx, "bob"))(t), must1(s.Standing(ctx, "bob"))(t)
		if inJSON(u.Attributes) != want || inJSON(person.Attributes) != want || inJSON(standing.Attributes) != want {
			t.Errorf("%s %s %s", inJSON(u.Attributes), inJSON(person.Attributes), inJSON(standing.Attributes))
		}
		if n := must1(s.AttributeUsers(ctx, "dept"))(t); n != 1 {
			t.Errorf("%d people have it", n)
		}
		u.Name, u.Attributes = "Bobby", nil // not read: they stay
		must(t, s.UpdateUser(ctx, *u, noon, event(audit.UserUpdated)))
		u = must1(s.User(ctx, "bob"))(t)
		if inJSON(u.Attributes) != want {
			t.Errorf("saved without: %s", inJSON(u.Attributes))
		}
		u.Attributes = identity.Values{"dept": []byte(`"a \"b\": {c}"`)}
		must(t, s.UpdateUser(ctx, *u, noon, event(audit.UserUpdated)))
		if again := must1(s.User(ctx, "bob"))(t); inJSON(again.Attributes) != inJSON(u.Attributes) {
			t.Errorf("saved %s, read %s", inJSON(u.Attributes), inJSON(again.Attributes))
		}
		u.Version++
		u.Attributes["gone"] = []byte("1")
		var wrong fault.Fields
		if err := s.UpdateUser(ctx, *u, noon, event(audit.UserUpdated)); !errors.As(err, &wrong) {
			t.Errorf("a value of nothing: %v", err)
		}
		if u := must1(s.User(ctx, "bob"))(t); len(u.Attributes) != 1 {
			t.Errorf("half of it was saved: %v", u.Attributes)
		}
		ada := identity.User{ID: "ada", Username: "ada", Role: identity.RoleUser, Attributes: identity.Values{"dept": []byte(`"IT"`)}}
		must(t, s.CreateUser(ctx, ada, noon, event(audit.UserCreated)))
		if u := must1(s.User(ctx, "ada"))(t); inJSON(u.Attributes) != `{"dept":"IT"}` {
			t.Errorf("created with %s", inJSON(u.Attributes))
		}
	})
}

func TestAttributes_areOneOfTheirKeyAndClaim(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		a := identity.Attribute{Key: "dept", Label: "Department", Type: identity.TypeString, Scope: "profile", Claim: "dept", Position: 10}
		must(t, s.CreateAttribute(ctx, a, noon, event(audit.AttributeCreated)))
		wantConflict(t, s.CreateAttribute(ctx, identity.Attribute{Key: "dept", Label: "Other", Type: identity.TypeString}, noon, event(audit.AttributeCreated)), "key")
		second := identity.Attribute{Key: "team", Label: "Team", Type: identity.TypeString, Scope: "email", Claim: "dept"}
		wantConflict(t, s.CreateAttribute(ctx, second, noon, event(audit.AttributeCreated)), "claim")
		second.Scope, second.Claim = "", ""
		must(t, s.CreateAttribute(ctx, second, noon, event(audit.AttributeCreated)))
		third := identity.Attribute{Key: "x", Label: "X", Type: identity.TypeString} // several are told nowhere
		must(t, s.CreateAttribute(ctx, third, noon, event(audit.AttributeCreated)))
		list := must1(s.Attributes(ctx))(t)
		if len(list) != 3 || list[0].Key != "team" || list[1].Key != "x" || list[2].Key != "dept" {
			t.Errorf("in the order %+v", list)
		}
		if scope := must1(s.Scope(ctx, "profile"))(t); inJSON(scope.Claims) != `{"dept":"dept"}` {
			t.Errorf("profile opens %v", scope.Claims)
		}

		a.Version, a.Label = 1, "Unit"
		must(t, s.UpdateAttribute(ctx, a, noon.Add(time.Hour), event(audit.AttributeUpdated)))
		wantConflict(t, s.UpdateAttribute(ctx, a, noon, event(audit.AttributeUpdated)), "")
		second.Version, second.Scope, second.Claim = 1, "profile", "dept"
		wantConflict(t, s.UpdateAttribute(ctx, second, noon, event(audit.AttributeUpdated)), "claim")
		third.Version, third.Scope, third.Claim = 1, "none of ours", "x"
		var wrong fault.Fields
		if err := s.UpdateAttribute(ctx, third, noon, event(audit.AttributeUpdated)); !errors.As(err, &wrong) || wrong["scope"] == "" {
			t.Errorf("with a scope that is none: %v", err)
		}
		third.Scope, third.Key = "", "nothing"
		wantNotFound(t, s.UpdateAttribute(ctx, third, noon, event(audit.AttributeUpdated)))
		wantNotFound(t, s.DeleteAttribute(ctx, "nothing", noon, event(audit.AttributeDeleted)))

		for i := len(list); i < identity.MaxAttributes; i++ {
			must(t, s.CreateAttribute(ctx, identity.Attribute{Key: "k" + strconv.Itoa(i), Label: "K", Type: identity.TypeString}, noon, event(audit.AttributeCreated)))
		}
		if err := s.CreateAttribute(ctx, identity.Attribute{Key: "one_more", Label: "K", Type: identity.TypeString}, noon, event(audit.AttributeCreated)); !errors.As(err, &wrong) {
			t.Errorf("one too many: %v", err)
		}
	})
}

// What was remembered of a person does not outlive the attribute: one of the same key may mean something else.
func TestDeleteAttribute_takesTheValues(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		populated(t, s)
		attributed(t, s)
		grant(t, s, "k", "bob", "")
		if p := must1(s.LivePerson(ctx, "k-family", "app", "j"))(t); inJSON(p.Attributes) != `{"dept":"Sales","sites":"Oslo"}` {
			t.Fatalf("remembered as %s", inJSON(p.Attributes))
		}
		must(t, s.DeleteAttribute(ctx, "dept", noon.Add(time.Hour), event(audit.AttributeDeleted)))
		must(t, s.CreateAttribute(ctx, identity.Attribute{Key: "dept", Label: "Depth", Type: identity.TypeNumber}, noon, event(audit.AttributeCreated)))
		if p := must1(s.LivePerson(ctx, "k-family", "app", "j"))(t); inJSON(p.Attributes) != `{"sites":"Oslo"}` {
			t.Errorf("still told: %s", inJSON(p.Attributes))
		}
	})
}

// A scope with which something is told is not deleted.
func TestDeleteScope_notWhileAnAttributeIsToldWithIt(t *testing.T) {
	eachDialect(t, func(t *testing.T, s *store.Store) {
		must(t, s.CreateScope(ctx, oauth.Scope{Name: "spare", Description: "Spare"}, noon, event(audit.ScopeCreated)))
		must(t, s.CreateAttribute(ctx, identity.Attribute{Key: "dept", Label: "D", Type: identity.TypeString, Scope: "spare", Claim: "dept"}, noon, event(audit.AttributeCreated)))
		var wrong fault.Fields
		if err := s.DeleteScope(ctx, "spare", noon, event(audit.ScopeDeleted)); !errors.As(err, &wrong) {
			t.Errorf("deleted: %v", err)
		}
		must(t, s.DeleteAttribute(ctx, "dept", noon, event(audit.AttributeDeleted)))
		must(t, s.DeleteScope(ctx, "spare", noon, event(audit.ScopeDeleted)))
	})
}
