package main

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// A form is a form on a page, with what it would send.
type form struct {
	action, method string
	values         url.Values
	username       string // the name of the field for it, in a form with a password
	password       string // the name of the field for it; empty if the form asks for none
	ticks          []tickBox
	buttons        []button
}

// tickBox is a checkbox, ticked or not.
type tickBox struct{ name, value string }

// button sends the form.
type button struct{ name, value, text string }

var (
	agreeing  = regexp.MustCompile(`(?i)\b(allow|accept|approve|agree|authori[sz]e|grant|permit|continue|confirm|yes|sign.?in|log.?in|submit)\b`)
	declining = regexp.MustCompile(`(?i)\b(deny|reject|decline|cancel|abort|refuse|no)\b`)
)

// agrees reports whether pressing the button means yes, or at least not no.
func (b button) agrees() bool { return agreeing.MatchString(b.value+" "+b.text) && !b.declines() }

func (b button) declines() bool { return declining.MatchString(b.value + " " + b.text) }

// formsOf are the forms of a page.
func formsOf(page []byte) ([]*form, error) {
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return nil, err
	}
	var forms []*form
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" {
			f := &form{action: attribute(n, "action"), method: strings.ToUpper(attribute(n, "method")), values: url.Values{}}
			for field := range n.Descendants() {
				if field.Type == html.ElementNode {
					f.read(field)
				}
			}
			forms = append(forms, f)
		}
	}
	return forms, nil
}

func (f *form) read(n *html.Node) {
	name, kind, value := attribute(n, "name"), strings.ToLower(attribute(n, "type")), attribute(n, "value")
	if has(n, "disabled") {
		return
	}
	switch n.Data {
	case "button":
		if kind == "" || kind == "submit" {
			f.buttons = append(f.buttons, button{name, value, textOf(n)})
		}
	case "input":
		switch kind {
		case "submit":
			f.buttons = append(f.buttons, button{name, value, ""})
		case "button", "reset", "image", "file":
		case "checkbox", "radio":
			if !has(n, "value") {
				value = "on"
			}
			if kind == "checkbox" {
				f.ticks = append(f.ticks, tickBox{name, value})
			} else if has(n, "checked") {
				f.add(name, value)
			}
		case "password":
			f.password = name
		case "", "text", "email":
			if f.username == "" {
				f.username = name
			}
			f.add(name, value)
		default:
			f.add(name, value)
		}
	case "textarea":
		var typed string
		if n.FirstChild != nil {
			typed = n.FirstChild.Data
		}
		f.add(name, typed)
	case "select":
		var chosen string
		var found bool
		for option := range n.Descendants() {
			if option.Type != html.ElementNode || option.Data != "option" || found && !has(option, "selected") {
				continue
			}
			if chosen, found = attribute(option, "value"), true; !has(option, "value") {
				chosen = textOf(option)
			}
		}
		if found {
			f.add(name, chosen)
		}
	}
}

func (f *form) add(name, value string) {
	if name != "" {
		f.values.Add(name, value)
	}
}

// choose finds the form that leads on: the one that asks for a password, else one to agree with, else the first.
func choose(forms []*form) *form {
	for _, f := range forms {
		if f.password != "" {
			return f
		}
	}
	for _, f := range forms {
		for _, b := range f.buttons {
			if b.agrees() {
				return f
			}
		}
	}
	if len(forms) > 0 {
		return forms[0]
	}
	return nil
}

// filled is what the form sends when somebody signs in, or agrees to all it asks.
func (f *form) filled(username, password string) url.Values {
	if f.password != "" {
		if f.username != "" {
			f.values.Set(f.username, username)
		}
		f.values.Set(f.password, password)
	}
	for _, t := range f.ticks {
		f.add(t.name, t.value)
	}
	if b := f.press(); b != nil {
		f.add(b.name, b.value)
	}
	return f.values
}

// press finds the button to press.
func (f *form) press() *button {
	for i := range f.buttons {
		if f.buttons[i].agrees() {
			return &f.buttons[i]
		}
	}
	for i := range f.buttons {
		if !f.buttons[i].declines() {
			return &f.buttons[i]
		}
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// textOf is what people read there.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// readable is what people read on a page.
func readable(page []byte) string {
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return ""
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "body" {
			return textOf(n)
		}
	}
	return textOf(root)
}
