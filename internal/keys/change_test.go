package keys

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"
)

func named(kid string, activeFrom time.Time) SigningKey {
	return SigningKey{KID: kid, Algorithm: ES256, PrivateSealed: "sealed", CreatedAt: activeFrom, ActiveFrom: activeFrom}
}

func wantRefusal(t *testing.T, what string, err error) {
	t.Helper()
	if _, ok := errors.AsType[Refusal](err); !ok {
		t.Errorf("%s: %v", what, err)
	}
}

// Two sets are never staged at once; one that was withdrawn makes room.
func TestStage_once(t *testing.T) {
	t.Parallel()
	s := sealer(t, 1)
	all := []SigningKey{named("a", noon)}
	change, err := Stage(all, s, noon)
	if err != nil || len(change.Added) != len(Algorithms) || !change.Added[0].ActiveFrom.Equal(noon.Add(PublishAhead)) {
		t.Fatalf("%+v, %v", change, err)
	}
	staged := change.apply(all)
	_, err = Stage(staged, s, noon.Add(PublishAhead-1))
	wantRefusal(t, "a second set", err)
	if _, err := Stage(staged, s, noon.Add(PublishAhead)); err != nil {
		t.Errorf("when they sign: %v", err)
	}
	for _, k := range change.Added {
		withdrawn, err := Retire(staged, k.KID, noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		staged = withdrawn.apply(staged)
	}
	if _, err := Stage(staged, s, noon.Add(time.Hour)); err != nil {
		t.Errorf("when they are withdrawn: %v", err)
	}
	// What was withdrawn never signs and displaces nobody.
	if states := States(staged, noon.Add(48*time.Hour)); states["a"] != Current {
		t.Errorf("%v", states)
	}
}

// Which acts are possible on a key in each of its states.
func TestChange_possible(t *testing.T) {
	t.Parallel()
	at := noon.Add(100 * time.Hour)
	lost := named("compromised", noon)
	lost.PrivateSealed, lost.CompromisedAt = "", &at
	all := []SigningKey{lost, named("retired", noon.Add(time.Hour)), named("retiring", noon.Add(2*time.Hour)), named("current", at.Add(-time.Hour)), named("next", at.Add(time.Hour))}
	for kid := range States(all, at) {
		if state := States(all, at)[kid]; string(state) != kid {
			t.Fatalf("%s is %s", kid, state)
		}
		_, back := RollBack(all, kid, at)
		_, gone := Retire(all, kid, at)
		if (back == nil) != (kid == "retiring") || (gone == nil) != (kid == "retiring" || kid == "next") {
			t.Errorf("%s: %v, %v", kid, back, gone)
		}
		for _, err := range []error{back, gone} {
			if err != nil {
				wantRefusal(t, kid, err)
			}
		}
	}
	_, err := RollBack(all, "stranger", at)
	wantRefusal(t, "an unknown key", err)
	_, err = Retire(all, "stranger", at)
	wantRefusal(t, "an unknown key", err)
}

// Going back changes who signs, and nothing else: what has retired stays so, what is staged comes in its time.
func TestRollBack_changesWhoSigns(t *testing.T) {
	t.Parallel()
	first, second := noon.Add(200*time.Hour), noon.Add(210*time.Hour)
	all := []SigningKey{named("old", noon), named("previous", noon.Add(180*time.Hour)), named("current", first), named("next", first.Add(24*time.Hour))}
	all[0].ActiveFrom = noon
	at := second
	if before := States(all, at); before["old"] != Retired || before["previous"] != Retiring {
		t.Fatalf("%v", before)
	}
	change, err := RollBack(all, "previous", at)
	if err != nil {
		t.Fatal(err)
	}
	later := change.apply(all)
	if got, want := States(later, at), (map[string]State{"old": Retired, "previous": Current, "current": Retiring, "next": Next}); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := States(later, first.Add(24*time.Hour)); got["next"] != Current || got["previous"] != Retiring {
		t.Errorf("%v", got)
	}
	if got, want := change.Turns(all, at), []Turn{{"previous", ES256, Retiring, Current}, {"current", ES256, Current, Retiring}}; !slices.ContainsFunc(got, func(x Turn) bool { return x == want[0] }) || !slices.ContainsFunc(got, func(x Turn) bool { return x == want[1] }) || len(got) != 2 {
		t.Errorf("%+v", got)
	}
	back, err := RollBack(later, "current", at.Add(time.Minute)) // and forth
	if err != nil || States(back.apply(later), at.Add(time.Minute))["current"] != Current {
		t.Errorf("%v", err)
	}
}

// Every key whose private part could have been read counts as lost, whatever its state.
func TestReplace_believesNoKeyThatThereWas(t *testing.T) {
	t.Parallel()
	at := noon.Add(100 * time.Hour)
	bare := named("bare", noon)
	bare.PrivateSealed = ""
	all := []SigningKey{bare, named("retired", noon.Add(time.Hour)), named("retiring", noon.Add(2*time.Hour)), named("current", at.Add(-time.Hour)), named("next", at.Add(time.Hour))}
	change, err := Replace(all, sealer(t, 1), at)
	if err != nil {
		t.Fatal(err)
	}
	later := change.apply(all)
	for kid, state := range States(later, at) {
		want := Compromised
		switch {
		case kid == "bare":
			want = Retired // its tokens expired long ago, and nobody could sign with it since
		case len(kid) > 20:
			want = Current
		}
		if state != want {
			t.Errorf("%s is %s", kid, state)
		}
	}
	for _, k := range later {
		if k.CompromisedAt != nil && k.PrivateSealed != "" {
			t.Errorf("the private part of %s is there", k.KID)
		}
	}
	if current := inState(later, at.Add(2*time.Hour), Current); len(current) != len(Algorithms) {
		t.Errorf("%d keys sign when the staged one would have", len(current))
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	const every = 90 * 24 * time.Hour
	young := named("young", noon.Add(24*time.Hour))
	young.Algorithm = RS256
	staged := named("staged", noon.Add(every))
	for name, c := range map[string]struct {
		all   []SigningKey
		every time.Duration
		at    time.Time
		want  bool
	}{
		"too soon":           {[]SigningKey{named("a", noon)}, every, noon.Add(every - PublishAhead - 1), false},
		"a day before":       {[]SigningKey{named("a", noon)}, every, noon.Add(every - PublishAhead), true},
		"long ago":           {[]SigningKey{named("a", noon)}, every, noon.Add(10 * every), true},
		"the oldest decides": {[]SigningKey{young, named("a", noon)}, every, noon.Add(every - PublishAhead), true},
		"staged already":     {[]SigningKey{named("a", noon), staged}, every, noon.Add(every - time.Hour), false},
		"no schedule":        {[]SigningKey{named("a", noon)}, 0, noon.Add(10 * every), false},
		"no keys":            {nil, every, noon, false},
	} {
		if got := Due(c.all, c.every, c.at); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Private parts go with the JWKS, public ones a year after the last signature (security.md rule 9).
func TestTidy(t *testing.T) {
	t.Parallel()
	all := []SigningKey{named("first", noon), named("second", noon.Add(time.Hour))}
	ended := noon.Add(time.Hour)
	for _, c := range []struct {
		at                 time.Time
		destroyed, removed int
	}{{ended, 0, 0}, {ended.Add(publishedAfter - 1), 0, 0}, {ended.Add(publishedAfter), 1, 0}, {ended.Add(hintsAfter - 1), 1, 0}, {ended.Add(hintsAfter), 0, 1}} {
		change := Tidy(all, c.at)
		if len(change.Updated) != c.destroyed || len(change.Removed) != c.removed {
			t.Errorf("at %s: %+v", c.at, change)
		}
		if later := change.apply(all); c.destroyed == 1 && !Tidy(later, c.at).None() {
			t.Error("it is done twice")
		}
	}
}
