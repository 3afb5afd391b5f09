package main

import (
	"database/sql"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatehouse/store/storetest"
)

const (
	// roundsVariable says how often each server is killed; defaultRounds is for those who wait for the answer.
	roundsVariable = "GATEHOUSE_TEST_KILL_ROUNDS"
	defaultRounds  = 5
	// crashVariable names a program that kills PostgreSQL with all its processes, starts it again and returns when it serves;
	// .ci/with-services sets it where the database is durable. Without it only gatehouse is killed.
	crashVariable = "GATEHOUSE_TEST_CRASH_POSTGRES"
	// mostAnswers is how many answers a server gives at most before it is killed.
	mostAnswers = 150
	// outage is how long some servers seem to have been away: longer than any reuse interval.
	outage = 2 * time.Minute
)

// What the server acknowledged holds after SIGKILL at any moment: tokens, codes, sessions and consents work, what was
// revoked stays so, and what got no answer was done whole or not at all (security.md rules 1 to 3).
func TestServe_killedItKeepsItsWord(t *testing.T) {
	eachMachine(t, func(t *testing.T, m machine) {
		rounds := killRounds(t, defaultRounds)
		k := newKilling(t, m)
		for k.round = 1; k.round <= rounds && k.losses.Load() == 0; k.round++ {
			k.kill()
		}
		if k.Failed() {
			t.Logf("the server's log:\n%s", k.node.log)
		}
		k.end()
	})
}

// killRounds is how often: as the variable says, or so many.
func killRounds(t *testing.T, otherwise int) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return otherwise
	}
	rounds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", roundsVariable, err)
	}
	return rounds
}

// A killing is a server that is killed again and again, and those who use it.
type killing struct {
	*testing.T
	machine machine
	address string
	node    *node
	actors  []*actor
	crash   string // what kills the database, if anything may

	round   int
	due     chan struct{} // closed when left comes to zero
	left    atomic.Int64
	struck  atomic.Bool // from now on not everybody gets an answer
	killed  atomic.Bool // the server is dead, or will be before it could answer
	over    atomic.Bool // whoever was to be killed is dead
	patient bool        // the database came back just now: 503 means once more

	answers, underWay, unheard, again, losses atomic.Int64
	crashes, starts, stillborn                int
	starting, slowest                         time.Duration
}

func newKilling(t *testing.T, m machine) *killing {
	t.Helper()
	k := &killing{T: t, address: quietAddress(t)}
	if !m.sqlite() {
		k.crash = os.Getenv(crashVariable)
	}
	k.machine = m.with("GATEHOUSE_ISSUER", "http://"+k.address).with("GATEHOUSE_ACCESS_TOKEN_TTL", "24h").with("GATEHOUSE_CODE_TTL", "10m").with("GATEHOUSE_PASSWORD_GRANT", "true")
	k.start()
	if a := k.machine.run("", "api", "create", "--identifier", killAPI, "--name", "API", "--token-format", "opaque"); a.exit != exitOK {
		t.Fatalf("%+v", a)
	}
	for _, p := range apps() {
		p.Registration = create(t, k.machine, p.metadata)
		for range p.users {
			a := newActor(k, p, strings.ToLower(p.ClientName)+strconv.Itoa(len(k.actors)))
			if p.ofPeople() {
				m.feed(t, killPassword, "user create --password-stdin --username "+a.name)
			}
			k.actors = append(k.actors, a)
		}
	}
	return k
}

// quietAddress is an address that no connection from here gets for its own end, which could take it while no server listens.
func quietAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(10_000+rand.IntN(10_000)))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start starts the server on the same database and port as ever. Some are killed while they start.
func (k *killing) start() {
	k.Helper()
	for {
		k.node = k.machine.serve(k.T, "--listen", k.address)
		k.node.url = "http://" + k.address
		if k.round == 0 || rand.IntN(3) > 0 {
			break
		}
		k.stillborn++
		<-time.After(rand.N(2 * k.starting / time.Duration(k.starts))) // any moment will do
		k.node.mustDie(k.T)
	}
	k.node.mustBeReady(k.T)
	k.starts, k.starting, k.slowest = k.starts+1, k.starting+k.node.readyIn, max(k.slowest, k.node.readyIn)
}

// mustDie kills the server, which must have lived until then.
func (n *node) mustDie(t *testing.T) {
	t.Helper()
	_ = n.Process.Kill()
	for range n.lines { // until its end
	}
	_ = n.Wait()
	if s, ok := n.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Fatalf("the server ended by itself: %s\n%s", n.ProcessState, n.log)
	}
}

// kill lets everybody use the server until it has given some answers, kills it, starts it again and asks it about all it
// acknowledged.
func (k *killing) kill() {
	k.due = make(chan struct{})
	k.left.Store(1 + rand.Int64N(mostAnswers))
	k.struck.Store(false)
	k.killed.Store(false)
	k.over.Store(false)
	k.patient = false
	var users sync.WaitGroup
	for _, a := range k.actors {
		users.Go(a.use)
	}
	select {
	case <-k.due:
	case <-time.After(soon):
		k.Fatalf("no answers for %s:\n%s", soon, k.node.log)
	}
	ofServer, ofDatabase := true, false
	if k.crash != "" {
		which := rand.IntN(3)
		ofServer, ofDatabase = which != 0, which != 1
	}
	k.strike(ofServer, ofDatabase)
	users.Wait()
	k.struck.Store(false)
	if ofServer {
		k.start()
	} else {
		k.awaitReadiness()
	}
	k.patient = ofDatabase
	k.lookBehind(ofServer && k.round%2 == 0)
	if !ofDatabase && rand.IntN(4) == 0 { // the next blow comes before everybody has been asked: answers are lost again
		k.each((*actor).settleEnd)
		return
	}
	k.each((*actor).check)
}

// strike kills the server, the database, or both at the same time.
func (k *killing) strike(server, database bool) {
	k.struck.Store(true)
	var crash sync.WaitGroup
	if database {
		k.crashes++
		crash.Go(func() {
			if out, err := exec.Command(k.crash).CombinedOutput(); err != nil {
				k.Errorf("%s: %v\n%s", k.crash, err, out)
			}
		})
	}
	if server {
		k.killed.Store(true)
		k.node.mustDie(k.T)
	}
	crash.Wait()
	k.over.Store(true)
}

func (k *killing) awaitReadiness() {
	for began := time.Now(); ; {
		status, body := k.node.get(k.T, "/readyz")
		if status == http.StatusOK {
			return
		}
		if time.Since(began) > soon {
			k.Fatalf("the server does not find its database again: %d %s\n%s", status, body, k.node.log)
		}
	}
}

// each lets everybody do the same at once.
func (k *killing) each(do func(*actor)) {
	var all sync.WaitGroup
	for _, a := range k.actors {
		all.Go(func() { do(a) })
	}
	all.Wait()
}

// lookBehind counts the requests that were carried out although nobody heard the answer. If long, the server was away longer
// than any reuse interval: retries count from its return (security.md rule 1). It runs beside the server, so that this has to
// recover the database by itself.
func (k *killing) lookBehind(long bool) {
	k.Helper()
	db := storetest.DB(k.T, k.machine.options)
	defer db.Close()
	count := func(query string, args ...any) (n int64) {
		if err := db.QueryRow(query, args...).Scan(&n); err != nil {
			k.Fatalf("%s: %v", query, err)
		}
		return n
	}
	ending := false
	for _, a := range k.actors {
		if a.trace != "" {
			k.unheard.Add(count(a.trace, a.traced))
			a.trace = ""
		}
		ending = ending || a.settle != nil
	}
	if long {
		if _, err := db.Exec("UPDATE families SET rotated_at = $1 WHERE rotated_at IS NOT NULL", now().Add(-outage)); err != nil {
			k.Fatal(err)
		}
	}
	// PostgreSQL may still be at what the dead server asked for. Rotations stand that; a revocation would seem half done.
	for began := now(); ending && !k.machine.sqlite() && count(`SELECT COUNT(*) FROM pg_stat_activity
		WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid() AND backend_start < $1`, k.node.started.UTC()) > 0; {
		if now().Sub(began) > soon {
			k.Fatal("PostgreSQL does not come to an end")
		}
	}
}

// end checks, once more, all that was ever revoked, and whether anything in the database was half done.
func (k *killing) end() {
	k.each((*actor).check)
	k.each(func(a *actor) {
		for _, h := range a.buried {
			a.mustBeDead(h)
		}
	})
	k.node.mustEnd(k.T)
	db := storetest.DB(k.T, k.machine.options)
	k.mustAgree(db)
	if k.machine.sqlite() {
		var verdict string
		if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			k.Errorf("integrity: %s, %v", verdict, err)
		}
	}
	buried := 0
	for _, a := range k.actors {
		buried += len(a.buried)
	}
	k.Logf("%d rounds, PostgreSQL killed in %d; %d answers; %d requests under way when killed, of which %d were carried out unheard; "+
		"%d revocations and ends kept; %d times 503 after PostgreSQL came back; %d starts, on average %s, at most %s, and %d killed while they started; losses: %d",
		k.round-1, k.crashes, k.answers.Load(), k.underWay.Load(), k.unheard.Load(), buried, k.again.Load(),
		k.starts, (k.starting / time.Duration(k.starts)).Round(time.Millisecond), k.slowest.Round(time.Millisecond), k.stillborn, k.losses.Load())
}

// mustAgree compares what is written in one transaction: a change, what follows from it, and its event.
func (k *killing) mustAgree(db *sql.DB) {
	k.Helper()
	events := func(action, target string) string {
		return "SELECT COUNT(*) FROM audit_events WHERE action = '" + action + "' AND target_kind = '" + target + "'"
	}
	for what, of := range map[string][2]string{
		"codes issued":         {"SELECT COUNT(*) FROM codes", "SELECT COUNT(*) FROM audit_events WHERE action = 'code.issued'"},
		"codes redeemed":       {"SELECT COUNT(*) FROM families WHERE id IN (SELECT family_id FROM codes)", events("code.redeemed", "family")},
		"passwords traded":     {"SELECT COUNT(*) FROM families WHERE id NOT IN (SELECT family_id FROM codes)", events("password.traded", "family")},
		"codes spent":          {"SELECT COUNT(*) FROM families WHERE id IN (SELECT family_id FROM codes)", "SELECT COUNT(*) FROM families f JOIN codes c ON c.family_id = f.id WHERE c.spent_at IS NOT NULL"},
		"opaque tokens":        {"SELECT COUNT(*) FROM access_tokens WHERE subject <> client_id", "SELECT COUNT(*) FROM access_tokens a JOIN families f ON f.id = a.grant_id AND f.client_id = a.client_id AND f.user_id = a.subject"},
		"rotations":            {"SELECT COALESCE(SUM(generation), 0) FROM families", events("token.refreshed", "family")},
		"refresh tokens":       {"SELECT COUNT(*) FROM refresh_tokens", "SELECT COALESCE(SUM(generation + 1), 0) FROM families WHERE current_hash <> ''"},
		"current tokens":       {"SELECT COUNT(*) FROM families WHERE current_hash <> ''", "SELECT COUNT(*) FROM families f JOIN refresh_tokens t ON t.hash = f.current_hash AND t.family_id = f.id AND t.generation = f.generation"},
		"families revoked":     {"SELECT COUNT(*) FROM families WHERE end_reason = 'revoked_by_client'", events("token.revoked", "family")},
		"codes replayed":       {"SELECT COUNT(*) FROM families WHERE end_reason = 'code_replayed'", events("code.replayed", "family")},
		"tokens replayed":      {"SELECT COUNT(*) FROM families WHERE end_reason = 'refresh_token_replayed'", events("token.refresh_replayed", "family")},
		"access tokens ended":  {"SELECT COUNT(*) FROM revoked_tokens", events("token.revoked", "access_token")},
		"sessions begun":       {"SELECT COUNT(*) FROM sessions", "SELECT COUNT(*) FROM audit_events WHERE action = 'signin.succeeded'"},
		"sessions ended":       {"SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL", events("session.ended", "session")},
		"families of sessions": {"SELECT COUNT(*) FROM families f JOIN sessions s ON s.id = f.session_id WHERE s.ended_at IS NOT NULL AND f.ended_at IS NULL", "SELECT 0"},
	} {
		var n [2]int64
		for i, query := range of {
			if err := db.QueryRow(query).Scan(&n[i]); err != nil {
				k.Fatalf("%s: %v", query, err)
			}
		}
		if n[0] != n[1] {
			k.losses.Add(1)
			k.Errorf("%s: %d and %d", what, n[0], n[1])
		}
	}
}
