package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what `bench run --json` writes.
type report struct {
	Connections int          `json:"connections"`
	Duration    string       `json:"duration"`
	Rounds      int          `json:"rounds"`
	Flows       []flowReport `json:"flows"`
}

type flowReport struct {
	Flow    string   `json:"flow"`
	Servers []result `json:"servers"`
}

// result is how a server did at a flow: medians of its turns. What is nil was not measured.
type result struct {
	Server      string    `json:"server"`
	PerSecond   float64   `json:"requests_per_second"`
	Against     string    `json:"against"`
	Ratio       *float64  `json:"ratio,omitempty"` // of PerSecond to that of Against
	P50         float64   `json:"p50_us"`
	P99         float64   `json:"p99_us"`
	Requests    uint64    `json:"requests"`
	Errors      uint64    `json:"errors"`
	CPU         *float64  `json:"cpu_us_per_request,omitempty"`
	DatabaseCPU *float64  `json:"database_cpu_us_per_request,omitempty"`
	RSS         int64     `json:"rss_bytes,omitempty"` // the most seen at the end of a turn
	Rounds      []float64 `json:"rounds,omitempty"`    // requests per second, turn by turn
	FirstError  string    `json:"first_error,omitempty"`
	NotDriven   string    `json:"not_driven,omitempty"` // why it could not be
}

func summarize(s *server, turns []turn, failed error) result {
	r := result{Server: s.Name, Against: s.Against}
	if failed != nil {
		r.NotDriven = failed.Error()
	}
	var p50, p99, cpu, database []float64
	for i := range turns {
		t := &turns[i]
		n := float64(max(t.latencies.n, 1))
		r.Rounds = append(r.Rounds, t.perSecond())
		p50, p99 = append(p50, microseconds(t.latencies.percentile(50))), append(p99, microseconds(t.latencies.percentile(99)))
		cpu, database = append(cpu, microseconds(t.cpu)/n), append(database, microseconds(t.database)/n)
		r.Requests += t.latencies.n
		r.Errors += t.errors
		r.RSS = max(r.RSS, t.rss)
		if t.first != nil && r.FirstError == "" {
			r.FirstError = t.first.Error()
		}
	}
	r.PerSecond, r.P50, r.P99 = median(r.Rounds), median(p50), median(p99)
	if s.PID != 0 && len(turns) > 0 {
		m := median(cpu)
		r.CPU = &m
	}
	if s.DatabasePID != 0 && len(turns) > 0 {
		m := median(database)
		r.DatabaseCPU = &m
	}
	return r
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// relate compares every server with the one it is to be compared with.
func relate(results []result) {
	for i := range results {
		r := &results[i]
		for _, base := range results {
			if base.Server == r.Against && base.PerSecond > 0 && r.PerSecond > 0 {
				ratio := r.PerSecond / base.PerSecond
				r.Ratio = &ratio
			}
		}
	}
}

// err says whether anything went wrong.
func (r *report) err() error {
	var wrong []string
	for _, f := range r.Flows {
		for _, s := range f.Servers {
			if s.Errors > 0 || s.NotDriven != "" {
				wrong = append(wrong, f.Flow+" of "+s.Server)
			}
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New("not all was well: " + strings.Join(wrong, ", "))
}

func (r *report) write(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Fprintf(w, "%d connections, medians of %d × %s\n\n", r.Connections, r.Rounds, r.Duration)
	flows, servers := len("flow"), len("server") // padded, names stand left and figures right
	for _, f := range r.Flows {
		flows = max(flows, len(f.Flow))
		for _, s := range f.Servers {
			servers = max(servers, len(s.Server))
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%-*s\t%-*s\trequests/s\tratio\tp50 ms\tp99 ms\terrors\tCPU µs\tdatabase µs\tMiB\t\n", flows, "flow", servers, "server")
	for _, f := range r.Flows {
		for _, s := range f.Servers {
			fmt.Fprintf(t, "%-*s\t%-*s\t", flows, f.Flow, servers, s.Server)
			if s.NotDriven != "" {
				fmt.Fprintln(t, "not driven\t\t\t\t\t\t\t\t")
				continue
			}
			memory := ""
			if s.RSS > 0 {
				memory = fmt.Sprintf("%.0f", float64(s.RSS)/(1<<20))
			}
			fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f\t%d\t%s\t%s\t%s\t\n", thousands(s.PerSecond), optional(s.Ratio, "%.2f"), s.P50/1000, s.P99/1000,
				s.Errors, optional(s.CPU, "%.1f"), optional(s.DatabaseCPU, "%.1f"), memory)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range r.Flows {
		for _, s := range f.Servers {
			if s.NotDriven != "" {
				fmt.Fprintf(w, "\n%s of %s could not be driven: %s\n", f.Flow, s.Server, s.NotDriven)
			}
			if s.FirstError != "" {
				fmt.Fprintf(w, "\nFirst error of %s at %s: %s\n", f.Flow, s.Server, s.FirstError)
			}
		}
	}
	return nil
}

func optional(v *float64, format string) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf(format, *v)
}

// thousands writes 12345.6 as 12,346.
func thousands(v float64) string {
	text := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
