package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

func keyed(key string) *Chain {
	sum := func(key string, parts ...string) string {
		h := sha256.Sum256(fmt.Appendf(nil, "%s%q", key, parts))
		return base64.RawURLEncoding.EncodeToString(h[:])
	}
	return NewChain(func(parts ...string) string { return sum(key, parts...) }, func(key []byte, parts ...string) string { return sum(string(key), parts...) })
}

func TestChain_provesEachEventInItsPlace(t *testing.T) {
	t.Parallel()
	c := keyed("ours")
	begun := c.Begin(ClassActivity)
	one, state := c.Seal(begun, Evidence{"one", "a", "b"})
	two, _ := c.Seal(state, Evidence{"two", "a", "b"})
	if !c.Ours(begun) || c.Ours(state) || !c.Ours(c.Sign(state)) || keyed("theirs").Ours(begun) {
		t.Error("a state is signed by who wrote it")
	}
	if !c.Follows(one, begun.MAC) || !c.Follows(two, one.MAC) || c.Follows(two, begun.MAC) || c.Follows(one, two.MAC) {
		t.Error("the order is not proven")
	}
	if !c.Covers(one, Evidence{"one", "a", "b"}) || c.Covers(one, Evidence{"one", "a", "c"}) || c.Covers(one, Evidence{"one", "ab", ""}) || c.Covers(one, Evidence{"one", "a"}) {
		t.Error("what the event says is not proven")
	}
	if one.Commitment == two.Commitment || one.Salt == two.Salt {
		t.Error("the same words are committed to alike: they can be tried")
	}
	left := c.Erase(one, Evidence{"one", "a", ""})
	if !c.Covers(left, Evidence{"one", "a", ""}) || c.Covers(left, Evidence{"one", "a", "b"}) || c.Covers(left, Evidence{"one", "b", ""}) || left.Salt != "" || !c.Follows(left, begun.MAC) {
		t.Errorf("an erasure leaves %+v", left)
	}
}

func TestCheckpoint_isFoundInAnyLog(t *testing.T) {
	t.Parallel()
	c := keyed("ours")
	state := c.Begin(ClassChanges)
	state.SealedUntil = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	_, state = c.Seal(state, Evidence{"one"})
	point := c.Checkpoint(state)
	for _, text := range []string{point.String(), `{"msg":"audit checkpoint","checkpoint":"` + point.String() + `"}` + "\n", "checkpoint=" + point.String() + " level=INFO"} {
		if found := ReadCheckpoints(text); len(found) != 1 || found[0] != point || !c.Vouches(found[0]) || keyed("theirs").Vouches(found[0]) {
			t.Errorf("in %q there are %v", text, found)
		}
	}
	for _, forged := range []string{strings.Replace(point.String(), "changes.1.", "changes.2.", 1), strings.Replace(point.String(), ".1772", ".1773", 1), strings.Replace(point.String(), "changes", "refusals", 1)} {
		if found := ReadCheckpoints(forged); len(found) != 1 || c.Vouches(found[0]) {
			t.Errorf("%s is vouched for", forged)
		}
	}
	for _, none := range []string{"", "ghcp1", "ghcp1.changes.99999999999999999999.1.a.b", point.String()[:60]} {
		if found := ReadCheckpoints(none); len(found) > 0 {
			t.Errorf("in %q there are %v", none, found)
		}
	}
}

func TestErase_takesOutWhoSomebodyWas(t *testing.T) {
	t.Parallel()
	bob, ada := Party{KindUser, "bob", "Bob"}, Party{KindUser, "ada", "Ada"}
	from := Caller{RequestID: "r", IP: "192.0.2.1", UserAgent: "browser"}
	for _, c := range []struct {
		name        string
		event, want Event
	}{
		{"what they did", Event{Actor: bob, Target: Party{KindClient, "app", "App"}, UserID: "bob", Caller: from}, Event{Actor: Party{Kind: KindUser, ID: "bob"}, Target: Party{KindClient, "app", "App"}, UserID: "bob", Caller: Caller{RequestID: "r"}}},
		{"what an application did for them", Event{Actor: Party{KindClient, "app", "App"}, UserID: "bob", Caller: from}, Event{Actor: Party{KindClient, "app", "App"}, UserID: "bob", Caller: Caller{RequestID: "r"}}},
		{
			"what was done to them", Event{Actor: ada, Target: bob, UserID: "bob", Caller: from, Changes: map[string]Change{"email": {"", "b@x"}, Reason: {After: "why"}}},
			Event{Actor: ada, Target: Party{Kind: KindUser, ID: "bob"}, UserID: "bob", Caller: from, Changes: map[string]Change{"email": {"", Erased}, Reason: {After: "why"}}},
		},
		{"what they did to somebody else", Event{Actor: bob, Target: ada, UserID: "ada", Caller: from, Changes: map[string]Change{"email": {"a@x", "c@x"}}}, Event{Actor: Party{Kind: KindUser, ID: "bob"}, Target: ada, UserID: "ada", Caller: Caller{RequestID: "r"}, Changes: map[string]Change{"email": {"a@x", "c@x"}}}},
		{"somebody else", Event{Actor: ada, UserID: "ada", Caller: from}, Event{Actor: ada, UserID: "ada", Caller: from}},
		{"a refusal", Event{Actor: Party{KindClient, "app", "App"}, UserID: "bob", Cause: &Cause{Rule: "r", Received: "what"}}, Event{Actor: Party{KindClient, "app", "App"}, UserID: "bob", Cause: &Cause{Rule: "r"}}},
	} {
		c.event.Erase("bob")
		if got, want := fmt.Sprintf("%+v %+v", c.event, c.event.Cause), fmt.Sprintf("%+v %+v", c.want, c.want.Cause); c.event.Cause == nil && got != want || c.event.Cause != nil && *c.event.Cause != *c.want.Cause {
			t.Errorf("%s becomes %s, want %s", c.name, got, want)
		}
	}
}
