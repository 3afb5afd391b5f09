package console

import (
	"context"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/views/ui"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// endingFilters are what narrows the lists of what ends, sessions and token families, besides their search.
var endingFilters = []string{"user", "client", "state"}

const (
	jobsPath = "/console/jobs"
	// endingsShown is how many jobs that are under way a list tells of.
	endingsShown = 5
	// endPhrase is typed before what fits a filter ends.
	endPhrase = "end them all"
	// endedAtOnce is how many sessions of a client end with the act; more end in a job.
	endedAtOnce = 500
)

// inBackground is what to know before a job begins.
var inBackground = []string{"It is done in the background. You can watch it, and stop it.", "What begins after you confirm stays."}

func jobPath(id string) string { return jobsPath + "/" + id }

// ids are the values of a parameter that a list's form sends once for each row: of the URL of the question, then of the answer.
func ids(c *fiber.Ctx, name string) ([]string, error) {
	var all []string
	if c.Method() == fiber.MethodPost {
		form, err := request.Form(c)
		if err != nil {
			return nil, err
		}
		all = form[name]
	} else {
		for _, value := range c.Context().QueryArgs().PeekMulti(name) {
			all = append(all, string(value))
		}
	}
	if len(all) > rowsPerPage {
		return nil, fault.NotFound("selection")
	}
	for _, id := range all {
		if !oauth.ValidText(id) {
			return nil, fault.NotFound("selection")
		}
	}
	return unique(all...), nil
}

// selecting reports whether the request is about rows of a list, though it may name none.
func selecting(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodGet && c.Query("user") == "" && c.Query("client") == ""
}

// listingBehind is the list in which rows were chosen, as it was asked for: there one goes back to.
func listingBehind(c *fiber.Ctx, path string, known ...string) (listing, error) {
	asked := c.Query("list")
	if c.Method() == fiber.MethodPost {
		form, err := request.Form(c)
		if err != nil {
			return listing{}, err
		}
		asked = form.Get("list")
	}
	query, _ := url.ParseQuery(asked) // what cannot be read asks for nothing
	return listingFrom(query.Get, path, known...), nil
}

// sent is the list as a form carries it along, for listingBehind.
func (l listing) sent() []view.Sent {
	if len(l.query) == 0 {
		return nil
	}
	return sent("list", l.query.Encode())
}

func nothingChosen(c *fiber.Ctx, l listing) error {
	return respond.Flash(c, l.address(), "info", "Nothing is selected", "Tick the rows you mean, then try again.")
}

// sent are the values as a form carries them along.
func sent(name string, values ...string) (fields []view.Sent) {
	for _, value := range values {
		fields = append(fields, view.Sent{Name: name, Value: value})
	}
	return fields
}

// RevokeFound ends all live token families that fit a filter, in a job if they are more than a page.
func (h *Handlers) RevokeFound(c *fiber.Ctx) error { return h.revokeFound(c, true) }

// ConfirmRevokeFound asks whether to revoke all token families that fit a filter, and says what ends.
func (h *Handlers) ConfirmRevokeFound(c *fiber.Ctx) error { return h.revokeFound(c, false) }

func (h *Handlers) revokeFound(c *fiber.Ctx, sure bool) error {
	ctx := c.UserContext()
	l, err := listingSent(c, familiesPath, endingFilters...)
	if err != nil {
		return err
	}
	want, m, err := h.wantedFamilies(ctx, l)
	if err != nil {
		return err
	}
	if m.unknown || want.State != "" && want.State != oauth.FamilyLive {
		return nothingFits(c, l)
	}
	want.State = oauth.FamilyLive
	all, err := h.Store.FamilyImpact(ctx, want)
	if err != nil {
		return err
	}
	want.KeepAdmins = !canEnd(c, identity.RoleAdmin)
	impact := all
	if want.KeepAdmins {
		if impact, err = h.Store.FamilyImpact(ctx, want); err != nil {
			return err
		}
	}
	if impact.Families == 0 {
		return nothingFits(c, l)
	}
	if impact.Families <= rowsPerPage && !sure { // those that are seen
		want.Limit = rowsPerPage
		page, err := h.Store.FamilyPage(ctx, want)
		if err != nil {
			return err
		}
		return h.revokeThese(c, page.Families, l, false)
	}
	return h.endFound(c, sure, foundEnding{
		kind: store.KindEndFamilies, list: l, total: impact.Families, spared: all.Families - impact.Families, at: want.At,
		ending: store.Ending{UserID: want.UserID, ClientID: want.ClientID, ID: want.ID, KeepAdmins: want.KeepAdmins},
		EndData: view.EndData{
			ID: "families-revoke", Title: "Revoke " + ui.Count(int(impact.Families), "token family", "token families") + "?",
			Text:   "Clients lose what people gave them there, and have to ask again. Browser sessions stay.",
			Button: "Revoke them", Heading: "Token families that fit", Section: familyCrumbs, Action: familiesPath + "/revoke-found",
			Impact: []view.ImpactLine{
				{N: int(impact.Families), One: "token family", Many: "token families"}, {N: int(impact.People), One: "person", Many: "people"},
				{N: int(impact.Clients), One: "client", Many: "clients"},
			},
		},
	})
}

// EndFound ends all live sessions that fit a filter, in a job if they are more than a page.
func (h *Handlers) EndFound(c *fiber.Ctx) error { return h.endSessionsFound(c, true) }

// ConfirmEndFound asks whether to end all sessions that fit a filter, and says what ends.
func (h *Handlers) ConfirmEndFound(c *fiber.Ctx) error { return h.endSessionsFound(c, false) }

func (h *Handlers) endSessionsFound(c *fiber.Ctx, sure bool) error {
	ctx := c.UserContext()
	l, err := listingSent(c, sessionsPath, endingFilters...)
	if err != nil {
		return err
	}
	want, m, err := h.wantedSessions(ctx, l)
	if err != nil {
		return err
	}
	if m.unknown || want.State == store.SessionEnded {
		return nothingFits(c, l)
	}
	want.State, want.Except = store.SessionLive, request.Of(c).Session.ID
	all, err := h.Store.SessionImpact(ctx, want)
	if err != nil {
		return err
	}
	want.KeepAdmins = !canEnd(c, identity.RoleAdmin)
	impact := all
	if want.KeepAdmins {
		if impact, err = h.Store.SessionImpact(ctx, want); err != nil {
			return err
		}
	}
	if impact.Sessions == 0 {
		return nothingFits(c, l)
	}
	if impact.Sessions <= rowsPerPage && !sure {
		want.Limit = rowsPerPage
		page, err := h.Store.SessionPage(ctx, want)
		if err != nil {
			return err
		}
		return h.endThese(c, page.Sessions, l, false)
	}
	return h.endFound(c, sure, foundEnding{
		kind: store.KindEndSessions, list: l, total: impact.Sessions, spared: all.Sessions - impact.Sessions, at: want.At,
		ending: store.Ending{UserID: want.UserID, ClientID: want.ClientID, ID: want.ID, IP: want.IP, KeepSession: want.Except, KeepAdmins: want.KeepAdmins},
		EndData: view.EndData{
			ID: "sessions-end", Title: "End " + ui.Count(int(impact.Sessions), "session", "sessions") + "?",
			Text:   "Those people are signed out in those browsers. Grants that outlive the browser stay, and so does your own session here.",
			Button: "End them", Heading: "Sessions that fit", Section: sessionCrumbs, Action: sessionsPath + "/end-found",
			Impact: append(endedSessions(impact), view.ImpactLine{N: int(impact.People), One: "person", Many: "people"}),
		},
	})
}

// listingSent is listingOf for a question and its answer, which carries the filters along.
func listingSent(c *fiber.Ctx, path string, known ...string) (listing, error) {
	if c.Method() != fiber.MethodPost {
		return listingOf(c, path, known...), nil
	}
	form, err := request.Form(c)
	return listingFrom(form.Get, path, known...), err
}

func nothingFits(c *fiber.Ctx, l listing) error {
	return respond.Flash(c, l.address(), "info", "Nothing to end", "Nothing that lives, and that you may end, fits these filters.")
}

// foundEnding is the ending of all that fits a filter.
type foundEnding struct {
	view.EndData
	kind          string
	list          listing
	ending        store.Ending
	total, spared int64
	at            time.Time
}

func (h *Handlers) endFound(c *fiber.Ctx, sure bool, f foundEnding) error {
	if f.ending.UserID+f.ending.ClientID+f.ending.ID+f.ending.IP == "" { // everybody's
		if err := h.mayEnd(c, identity.RoleAdmin); err != nil {
			return err
		}
		f.Notes = append(f.Notes, "No filter narrows this: it is everybody's.")
	}
	for name := range f.list.query {
		f.Fields = append(f.Fields, view.Sent{Name: name, Value: f.list.get(name)})
	}
	if f.spared > 0 {
		f.Notes = append(f.Notes, ui.Count(int(f.spared), "more belongs", "more belong")+" to administrators and stays: only an administrator ends it.")
	}
	f.Notes = append(f.Notes, inBackground...)
	token, err := formToken(c)
	if err != nil {
		return err
	}
	f.Fields = append(f.Fields, sent("request_token", token)...)
	f.Back, f.Phrase = f.list.address(), endPhrase
	e := &end{EndData: f.EndData, event: eventOn(c, f.at, audit.EndingBegun, audit.Party{})}
	e.do = func(event audit.Event) (string, string, error) {
		f.ending.Reason = e.Reason
		return h.begin(c, e, f, idOf(token), event)
	}
	return h.answer(c, e, sure)
}

// begin lets a job end it, unless one does already, and leads to that.
func (h *Handlers) begin(c *fiber.Ctx, e *end, f foundEnding, form string, event audit.Event) (title, text string, err error) {
	job, begun, err := h.Store.BeginEnding(c.UserContext(), f.kind, f.ending, f.total, form, f.at, event)
	if err != nil {
		return "", "", err
	}
	if e.Back = jobPath(job.ID); !begun {
		return "It was asked for before", "This is the one job, of " + job.CreatedAt.UTC().Format("15:04:05 UTC") + ". What began later stays: ask for it once this is done.", nil
	}
	return "It has begun", "It goes on if you leave this page.", nil
}

// endingJob reads the ending that the path names.
func (h *Handlers) endingJob(c *fiber.Ctx) (*store.Job, error) {
	job, err := h.Store.Job(c.UserContext(), c.Params("id"))
	if err == nil && !stoppable(job) {
		err = fault.NotFound("job")
	}
	return job, err
}

// stoppable reports whether a job of its kind ends what works until then: the others only tidy up.
func stoppable(job *store.Job) bool {
	return job.Kind == store.KindEndFamilies || job.Kind == store.KindEndSessions
}

// mayCancel reports whether the person may stop the job: it is theirs, or they are an administrator.
func mayCancel(c *fiber.Ctx, job *store.Job) bool {
	return canEnd(c, identity.RoleAdmin) || canEnd(c, identity.RoleUser) && job.ByID == request.Of(c).User.ID
}

// formToken is the token of the form that was sent, or one for the form that is about to be shown: sent twice, it asks once.
func formToken(c *fiber.Ctx) (string, error) {
	if c.Method() != fiber.MethodPost {
		return secret.New(""), nil
	}
	form, err := request.Form(c)
	return form.Get("request_token"), err
}

// ShowJob shows how far the job is.
func (h *Handlers) ShowJob(c *fiber.Ctx) error {
	job, err := h.Store.Job(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	if job.Kind == store.KindUserImport {
		return respond.SeeOther(c, importPath(job.ID))
	}
	e := store.EndingOf(job)
	d := view.JobData{
		ID: job.ID, About: job.ID, Kind: job.Kind, State: job.State, Done: int(job.Done), Total: int(job.Total), Reason: e.Reason,
		By: job.ByName, Started: job.CreatedAt, Problem: job.Problem, CanCancel: stoppable(job) && mayCancel(c, job),
	}
	if job.Kind == store.KindRemoval {
		of := store.RemovalOf(job)
		d.About, d.Kind, d.Of = of.ID, of.Of, []view.Chip{{Name: "Deleted", Text: or(of.Name, of.ID)}}
		return respond.Page(c, fiber.StatusOK, view.JobPage(request.Chrome(c), d), nil)
	}
	if job.Kind == store.KindEndEra {
		d.About = e.ClientID
	}
	if d.Of, err = h.endingOf(c.UserContext(), e); err != nil {
		return err
	}
	if e.KeepAdmins {
		d.Spares = append(d.Spares, "What administrators have")
	}
	if e.KeepSession != "" {
		d.Spares = append(d.Spares, "The session of whoever asked")
	}
	return respond.Page(c, fiber.StatusOK, view.JobPage(request.Chrome(c), d), nil)
}

// endingOf is what an ending is narrowed to, as people know it.
func (h *Handlers) endingOf(ctx context.Context, e store.Ending) ([]view.Chip, error) {
	values := map[string]string{"user": e.UserID, "client": e.ClientID, "ip": e.IP, "id": e.ID}
	l := listingFrom(func(name string) string { return values[name] }, jobsPath, "user", "client", "ip", "id")
	return h.chips(ctx, l, [2]string{"user", "Person"}, [2]string{"client", "Client"}, [2]string{"ip", "IP address"}, [2]string{"id", "Id"})
}

// CancelJob stops the job. What has ended stays so.
func (h *Handlers) CancelJob(c *fiber.Ctx) error {
	job, err := h.endingJob(c)
	if err != nil {
		return err
	}
	if !mayCancel(c, job) {
		return h.Denied(c, identity.RoleAdmin)
	}
	now := h.Now()
	err = h.Store.CancelEnding(c.UserContext(), job.ID, now, eventOn(c, now, audit.EndingCancelled, audit.Party{}))
	if fault.IsNotFound(err) {
		return respond.Flash(c, jobPath(job.ID), "info", "Nothing to stop", "It is over.")
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, jobPath(job.ID), "success", "Stopped", "What has ended stays ended.")
}

// underWay adds the jobs of a kind that go on to those that a list tells of.
func (h *Handlers) underWay(ctx context.Context, links []view.Link, kind, words string) ([]view.Link, error) {
	jobs, err := h.Store.Jobs(ctx, kind, endingsShown)
	for _, job := range jobs {
		if !job.Over() {
			links = append(links, view.Link{Text: words, Href: jobPath(job.ID)})
		}
	}
	return links, err
}

// deleted answers the deletion of something: where a great deal hung on it, the page shows the job that deletes that.
func (h *Handlers) deleted(c *fiber.Ctx, of, id, back, title, text string) error {
	if job, err := h.Store.Removing(c.UserContext(), of, id); err == nil { // whatever else: it is done, and said to be
		back = jobPath(job.ID)
	}
	return respond.Flash(c, back, "success", title, text)
}
