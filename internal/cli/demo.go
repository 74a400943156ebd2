package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/client"
	"github.com/audittrail/audittrail/internal/config"
)

const (
	demoOrganization = "acme"
	demoKeyFile      = "demo.key"
)

type demoCommand struct {
	config.Config `embed:""`

	Events int  `default:"50000" help:"How many sample events are loaded."`
	Exit   bool `help:"End after the summary instead of staying up."`
}

// Help is shown behind the summary.
func (demoCommand) Help() string {
	return `Starts everything on the data directory, makes the organization acme with 500 members, loads sample events over HTTP, searches, exports,
and sends a reminder by all three channels. Mail and SMS go to catchers on this machine, never further: settings of email and sms are not used.
Started again, it continues with the data that is there.`
}

// Run shows the product at work.
func (c *demoCommand) Run(e *env) error {
	if !e.flags["log-level"] {
		c.Log.Level = "warn" // the demo says itself what happens
		e.flags["log-level"] = true
	}
	if _, err := e.load(&c.Config); err != nil {
		return err
	}
	if e.StartTemporal == nil && c.Config.Temporal.Address == "" {
		return errNoTemporal
	}
	if c.Events < 1 {
		return usagef("--events must be at least 1")
	}
	d := &demo{env: e, config: &c.Config, events: c.Events, began: now()}
	d.title("Audittrail demo", "everything runs in this process; data directory "+c.DataDir)
	catchers, err := startCatchers(d)
	if err != nil {
		return err
	}
	defer catchers.close()
	c.TLS = config.TLS{} // the demo talks to itself, on this machine
	if c.PublicURL == "" {
		c.PublicURL = localURL(&c.Config)
	}
	a, err := app.New(e.ctx, &c.Config, app.Options{StartTemporal: e.StartTemporal, Logger: e.logger(c.Log), Version: e.version})
	if err != nil {
		return err
	}
	d.url = a.URL()
	d.ok("started: API at %s, embedded index and store, embedded Temporal", d.url)
	err = d.serve(a, catchers, c.Exit)
	return errors.Join(err, a.Close())
}

// localURL is the address of the API on this machine, where it is known before it listens.
func localURL(cfg *config.Config) string {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil || port == "0" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if cfg.TLS.On() {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// demo is one showing.
type demo struct {
	*env
	config *config.Config
	events int
	began  time.Time
	url    string
	key    string
	server *client.Client
}

// serve runs the app beside the steps, and goes on until the context ends unless told to end behind them.
func (d *demo) serve(a *app.App, catchers *catchers, exitAfter bool) error {
	ctx, stop := context.WithCancel(d.ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- a.Run(ctx)
		stop()
	}()
	outer := d.ctx
	d.env.ctx = ctx
	err := d.show(catchers)
	d.env.ctx = outer
	if err == nil && !exitAfter {
		d.offerSignIn(d.config, a)
		fmt.Fprintln(d.Stdout)
		catchers.announce(d)
		<-ctx.Done()
		fmt.Fprintln(d.Stdout)
	}
	stop()
	serveErr := <-served
	if outer.Err() != nil { // the user has seen enough, wherever it was
		err = nil
	}
	return errors.Join(serveErr, err)
}

// show goes through the steps.
func (d *demo) show(catchers *catchers) error {
	if err := d.prepare(); err != nil {
		return err
	}
	d.server = client.New(d.url, d.key, nil)
	defer d.server.Close()
	for _, step := range []func() error{d.load, d.search, d.export, func() error { return d.remind(catchers) }} {
		if err := step(); err != nil {
			return err
		}
	}
	d.summary()
	return nil
}

func (d *demo) title(title, text string) {
	fmt.Fprintf(d.Stdout, "%s: %s\n\n", title, text)
}

func (d *demo) ok(format string, args ...any) {
	fmt.Fprintf(d.Stdout, "  ✓ "+format+"\n", args...)
}

func (d *demo) detail(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		fmt.Fprintln(d.Stdout, "      "+plain(strings.TrimRight(line, "\n")))
	}
}

// path is a file of the demo's own in the data directory.
func (d *demo) path(name string) string { return filepath.Join(d.config.DataDir, name) }

// summary says what is there to be tried.
func (d *demo) summary() {
	key := d.path(demoKeyFile)
	fmt.Fprintf(d.Stdout, `
Done in %s. Try it, in another terminal:

  export AUDITTRAIL_KEY=$(cat %s)
  curl -s -H "Authorization: Bearer $AUDITTRAIL_KEY" '%[3]s/v1/events?log=login&outcome=failure&limit=3'
  curl -s -H "Authorization: Bearer $AUDITTRAIL_KEY" '%[3]s/v1/events/summary?from=%[4]s'
  curl -s -H "Authorization: Bearer $AUDITTRAIL_KEY" -H 'Content-Type: application/json' '%[3]s/v1/events' \
       -d '{"time":"'$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)'","log":"login","action":"login.failed","actor":{"id":"u_0002"}}'

  The API is described at %[3]s/docs
`, span(now().Sub(d.began)), key, d.url, now().AddDate(0, 0, -7).Format(time.DateOnly)+"T00:00:00Z")
}

// writeSecret writes a file that only this user can read, whole or not at all.
func writeSecret(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
