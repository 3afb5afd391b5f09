package web

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"gatehouse/internal/audit"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	"gatehouse/web/respond"
)

// Janitor is what became of sweeping.
type Janitor struct {
	Leads   bool             // this node is the one that sweeps
	LastRun time.Time        // when it last came to an end here; zero for never
	Failed  int64            // runs that did not
	Swept   map[string]int64 // rows by table
}

// Notary is what became of sealing the audit log.
type Notary struct {
	Leads       bool      // this node is the one that seals
	SealedUntil time.Time // when it last found nothing left to seal; zero for never
	Lag         float64   // seconds since then; 0 where it does not lead
	Sealed      int64     // events
	Failed      int64     // tries that did not come to an end
}

// metrics is what Prometheus may ask: what happens by the request is counted as it happens, what can be asked for is asked for
// when somebody wants to know.
type metrics struct {
	registry *prometheus.Registry
	inFlight prometheus.Gauge
	requests *prometheus.HistogramVec
	unknown  *counted // requests of no route

	issued                      map[audit.Action]prometheus.Counter
	refusals                    *prometheus.CounterVec
	signIns                     *prometheus.CounterVec
	codesReplayed, refreshReuse prometheus.Counter
}

// seconds are the bounds of the latencies: from an answer out of memory to one that gave up.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20}

func newMetrics(cfg Config, ready *readiness, streams *respond.Streams) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatehouse_http_requests_in_flight", Help: "Requests being answered."}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_http_request_duration_seconds", Help: "How long answers took, by route, method and class of status.", Buckets: seconds,
		}, []string{"route", "method", "status"}),
		refusals: counter("gatehouse_refusals_total", "Requests refused, by what was asked for and the rule that refused it.", "action", "rule"),
		signIns:  counter("gatehouse_sign_ins_total", "Tries to sign in, by outcome.", "outcome"),
	}
	m.unknown = m.count("unknown")
	tokens := counter("gatehouse_tokens_issued_total", "Answers with an access token, by grant.", "grant")
	m.issued = map[audit.Action]prometheus.Counter{}
	for _, action := range oauth.TokenActions() {
		m.issued[action] = tokens.WithLabelValues(oauth.GrantOf(action))
	}
	replays := counter("gatehouse_replays_total", "Spent codes and refresh tokens that were presented again, and ended their family.", "of")
	m.codesReplayed, m.refreshReuse = replays.WithLabelValues("code"), replays.WithLabelValues("refresh_token")
	for _, outcome := range []audit.Outcome{audit.Success, audit.Refused} {
		m.signIns.WithLabelValues(string(outcome)) // there from the start: a rate needs a first value
	}
	m.registry.MustRegister(m.inFlight, m.requests, tokens, m.refusals, m.signIns, replays,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.ask(cfg, ready, streams)
	return m
}

// ask adds what is asked for when somebody wants to know.
func (m *metrics) ask(cfg Config, ready *readiness, streams *respond.Streams) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("gatehouse_event_streams_open", "Browsers that follow what happens.", func() float64 { return float64(streams.Open()) })
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gatehouse_event_streams_refused_total", Help: "Browsers that wanted to follow and found no room.",
	}, func() float64 { return float64(streams.Refused()) }))
	if cfg.CertificateExpires != nil {
		gauge("gatehouse_certificate_expiry_timestamp_seconds", "When the certificate of https expires; 0 while there is none.", func() float64 { return unix(cfg.CertificateExpires()) })
	}
	gauge("gatehouse_ready", "1 while this node can serve.", func() float64 { return yes(ready.up()) })
	gauge("gatehouse_ready_since_timestamp_seconds", "When this node last became ready.", func() float64 { return unix(ready.since()) })
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatehouse_build_info", Help: "What is running; always 1.",
			ConstLabels: prometheus.Labels{"version": cfg.Version, "commit": cfg.Commit, "database": string(cfg.Store.Dialect())},
		}, func() float64 { return 1 }),
		&asked[store.PoolStats]{cfg.Store.Pool, []answer[store.PoolStats]{
			{"gatehouse_database_connections_max", "Connections the pool may have.", false, func(s store.PoolStats) float64 { return float64(s.Max) }},
			{"gatehouse_database_connections_open", "Connections the pool has.", false, func(s store.PoolStats) float64 { return float64(s.Open) }},
			{"gatehouse_database_connections_in_use", "Connections at work.", false, func(s store.PoolStats) float64 { return float64(s.InUse) }},
			{"gatehouse_database_connection_waits_total", "Acts that had to wait for a connection.", true, func(s store.PoolStats) float64 { return float64(s.Waits) }},
			{"gatehouse_database_connection_wait_seconds_total", "How long they waited, all together.", true, func(s store.PoolStats) float64 { return s.Waited.Seconds() }},
		}},
		&asked[secret.HasherStats]{cfg.Hasher.Stats, []answer[secret.HasherStats]{
			{"gatehouse_password_hash_workers", "Passwords that may be hashed at once.", false, func(s secret.HasherStats) float64 { return float64(s.Workers) }},
			{"gatehouse_password_hash_running", "Workers that hash.", false, func(s secret.HasherStats) float64 { return float64(s.Running) }},
			{"gatehouse_password_hash_waiting_known", "Known browsers that wait for a worker.", false, func(s secret.HasherStats) float64 { return float64(s.WaitingKnown) }},
			{"gatehouse_password_hash_waiting_strangers", "Others that wait for a worker.", false, func(s secret.HasherStats) float64 { return float64(s.WaitingStrangers) }},
			{"gatehouse_password_hashes_total", "Passwords hashed.", true, func(s secret.HasherStats) float64 { return float64(s.Done) }},
			{"gatehouse_password_hash_refused_total", "Callers turned away because too many waited, or for too long.", true, func(s secret.HasherStats) float64 { return float64(s.Refused) }},
			{"gatehouse_password_hash_wait_seconds_total", "How long callers waited for a worker, all together.", true, func(s secret.HasherStats) float64 { return s.Waited.Seconds() }},
			{"gatehouse_password_hash_seconds_total", "How long hashing took, all together.", true, func(s secret.HasherStats) float64 { return s.Took.Seconds() }},
		}},
	)
	if cfg.Janitor != nil {
		m.registry.MustRegister(&sweeping{cfg.Janitor})
	}
	if cfg.Notary != nil {
		m.registry.MustRegister(&asked[Notary]{cfg.Notary, []answer[Notary]{
			{"gatehouse_audit_seal_leads", "1 on the node that seals the audit log.", false, func(n Notary) float64 { return yes(n.Leads) }},
			{"gatehouse_audit_seal_lag_seconds", "On the node that seals: how long ago every event there was had been sealed.", false, func(n Notary) float64 { return n.Lag }},
			{"gatehouse_audit_sealed_until_timestamp_seconds", "When this node last found nothing left to seal; 0 for never.", false, func(n Notary) float64 { return unix(n.SealedUntil) }},
			{"gatehouse_audit_sealed_events_total", "Events that this node sealed.", true, func(n Notary) float64 { return float64(n.Sealed) }},
			{"gatehouse_audit_seal_failures_total", "Tries to seal that did not come to an end on this node.", true, func(n Notary) float64 { return float64(n.Failed) }},
		}})
	}
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unix is 0 for never.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

// asked are metrics that one question answers.
type asked[T any] struct {
	stats   func() T
	answers []answer[T]
}

type answer[T any] struct {
	name, help string
	total      bool // it only grows
	value      func(T) float64
}

func (a *asked[T]) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(a, to) }

func (a *asked[T]) Collect(to chan<- prometheus.Metric) {
	stats := a.stats()
	for _, one := range a.answers {
		kind := prometheus.GaugeValue
		if one.total {
			kind = prometheus.CounterValue
		}
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(one.name, one.help, nil, nil), kind, one.value(stats))
	}
}

// sweeping tells of the janitor.
type sweeping struct{ stats func() Janitor }

var (
	janitorLeads  = prometheus.NewDesc("gatehouse_janitor_leads", "1 on the node that sweeps what has lapsed.", nil, nil)
	janitorRan    = prometheus.NewDesc("gatehouse_janitor_last_run_timestamp_seconds", "When sweeping last came to an end on this node; 0 for never.", nil, nil)
	janitorFailed = prometheus.NewDesc("gatehouse_janitor_failures_total", "Sweeps that did not come to an end on this node.", nil, nil)
	janitorSwept  = prometheus.NewDesc("gatehouse_janitor_swept_rows_total", "Rows that this node swept, by table.", []string{"table"}, nil)
)

func (s *sweeping) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{janitorLeads, janitorRan, janitorFailed, janitorSwept} {
		to <- d
	}
}

func (s *sweeping) Collect(to chan<- prometheus.Metric) {
	stats := s.stats()
	to <- prometheus.MustNewConstMetric(janitorLeads, prometheus.GaugeValue, yes(stats.Leads))
	to <- prometheus.MustNewConstMetric(janitorRan, prometheus.GaugeValue, unix(stats.LastRun))
	to <- prometheus.MustNewConstMetric(janitorFailed, prometheus.CounterValue, float64(stats.Failed))
	for table, n := range stats.Swept {
		to <- prometheus.MustNewConstMetric(janitorSwept, prometheus.CounterValue, float64(n), table)
	}
}

// event counts what certainly happened, or was counted, by its audit event.
func (m *metrics) event(e audit.Event) {
	n := float64(max(e.Count, 1))
	if tokens, ok := m.issued[e.Action]; ok && e.Outcome == audit.Success {
		tokens.Add(n)
		return
	}
	switch e.Action {
	case audit.SignInSucceeded, audit.SignInRefused:
		m.signIns.WithLabelValues(string(e.Outcome)).Add(n)
	case audit.CodeReplayed:
		m.codesReplayed.Add(n)
	case audit.RefreshReplayed:
		m.refreshReuse.Add(n)
	}
	if e.Outcome == audit.Refused && e.Action != audit.RefusalsSuppressed { // those were counted as they came
		rule := ""
		if e.Cause != nil {
			rule = e.Cause.Rule // a word of the rulebook's, never one of the client's
		}
		m.refusals.WithLabelValues(string(e.Action), rule).Add(n)
	}
}

// counted is where the requests of one route are counted. What is there has been looked up once: no request pays for that again.
type counted struct {
	route  string
	within *prometheus.HistogramVec
	seen   [len(methods) + 1][classes]atomic.Pointer[prometheus.Observer]
}

// methods are those that are counted by name.
var methods = [...]string{fiber.MethodGet, fiber.MethodPost, fiber.MethodHead, fiber.MethodOptions}

const classes = 6 // the hundreds of a status; 0 is for what is none

func (m *metrics) count(route string) *counted { return &counted{route: route, within: m.requests} }

// observe counts one request.
func (c *counted) observe(method string, status int, took time.Duration) {
	by, class := slices.Index(methods[:], method), status/100
	if by < 0 {
		by = len(methods)
	}
	if class < 0 || class >= classes {
		class = 0
	}
	slot := &c.seen[by][class]
	observer := slot.Load()
	if observer == nil {
		name := "other"
		if by < len(methods) {
			name = method
		}
		found := c.within.WithLabelValues(c.route, name, strconv.Itoa(class)+"xx")
		observer = &found
		slot.Store(observer)
	}
	(*observer).Observe(max(took, 0).Seconds()) // a clock that was set back measures nothing
}

// serveMetrics answers Prometheus, if it asks from where it may.
func (s *site) serveMetrics(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	if !s.mayMeasure(c) {
		return c.Status(fiber.StatusForbidden).SendString("this address may not see metrics: GATEHOUSE_METRICS_ALLOW names those that may\n")
	}
	families, err := s.metrics.registry.Gather()
	if err != nil && len(families) == 0 {
		return err
	} else if err != nil { // some could be told
		s.Log.Error("some metrics cannot be told", "error", err)
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	c.Set(fiber.HeaderContentType, string(format))
	return c.Send(text.Bytes())
}

// forwarding are the headers by which proxies tell that a request is another's.
var forwarding = []string{forwardedFor, fiber.HeaderForwarded, fiber.HeaderVia, "X-Real-Ip", fiber.HeaderXForwardedHost, fiber.HeaderXForwardedProto}

// mayMeasure looks at the address a request came from (security.md rule 13). Behind a proxy on this machine everybody seems to
// come from it: what was forwarded counts only where a proxy we trust says for whom, and that is nobody of its own kind.
func (s *site) mayMeasure(c *fiber.Ctx) bool {
	address, err := netip.ParseAddr(s.clientIP(c))
	if err != nil {
		return false
	}
	forwarded := slices.ContainsFunc(forwarding, func(name string) bool { return len(c.Request().Header.Peek(name)) > 0 })
	if forwarded && (s.trusts(address) || address == peerOf(c)) {
		return false
	}
	if host := string(c.Request().URI().Host()); address.IsLoopback() && !s.issuer.serves(host) && !namesThisMachine(host) {
		return false // a page of a browser here, whose name has come to mean this machine: it could read the answer (DNS rebinding)
	}
	return slices.ContainsFunc(s.MetricsAllow, func(p netip.Prefix) bool { return p.Contains(address) })
}
