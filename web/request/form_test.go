package request_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/web/request"
)

// A body is read as a form if it says that it is one, as it is, and in the same way by pages and machines. The query never
// mixes in (RFC 6749 §2.3.1, §3.2).
func FuzzBody(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	for _, s := range []struct{ contentType, encoding, query, body string }{
		{form, "", "", "grant_type=client_credentials&scope=read+write"}, {form + "; charset=UTF-8", "", "client_id=evil", "client_id=cl_a"}, {"Application/X-WWW-Form-URLencoded ;a=b", "", "", "a=1&a=2"},
		{"", "", "", ""}, {"", "", "a=1", "a=1"}, {form, "", "", ""}, {form, "gzip", "", "a=1"}, {form, " ", "", "a=1"}, {"application/json", "", "", `{"a":1}`}, {form + ", application/json", "", "", "a=1"},
		{"multipart/form-data; boundary=x", "", "", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--"}, {form + "; charset=utf-7; charset=utf-8", "", "", "a=1"}, {form + "x", "", "", "a=1"}, {"text/" + form, "", "", "a=1"},
		{form, "", "", "a=%00"}, {form, "", "", "a=\xff"}, {form, "", "", "%ff=1"}, {form, "", "", "a%00=1"}, {form, "", "", "a=1;b=2"}, {form, "", "", "a=%zz"}, {form, "", "a=%zz", "a="}, {form, "", "", "a=1&%61=2"},
	} {
		f.Add(s.contentType, s.encoding, s.query, s.body)
	}
	var read func(c *fiber.Ctx)
	app := fiber.New(fiber.Config{Immutable: true, DisableStartupMessage: true})
	app.Post("/", func(c *fiber.Ctx) error {
		read(c)
		return nil
	})
	serve := app.Handler()
	f.Fuzz(func(t *testing.T, contentType, encoding, query, body string) {
		if strings.ContainsAny(contentType+encoding+query, "\r\n") || strings.ContainsAny(query, " #") {
			t.Skip() // they would end the header
		}
		asked := false
		read = func(c *fiber.Ctx) {
			asked = true
			checkBody(t, c, body)
		}
		wire := fmt.Sprintf("POST /?%s HTTP/1.1\r\nHost: id.example\r\nContent-Type: %s\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", query, contentType, encoding, len(body), body)
		var ctx fasthttp.RequestCtx
		if err := ctx.Request.Read(bufio.NewReader(io.LimitReader(strings.NewReader(wire), 1<<20))); err != nil {
			t.Skip() // no request
		}
		serve(&ctx)
		if !asked {
			t.Skip() // not to this path
		}
	})
}

// checkBody reads the same request by every reader there is.
func checkBody(t *testing.T, c *fiber.Ctx, sent string) {
	contentType, encoding := c.Get("Content-Type"), c.Get("Content-Encoding")
	raw, err := request.Body(c)
	if again, err2 := request.Body(c); again != raw || (err == nil) != (err2 == nil) {
		t.Errorf("%q is read as %q, and then as %q", sent, raw, again)
	}
	params, perr := request.Params(c)
	form, ferr := request.Form(c)
	if again, err := request.Form(c); !reflect.DeepEqual(again, form) || (err == nil) != (ferr == nil) {
		t.Errorf("%q is %v, and then %v", sent, form, again)
	}
	if err != nil {
		var e *oauth.Error
		if !errors.Is(err, fiber.ErrUnsupportedMediaType) && (!errors.As(err, &e) || e.Code != "invalid_request") {
			t.Errorf("%q as %q: %v", sent, contentType, err)
		}
		if raw != "" || perr == nil || ferr == nil {
			t.Errorf("%q as %q is refused and read: %q, %v, %v", sent, contentType, raw, perr, ferr)
		}
		return
	}
	mediaType, _, _ := strings.Cut(contentType, ";")
	isForm := strings.EqualFold(strings.Trim(mediaType, " \t"), "application/x-www-form-urlencoded")
	if encoding != "" || raw != sent || !isForm && (contentType != "" || sent != "") {
		t.Errorf("%q as %q and %q is read as %q", sent, contentType, encoding, raw)
	}
	var fields fault.Fields
	if (perr == nil) != (ferr == nil) || ferr != nil && !errors.As(ferr, &fields) {
		t.Fatalf("%q: %v for machines, %v for pages", sent, perr, ferr)
	}
	want, e := oauth.ParseParams(sent)
	if (e == nil) != (perr == nil) || !reflect.DeepEqual(params, want) {
		t.Errorf("%q: %+v, %v", sent, params, perr)
	}
	for name, values := range form {
		one := values[0]
		if len(values) > 1 {
			one = ""
		}
		if params.Get(name) != one || params.Twice(name) != (len(values) > 1) || !oauth.ValidText(name+strings.Join(values, "")) {
			t.Errorf("%q: %q is %q for pages and %q for machines", sent, name, values, params.Get(name))
		}
	}
}
