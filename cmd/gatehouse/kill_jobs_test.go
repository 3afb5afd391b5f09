package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/audit"
	"gatehouse/internal/identity"
	"gatehouse/internal/oauth"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

const (
	// killedFamilies and killedLines are so many that a job of them takes dozens of parts.
	killedFamilies = 12_000
	killedLines    = 800
	// defaultJobRounds is for those who wait for the answer.
	defaultJobRounds = 1
)

// Jobs that nodes were killed in the middle of, once and again, one of two or both, come to their end, and everything in them is
// done exactly once: no person is added twice, no refused line counted twice, no family ended twice, nothing told twice.
func TestServe_killedAmidJobsItKeepsItsWord(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		st := storetest.Open(t, m.options)
		j := &jobKilling{T: t, machine: m, st: st, at: now()}
		nobody := audit.Event{Outcome: audit.Success, Actor: audit.Party{Kind: audit.KindSystem}}
		event := func(action audit.Action) audit.Event { e := nobody; e.Action = action; return e }
		j.must(st.CreateClient(t.Context(), oauth.Client{ID: "shop", Name: "Shop"}, nil, j.at, event(audit.ClientCreated)))
		j.must(st.CreateUser(t.Context(), identity.User{ID: "bob", Username: "bob", Role: identity.RoleUser}, j.at, event(audit.UserCreated)))
		for round := range killRounds(t, defaultJobRounds) {
			j.round = round
			j.families()
			ending, _, err := st.BeginEnding(t.Context(), store.KindEndFamilies, store.Ending{UserID: "bob"}, killedFamilies, "", now(), event(audit.EndingBegun))
			j.must(err)
			imported, err := st.StageImport(t.Context(), strings.NewReader(j.file()), store.ImportParams{File: "people.csv"}, nobody.Actor, now())
			j.must(err)
			j.must(st.CheckImport(t.Context(), imported.ID, imported.Total, now(), event(audit.UsersImportChecked)))
			j.killUntil(func(ending, imported *store.Job) bool { return ending.Over() && imported.State == store.JobWaiting }, ending.ID, imported.ID)
			outcomes, err := st.ImportOutcomes(t.Context(), imported.ID)
			j.must(err)
			if outcomes[store.ImportCreate] != killedLines || outcomes[store.ImportRefused] != killedLines/100 {
				t.Errorf("checked: %v", outcomes)
			}
			j.must(st.ApplyImport(t.Context(), imported.ID, now(), event(audit.UsersImported)))
			j.killUntil(func(_, imported *store.Job) bool { return imported.Over() }, ending.ID, imported.ID)
			j.check(ending.ID, imported.ID)
		}
		t.Logf("%d kills", j.kills)
	})
}

type jobKilling struct {
	*testing.T
	machine machine
	st      *store.Store
	at      time.Time
	round   int
	kills   int
}

func (j *jobKilling) must(err error) {
	j.Helper()
	if err != nil {
		j.Fatal(err)
	}
}

// families gives bob as many as a round ends.
func (j *jobKilling) families() {
	j.Helper()
	_, err := store.NewBulk(j.st).Families(j.Context(), func(yield func(oauth.Family) bool) {
		for n := range killedFamilies {
			f := oauth.Family{
				ID: fmt.Sprintf("%04d-%06d", j.round, n), ClientID: "shop", UserID: "bob", GrantType: oauth.GrantPassword,
				AuthTime: j.at, CreatedAt: j.at, ExpiresAt: j.at.Add(time.Hour), IdleExpiresAt: j.at.Add(time.Hour),
			}
			if !yield(f) {
				return
			}
		}
	})
	j.must(err)
}

// file has people, and after each hundredth the same once more, which is refused.
func (j *jobKilling) file() string {
	var b strings.Builder
	b.WriteString("username\n")
	for n := range killedLines {
		fmt.Fprintf(&b, "person-%d-%d\n", j.round, n)
		if n%100 == 99 {
			fmt.Fprintf(&b, "person-%d-%d\n", j.round, n)
		}
	}
	return b.String()
}

// killUntil lets two nodes do the jobs and kills one or both at any moment, until the jobs are as far as that. The last nodes are not killed.
func (j *jobKilling) killUntil(done func(ending, imported *store.Job) bool, endingID, importID string) {
	j.Helper()
	var nodes [2]*node
	for {
		for i := range nodes {
			if nodes[i] == nil {
				nodes[i] = j.machine.serve(j.T)
			}
		}
		blow := j.progress(endingID) + j.progress(importID) + rand.Int64N(killedFamilies/3)
		for began := now(); ; {
			ending, imported := j.job(endingID), j.job(importID)
			if done(ending, imported) {
				for _, n := range nodes {
					n.mustBeReady(j.T)
					n.mustEnd(j.T)
				}
				return
			}
			if ending.Done+imported.Position >= blow {
				break
			}
			if now().Sub(began) > soon {
				j.Fatalf("no progress for %s: %+v %+v\n%s", soon, ending, imported, nodes[0].log)
			}
		}
		for i, n := range nodes {
			if i == 0 || rand.IntN(2) == 0 {
				n.mustDie(j.T)
				nodes[i] = nil
				j.kills++
			}
		}
		if _, err := j.sqlDB("DELETE FROM leases"); err != nil { // as if their time had run out: it is longer than anybody wants to wait here
			j.Fatal(err)
		}
	}
}

func (j *jobKilling) sqlDB(statement string) (int64, error) {
	db := storetest.DB(j.T, j.machine.options)
	defer db.Close()
	result, err := db.Exec(statement)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (j *jobKilling) progress(id string) int64 {
	job := j.job(id)
	if job.Kind == store.KindUserImport {
		return job.Position
	}
	return job.Done
}

// job reads a job, which never says that it did more than there is.
func (j *jobKilling) job(id string) *store.Job {
	j.Helper()
	job, err := j.st.Job(j.Context(), id)
	j.must(err)
	if job.Done > job.Total || job.State == store.JobFailed {
		j.Fatalf("%+v", job)
	}
	return job
}

// check counts what was done, and what was told of it.
func (j *jobKilling) check(endingID, importID string) {
	j.Helper()
	if e := j.job(endingID); e.Done != killedFamilies {
		j.Errorf("ended: %+v", e)
	}
	var outcomes map[string]int64
	i := j.job(importID)
	if err := json.Unmarshal([]byte(i.Result), &outcomes); err != nil || i.Done != killedLines || outcomes[store.ImportCreated] != killedLines || outcomes[store.ImportRefused] != killedLines/100 {
		j.Errorf("imported: %+v", i)
	}
	db := storetest.DB(j.T, j.machine.options)
	defer db.Close()
	for what, one := range map[string]struct {
		query string
		want  int
	}{
		"live families":  {"SELECT COUNT(*) FROM families WHERE ended_at IS NULL", 0},
		"people":         {fmt.Sprintf("SELECT COUNT(*) FROM users WHERE username LIKE 'person-%d-%%'", j.round), killedLines},
		"people told of": {fmt.Sprintf("SELECT COUNT(DISTINCT target_id) FROM audit_events WHERE action = 'user.created' AND target_name LIKE 'person-%d-%%'", j.round), killedLines},
		"events of them": {fmt.Sprintf("SELECT COUNT(*) FROM audit_events WHERE action = 'user.created' AND target_name LIKE 'person-%d-%%'", j.round), killedLines},
		"refused lines":  {"SELECT COUNT(*) FROM import_rows WHERE job_id = '" + importID + "'", killedLines / 100},
		"ends told of":   {"SELECT COUNT(*) FROM audit_events WHERE action = '" + string(audit.EndingFinished) + "' AND target_id = '" + endingID + "'", 1},
	} {
		var n int
		if err := db.QueryRow(one.query).Scan(&n); err != nil || n != one.want {
			j.Errorf("%s: %d, expected %d (%v)", what, n, one.want, err)
		}
	}
}
