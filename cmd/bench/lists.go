package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/net/html"
)

type listsCommand struct {
	Server   string `required:"" placeholder:"URL" help:"The issuer, on this machine."`
	User     string `required:"" placeholder:"NAME" help:"Who may see the console."`
	Password string `required:"" env:"BENCH_PASSWORD" placeholder:"PASSWORD" help:"Their password."`
	Requests int    `default:"100" help:"How often each page is fetched, one after the other."`
	Only     string `placeholder:"TEXT" help:"Leave out what has not this in its name."`
}

// A view is a page of the console whose rows are many in a house with a history.
type view struct{ list, what, path string }

// views are all lists, each as it opens, filtered and searched. What is searched for is what seed.go calls people and applications;
// {client} and {user} stand for the application that most people have, and somebody who has one.
var views = []view{
	{"overview", "24 hours", "/console"},
	{"overview", "30 days", "/console?range=30d"},
	{"clients", "all", "/console/clients"},
	{"clients", "by last use", "/console/clients?sort=-last_used"},
	{"clients", "by age", "/console/clients?sort=-created"},
	{"clients", "web, with a grant", "/console/clients?type=web&grant=client_credentials"},
	{"clients", "unused for 90 days", "/console/clients?status=idle"},
	{"clients", "never used", "/console/clients?status=unused"},
	{"clients", "without a live secret", "/console/clients?status=locked"},
	{"clients", "search", "/console/clients?q=meridian"},
	{"clients", "search, nothing found", "/console/clients?q=xyzzy"},
	{"users", "all", "/console/users"},
	{"users", "disabled", "/console/users?status=disabled"},
	{"users", "administrators", "/console/users?role=admin"},
	{"users", "search, a name many have", "/console/users?q=amara"},
	{"users", "search, one letter", "/console/users?q=a"},
	{"users", "search, a name few have", "/console/users?q=xochitl+z"},
	{"users", "search, nothing found", "/console/users?q=xyzzy"},
	{"users", "search and filter", "/console/users?q=amara&status=disabled"},
	{"sessions", "all", "/console/sessions"},
	{"sessions", "live", "/console/sessions?state=live"},
	{"sessions", "ended", "/console/sessions?state=ended"},
	{"sessions", "of a client", "/console/sessions?client={client}"},
	{"sessions", "of a person", "/console/sessions?user={user}"},
	{"sessions", "search, an address", "/console/sessions?q=192.0.2.7"},
	{"families", "all", "/console/families"},
	{"families", "live", "/console/families?state=live"},
	{"families", "expired", "/console/families?state=expired"},
	{"families", "ended", "/console/families?state=ended"},
	{"families", "used twice", "/console/families?state=replayed"},
	{"families", "of a client", "/console/families?client={client}"},
	{"families", "of a client, live", "/console/families?client={client}&state=live"},
	{"families", "of a person", "/console/families?user={user}"},
	{"families", "search, a client", "/console/families?q={client}"},
	{"consents", "all", "/console/consents"},
	{"consents", "of a client", "/console/consents?client={client}"},
	{"consents", "of a person", "/console/consents?user={user}"},
	{"audit", "all", "/console/audit"},
	{"audit", "an action", "/console/audit?action=signin.succeeded"},
	{"audit", "refused", "/console/audit?outcome=refused"},
	{"audit", "of a client", "/console/audit?client={client}"},
	{"audit", "of a client, refused", "/console/audit?client={client}&outcome=refused"},
	{"audit", "of a person", "/console/audit?user={user}"},
	{"audit", "from an address", "/console/audit?ip=192.0.2.7"},
	{"audit", "by error", "/console/audit?error=invalid_client"},
	{"audit", "of a day", "/console/audit?from={from}&to={to}"},
	{"audit", "search, a request that was not", "/console/audit?q=AAAAAAAAAAAAAAAAAAAAAA"},
	{"client", "sessions and tokens", "/console/clients/{client}/access"},
	{"client", "activity", "/console/clients/{client}/activity"},
	{"user", "sessions and tokens", "/console/users/{user}/access"},
	{"user", "consents", "/console/users/{user}/consents"},
	{"user", "activity", "/console/users/{user}/activity"},
	{"palette", "a name", "/console/search?q=amara"},
	{"palette", "an id", "/console/search?q={client}"},
}

// tenth is the page that people who look through a list are thought to come to.
const tenth = 10

// Run signs in, looks at every list and reports how long the server took for its first and its tenth page.
func (c listsCommand) Run(ctx context.Context, out output) error {
	base, err := endpoint(c.Server)
	if err != nil {
		return err
	}
	if c.Requests < 1 {
		return errors.New("expected at least one request")
	}
	l := looker{browser: newBrowser(), base: base}
	defer l.browser.close()
	if err := l.signIn(c.User, c.Password); err != nil {
		return err
	}
	names, err := l.names()
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "list\tview\tfirst page: p50\tp95\tlater page\tp50\tp95 ms")
	for _, v := range views {
		if !strings.Contains(v.list+" "+v.what, c.Only) {
			continue
		}
		path := names.Replace(v.path)
		first, next, err := l.look(ctx, path, c.Requests)
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t", v.list, v.what, milliseconds(first.percentile(50)), milliseconds(first.percentile(95)))
		page := 1
		for ; next != "" && page < tenth; page++ {
			if path = next; page < tenth-1 {
				if next, err = l.page(path); err != nil {
					return err
				}
			}
		}
		if page > 1 {
			later, _, err := l.look(ctx, path, c.Requests)
			if err != nil {
				return err
			}
			fmt.Fprintf(t, "%d\t%s\t%s", page, milliseconds(later.percentile(50)), milliseconds(later.percentile(95)))
		}
		fmt.Fprintln(t)
		_ = t.Flush() // a run takes minutes: each line as it comes
	}
	return t.Flush()
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }

// A looker is somebody who looks at the console.
type looker struct {
	browser *browser
	base    *url.URL
}

func (l looker) signIn(user, password string) error {
	at, err := l.base.Parse("/login")
	if err != nil {
		return err
	}
	c, err := l.browser.load(at, nil)
	if err != nil {
		return err
	}
	forms, err := formsOf(c.body)
	if err != nil {
		return err
	}
	f := choose(forms)
	if c.status != 200 || f == nil || f.password == "" {
		return fmt.Errorf("%s answered %d, without a form to sign in with: %s", at, c.status, page(c.body))
	}
	action, err := at.Parse(f.action)
	if err != nil {
		return err
	}
	if c, err = l.browser.load(action, f.filled(user, password)); err != nil {
		return err
	}
	if c.status != 303 {
		return fmt.Errorf("%s does not let %q in: it answered %d: %s", at, user, c.status, page(c.body))
	}
	return nil
}

// names finds what the placeholders of the views stand for.
func (l looker) names() (*strings.Replacer, error) {
	client, err := l.firstLink("/console/clients?sort=created", "/console/clients/cl_") // the oldest has most people
	if err != nil {
		return nil, err
	}
	user, err := l.firstLink("/console/families?client="+client, "/console/users/")
	if err != nil {
		return nil, err
	}
	day := time.Now().UTC().Truncate(24 * time.Hour)
	return strings.NewReplacer("{client}", client, "{user}", user,
		"{from}", day.Add(-72*time.Hour).Format(time.DateOnly), "{to}", day.Add(-48*time.Hour).Format(time.DateOnly)), nil
}

// firstLink is the id at the end of the first link on the page that begins so.
func (l looker) firstLink(path, prefix string) (string, error) {
	to, err := l.link(path, func(a *html.Node) bool { return strings.HasPrefix(attribute(a, "href"), prefix) })
	if err == nil && to == "" {
		err = fmt.Errorf("%s shows none: fill the house with `bench seed`", path)
	}
	return to[strings.LastIndex(to, "/")+1:], err
}

// page fetches a page and returns the address of the one after it, if there is one.
func (l looker) page(path string) (next string, err error) {
	return l.link(path, func(a *html.Node) bool { return attribute(a, "rel") == "next" })
}

// link fetches a page and returns where the first such link of it leads; empty if it has none.
func (l looker) link(path string, wanted func(a *html.Node) bool) (to string, err error) {
	c, err := l.load(path)
	if err != nil {
		return "", err
	}
	root, err := html.Parse(bytes.NewReader(c.body))
	if err != nil {
		return "", err
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" && wanted(n) {
			return attribute(n, "href"), nil
		}
	}
	return "", nil
}

func (l looker) load(path string) (*conn, error) {
	u, err := l.base.Parse(path)
	if err != nil {
		return nil, err
	}
	c, err := l.browser.load(u, nil)
	if err == nil && c.status != 200 {
		err = fmt.Errorf("%s answered %d: %s", path, c.status, page(c.body))
	}
	return c, err
}

// look fetches a page again and again, after a few times that are not counted.
func (l looker) look(ctx context.Context, path string, times int) (took histogram, next string, err error) {
	if next, err = l.page(path); err != nil {
		return took, "", err
	}
	const first = 3 // they fill caches and make plans
	for i := range first + times {
		if err := ctx.Err(); err != nil {
			return took, "", err
		}
		begin := time.Now()
		if _, err := l.load(path); err != nil {
			return took, "", err
		}
		if i >= first {
			took.add(time.Since(begin))
		}
	}
	return took, next, nil
}
