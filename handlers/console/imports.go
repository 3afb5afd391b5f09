package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

const (
	importsPath = usersPath + "/import"
	// importsShown and linesShown are as many as their pages have room for.
	importsShown = 10
	linesShown   = 100
	csvType      = "text/csv; charset=utf-8"
)

func importPath(id string) string { return importsPath + "/" + id }

// importEvent is what is written down about an import.
func importEvent(c *fiber.Ctx, at time.Time, action audit.Action, job *store.Job) audit.Event {
	e := eventOn(c, at, action, audit.Party{Kind: audit.KindJob, ID: job.ID, Name: importParams(job).File})
	return e
}

func importParams(job *store.Job) (p store.ImportParams) {
	_ = json.Unmarshal([]byte(job.Params), &p) // it is ours
	return p
}

// NewImport shows the form that takes a file, and the latest imports.
func (h *Handlers) NewImport(c *fiber.Ctx) error { return h.importForm(c, fiber.StatusOK, nil) }

func (h *Handlers) importForm(c *fiber.Ctx, status int, errs fault.Fields) error {
	jobs, err := h.Store.Jobs(c.UserContext(), store.KindUserImport, importsShown)
	if err != nil {
		return err
	}
	attributes, err := h.Store.Attributes(c.UserContext())
	if err != nil {
		return err
	}
	d := view.ImportFormData{Columns: attributes.ImportColumns(), Errs: errs, RequestToken: secret.New("")}
	for _, job := range jobs {
		d.Latest = append(d.Latest, importHead(&job))
	}
	return respond.Page(c, status, view.ImportFormPage(request.Chrome(c), d), nil)
}

func importHead(job *store.Job) view.Import {
	p := importParams(job)
	return view.Import{
		ID: job.ID, File: p.File, Update: p.Update, State: job.State, Phase: job.Phase, Done: int(job.Done), Total: int(job.Total),
		By: job.ByName, Started: job.CreatedAt, Problem: job.Problem,
	}
}

// CreateImport takes a file of people line by line and lets the lines be checked. Nobody is added yet.
func (h *Handlers) CreateImport(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	header := request.Upload(c, "file")
	if header == nil || header.Size == 0 {
		return h.importForm(c, fiber.StatusUnprocessableEntity, fault.Fields{"file": "Choose a file that is not empty."})
	}
	file, err := header.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	now := h.Now()
	params := store.ImportParams{File: fileName(header.Filename), Update: sent.Get("existing") == "update", Form: idOf(sent.Get("request_token"))}
	ctx := context.WithoutCancel(c.UserContext()) // a long file takes longer than a request may; each part has its own time
	job, err := h.Store.StageImport(ctx, file, params, request.Actor(c), now)
	var wrong fault.Fields
	if errors.As(err, &wrong) {
		return h.importForm(c, fiber.StatusUnprocessableEntity, wrong)
	}
	if fault.AsConflict(err) != nil {
		return respond.Flash(c, importPath(job.ID), "info", "Already sent", "This form was sent twice. There is one import.")
	}
	if err != nil {
		return err
	}
	begun := importEvent(c, now, audit.UsersImportChecked, job)
	if err := h.Store.CheckImport(ctx, job.ID, job.Total, now, begun); err != nil {
		return err
	}
	return respond.SeeOther(c, importPath(job.ID))
}

// fileName is what a file is called, as far as it is told.
func fileName(name string) string {
	name = filepath.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > 100 {
		name = string(runes[:100])
	}
	return name
}

// importJob reads the import that the path names.
func (h *Handlers) importJob(c *fiber.Ctx) (*store.Job, error) {
	job, err := h.Store.Job(c.UserContext(), c.Params("id"))
	if err == nil && job.Kind != store.KindUserImport {
		err = fault.NotFound("import")
	}
	return job, err
}

// ShowImport shows how far the import is: what would become of its lines, what is wrong with some, or what was done.
func (h *Handlers) ShowImport(c *fiber.Ctx) error {
	job, err := h.importJob(c)
	if err != nil {
		return err
	}
	d := view.UserImportData{Import: importHead(job), Outcomes: map[string]int64{}}
	if job.Result != "" {
		err = json.Unmarshal([]byte(job.Result), &d.Outcomes)
	} else {
		d.Outcomes, err = h.Store.ImportOutcomes(c.UserContext(), job.ID)
	}
	if err != nil {
		return err
	}
	lines, err := h.Store.RefusedLines(c.UserContext(), job.ID, 0, linesShown+1)
	if err != nil {
		return err
	}
	d.More = len(lines) > linesShown
	for _, l := range lines[:min(len(lines), linesShown)] {
		d.Refused = append(d.Refused, view.RefusedLine{Line: int(l.Line), Username: l.UsernameKey, Column: l.Field, Problem: l.Problem})
	}
	return respond.Page(c, fiber.StatusOK, view.ImportPage(request.Chrome(c), d), nil)
}

// StartImport does what was found out.
func (h *Handlers) StartImport(c *fiber.Ctx) error {
	job, err := h.importJob(c)
	if err != nil {
		return err
	}
	now := h.Now()
	err = h.Store.ApplyImport(c.UserContext(), job.ID, now, importEvent(c, now, audit.UsersImported, job))
	if fault.IsNotFound(err) {
		return respond.Flash(c, importPath(job.ID), "info", "Nothing to start", "The import has begun already, or was cancelled.")
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, importPath(job.ID), "success", "The import has begun", "It goes on if you leave this page.")
}

// CancelImport stops the import.
func (h *Handlers) CancelImport(c *fiber.Ctx) error {
	job, err := h.importJob(c)
	if err != nil {
		return err
	}
	now := h.Now()
	err = h.Store.CancelJob(c.UserContext(), job.ID, now, importEvent(c, now, audit.UsersImportCancelled, job))
	if fault.IsNotFound(err) {
		return respond.Flash(c, importPath(job.ID), "info", "Nothing to cancel", "The import is over.")
	}
	if err != nil {
		return err
	}
	return respond.Flash(c, importPath(job.ID), "success", "The import is cancelled", "Who was added until then stays.")
}

// DownloadRefused is the lines that were refused, with why, to be mended and sent again.
func (h *Handlers) DownloadRefused(c *fiber.Ctx) error {
	job, err := h.importJob(c)
	if err != nil {
		return err
	}
	return h.Files.Download(c, request.Of(c).Session.ID, "refused.csv", csvType, func(ctx context.Context, w io.Writer) error {
		return h.Store.WriteRefused(ctx, w, job.ID)
	})
}

// ExportUsers is a file of the people that fit what the URL says, as the list reads it. No password is in it.
func (h *Handlers) ExportUsers(c *fiber.Ctx) error {
	want := userFilter(c)
	format, kind := identity.FormatCSV, csvType
	if c.Query("format") == identity.FormatJSONL {
		format, kind = identity.FormatJSONL, "application/x-ndjson"
	}
	if c.Method() == fiber.MethodHead { // nothing is exported
		return nil
	}
	now := h.Now()
	told := eventOn(c, now, audit.UsersExported, audit.Party{Kind: audit.KindSystem, Name: "users." + format})
	told.Changes = map[string]audit.Change{}
	for name, value := range map[string]string{"q": want.Query, "status": want.Status, "role": string(want.Role)} {
		if value != "" {
			told.Changes[name] = audit.Change{After: value}
		}
	}
	if err := h.Store.Record(c.UserContext(), told); err != nil {
		return err
	}
	return h.Files.Download(c, request.Of(c).Session.ID, "users."+format, kind, func(ctx context.Context, w io.Writer) error {
		return h.Store.WriteUsers(ctx, w, want, format)
	})
}

// ConfirmExportUsers leads back to the people whose file was asked for, once the password was given for it: a browser that is sent a file
// stays on the page where it is.
func (h *Handlers) ConfirmExportUsers(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	back := searchPath(usersPath, map[string]string{"q": sent.Get("q"), "status": sent.Get("status"), "role": sent.Get("role")})
	return respond.Flash(c, back, "success", "Password confirmed", "Save the file now: for ten minutes you are not asked again.")
}
