// Command bench drives OAuth servers on this machine, ours or others', and tells how fast they are.
//
// run.go lets servers take turns under load; server.go says what is known about each, flows.go what is asked of it,
// browser.go signs a person in for that. wire.go, stats.go and proc.go are what it measures with, report.go tells the
// outcome. ceiling.go is a bare server to compare with, seed.go fills a database, and lists.go looks at the console of such
// a house. Nothing imports this package; save for seed.go and lists.go, it knows nothing of the server it drives.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Run     runCommand     `cmd:"" help:"Drive servers on this machine in turns and compare them."`
	Ceiling ceilingCommand `cmd:"" help:"Serve the bare prototype that servers are compared with: one signature, one durable write, no checks."`
	Seed    seedCommand    `cmd:"" help:"Fill a database of Gatehouse with people, applications, grants and events."`
	Lists   listsCommand   `cmd:"" help:"Look at every list of the console, and tell how long its pages take."`
}

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr))
}

// output is where a command tells what it found, and how it gets on.
type output struct{ stdout, stderr io.Writer }

// Run carries out a command line and returns its exit code.
func Run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	var c commands
	helped := false
	parser, err := kong.New(&c,
		kong.Name("bench"),
		kong.Description("Drives OAuth 2.0 and OpenID Connect servers on this machine, and tells how fast they are."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"everyday": everyday, "flows": strings.Join(flowNames(), ", ")},
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		panic(err) // the grammar above is wrong; every test would show it
	}
	parsed, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench: "+err.Error())
		return exitUsage
	}
	if err := parsed.Run(output{stdout, stderr}); err != nil {
		fmt.Fprintln(stderr, "bench: "+err.Error())
		return exitFailed
	}
	return exitOK
}
