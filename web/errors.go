package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	consoleview "gatehouse/views/console"
	"gatehouse/views/layout"
	oauthview "gatehouse/views/oauth"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// handleError is the one place where errors become answers: the protocol's JSON for machines, a page for people, by the
// site map. Nothing of an unknown error is shown; it is logged once, here.
func (s *site) handleError(c *fiber.Ctx, err error) error {
	if request.Of(c) == nil { // 413, 431 and malformed requests come here before any handler ran
		s.begin(c)
		c.SetUserContext(context.Background())
		defer s.finish(c, s.Now())
	}
	to := s.audienceOf(c)
	if len(c.Response().Header.Peek(fiber.HeaderXContentTypeOptions)) == 0 {
		s.setHeaders(c, to)
	}
	switch {
	case fault.AsUnavailable(err) != nil: // which may know more than its cause
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		err = fault.Unavailable(time.Second, err)
	case errors.Is(err, secret.ErrBusy):
		err = fault.Unavailable(2*time.Second, err)
	}
	var protocol *oauth.Error
	if errors.As(err, &protocol) {
		s.recordRefusal(c, protocol)
	}
	if to == machine {
		return s.machineError(c, err, protocol)
	}
	return s.personError(c, err, protocol)
}

func (s *site) recordRefusal(c *fiber.Ctx, e *oauth.Error) {
	action := audit.AuthorizeRefused
	if r := s.routeOf(c); r != nil && r.refusal != "" {
		action = r.refusal
	}
	s.refused.record(c.UserContext(), s.Now(), action, request.Of(c).Caller, e)
}

// notice says what went wrong in words for people.
type notice struct {
	status      int
	title, text string
}

// understand turns an error into a status and words. Unknown errors are logged, and say nothing.
func (s *site) understand(c *fiber.Ctx, err error) notice {
	if unavailable := fault.AsUnavailable(err); unavailable != nil {
		s.ready.suspect()
		s.Log.Error("unavailable", "error", err, "request_id", request.Of(c).Caller.RequestID)
		respond.RetryAfter(c, unavailable.RetryAfter)
		text := "The server cannot reach its database, or is very busy." + nothingSaved(c, " Nothing was saved.") + " Try again in a few seconds."
		if unavailable.Unknown {
			text = "The server had no answer from its database. It is not known whether this was saved: look first. Try again in a few seconds if it was not."
		}
		return notice{http.StatusServiceUnavailable, "Not available just now", text}
	}
	if wait := fault.AsTooMany(err); wait != nil {
		respond.RetryAfter(c, wait.RetryAfter)
		return notice{http.StatusTooManyRequests, "Too many tries", "Wait a little, then try again."}
	}
	var fields fault.Fields
	var known *fiber.Error
	switch {
	case fault.IsNotFound(err):
		return notice{http.StatusNotFound, "Not found", "There is nothing at this address, or it has been deleted."}
	case fault.AsConflict(err) != nil:
		return notice{http.StatusConflict, "Changed meanwhile", "Somebody else changed this first. Nothing was saved: load the page again and repeat your change."}
	case errors.As(err, &fields):
		return notice{http.StatusUnprocessableEntity, "This cannot be saved", fields.Error()}
	case errors.Is(err, request.ErrForged):
		return notice{http.StatusForbidden, "This form is out of date", "You signed in or out since the page was opened, or it came from another site. Nothing was saved: open the page again."}
	case errors.Is(err, errMisdirected):
		return notice{http.StatusMisdirectedRequest, "Wrong address", "This server answers as " + s.issuer.host + " only."}
	case errors.As(err, &known):
		return describe(known.Code)
	}
	s.Log.Error("request failed", "error", err, "request_id", request.Of(c).Caller.RequestID)
	return notice{http.StatusInternalServerError, "Something went wrong", "The server failed, and has written down why." + nothingSaved(c, " Nothing was saved, as far as it knows.")}
}

// nothingSaved is said where something was to be saved: a page that cannot be shown may follow a form that was.
func nothingSaved(c *fiber.Ctx, text string) string {
	if c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
		return ""
	}
	return text
}

// describe puts the statuses that Fiber itself answers with into words.
func describe(status int) notice {
	switch status {
	case http.StatusForbidden:
		return notice{status, "Not allowed", "Your role does not permit this."}
	case http.StatusNotFound:
		return notice{status, "Not found", "There is nothing at this address."}
	case http.StatusMethodNotAllowed:
		return notice{status, "Not possible here", "This address does not answer to that method."}
	case http.StatusUnsupportedMediaType:
		return notice{status, "Not understood", "A compressed body is not read here."}
	case http.StatusRequestEntityTooLarge:
		return notice{status, "Too long", "What was sent is longer than this server reads."}
	case http.StatusRequestHeaderFieldsTooLarge:
		return notice{status, "Too long", "The address or the headers are longer than this server reads."}
	}
	if status >= http.StatusInternalServerError {
		return notice{status, "Something went wrong", "The server failed."}
	}
	return notice{status, "Not understood", "The request could not be read."}
}

// machineError answers in the protocol's JSON.
func (s *site) machineError(c *fiber.Ctx, err error, protocol *oauth.Error) error {
	status := 0
	if protocol == nil {
		n := s.understand(c, err)
		status = n.status
		protocol = &oauth.Error{Code: "invalid_request", Description: n.text}
		switch {
		case status == http.StatusServiceUnavailable:
			protocol.Code = "temporarily_unavailable"
		case status >= http.StatusInternalServerError:
			protocol.Code = "server_error"
		}
	}
	if err := respond.OAuthError(c, protocol, s.rules.ErrorURI(protocol.Code, request.Of(c).Caller.RequestID)); err != nil {
		return err
	}
	if status != 0 {
		c.Status(status)
	}
	return nil
}

// personError answers with a page: inside the console's shell for whoever is in the console, plain for everybody else.
func (s *site) personError(c *fiber.Ctx, err error, protocol *oauth.Error) error {
	var n notice
	code := ""
	if protocol == nil {
		n = s.understand(c, err)
	} else {
		n, code = notice{protocol.Status(), oauth.ErrorMeanings[protocol.Code].Title, protocol.Description}, protocol.Code
		if n.status == http.StatusUnauthorized { // a page is no authentication challenge
			n.status = http.StatusBadRequest
		}
	}
	state := request.Of(c)
	if state.CSRF == "" && s.audienceOf(c) <= passage { // no guard ran: the page still needs its chrome
		request.EnsureBrowser(c)
		if s.routeOf(c) == nil && consolePath(c.Path()) && s.loadSession(c, s.touch) != nil { // whoever is in the console stays there
			state.Session, state.User = nil, nil
		}
		request.BindForms(c, state.Session != nil)
	}
	ch := request.Chrome(c)
	if state.User != nil && state.User.Role.Console() && consolePath(c.Path()) && !s.consoleIdle(state.Session) {
		return s.consoleError(c, ch, n)
	}
	d := oauthview.ErrorData{Title: n.title, Text: n.text, Code: code}
	if code == "" {
		d.BackURL, d.BackText = "/", "Go to the start"
	}
	return respond.Page(c, n.status, oauthview.ErrorPage(ch, d), nil)
}

func (s *site) consoleError(c *fiber.Ctx, ch layout.Chrome, n notice) error {
	d := consoleview.ErrorData{Title: n.title, Text: n.text, BackURL: "/console", BackText: "Go to the console"}
	return respond.Page(c, n.status, consoleview.ConsoleErrorPage(ch, d), nil)
}

func consolePath(path string) bool { return path == "/console" || strings.HasPrefix(path, "/console/") }
