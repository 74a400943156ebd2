// Package cli is the command line: commands, their flags and help, what they print, and their exit codes. It starts servers through
// internal/app, and talks to running ones over HTTP like any other client.
//
// Results go to standard output and everything else to standard error, so that output can be piped.
package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/client"
	"github.com/audittrail/audittrail/internal/config"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
)

// Options are what the two programs differ in, and where they read and write.
type Options struct {
	// StartTemporal starts the embedded Temporal server; nil in the program that has none.
	StartTemporal app.StartTemporal
	Stdin         io.Reader
	Stdout        io.Writer
	Stderr        io.Writer
}

// commands is the command line.
type commands struct {
	Config string `name:"config" short:"c" placeholder:"FILE" help:"YAML file of settings (default: $AUDITTRAIL_CONFIG, else ./audittrail.yaml where there is one)."`
	Output string `name:"output" short:"o" enum:"table,json" default:"table" help:"How results are printed: table or json."`

	Demo       demoCommand       `cmd:"" group:"Start here" help:"Start everything with sample data, show the whole product at work, and stay up."`
	Standalone standaloneCommand `cmd:"" group:"Servers" help:"Run everything in one process on one data directory."`
	API        apiCommand        `cmd:"" name:"api" group:"Servers" help:"Answer HTTP only (needs an index that processes can share)."`
	Worker     workerCommand     `cmd:"" group:"Servers" help:"Run background work only (needs an index that processes can share)."`
	Temporal   temporalCommand   `cmd:"" group:"Servers" help:"Run just the embedded Temporal server, for development and tests."`
	Setup      setupCommand      `cmd:"" group:"Servers" help:"Make or update what the engines need, and check it."`
	Migrate    migrateCommand    `cmd:"" group:"Servers" help:"Move everything from one engine to another: sqlite to elastic, or back."`
	Verify     verifyCommand     `cmd:"" group:"Servers" help:"Check that every stored event is whole (the server must not run)."`
	Settings   configCommand     `cmd:"" name:"config" group:"Servers" help:"Show every setting, its value and where it came from."`
	Orgs       orgsCommand       `cmd:"" group:"Servers" help:"Create and list organizations, on the data directory."`

	LoginLink loginLinkCommand `cmd:"" name:"login-link" group:"Servers" help:"Make a link that signs in to the console once."`

	Health    healthCommand    `cmd:"" group:"Working with a server" help:"Ask how a server is."`
	Ingest    ingestCommand    `cmd:"" group:"Working with a server" help:"Send events from files or standard input."`
	Search    searchCommand    `cmd:"" group:"Working with a server" help:"Find events."`
	Export    exportCommand    `cmd:"" group:"Working with a server" help:"Export events as files, wait, download and verify them."`
	Exports   exportsCommand   `cmd:"" group:"Working with a server" help:"List, show, download, repeat and cancel exports."`
	Reminders remindersCommand `cmd:"" group:"Working with a server" help:"List, create, delete and test reminders; show what they sent."`
	Keys      keysCommand      `cmd:"" group:"Working with a server" help:"List, create and revoke API keys."`
	Members   membersCommand   `cmd:"" group:"Working with a server" help:"List, change, import and erase members."`

	Sample  sampleCommand  `cmd:"" group:"Tools" help:"Write events of an enterprise that does not exist, the same ones every time."`
	Version versionCommand `cmd:"" group:"Tools" help:"Print the version."`
}

// env is what commands work with.
type env struct {
	Options
	ctx     context.Context //nolint:containedctx // ends at the first signal; kong hands commands one value
	file    string          // of settings
	output  string
	flags   map[string]bool // the flags that were given
	version string
}

// usageError is a mistake of the caller: exit code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Unwrap returns the mistake.
func (e usageError) Unwrap() error { return e.error }

// Main runs the command line and returns the exit code. The first interrupt ends work in good order; a second one kills.
func Main(args []string, opts Options) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // gives the signal back to its default
	return Run(ctx, args, opts)
}

// Run is Main without signals: it ends when ctx does.
func Run(ctx context.Context, args []string, opts Options) int {
	var root commands
	parser, err := kong.New(&root, kong.Name("audittrail"), kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Tree: false, WrapUpperBound: 110}),
		kong.Writers(opts.Stdout, opts.Stderr), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Vars{"columns": strings.Join(audit.ColumnNames(), ", ")})
	if err != nil {
		fmt.Fprintln(opts.Stderr, "audittrail:", err)
		return ExitFailure
	}
	return run(ctx, parser, &root, args, opts)
}

// exit is how kong ends after --help.
type exit int

func run(ctx context.Context, parser *kong.Kong, root *commands, args []string, opts Options) (code int) {
	defer func() {
		if p := recover(); p != nil {
			asked, ok := p.(exit)
			if !ok {
				panic(p)
			}
			code = int(asked)
		}
	}()
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(opts.Stderr, "audittrail: %v\nTry `audittrail --help`, or --help behind a command.\n", err)
		return ExitUsage
	}
	flags := make(map[string]bool)
	for _, element := range parsed.Path {
		if element.Flag != nil && !element.Resolved {
			flags[element.Flag.Name] = true
		}
	}
	e := &env{Options: opts, ctx: ctx, file: root.Config, output: root.Output, flags: flags, version: programVersion()}
	if err := parsed.Run(e); err != nil {
		return e.report(err)
	}
	return ExitOK
}

// report prints an error with what to do next, and returns the exit code.
func (e *env) report(err error) int {
	fmt.Fprintf(e.Stderr, "audittrail: %v\n", err)
	var problem *client.Error
	if errors.As(err, &problem) {
		for _, f := range problem.Fields {
			fmt.Fprintf(e.Stderr, "  %s: %s\n", f.Field, f.Message)
		}
		if problem.Status >= 500 && problem.RequestID != "" {
			fmt.Fprintf(e.Stderr, "  The server's log has more under request_id %s.\n", problem.RequestID)
		}
		if problem.Status == 401 {
			fmt.Fprintln(e.Stderr, "  Give a key that works by AUDITTRAIL_KEY, AUDITTRAIL_KEY_FILE or --key.")
		}
	}
	var unreachable *client.UnreachableError
	if errors.As(err, &unreachable) {
		fmt.Fprintln(e.Stderr, "  Is it running? Start one with `audittrail standalone`, or name another by --server or AUDITTRAIL_SERVER.")
	}
	var usage usageError
	if errors.As(err, &usage) {
		return ExitUsage
	}
	return ExitFailure
}

// load fills settings from all sources.
func (e *env) load(targets ...any) ([]config.Value, error) {
	values, err := config.Load(config.Sources{File: e.file, Flags: e.flags}, targets...)
	if err != nil {
		return values, usageError{err}
	}
	return values, nil
}

// connect makes a client of the settings.
func (e *env) connect(settings *config.Client) (*client.Client, error) {
	if _, err := e.load(settings); err != nil {
		return nil, err
	}
	if err := settings.Check(); err != nil {
		return nil, usageError{err}
	}
	key := strings.TrimSpace(settings.Key.Reveal()) // what was pasted often ends with a line end
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, usagef("key: is no key: it has spaces, line ends or letters in it that keys do not have; a key is like at_… and of one line")
	}
	if key == "" {
		return nil, usagef("no key: give one by AUDITTRAIL_KEY, AUDITTRAIL_KEY_FILE or --key; `audittrail orgs create` prints one, and the demo " +
			"keeps one in audittrail-data/demo.key:\n  export AUDITTRAIL_KEY_FILE=audittrail-data/demo.key")
	}
	trusted, err := trustedBy(settings)
	if err != nil {
		return nil, err
	}
	return client.New(settings.Server, key, trusted), nil
}

// trustedBy reads the certificates that the settings trust in place of the system's; nil where they name none.
func trustedBy(settings *config.Client) (*x509.CertPool, error) {
	if settings.ServerCAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(settings.ServerCAFile)
	if err != nil {
		return nil, usagef("server_ca_file: %w", err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pem) {
		return nil, usagef("server_ca_file: %s holds no certificate in PEM form", settings.ServerCAFile)
	}
	return trusted, nil
}

// logger makes the log of a server.
func (e *env) logger(settings config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(settings.Level)); err != nil {
		level = slog.LevelInfo // Check complains of it
	}
	opts := &slog.HandlerOptions{Level: level}
	if settings.Format == "text" || settings.Format == "auto" && isTerminal(e.Stderr) {
		return slog.New(slog.NewTextHandler(e.Stderr, opts))
	}
	return slog.New(slog.NewJSONHandler(e.Stderr, opts))
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// release is the version where the linker is told it: builds of images have no repository to look at.
var release string

func programVersion() string {
	if release != "" {
		return strings.TrimPrefix(release, "v")
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	if version == "" || version == "(devel)" {
		version = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				version += "+" + s.Value[:12]
			}
		}
	}
	return strings.TrimPrefix(version, "v")
}

// now is the commands' clock: what they say of time is for people.
func now() time.Time { return time.Now().UTC() }

const description = `Audittrail records who did what in an enterprise, lets admins search it in full text, exports it, and reminds people when
an action they care about happens.

  audittrail demo                                     see it at work
  audittrail standalone                               run it
  audittrail orgs create acme --name "Acme Inc."      make an organization and its first key
  export AUDITTRAIL_KEY=at_…                          use the key
  audittrail ingest events.ndjson.gz                  send events
  audittrail search 'login.failed berlin' --from 24h  find them`
