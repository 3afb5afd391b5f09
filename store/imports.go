package store

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/identity"
)

// KindUserImport takes people from a file: first it finds out what would become of each line, and when somebody has seen that and
// says yes, it does it.
const KindUserImport = "user_import"

// Phases of an import.
const (
	ImportChecking = "check"
	ImportApplying = "apply"
	importTidying  = "tidy"
)

// Outcomes of a line.
const (
	ImportCreate  = "create"
	ImportUpdate  = "update"
	ImportSkip    = "skip" // the person is there, and stays as they are
	ImportRefused = "refused"
	ImportCreated = "created"
	ImportUpdated = "updated"
)

// ImportParams is how an import is done.
type ImportParams struct {
	File   string `json:"file"`   // what the file was called
	Update bool   `json:"update"` // people who are there get what the file says; else they are skipped
	Form   string `json:"-"`      // names the form that sent it, if one did
}

// ImportRow is a line of a file.
type ImportRow struct {
	JobID       string `db:"job_id"`
	Line        int64  `db:"line"`
	Data        string `db:"data"` // an identity.Imported, JSON
	UsernameKey string `db:"username_key"`
	EmailKey    string `db:"email_key"`
	Outcome     string `db:"outcome"`
	Field       string `db:"field"` // the column that is wrong; empty for the line
	Problem     string `db:"problem"`
}

// NewImportRow is a line as it is kept: judged already if it is wrong by itself.
func NewImportRow(line int64, values identity.Imported, wrong fault.Fields, attributes identity.Attributes) (ImportRow, error) {
	if len(wrong) > 0 {
		delete(values, "password_hash") // nobody needs it any more
	}
	r := ImportRow{Line: line, UsernameKey: fold(values["username"]), EmailKey: fold(values["email"])}
	for _, column := range append([]string{""}, attributes.ImportColumns()...) {
		if message := wrong[column]; message != "" {
			r.Outcome, r.Field, r.Problem = ImportRefused, column, message
			break
		}
	}
	data, err := json.Marshal(values)
	r.Data = string(data)
	return r, err
}

// BeginImport makes a job whose lines are still to come. fault.Conflict, with the job that there is, if the form was sent before.
func (s *Store) BeginImport(ctx context.Context, params ImportParams, by audit.Party, at time.Time) (job *Job, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		var made bool
		job, made, err = tx.createJob(ctx, Job{Kind: KindUserImport, State: JobStaging, FormKey: params.Form}, params, by, at)
		if err == nil && !made {
			return fault.Conflict("import", "")
		}
		return err
	})
	return job, err
}

// AddImportRows keeps some more lines.
func (s *Store) AddImportRows(ctx context.Context, jobID string, rows []ImportRow) error {
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		rows[i].JobID = jobID
	}
	query, args, err := sqlx.Named(`INSERT INTO import_rows (job_id, line, data, username_key, email_key, outcome, field, problem)
		VALUES (:job_id, :line, :data, :username_key, :email_key, :outcome, :field, :problem)`, rows)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, "line", dollars(query), args...)
	return err
}

// CheckImport lets the lines be checked, now that all are there.
func (s *Store) CheckImport(ctx context.Context, id string, lines int64, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "job", statement{"UPDATE jobs SET state = :queued, phase = :phase, total = :total, updated_at = :at WHERE id = :id AND state = :staging",
		map[string]any{"id": id, "at": at, "queued": JobQueued, "phase": ImportChecking, "total": lines, "staging": JobStaging}}, eventOf(event, at))
	return s.mustQueue(n, err)
}

// ApplyImport does what was found out. fault.NotFound unless the job waits for that.
func (s *Store) ApplyImport(ctx context.Context, id string, at time.Time, event audit.Event) error {
	n, err := s.act(ctx, "job", statement{`UPDATE jobs SET state = :queued, phase = :phase, position = 0, done = 0, updated_at = :at,
			total = (SELECT COUNT(*) FROM import_rows WHERE job_id = :id AND outcome IN (:create, :update))
		WHERE id = :id AND kind = :kind AND state = :waiting`,
		map[string]any{"id": id, "at": at, "queued": JobQueued, "phase": ImportApplying, "waiting": JobWaiting, "kind": KindUserImport, "create": ImportCreate, "update": ImportUpdate}},
		eventOf(event, at))
	return s.mustQueue(n, err)
}

// mustQueue is mustChange for a change that lets a job go on.
func (s *Store) mustQueue(n int64, err error) error {
	if err == nil && n > 0 {
		s.wakeWorkers()
	}
	return mustChange("job", n, err)
}

// ImportOutcomes counts the lines of an import by outcome.
func (s *Store) ImportOutcomes(ctx context.Context, jobID string) (map[string]int64, error) {
	var rows []struct {
		Outcome string `db:"outcome"`
		N       int64  `db:"n"`
	}
	err := s.all(ctx, "line", &rows, "SELECT outcome, COUNT(*) AS n FROM import_rows WHERE job_id = $1 GROUP BY outcome", jobID)
	out := make(map[string]int64, len(rows))
	for _, r := range rows {
		out[r.Outcome] = r.N
	}
	return out, err
}

// RefusedLines returns lines that were refused, from after a line on.
func (s *Store) RefusedLines(ctx context.Context, jobID string, after int64, limit int) (rows []ImportRow, err error) {
	err = s.all(ctx, "line", &rows, `SELECT job_id, line, data, username_key, email_key, outcome, field, problem FROM import_rows
		WHERE job_id = $1 AND outcome = $2 AND line > $3 ORDER BY line LIMIT $4`, jobID, ImportRefused, after, limit)
	return rows, err
}

// importPart checks or applies the next lines.
func importPart(ctx context.Context, tx *Store, job *Job, size int, at time.Time) error {
	var params ImportParams
	if err := json.Unmarshal([]byte(job.Params), &params); err != nil {
		return err
	}
	if job.Phase == importTidying {
		return tx.tidyImport(ctx, job)
	}
	checking := job.Phase == ImportChecking
	due := "outcome IN ('create', 'update')"
	if checking {
		due = "(outcome = '' OR outcome = 'refused')" // the latter only to be counted
	}
	var rows []ImportRow
	err := tx.all(ctx, "line", &rows, `SELECT job_id, line, data, username_key, email_key, outcome, field, problem FROM import_rows
		WHERE job_id = $1 AND line > $2 AND `+due+` ORDER BY line LIMIT $3`, job.ID, job.Position, size)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		if checking {
			job.State = JobWaiting
			return nil
		}
		outcomes, err := tx.ImportOutcomes(ctx, job.ID)
		if err != nil {
			return err
		}
		result, err := json.Marshal(outcomes)
		job.Phase, job.Position, job.Result = importTidying, 0, string(result)
		return err
	}
	attributes, err := tx.Attributes(ctx)
	if err != nil {
		return err
	}
	if checking {
		err = tx.checkLines(ctx, job, params, attributes, rows)
	} else {
		err = tx.applyLines(ctx, job, attributes, rows, at)
	}
	job.Position, job.Done = rows[len(rows)-1].Line, job.Done+int64(len(rows))
	return err
}

// tidyImport forgets the lines, but for those that were refused.
func (s *Store) tidyImport(ctx context.Context, job *Job) error {
	n, err := s.exec(ctx, "line", `DELETE FROM import_rows WHERE job_id = $1 AND line IN (
		SELECT line FROM import_rows WHERE job_id = $1 AND outcome <> $2 ORDER BY line LIMIT $3)`, job.ID, ImportRefused, sweepBatch)
	if job.Position += n; n == 0 {
		job.State = JobDone
	}
	return err
}

// refuseNextLine passes over a line that the database does not take.
func refuseNextLine(ctx context.Context, tx *Store, job *Job, why error) error {
	var r ImportRow
	err := tx.get(ctx, "line", &r, `SELECT job_id, line, data, username_key, email_key, outcome, field, problem FROM import_rows
		WHERE job_id = $1 AND line > $2 AND outcome IN ('create', 'update') ORDER BY line LIMIT 1`, job.ID, job.Position)
	if err != nil {
		return err
	}
	r.Problem = "Something it needs was changed meanwhile. Import the line again."
	var wrong fault.Fields
	if errors.As(why, &wrong) {
		for _, message := range wrong {
			r.Problem = message
		}
	}
	job.Position, job.Done = r.Line, job.Done+1
	return tx.refuseLine(ctx, &r)
}

// checkLines finds out what would become of the lines.
func (s *Store) checkLines(ctx context.Context, job *Job, params ImportParams, attributes identity.Attributes, rows []ImportRow) error {
	lines := map[string][]int64{}
	for i := range rows {
		r := &rows[i]
		if r.Outcome == ImportRefused {
			continue
		}
		if err := s.judgeLine(ctx, params, attributes, r); err != nil {
			return err
		}
		if r.Outcome == ImportRefused {
			if err := s.refuseLine(ctx, r); err != nil {
				return err
			}
			continue
		}
		lines[r.Outcome] = append(lines[r.Outcome], r.Line)
	}
	for _, outcome := range []string{ImportCreate, ImportUpdate, ImportSkip} {
		if len(lines[outcome]) == 0 {
			continue
		}
		query, args, err := sqlx.In("UPDATE import_rows SET outcome = ? WHERE job_id = ? AND line IN (?)", outcome, job.ID, lines[outcome])
		if err != nil {
			return err
		}
		if _, err := s.exec(ctx, "line", dollars(query), args...); err != nil {
			return err
		}
	}
	return nil
}

// refuseLine keeps why the line is refused, and no more of its password.
func (s *Store) refuseLine(ctx context.Context, r *ImportRow) error {
	var values identity.Imported
	if err := json.Unmarshal([]byte(r.Data), &values); err != nil {
		return err
	}
	delete(values, "password_hash")
	data, err := json.Marshal(values)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, "line", "UPDATE import_rows SET outcome = $3, field = $4, problem = $5, data = $6 WHERE job_id = $1 AND line = $2",
		r.JobID, r.Line, ImportRefused, r.Field, r.Problem, string(data))
	return err
}

// judgeLine says what would become of a line that is right by itself.
func (s *Store) judgeLine(ctx context.Context, params ImportParams, attributes identity.Attributes, r *ImportRow) error {
	refuse := func(field, format string, args ...any) error {
		r.Outcome, r.Field, r.Problem = ImportRefused, field, fmt.Sprintf(format, args...)
		return nil
	}
	var found struct {
		UserID   *string `db:"user_id"`
		Gone     bool    `db:"gone"`
		Other    *string `db:"other_id"`
		Earlier  int64   `db:"earlier"`
		EarlierE int64   `db:"earlier_email"`
	}
	const before = "FROM import_rows e WHERE e.job_id = $3 AND e.line < $4 AND e.outcome IN ('create', 'update', 'skip', '') AND "
	err := s.get(ctx, "line", &found, `SELECT (SELECT id FROM users WHERE username_key = $1) AS user_id,
			EXISTS (SELECT 1 FROM reserved_usernames WHERE username_key = $1) OR EXISTS (SELECT 1 FROM clients WHERE id = $1) AS gone,
			(SELECT id FROM users WHERE email_key = $2 AND $2 <> '') AS other_id,
			COALESCE((SELECT MIN(e.line) `+before+` e.username_key = $1), 0) AS earlier,
			COALESCE((SELECT MIN(e.line) `+before+` e.email_key = $2 AND $2 <> ''), 0) AS earlier_email`,
		r.UsernameKey, r.EmailKey, r.JobID, r.Line)
	if err != nil {
		return err
	}
	switch {
	case found.Earlier > 0:
		return refuse("username", "Line %d has this username already.", found.Earlier)
	case found.EarlierE > 0:
		return refuse("email", "Line %d has this address already.", found.EarlierE)
	case found.Gone:
		return refuse("username", "The username belonged to somebody who was deleted, or is an application's.")
	case found.UserID != nil && !params.Update:
		r.Outcome = ImportSkip
		return nil
	case found.Other != nil && (found.UserID == nil || *found.Other != *found.UserID):
		return refuse("email", "Somebody else uses this address.")
	}
	var values identity.Imported
	if err := json.Unmarshal([]byte(r.Data), &values); err != nil {
		return err
	}
	for _, name := range values.Groups() {
		if _, err := s.GroupByName(ctx, name); fault.IsNotFound(err) {
			return refuse("groups", "There is no group “%s”.", name)
		} else if err != nil {
			return err
		}
	}
	if found.UserID != nil { // who is there may lack what is required by now
		r.Outcome = ImportUpdate
		return nil
	}
	r.Outcome = ImportCreate
	var u identity.User
	wrong := values.Fill(&u, attributes)
	maps.Copy(wrong, attributes.Missing(u.Attributes))
	for field, message := range wrong {
		return refuse(field, "%s", message)
	}
	return nil
}

// applyLines does what was found out, as it is true now. A line that cannot be done any more, alone in its part, is refused.
func (s *Store) applyLines(ctx context.Context, job *Job, attributes identity.Attributes, rows []ImportRow, at time.Time) error {
	for i := range rows {
		r := &rows[i]
		outcome, err := s.applyLine(ctx, job, attributes, r, at)
		if err != nil {
			return err
		}
		if outcome == ImportRefused {
			if err := s.refuseLine(ctx, r); err != nil {
				return err
			}
			continue
		}
		// Nobody needs what the line said any more, its password least of all.
		if _, err := s.exec(ctx, "line", "UPDATE import_rows SET outcome = $3, data = '{}' WHERE job_id = $1 AND line = $2", r.JobID, r.Line, outcome); err != nil {
			return err
		}
	}
	return nil
}

// applyLine adds or changes the person.
func (s *Store) applyLine(ctx context.Context, job *Job, attributes identity.Attributes, r *ImportRow, at time.Time) (string, error) {
	refuse := func(field, problem string) (string, error) {
		r.Field, r.Problem = field, problem
		return ImportRefused, nil
	}
	var values identity.Imported
	if err := json.Unmarshal([]byte(r.Data), &values); err != nil {
		return "", err
	}
	u, err := s.UserByUsername(ctx, r.UsernameKey)
	switch there := err == nil; {
	case err != nil && !fault.IsNotFound(err):
		return "", err
	case r.Outcome == ImportCreate && there:
		return refuse("username", "Somebody was added under this username meanwhile.")
	case r.Outcome == ImportUpdate && !there:
		return refuse("username", "The person was deleted meanwhile.")
	}
	if taken, err := s.emailTaken(ctx, r); err != nil {
		return "", err
	} else if taken {
		return refuse("email", "Somebody else uses this address.")
	}
	event := audit.Event{At: at, Action: audit.UserCreated, Outcome: audit.Success, Actor: job.By(), Changes: map[string]audit.Change{"import": {After: job.ID}}}
	outcome := ImportCreated
	if r.Outcome == ImportUpdate {
		outcome, event.Action = ImportUpdated, audit.UserUpdated
	} else {
		var gone bool
		err := s.get(ctx, "user", &gone, "SELECT EXISTS (SELECT 1 FROM reserved_usernames WHERE username_key = $1)", r.UsernameKey)
		if err != nil || gone {
			if err != nil {
				return "", err
			}
			return refuse("username", "The username belonged to somebody who was deleted meanwhile.")
		}
		u = &identity.User{ID: newID(), Username: values["username"], Role: identity.RoleUser, PasswordHash: values["password_hash"]}
		if values.Disabled() {
			u.DisabledAt = &at
		}
	}
	before := *u
	wrong := values.Fill(u, attributes)
	maps.Copy(wrong, u.Validate())
	for column := range values {
		if key, own := strings.CutPrefix(column, "attr:"); own && !attributes.Has(key) {
			wrong.Add(column, "The attribute was deleted meanwhile.")
		}
	}
	if outcome == ImportCreated {
		maps.Copy(wrong, attributes.Missing(u.Attributes))
	}
	for field, message := range wrong { // together with what the person has already
		return refuse(field, message)
	}
	event.UserID, event.Target = u.ID, audit.Party{Kind: audit.KindUser, ID: u.ID, Name: u.Username}
	if outcome == ImportCreated {
		err = s.CreateUser(ctx, *u, at, event)
	} else if changed := UserChanges(&before, u, attributes); len(changed) > 0 {
		maps.Copy(event.Changes, changed)
		err = s.UpdateUser(ctx, *u, at, event)
	}
	if err != nil {
		return "", err
	}
	for _, name := range values.Groups() {
		g, err := s.GroupByName(ctx, name)
		if err != nil { // deleted meanwhile: the line is refused
			return "", err
		}
		joined := event
		joined.Action, joined.Target = audit.GroupMemberAdded, audit.Party{Kind: audit.KindGroup, ID: g.ID, Name: g.Name}
		joined.Changes = map[string]audit.Change{"member": {After: u.Username}, "import": {After: job.ID}}
		if err := s.AddMember(ctx, g.ID, u.ID, at, joined); err != nil {
			return "", err
		}
	}
	return outcome, nil
}

// UserChanges lists in what the two differ of all that a file says of people.
func UserChanges(before, after *identity.User, attributes identity.Attributes) map[string]audit.Change {
	was, is := identity.ImportRecord(before, nil, attributes), identity.ImportRecord(after, nil, attributes)
	out := map[string]audit.Change{}
	for column, value := range is {
		if was[column] != value {
			out[column] = audit.Change{Before: was[column], After: value}
		}
	}
	return out
}

func (s *Store) emailTaken(ctx context.Context, r *ImportRow) (taken bool, err error) {
	if strings.TrimSpace(r.EmailKey) == "" {
		return false, nil
	}
	err = s.get(ctx, "user", &taken, "SELECT EXISTS (SELECT 1 FROM users WHERE email_key = $1 AND username_key <> $2)", r.EmailKey, r.UsernameKey)
	return taken, err
}

const (
	// stagedTogether is how many lines are kept at once while a file comes in.
	stagedTogether = 200
	// readTogether is how many people or lines are read at once for a file that goes out.
	readTogether = 500
	// partTime is how long one of these may take.
	partTime = 20 * time.Second
)

// inTime does a part of something long.
func inTime(ctx context.Context, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	return do(ctx)
}

// StageImport keeps a file of people line by line and returns the job that it is for; its Total is how many lines there are.
// fault.Fields, of the field "file", if it is no such file: then nothing is kept. fault.Conflict, with the job that there is, if the form was sent before.
func (s *Store) StageImport(ctx context.Context, file io.Reader, params ImportParams, by audit.Party, at time.Time) (job *Job, err error) {
	attributes, err := s.Attributes(ctx)
	if err != nil {
		return nil, err
	}
	reader, err := identity.NewImportReader(file, attributes)
	if err != nil {
		return nil, err
	}
	if job, err = s.BeginImport(ctx, params, by, at); err != nil {
		return job, err
	}
	var rows []ImportRow
	for more := true; more; {
		line, values, wrong, err := reader.Next()
		more = !errors.Is(err, io.EOF)
		if more && err != nil {
			return nil, errors.Join(err, s.FailJob(ctx, job.ID, "The file cannot be read to its end.", at))
		}
		if more {
			r, err := NewImportRow(line, values, wrong, attributes)
			if err != nil {
				return nil, err
			}
			rows, job.Total = append(rows, r), job.Total+1
		}
		if len(rows) == stagedTogether || !more {
			if err := inTime(ctx, func(ctx context.Context) error { return s.AddImportRows(ctx, job.ID, rows) }); err != nil {
				return nil, errors.Join(err, s.FailJob(ctx, job.ID, "The database was not there.", at))
			}
			rows = rows[:0]
		}
	}
	if job.Total == 0 {
		return nil, errors.Join(fault.Fields{"file": "The file names columns, and nobody."}, s.FailJob(ctx, job.ID, "The file names nobody.", at))
	}
	return job, nil
}

// WriteRefused writes the lines of an import that were refused, with their numbers and why.
func (s *Store) WriteRefused(ctx context.Context, to io.Writer, jobID string) error {
	attributes, err := s.Attributes(ctx)
	if err != nil {
		return err
	}
	w, columns := csv.NewWriter(to), attributes.ExportColumns()
	if err := w.Write(append([]string{"line", "column", "problem"}, columns...)); err != nil {
		return err
	}
	for after := int64(0); ; {
		var rows []ImportRow
		err := inTime(ctx, func(ctx context.Context) (err error) {
			rows, err = s.RefusedLines(ctx, jobID, after, readTogether)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range rows {
			var values identity.Imported
			if err := json.Unmarshal([]byte(r.Data), &values); err != nil {
				return err
			}
			fields := []string{strconv.FormatInt(r.Line, 10), r.Field, r.Problem}
			for _, column := range columns {
				fields = append(fields, audit.Cell(values[column]))
			}
			if err := w.Write(fields); err != nil {
				return err
			}
			after = r.Line
		}
		if w.Flush(); w.Error() != nil || len(rows) < readTogether {
			return errors.Join(w.Error(), flushed(to))
		}
	}
}

// flushed flushes what is buffered.
func flushed(to io.Writer) error {
	if b, ok := to.(interface{ Flush() error }); ok {
		return b.Flush()
	}
	return nil
}

// WriteUsers writes the people that fit the filter, some at a time.
func (s *Store) WriteUsers(ctx context.Context, to io.Writer, want UserFilter, format string) error {
	attributes, err := s.Attributes(ctx)
	if err != nil {
		return err
	}
	w, err := identity.NewExportWriter(to, format, attributes)
	if err != nil {
		return err
	}
	want.After, want.Before, want.Limit = "", "", readTogether
	for more := true; more; {
		var page UserPage
		var groups map[string][]string
		err := inTime(ctx, func(ctx context.Context) (err error) {
			if page, err = s.Users(ctx, want); err != nil {
				return err
			}
			if len(attributes) > 0 {
				if err := s.readValues(ctx, page.Users); err != nil {
					return err
				}
			}
			groups, err = s.groupNamesOf(ctx, page.Users)
			return err
		})
		if err != nil {
			return err
		}
		for i := range page.Users {
			if err := w.Write(&page.Users[i], groups[page.Users[i].ID]); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		want.After, more = page.Next, page.Next != ""
	}
	return flushed(to)
}

// groupNamesOf are the names of the groups that the people are in, by person.
func (s *Store) groupNamesOf(ctx context.Context, users []identity.User) (map[string][]string, error) {
	if len(users) == 0 {
		return nil, nil
	}
	ids := make([]string, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	query, args, err := sqlx.In("SELECT m.user_id, g.name FROM memberships m JOIN user_groups g ON g.id = m.group_id AND g.removal = '' WHERE m.user_id IN (?) ORDER BY g.search_key", ids)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		UserID string `db:"user_id"`
		Name   string `db:"name"`
	}
	err = s.all(ctx, "group", &rows, dollars(query), args...)
	names := map[string][]string{}
	for _, r := range rows {
		names[r.UserID] = append(names[r.UserID], r.Name)
	}
	return names, err
}
