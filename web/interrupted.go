package web

import (
	"bytes"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/views/layout"
	"gatehouse/web/request"
)

// keep keeps the form that was sent when its session had ended, and returns where the page is that shows it again; path alone
// where there is nothing to keep. Only a form of ours that was bound to the session is kept, one for each browser.
func (s *site) keep(c *fiber.Ctx, path string) (string, error) {
	lapsed, r := request.Of(c).Lapsed, s.routeOf(c)
	if ours := request.CheckLapsedForm(c) == nil; !ours || r == nil || r.audience != person {
		return path, nil
	}
	form, err := request.Interrupt(c, path, s.Now())
	if err != nil {
		return path, err
	}
	sealed, fits, err := form.Seal(c, lapsed.UserID)
	if err != nil || !fits {
		return path, err
	}
	back, err := url.Parse(path)
	if err != nil {
		return path, nil //nolint:nilerr // a page that has no address has no form either
	}
	query := back.Query()
	query.Set(layout.Interrupted, "1")
	back.RawQuery = query.Encode()
	return back.String(), s.Store.KeepForm(c.UserContext(), store.KeptForm{
		BrowserHash: request.BrowserHash(c), UserID: lapsed.UserID, Sealed: sealed, ExpiresAt: form.Until,
	})
}

// withWhatWasTyped answers and, where the page is one to which somebody returns after signing in again, fills in what they had
// typed. Nothing is carried out: that is for them to do.
func (s *site) withWhatWasTyped(c *fiber.Ctx) error {
	if err := c.Next(); err != nil || c.Method() != fiber.MethodGet || c.Query(layout.Interrupted) == "" || c.Response().StatusCode() != fiber.StatusOK {
		return err
	}
	kept, err := s.Store.KeptForm(c.UserContext(), request.BrowserHash(c), s.Now())
	if fault.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	user := request.Of(c).User
	if kept.UserID != user.ID { // somebody else has signed in: it is none of their business, and nobody's any more
		return s.Store.DropForm(c.UserContext(), kept.BrowserHash)
	}
	form, err := request.OpenInterrupted(c, user.ID, kept.Sealed, s.Now())
	if errors.Is(err, request.ErrForged) {
		return nil
	}
	if page, _, _ := strings.Cut(form.Page, "?"); page != c.Path() {
		return nil
	}
	body, err := refill(c, form)
	if err == nil {
		c.Response().SetBody(body)
	}
	return err
}

// refill puts what was typed into the form of the page in the answer, and says so on top.
func refill(c *fiber.Ctx, typed *request.Interrupted) ([]byte, error) {
	page, err := html.Parse(bytes.NewReader(c.Response().Body()))
	if err != nil {
		return nil, err
	}
	d := layout.RestoredData{Discard: c.Path(), SecretsLeft: typed.SecretsLeft}
	left := maps.Clone(typed.Fields)
	if form := formTo(page, typed.Action); form != nil {
		d.Shown = true
		left = fill(form, typed.Fields)
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		for _, value := range left[name] {
			if value != "" && name != "version" && name != "request_token" {
				d.Left = append(d.Left, layout.Typed{Name: name, Value: value})
			}
		}
	}
	var notice bytes.Buffer
	if err := layout.Restored(d).Render(c.UserContext(), &notice); err != nil {
		return nil, err
	}
	if err := putOnTop(page, &notice); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = html.Render(&out, page)
	return out.Bytes(), err
}

func putOnTop(page *html.Node, notice *bytes.Buffer) error {
	for n := range page.Descendants() {
		if n.DataAtom != atom.Main {
			continue
		}
		nodes, err := html.ParseFragment(notice, n)
		for _, node := range slices.Backward(nodes) {
			n.InsertBefore(node, n.FirstChild)
		}
		return err
	}
	return nil
}

func formTo(page *html.Node, action string) *html.Node {
	for n := range page.Descendants() {
		if n.DataAtom == atom.Form && strings.EqualFold(attr(n, "method"), fiber.MethodPost) && attr(n, "action") == action {
			return n
		}
	}
	return nil
}

// fill gives the form's fields the values, and returns those that have no place there.
func fill(form *html.Node, values url.Values) (left url.Values) {
	left = url.Values{}
	for name, all := range values {
		left[name] = slices.Clone(all)
	}
	growRows(form, values)
	take := func(name string) (value string) {
		if rest := left[name]; len(rest) > 0 {
			value, left[name] = rest[0], rest[1:]
		}
		return value
	}
	for n := range form.Descendants() {
		name := attr(n, "name")
		if name == "" {
			continue
		}
		switch n.DataAtom {
		case atom.Button: // which of them was pressed is not typed
			delete(left, name)
		case atom.Input:
			switch attr(n, "type") {
			case "password", "submit":
			case "checkbox", "radio":
				chosen := slices.Contains(values[name], attr(n, "value"))
				setAttr(n, "checked", "", chosen)
				if chosen {
					left[name] = without(left[name], attr(n, "value"))
				}
			default:
				if name != "csrf_token" {
					setAttr(n, "value", take(name), true)
				}
			}
		case atom.Textarea:
			for n.FirstChild != nil {
				n.RemoveChild(n.FirstChild)
			}
			// The first line break after the tag is not part of the text.
			n.AppendChild(&html.Node{Type: html.TextNode, Data: "\n" + take(name)})
		case atom.Select:
			choose(n, take(name))
		}
	}
	return left
}

func choose(list *html.Node, value string) {
	for option := range list.Descendants() {
		if option.DataAtom == atom.Option {
			setAttr(option, "selected", "", attr(option, "value") == value)
		}
	}
}

func without(all []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(v string) bool { return v == one })
}

// maxRows is how many rows a list of a form is given at most: more than any takes.
const maxRows = 2 * oauth.MaxRedirectURIs

// growRows gives a list of like rows as many as there are values, within bounds: where fields have the same name, their ids are the name, a
// dot and the row, and each row is an item of a list.
func growRows(form *html.Node, values url.Values) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for {
			rows, last := 0, (*html.Node)(nil)
			for n := range form.Descendants() {
				if attr(n, "name") == name && attr(n, "id") == name+"."+strconv.Itoa(rows) {
					rows, last = rows+1, n
				}
			}
			for last != nil && last.DataAtom != atom.Li {
				last = last.Parent
			}
			if last == nil || rows >= min(len(values[name]), maxRows) {
				break
			}
			last.Parent.InsertBefore(nextRow(last, rows), last.NextSibling)
		}
	}
}

// nextRow is a copy of the n-th row as the one after it. What counts from 0 are ids and the values of buttons, from 1 the labels.
func nextRow(row *html.Node, n int) *html.Node {
	clone := &html.Node{Type: row.Type, DataAtom: row.DataAtom, Data: row.Data, Attr: slices.Clone(row.Attr)}
	for i := range clone.Attr {
		switch a := &clone.Attr[i]; {
		case a.Key == "id":
			if before, found := strings.CutSuffix(a.Val, "."+strconv.Itoa(n-1)); found {
				a.Val = before + "." + strconv.Itoa(n)
			}
		case a.Key == "aria-label":
			if before, found := strings.CutSuffix(a.Val, " "+strconv.Itoa(n)); found {
				a.Val = before + " " + strconv.Itoa(n+1)
			}
		case a.Key == "value" && row.DataAtom == atom.Button:
			a.Val = strconv.Itoa(n)
		}
	}
	for child := range row.ChildNodes() {
		clone.AppendChild(nextRow(child, n))
	}
	return clone
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func setAttr(n *html.Node, name, value string, there bool) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
	if there {
		n.Attr = append(n.Attr, html.Attribute{Key: name, Val: value})
	}
}
