package console

import (
	"fmt"
	"strings"
	"time"

	"gatehouse/views/ui"
)

// SystemData fills the page about the server itself.
type SystemData struct {
	Version, Commit, Go, Platform string
	CPUs, Goroutines              int
	Memory                        uint64 // bytes that the process has from the system
	Started                       time.Time
	Issuer                        string

	Database, DatabaseVersion        string
	DatabaseBytes                    int64
	ConnectionsUsed, ConnectionsMost int
	Applied, Pending                 int // steps of the schema
	LastMigration                    string

	Nodes    []Node
	Health   []Health
	Settings []SystemSetting
	Now      time.Time
}

// Node is a server that works on this database.
type Node struct {
	ID, Address, Version, Commit string
	Started, Seen                time.Time
	This                         bool // the one that answers
	Silent                       bool // it has not said lately that it works
	Other                        bool // it is another version than this one
}

func (n Node) state() (tone, text string) {
	switch {
	case n.This:
		return "accent", "This one"
	case n.Silent:
		return "warning", "Silent"
	case n.Other:
		return "warning", "Another version"
	}
	return "success", "Works"
}

// Health says whether a part of the server is well.
type Health struct {
	Part, Text string
	Well       bool
}

// SystemSetting is something that is set, and where.
type SystemSetting struct{ Name, Value, Source string }

// inWords is what is set and where, for a narrow window.
func (s SystemSetting) inWords() string {
	if s.Value == "" {
		return "none · " + s.Source
	}
	return s.Value + " · " + s.Source
}

func (d SystemData) database() string {
	name := map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}[d.Database]
	return name + " " + d.DatabaseVersion
}

func (d SystemData) schema() string {
	text := ui.Count(d.Applied, "step", "steps") + ", the last is " + d.LastMigration
	if d.Pending > 0 {
		text += "; " + ui.Count(d.Pending, "is", "are") + " missing"
	}
	return text
}

// uptime is how long the server runs, in its two largest units.
func (d SystemData) uptime() string {
	up := d.Now.Sub(d.Started)
	switch {
	case up >= 24*time.Hour:
		return fmt.Sprintf("%d d %d h", up/(24*time.Hour), up%(24*time.Hour)/time.Hour)
	case up >= time.Hour:
		return fmt.Sprintf("%d h %d min", up/time.Hour, up%time.Hour/time.Minute)
	case up >= time.Minute:
		return fmt.Sprintf("%d min", up/time.Minute)
	}
	return "less than a minute"
}

func size[N int64 | uint64](bytes N) string {
	switch n := float64(bytes); {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", n/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	default:
		return fmt.Sprintf("%.0f KiB", n/(1<<10))
	}
}

// HashWords say how busy the password hashes are.
func HashWords(running, waiting int) string {
	if waiting == 0 {
		return ui.Count(running, "is", "are") + " computed, nobody waits"
	}
	return ui.Count(running, "is", "are") + " computed, " + ui.Count(waiting, "waits", "wait")
}

// SweepWords say what became of sweeping.
func SweepWords(last, now time.Time, failed int64, leads bool) string {
	var words []string
	switch {
	case !last.IsZero():
		words = append(words, "Last done here "+ui.Relative(last, now))
	case leads:
		words = append(words, "Begins within a minute")
	default:
		words = append(words, "Not done by this node since it started")
	}
	if failed > 0 {
		words = append(words, "failed "+ui.Count(int(failed), "time", "times")+": the log says why")
	}
	return strings.Join(words, "; ")
}

// text is the page in plain text, for the report of a bug.
func (d SystemData) text() string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-20s %s\n", name, value) }
	line("version", d.Version+" ("+d.Commit+")")
	line("go", d.Go+" "+d.Platform+", "+ui.Count(d.CPUs, "CPU", "CPUs"))
	line("uptime", d.uptime())
	line("memory", size(d.Memory))
	line("database", d.database()+", "+size(d.DatabaseBytes))
	line("schema", d.schema())
	line("nodes", fmt.Sprint(len(d.Nodes)))
	for _, h := range d.Health {
		verdict := "well"
		if !h.Well {
			verdict = "NOT WELL"
		}
		line(strings.ToLower(h.Part), verdict+": "+h.Text)
	}
	b.WriteString("\n")
	for _, s := range d.Settings {
		if s.Source != "default" {
			fmt.Fprintf(&b, "%s=%s  (%s)\n", s.Name, s.Value, s.Source)
		}
	}
	return b.String()
}
