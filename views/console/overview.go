package console

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/keys"
	"gatehouse/internal/oauth"
	"gatehouse/views/ui"
)

// Range is how far back the overview looks.
type Range struct {
	Value string        // in the URL
	Label string        // of its link
	Words string        // "24 hours"
	Step  time.Duration // of the chart
	Steps int
}

// Ranges are the choices, the first of them where the URL says nothing.
var Ranges = []Range{
	{"24h", "24 h", "24 hours", time.Hour, 24},
	{"7d", "7 d", "7 days", 6 * time.Hour, 28},
	{"30d", "30 d", "30 days", 24 * time.Hour, 30},
}

// Begins is the beginning of the first step; the last one is under way. Steps begin with an hour, a quarter or a day of UTC.
func (r Range) Begins(now time.Time) time.Time {
	return now.UTC().Truncate(r.Step).Add(-time.Duration(r.Steps-1) * r.Step)
}

// Length is how long all steps take.
func (r Range) Length() time.Duration { return time.Duration(r.Steps) * r.Step }

// OverviewData fills the overview.
type OverviewData struct {
	Range   Range
	Now     time.Time
	Steps   []Step // of the range, the oldest first
	Before  Step   // what happened in the time before, of the same length
	Busiest []ClientCount

	Sessions      int64 // live ones
	SessionsLimit int64 // they are not counted any further

	Refusals    []RefusalCount // the most frequent first
	Replays     []RefusalCount // of codes and refresh tokens
	Suppressed  int64          // times that refusals came too fast to be kept
	Clients     ClientCounts
	Switches    []string // grants that RFC 9700 advises against, and that are on
	SigningKeys []SigningKey
	Secrets     []ExpiringSecret
	Events      []audit.Event
	Live        string // where their successors come from
	CanEdit     bool
}

// Step is what happened in a part of the range.
type Step struct {
	At       time.Time
	SignIns  int64
	Refusals int64
	Tokens   map[string]int64 // by grant
}

func (s Step) tokens() (n int64) {
	for _, count := range s.Tokens {
		n += count
	}
	return n
}

// ClientCount is how many tokens a client was given. Name is empty if it was deleted.
type ClientCount struct {
	ID, Name string
	Count    int64
}

// RefusalCount is how often a rule refused something.
type RefusalCount struct {
	Action audit.Action
	Rule   string
	Count  int64
}

func (r RefusalCount) href() string { return auditOf(r.Action, audit.Refused) }

// refused is what was refused.
func (r RefusalCount) refused() string { return strings.TrimSuffix(r.Action.Words(), " refused") }

// auditOf is the audit log of an action.
func auditOf(action audit.Action, outcome audit.Outcome) string {
	return "/console/audit?" + url.Values{"action": {string(action)}, "outcome": {string(outcome)}}.Encode()
}

// ClientCounts are how many clients there are, and how many of them, where they are enabled, have what is worth knowing.
type ClientCounts struct{ Total, Used, Unused, Password, Implicit, NoPKCE int64 }

// ExpiringSecret is a client's secret that has expired or will soon.
type ExpiringSecret struct {
	ClientID, ClientName, Last4 string
	Expires, LastUsed           time.Time
}

func (s ExpiringSecret) path() string { return Client{ID: s.ClientID}.path() + "/credentials" }

// total is what happened in the whole range.
func (d OverviewData) total() Step {
	sum := Step{Tokens: map[string]int64{}}
	for _, s := range d.Steps {
		sum.SignIns += s.SignIns
		sum.Refusals += s.Refusals
		for grant, n := range s.Tokens {
			sum.Tokens[grant] += n
		}
	}
	return sum
}

// quiet tells that nothing at all happened in the range.
func (d OverviewData) quiet() bool {
	sum := d.total()
	return sum.tokens()+sum.SignIns+sum.Refusals == 0
}

func (d OverviewData) values(of func(Step) int64) []int64 {
	out := make([]int64, len(d.Steps))
	for i, s := range d.Steps {
		out[i] = of(s)
	}
	return out
}

func (d OverviewData) tokenSeries() []int64 { return d.values(Step.tokens) }
func (d OverviewData) signInSeries() []int64 {
	return d.values(func(s Step) int64 { return s.SignIns })
}
func (d OverviewData) refusalSeries() []int64 {
	return d.values(func(s Step) int64 { return s.Refusals })
}

// grants are those by which tokens were handed out in the range, in the order people meet them.
func (d OverviewData) grants() []string {
	var out []string
	sum := d.total()
	for _, g := range grantOrder {
		if sum.Tokens[g] > 0 {
			out = append(out, g)
		}
	}
	return out
}

var grantOrder = []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials, oauth.GrantPassword, oauth.GrantImplicit}

// share is a part of a whole in per cent.
func share(part, whole int64) string {
	if whole == 0 {
		return "0 %"
	}
	percent := 100 * float64(part) / float64(whole)
	if percent > 0 && percent < 1 {
		return fmt.Sprintf("%.1f %%", percent)
	}
	return fmt.Sprintf("%.0f %%", percent)
}

// A trend compares the range with the time before. Icon is empty where nothing changed.
type trend struct{ icon, tone, figure, words string }

// trendOf says by how much something rose or fell; more of it is good or bad.
func (d OverviewData) trendOf(now, before int64, good bool) trend {
	than := "than the " + d.Range.Words + " before"
	switch {
	case now == before:
		return trend{words: "as in the " + d.Range.Words + " before"}
	case before == 0:
		return trend{words: "none in the " + d.Range.Words + " before"}
	}
	t := trend{icon: "up", tone: "success", words: "more " + than}
	if now < before {
		t.icon, t.words = "down", "less "+than
	}
	if (now > before) != good {
		t.tone = "danger"
		if good { // fewer sign-ins are no alarm
			t.tone = ""
		}
	}
	change := 100 * float64(now-before) / float64(before)
	if change < 0 {
		change = -change
	}
	switch {
	case change > 999:
		t.figure = fmt.Sprintf("%.0f×", float64(now)/float64(before))
		t.words = strings.Replace(t.words, "more than", "as many as in", 1)
	case change < 9.95:
		t.figure = fmt.Sprintf("%.1f %%", change)
	default:
		t.figure = fmt.Sprintf("%.0f %%", change)
	}
	return t
}

// when names a step: an hour by its time of day, longer ones by their day too.
func (d OverviewData) when(at time.Time) string {
	switch d.Range.Step {
	case time.Hour:
		return at.Format("15:04")
	case 24 * time.Hour:
		return at.Format("2 Jan")
	}
	return at.Format("2 Jan, 15:04")
}

var stepWords = map[time.Duration]string{time.Hour: "hour", 6 * time.Hour: "6 hours", 24 * time.Hour: "day"}

func (d OverviewData) stepWords() string { return stepWords[d.Range.Step] }

func (d OverviewData) chart() ui.ChartData {
	refusals := d.refusalSeries()
	c := ui.ChartData{
		Bars:  ui.Series{Name: "Refusals", Values: refusals},
		Lines: []ui.Series{{Name: "Tokens issued", Values: d.tokenSeries()}, {Name: "Sign-ins", Values: d.signInSeries()}},
	}
	peak := 0
	for i, s := range d.Steps {
		name := d.when(s.At)
		c.Points = append(c.Points, name)
		if i == len(d.Steps)-1 {
			name += " until now"
		}
		c.Titles = append(c.Titles, fmt.Sprintf("%s: %s tokens, %s sign-ins, %s refusals", name, ui.Number(s.tokens()), ui.Number(s.SignIns), ui.Number(s.Refusals)))
		if s.Refusals > refusals[peak] {
			peak = i
		}
	}
	const ticks = 6
	for i := range ticks {
		step := d.Steps[i*(len(d.Steps)-1)/(ticks-1)].At
		if d.Range.Step == 6*time.Hour {
			c.Ticks = append(c.Ticks, step.Format("2 Jan"))
		} else {
			c.Ticks = append(c.Ticks, d.when(step))
		}
	}
	sum := d.total()
	c.Summary = fmt.Sprintf("Per %s over the last %s: %s tokens issued and %s sign-ins in all. The table below has the numbers.",
		d.stepWords(), d.Range.Words, ui.Number(sum.tokens()), ui.Number(sum.SignIns))
	c.Lane = fmt.Sprintf("Refusals per %s: none.", d.stepWords())
	if sum.Refusals > 0 {
		on := " at "
		if d.Range.Step == 24*time.Hour {
			on = " on "
		}
		c.Peak = "most " + ui.Number(refusals[peak]) + on + d.when(d.Steps[peak].At)
		c.Lane = fmt.Sprintf("Refusals per %s: %s in all, %s.", d.stepWords(), ui.Number(sum.Refusals), c.Peak)
	}
	return c
}

// A finding is something about the house that is well or is not.
type finding struct{ tone, text, hint, href, link string }

func (f finding) icon() string {
	switch f.tone {
	case "danger":
		return "x"
	case "warning":
		return "alert"
	}
	return "check"
}

func (f finding) verdict() string {
	switch f.tone {
	case "danger":
		return "Problem:"
	case "warning":
		return "Warning:"
	}
	return "Fine:"
}

// keyAge is how long a key signs before it should be rotated.
const keyAge = 90 * 24 * time.Hour

// findings are what to look at first, and then what is well.
func (d OverviewData) findings() []finding {
	var bad, odd, well []finding
	for _, r := range d.Replays {
		f := finding{tone: "danger", href: r.href(), link: "Show", hint: "Each one ended its token family, in case it was stolen."}
		if r.Action == audit.CodeReplayed {
			f.text = ui.Number(r.Count) + plural(int(r.Count), " code was", " codes were") + " used twice"
		} else {
			f.text = ui.Number(r.Count) + plural(int(r.Count), " refresh token was", " refresh tokens were") + " used twice"
		}
		bad = append(bad, f)
	}
	for _, s := range d.Secrets {
		if !s.Expires.After(d.Now) {
			bad = append(bad, finding{tone: "danger", text: s.ClientName + " has no secret left", hint: "The last one expired " + ui.Relative(s.Expires, d.Now) + ".", href: s.path(), link: "Add one"})
		}
	}
	if d.Suppressed > 0 {
		odd = append(odd, finding{tone: "warning", text: "Refusals came faster than they are kept", hint: "Somebody tries a lot, or something is broken. They are counted all the same.",
			href: auditOf(audit.RefusalsSuppressed, audit.Refused), link: "Show"})
	}
	keyFindings := d.keyFindings()
	for _, f := range keyFindings {
		switch f.tone {
		case "danger":
			bad = append(bad, f)
		case "warning":
			odd = append(odd, f)
		default:
			well = append(well, f)
		}
	}
	for _, grant := range d.Switches {
		n := d.Clients.Password
		if grant == oauth.GrantImplicit {
			n = d.Clients.Implicit
		}
		odd = append(odd, finding{tone: "warning", text: "The " + strings.ToLower(grantNames[grant]) + " grant is on",
			hint: ui.Count(int(n), "client", "clients") + plural(int(n), " has", " have") + " it. RFC 9700 advises against it."})
	}
	if n := d.Clients.NoPKCE; n > 0 {
		odd = append(odd, finding{tone: "warning", text: ui.Count(int(n), "client does", "clients do") + " not have to use PKCE", hint: "A stolen code is enough to get its tokens.",
			href: "/console/clients", link: "Clients"})
	} else if d.Clients.Total > 0 {
		well = append(well, finding{tone: "success", text: "PKCE on every client with a code flow"})
	}
	if n := d.Clients.Unused; n > 0 {
		odd = append(odd, finding{tone: "warning", text: ui.Count(int(n), "client was", "clients were") + " never used", hint: "Registered more than a week ago. What nobody uses, nobody misses.",
			href: "/console/clients?status=unused", link: "Show"})
	} else if d.Clients.Used > 0 {
		well = append(well, finding{tone: "success", text: "No client lies idle"})
	}
	return append(append(bad, odd...), well...)
}

func (d OverviewData) keyFindings() []finding {
	var out []finding
	current, next := map[string]time.Time{}, map[string]time.Time{}
	var algorithms []string
	for _, k := range d.SigningKeys {
		if !slices.Contains(algorithms, k.Algorithm) {
			algorithms = append(algorithms, k.Algorithm)
		}
		switch k.State {
		case keys.Current:
			current[k.Algorithm] = k.Signs
		case keys.Next:
			next[k.Algorithm] = k.Signs
		}
	}
	slices.Sort(algorithms)
	for _, alg := range algorithms {
		from, coming := current[alg], next[alg]
		hint, link := "New ones are published a day before they sign.", "Rotate"
		if !coming.IsZero() {
			hint = "The next one is published and takes over " + ui.Relative(coming, d.Now) + "."
			link = "Show"
		}
		switch {
		case from.IsZero():
			out = append(out, finding{tone: "danger", text: "Nothing signs with " + alg, hint: hint, href: "/console/keys", link: link})
		case d.Now.Sub(from) >= keyAge:
			out = append(out, finding{tone: "warning", text: alg + " key is " + ui.Count(int(d.Now.Sub(from)/(24*time.Hour)), "day", "days") + " old", hint: hint, href: "/console/keys", link: link})
		default:
			if coming.IsZero() {
				hint = "In use for " + age(d.Now.Sub(from)) + "."
			}
			out = append(out, finding{tone: "success", text: alg + " signing key is fresh", hint: hint})
		}
	}
	return out
}

func age(d time.Duration) string {
	if d < 24*time.Hour {
		return "less than a day"
	}
	return ui.Count(int(d/(24*time.Hour)), "day", "days")
}

// A first step on the way to a house that works.
type firstStep struct {
	done             bool
	text, hint, href string
}

// firstSteps lead there; none once an application works.
func (d OverviewData) firstSteps() []firstStep {
	if d.Clients.Used > 0 {
		return nil
	}
	register := firstStep{done: d.Clients.Total > 0, text: "Register an application", hint: "It gets a client id, and a secret if it can keep one."}
	if d.CanEdit && !register.done {
		register.href = "/console/clients/new"
	}
	return []firstStep{
		{done: true, text: "Set Gatehouse up", hint: "There is an administrator."},
		register,
		{text: "Let it ask for its first token", hint: "Its libraries find everything at /.well-known/openid-configuration. This list goes when a token was issued."},
	}
}

// eventLine is how an event is told in a line.
type eventLine struct{ icon, tone, title, text, href string }

// eventIcons are of actions; those that are not here have their group's.
var eventIcons = map[audit.Action]string{
	audit.CodeReplayed: "alert", audit.RefreshReplayed: "alert", audit.RefusalsSuppressed: "alert", audit.SignInSucceeded: "login",
	audit.SessionEnded: "logout", audit.SessionsEnded: "logout", audit.APICreated: "api", audit.APIUpdated: "api", audit.KeyRotated: "key",
	audit.TokenRefreshed: "session", audit.TokenRetried: "session", audit.ScopeCreated: "scope", audit.ScopeUpdated: "scope",
}

var groupIcons = map[string]string{
	audit.GroupSignIn: "login", audit.GroupTokens: "key", audit.GroupConsent: "check", audit.GroupPeople: "user", audit.GroupClients: "app", audit.GroupHouse: "settings",
}

func eventIcon(e audit.Event) string {
	if icon := eventIcons[e.Action]; icon != "" {
		return icon
	}
	if e.Outcome == audit.Refused {
		return "ban"
	}
	for _, m := range audit.Meanings {
		if m.Action == e.Action {
			return groupIcons[m.Group]
		}
	}
	return "info"
}

func lineOf(e audit.Event) eventLine {
	line := eventLine{icon: eventIcon(e), title: e.Action.Words(), href: eventPath(e.ID)}
	if e.Outcome == audit.Refused {
		line.tone = "danger"
	}
	var parts []string
	if e.Cause != nil {
		parts = append(parts, ruleName(e.Cause.Rule))
	}
	if e.Count > 1 {
		parts = append(parts, ui.Number(e.Count)+" times")
	}
	for _, name := range []string{e.Target.Name, e.Actor.Name} {
		if name != "" && (len(parts) == 0 || parts[len(parts)-1] != name) {
			parts = append(parts, name)
		}
	}
	if e.Target.Name+e.Actor.Name == "" && e.ClientID != "" {
		parts = append(parts, e.ClientID)
	}
	line.text = strings.Join(parts, " · ")
	return line
}
