// Command gatehouse is an OAuth 2.0 and OpenID Connect server and the tool to run it with.
//
// serve.go wires the rooms of the house together; beside it stands one file per noun an operator acts on: user.go,
// client.go, api.go, scope.go, key.go, session.go, family.go, migrate.go. Those commands work on the database itself
// (house.go), so they need no running server, and a running one acts on what they changed. config.go reads the settings, output.go
// says what came of a command. Nothing imports this package; it alone reads the clock, the environment and the files.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// What is running; the build stamps both.
var version, commit string

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the command was understood, and refused or failed
	exitUsage  = 2 // the command line or the configuration is wrong
)

func main() {
	os.Exit(Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// now is the one clock: UTC, to the microsecond that databases keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// commands is the command line.
type commands struct {
	JSON bool `name:"json" help:"Write results and errors as JSON."`

	Serve     serveCommand       `cmd:"" help:"Run the server."`
	Migrate   migrateCommands    `cmd:"" help:"Bring the database's schema up to date."`
	User      userCommands       `cmd:"" help:"People who sign in."`
	Attribute attributeCommands  `cmd:"" help:"What is kept of people beyond the standard profile."`
	Client    clientCommands     `cmd:"" help:"Applications that ask for tokens."`
	API       apiCommands        `cmd:"" name:"api" help:"What tokens can be for, besides Gatehouse itself."`
	Scope     scopeCommands      `cmd:"" help:"What applications may ask for."`
	Key       keyCommands        `cmd:"" help:"Keys that tokens are signed with."`
	Session   sessionCommands    `cmd:"" help:"Browsers in which people are signed in."`
	Family    familyCommands     `cmd:"" help:"Grants that people gave applications, with all tokens of each."`
	Audit     auditCommands      `cmd:"" help:"What happened, who did it, and the proof that nobody changed it since."`
	Settings  settingsCommands   `cmd:"" help:"What administrators settle: lifetimes, switches, limits."`
	Health    healthcheckCommand `cmd:"" name:"healthcheck" help:"Ask the server on this machine whether it can serve."`
	Version   versionCommand     `cmd:"" help:"Tell which version this is."`
}

// process is what a command has of the world around it.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	json           bool
}

// Run carries out a command line and returns its exit code. SIGINT and SIGTERM ask the command to end; a second one ends
// the process at once.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	p := &process{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	var c commands
	helped := false
	parser, err := kong.New(&c,
		kong.Name("gatehouse"),
		kong.Description("An OAuth 2.0 and OpenID Connect server. Every setting is a flag, a variable and a line in one YAML file."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ValueFormatter(variableHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		panic(err) // the grammar above is wrong; every test would show it
	}
	if len(args) > 0 && args[0] == "help" { // what people try first
		args = append(slices.Clone(args[1:]), "--help")
	}
	parsed, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		p.json = slices.Contains(args, "--json")
		return p.fail(usage(err.Error() + " (gatehouse --help tells more)"))
	}
	p.json = c.JSON
	if err := parsed.Run(p); err != nil {
		return p.fail(err)
	}
	return exitOK
}

// variableHelp adds the variable that a setting can also be given by.
func variableHelp(v *kong.Value) string {
	if variable := v.Tag.Get("variable"); variable != "" {
		return v.Help + " $" + variable
	}
	return v.Help
}
