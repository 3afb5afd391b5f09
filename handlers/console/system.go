package console

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/keys"
	"gatehouse/internal/policy"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// silentAfter is when a node is missed that says every ten seconds that it works.
const silentAfter = 30 * time.Second

// Setting is what an operator has set beside the policy, for people, and where: a flag, the environment, a file, or nowhere.
type Setting struct{ Name, Value, Source string }

// System is what the server knows of itself.
type System struct {
	Node     store.Node // this one
	Settings []Setting
	// Swept tells when this node last swept what had lapsed, how often that failed, and whether it is the node that does; nil where
	// nobody sweeps.
	Swept func() (last time.Time, failed int64, leads bool)
	// CertificateExpires tells when the certificate of https does; nil where others speak it.
	CertificateExpires func() time.Time
}

// ShowSystem shows what runs, on what, and whether it is well.
func (h *Handlers) ShowSystem(c *fiber.Ctx) error {
	ctx, now := c.UserContext(), h.Now()
	asked := h.Now()
	info, err := h.Store.DatabaseInfo(ctx)
	if err != nil {
		return err
	}
	took := h.Now().Sub(asked)
	schema, err := h.Store.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	nodes, err := h.Store.Nodes(ctx)
	if err != nil {
		return err
	}
	ring, err := h.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	if err := h.readSettings(ctx); err != nil {
		return err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	pool, hashes, node := h.Store.Pool(), h.Hasher.Stats(), h.System.Node
	d := view.SystemData{
		Version: node.Version, Commit: node.Commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0),
		Started: node.StartedAt, Memory: memory.Sys - memory.HeapReleased, Goroutines: runtime.NumGoroutine(), Issuer: h.Rules.Issuer,
		Database: string(h.Store.Dialect()), DatabaseVersion: info.Version, DatabaseBytes: info.Bytes, ConnectionsUsed: pool.InUse, ConnectionsMost: pool.Max,
		Now: now,
	}
	for _, m := range schema {
		if m.AppliedAt.IsZero() {
			d.Pending++
		} else {
			d.Applied, d.LastMigration = d.Applied+1, m.Name
		}
	}
	for _, n := range nodes {
		d.Nodes = append(d.Nodes, view.Node{
			ID: n.ID, Address: n.Address, Version: n.Version, Commit: n.Commit, Started: n.StartedAt, Seen: n.SeenAt,
			This: n.ID == node.ID, Silent: now.Sub(n.SeenAt) > silentAfter, Other: n.Version != node.Version || n.Commit != node.Commit,
		})
	}
	d.Health = []view.Health{
		{Part: "Database", Well: true, Text: "Answers, and took " + took.Round(10*time.Microsecond).String()},
		{Part: "Schema", Well: d.Pending == 0, Text: schemaWords(d)},
		h.keyHealth(ring, now),
		{Part: "Password hashes", Well: hashes.WaitingKnown+hashes.WaitingStrangers < hashes.Workers, Text: view.HashWords(hashes.Running, hashes.WaitingKnown+hashes.WaitingStrangers)},
		h.sweepHealth(now),
		h.certificateHealth(now),
		h.settingsHealth(),
	}
	for _, s := range h.System.Settings {
		d.Settings = append(d.Settings, view.SystemSetting{Name: s.Name, Value: s.Value, Source: s.Source})
	}
	for _, f := range policy.Fields {
		d.Settings = append(d.Settings, view.SystemSetting{Name: f.Variable(), Value: f.Text(h.Policy.Now()), Source: h.Policy.Source(f.Name)})
	}
	slices.SortStableFunc(d.Settings, func(a, b view.SystemSetting) int { return strings.Compare(a.Name, b.Name) })
	return respond.Page(c, fiber.StatusOK, view.SystemPage(request.Chrome(c), d), nil)
}

func schemaWords(d view.SystemData) string {
	if d.Pending > 0 {
		return "Not up to date: run gatehouse migrate up, or start a newer server"
	}
	return "Up to date"
}

// keyHealth says whether there is a key to sign with, for each algorithm that every house has.
func (h *Handlers) keyHealth(ring []keys.SigningKey, now time.Time) view.Health {
	states := keys.States(ring, now)
	var signing, missing []string
	for _, algorithm := range keys.Algorithms {
		if slices.ContainsFunc(ring, func(k keys.SigningKey) bool { return k.Algorithm == algorithm && states[k.KID] == keys.Current }) {
			signing = append(signing, algorithm)
		} else {
			missing = append(missing, algorithm)
		}
	}
	if len(missing) > 0 {
		return view.Health{Part: "Signing keys", Text: "None to sign with by " + strings.Join(missing, ", ") + ": rotate the keys"}
	}
	return view.Health{Part: "Signing keys", Well: true, Text: "Sign by " + strings.Join(signing, ", ")}
}

func (h *Handlers) sweepHealth(now time.Time) view.Health {
	if h.System.Swept == nil {
		return view.Health{Part: "Sweeping", Well: true, Text: "Done by other nodes"}
	}
	last, failed, leads := h.System.Swept()
	return view.Health{Part: "Sweeping", Well: failed == 0, Text: view.SweepWords(last, now, failed, leads)}
}

// certificateSoon is when a certificate should have been renewed.
const certificateSoon = 14 * 24 * time.Hour

func (h *Handlers) certificateHealth(now time.Time) view.Health {
	const part = "Certificate"
	if h.System.CertificateExpires == nil {
		if strings.HasPrefix(h.Rules.Issuer, "https:") {
			return view.Health{Part: part, Well: true, Text: "A proxy in front speaks https"}
		}
		return view.Health{Part: part, Well: true, Text: "None: plain http on this machine alone"}
	}
	expires := h.System.CertificateExpires()
	if expires.IsZero() {
		return view.Health{Part: part, Text: "None yet: it is fetched when the first browser comes"}
	}
	return view.Health{Part: part, Well: expires.Sub(now) > certificateSoon, Text: "Holds until " + expires.UTC().Format("2 Jan 2006")}
}

func (h *Handlers) settingsHealth() view.Health {
	faults := h.Policy.State().Faults
	if len(faults) == 0 {
		return view.Health{Part: "Settings", Well: true, Text: "All understood"}
	}
	var names []string
	for name := range faults {
		names = append(names, name)
	}
	slices.Sort(names)
	return view.Health{Part: "Settings", Text: "Left out, as this version does not take them: " + strings.Join(names, ", ")}
}
