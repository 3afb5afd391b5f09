package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
	"gatehouse/web/webtest"
)

// A deed is something that somebody does in the house, from the street. deeds lists them all.
type deed struct {
	name    string
	machine bool // an application does it
	reads   bool // it changes nothing
	hashes  bool // it hashes a password or makes keys, which takes its time: one fault has to do
	// beside names tables and columns of what is noted on the way, whatever becomes of the deed.
	beside []string
	// begin brings the house to where the deed can be done.
	begin func(t *testing.T, h *webtest.House) request
}

// A request is how a deed is done. To send it again is the next try.
type request struct {
	send func() webtest.Answer
	// done reports whether the answer is that of the deed done, and true: what was given works, what was ended does not.
	done func(a webtest.Answer) bool
	// twice reports the same of the next try where the deed was done and nobody knows; nil if it is answered as the first.
	twice func(a webtest.Answer) bool
}

// Each statement of each deed fails once, in each way: nothing is ever half done, whoever asked is told no less and no more than
// what is known, and the next try works.
func TestFaults_aDeedIsDoneWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	storetest.EachBackend(t, func(t *testing.T, b storetest.Backend) {
		faults, o := storetest.WithFaults(b.Migrated(t))
		h := webtest.Open(t, storetest.Open(t, o), tutorial)
		beside := storetest.NewBeside(t, o)
		empty := beside.Contents(t)
		for _, d := range deeds {
			t.Run(d.name, func(t *testing.T) {
				beside.Restore(t, empty)
				h.Clock.Advance(time.Minute)             // an address has so many failures in one
				h.Get(t, oauth.PathUserinfo, "no token") // what was refused too often in the last is written down now
				r := d.begin(t, h)
				trial{h, faults, beside, beside.Contents(t)}.of(t, d, r)
			})
		}
		// What nobody has posted is no deed yet. A theme is kept by the browser alone, and userinfo was asked by GET.
		for _, route := range h.App.GetRoutes(true) {
			if route.Method == http.MethodPost && !slices.Contains([]string{"/preferences/theme", oauth.PathUserinfo}, route.Path) &&
				!strings.Contains(h.Log.String(), `"method":"POST","route":"`+route.Path+`"`) {
				t.Errorf("no deed posts to %s: add it to deeds", route.Path)
			}
		}
	})
}

// A trial lets a deed fail, again and again in the same world.
type trial struct {
	h      *webtest.House
	faults *storetest.Faults
	beside *storetest.Beside
	before storetest.Contents
}

// later is how much time passes before a deed is done, so that nothing which is kept for a second stands in for the database.
const later = 2 * time.Second

// send does the deed in the world as it was, and tells what that changed and which statement failed.
func (w trial) send(t *testing.T, d deed, r request, n int, how storetest.Fault) (a webtest.Answer, changes []string, struck string) {
	w.beside.Restore(t, w.before)
	w.h.Get(t, oauth.PathJWKS, "") // reads the keys now, so that they are old later
	w.h.Clock.Advance(later)
	w.faults.Strike(n, how)
	a = r.send()
	struck = w.faults.Rest()
	return a, w.changes(t, d), struck
}

func (w trial) changes(t *testing.T, d deed) []string {
	return w.before.Changes(w.beside.Contents(t), d.beside...)
}

func (w trial) of(t *testing.T, d deed, r request) {
	a, whole, _ := w.send(t, d, r, 0, "")
	if !r.done(a) || (len(whole) == 0) != d.reads {
		t.Fatalf("without a fault: %s, changed %q", brief(a), whole)
	}
	w.h.Clock.Advance(-later)
	faults := storetest.EachFault
	if d.hashes { // the likeliest
		faults = []storetest.Fault{storetest.Lost}
		if w.h.Store.Dialect() == store.SQLite {
			faults = []storetest.Fault{storetest.Refused}
		}
	}
	for _, how := range faults {
		for n, struck := 1, "once at least"; struck != "" && !t.Failed(); n++ {
			var changed []string
			a, changed, struck = w.send(t, d, r, n, how)
			w.judge(t, d, r, outcome{how, struck, a, changed, whole})
			w.h.Clock.Advance(-later)
		}
	}
}

// An outcome is what became of a deed, one of whose statements failed.
type outcome struct {
	how            storetest.Fault
	struck         string // empty: none has failed
	answer         webtest.Answer
	changed, whole []string // what became different, and what does if nothing fails
}

func (w trial) judge(t *testing.T, d deed, r request, o outcome) {
	t.Helper()
	failed := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s at %q: "+format+"\nanswered %s\nchanged %q", append([]any{o.how, o.struck}, append(args, brief(o.answer), o.changed)...)...)
	}
	changed := len(o.changed) > 0
	switch {
	case changed && !slices.Equal(o.changed, o.whole):
		failed("half done of %q", o.whole)
	case o.answer.Status < http.StatusInternalServerError:
		if !changed && !d.reads {
			failed("said to be done")
		}
		if !r.done(o.answer) {
			failed("the answer is not that of the deed done")
		}
	case o.struck == "":
		failed("without a fault")
	case changed && o.how != storetest.Lost:
		failed("done, but not said to be")
	default:
		told(t, d, o)
		again := r.send()
		if changed && r.twice != nil {
			if !r.twice(again) {
				failed("it was done, and the next try is answered %s", brief(again))
			}
		} else if after := w.changes(t, d); !changed && !slices.Equal(after, o.whole) {
			failed("the next try changed %q, not %q", after, o.whole)
		} else if !r.done(again) {
			failed("the next try is answered %s", brief(again))
		}
	}
}

// newSession is the cookie of somebody who is signed in.
var newSession = regexp.MustCompile(`gh_session=[^;]`)

// told checks what is said to whoever asked: that it failed, neither more nor less than that, and what they may do about it.
func told(t *testing.T, d deed, o outcome) {
	t.Helper()
	what, a := string(o.how)+" at "+o.struck, o.answer
	const nothing, unknown = "Nothing was saved", "not known whether"
	if a.Status == http.StatusServiceUnavailable {
		away(t, what, a, d.machine)
	} else if o.how != storetest.Failed || a.Status != http.StatusInternalServerError || (d.machine && a.Str("error") != "server_error") {
		t.Errorf("%s: answered %s", what, brief(a))
	}
	if changed := len(o.changed) > 0; changed && (strings.Contains(a.Body, nothing) || !strings.Contains(a.Body, unknown)) {
		t.Errorf("%s: it was done, but is said not to be: %s", what, brief(a))
	}
	if a.Header.Get("Location") != "" || newSession.MatchString(strings.Join(a.Header.Values("Set-Cookie"), "\n")) {
		t.Errorf("%s: led on to %q", what, a.Header.Get("Location"))
	}
	for _, given := range []string{"access_token", "refresh_token", "id_token", "active", "sub"} {
		if a.JSON[given] != nil {
			t.Errorf("%s: it holds %s", what, given)
		}
	}
}

// brief is an answer without the head and the markup of its page.
func brief(a webtest.Answer) string {
	body := a.Body
	if _, page, found := strings.Cut(body, "</head>"); found {
		body = page
	}
	return fmt.Sprintf("%d %q %.1000s", a.Status, a.Header.Get("Location"), markup.ReplaceAllString(body, " "))
}

var markup = regexp.MustCompile(`<[^>]*>|\s+`)
