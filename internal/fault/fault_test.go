package fault

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestFields_keepsTheFirstFault(t *testing.T) {
	t.Parallel()
	f := Fields{}
	f.Add("name", "first")
	f.Add("name", "second")
	if f["name"] != "first" {
		t.Errorf("%q", f["name"])
	}
}

func TestFields_areNoErrorWhenEmpty(t *testing.T) {
	t.Parallel()
	for _, f := range []Fields{nil, {}} {
		if err := f.Err(); err != nil {
			t.Errorf("%#v", err) // a Fields(nil) inside an error would not be nil
		}
	}
	err := fmt.Errorf("saving: %w", Fields{"name": "Enter a name."}.Err())
	var f Fields
	if !errors.As(err, &f) || f["name"] != "Enter a name." {
		t.Errorf("%v", err)
	}
}

func TestFields_readTheSameEachTime(t *testing.T) {
	t.Parallel()
	f := Fields{"b": "two", "": "Read again.", "a": "one"}
	for range 20 {
		if got := f.Error(); got != "Read again.; a: one; b: two" {
			t.Fatal(got)
		}
	}
}

func TestErrors_areRecognisedWhenWrapped(t *testing.T) {
	t.Parallel()
	wrap := func(err error) error { return fmt.Errorf("act: %w", fmt.Errorf("store: %w", err)) }
	down := errors.New("connection refused")
	all := map[string]error{
		"not found": wrap(NotFound("client")), "conflict": wrap(Conflict("user", "email")),
		"unavailable": wrap(Unavailable(3*time.Second, down)), "too many": wrap(TooMany(90 * time.Second)), "other": wrap(down),
	}
	for name, err := range all {
		if got := IsNotFound(err); got != (name == "not found") {
			t.Errorf("IsNotFound(%s) is %t", name, got)
		}
		if got := AsConflict(err) != nil; got != (name == "conflict") {
			t.Errorf("AsConflict(%s) is %t", name, got)
		}
		if got := AsUnavailable(err) != nil; got != (name == "unavailable") {
			t.Errorf("AsUnavailable(%s) is %t", name, got)
		}
		if got := AsTooMany(err) != nil; got != (name == "too many") {
			t.Errorf("AsTooMany(%s) is %t", name, got)
		}
	}
	if IsNotFound(nil) || AsConflict(nil) != nil || AsUnavailable(nil) != nil || AsTooMany(nil) != nil {
		t.Error("nil is some fault")
	}
	if c := AsConflict(all["conflict"]); c.What != "user" || c.Field != "email" {
		t.Errorf("%+v", c)
	}
	if u := AsUnavailable(all["unavailable"]); u.RetryAfter != 3*time.Second || !errors.Is(u, down) {
		t.Errorf("%+v", u)
	}
	if m := AsTooMany(all["too many"]); m.RetryAfter != 90*time.Second {
		t.Errorf("%+v", m)
	}
}

func TestErrors_speakToPeople(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"client not found":                      NotFound("client"),
		"user: email is already taken":          Conflict("user", "email"),
		"client was changed by somebody else":   Conflict("client", ""),
		"unavailable: no database":              Unavailable(time.Second, errors.New("no database")),
		"too many tries, wait 2s":               TooMany(1600 * time.Millisecond),
		"Choose at least one.; scope: Too many": Fields{"": "Choose at least one.", "scope": "Too many"},
	} {
		if err.Error() != want {
			t.Errorf("%q", err.Error())
		}
	}
}
