package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/internal/migrate"
)

type migrateCommand struct {
	config.Config `embed:""`

	From        string `name:"from" required:"" placeholder:"PLACE" help:"Where everything is now: sqlite:DIR (a data directory), or elastic."`
	To          string `name:"to" required:"" placeholder:"PLACE" help:"Where it goes: elastic (the cluster of the settings), elastic:URL,…, or sqlite:DIR."`
	KeepSecrets bool   `name:"keep-secrets" help:"Move into a target that has other organizations, though unsubscribe links that the source has sent do not work there."`
}

// Help is shown behind the summary.
func (migrateCommand) Help() string {
	return `Copies the events and records of all organizations: with their times, versions and keys, so that producers, people and links go on as before.
Stop the servers of both sides first, and set the target up:

  audittrail setup --index elastic --elastic-urls https://es1.example.com:9200
  audittrail migrate --from sqlite:/var/lib/audittrail --to elastic --elastic-urls https://es1.example.com:9200

It can be interrupted, or killed, at any time: the same command continues where it stood. At the end it reads both sides and compares them by
organization and month; the exit code is 1 where anything differs. Files of exports are not copied. See docs/migrate.md.`
}

// Run moves and compares.
func (c *migrateCommand) Run(e *env) (err error) {
	if _, err := e.load(&c.Config); err != nil {
		return err
	}
	from, to := c.Config, c.Config
	if err := errors.Join(placeOf("--from", c.From, &from), placeOf("--to", c.To, &to)); err != nil {
		return usageError{err}
	}
	if err := apart(&from, &to); err != nil {
		return usageError{err}
	}
	// Time stands still, but for when both sides come up to it together: what passed the horizon meanwhile would be on one side only.
	var stands atomic.Pointer[time.Time]
	advance := func() { at := now().Truncate(time.Millisecond); stands.Store(&at) }
	advance()
	opts := app.Options{Logger: e.logger(c.Log), Clock: func() time.Time { return *stands.Load() }, Version: e.version}
	source, closeSource, err := app.OpenPlace(e.ctx, c.From, &from, opts, true)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, closeSource()) }()
	target, closeTarget, err := app.OpenPlace(e.ctx, c.To, &to, opts, false)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, closeTarget()) }()

	shown := &migrateProgress{env: e}
	report, err := migrate.Run(e.ctx, migrate.Options{From: source, To: target, KeepSecrets: c.KeepSecrets, Clock: now, Advance: advance, Progress: shown.tell, Logger: opts.Logger})
	shown.end()
	if e.ctx.Err() != nil {
		return fmt.Errorf("%w: how far it came is noted in the target, and the same command continues there", context.Cause(e.ctx))
	}
	if err != nil {
		return err
	}
	if err := e.print(report, func(w io.Writer) { showMoved(w, report) }); err != nil {
		return err
	}
	if n := report.Differences(); n > 0 {
		return fmt.Errorf("%d of %d parts differ: see docs/migrate.md for what to do", n, len(report.Rows))
	}
	return nil
}

// placeOf reads sqlite:DIR, elastic, or elastic:URL,… into settings.
func placeOf(flag, text string, cfg *config.Config) error {
	engine, where, found := strings.Cut(text, ":")
	switch {
	case engine == config.IndexSQLite && where != "":
		cfg.DataDir = where
	case engine == config.IndexElastic && !found:
	case engine == config.IndexElastic && where != "":
		cfg.Elastic.URLs, cfg.Elastic.CloudID = strings.Split(where, ","), ""
	default:
		return fmt.Errorf("%s: %q is not a place: it must be sqlite:DIR, elastic, or elastic:URL", flag, text)
	}
	cfg.Index = engine
	if err := cfg.Check(); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// apart refuses two names of one place.
func apart(from, to *config.Config) error {
	if from.Index != to.Index {
		return nil
	}
	if from.Index == config.IndexElastic {
		return errors.New("--from and --to are both elastic: to move between clusters, use snapshots of Elasticsearch (docs/elasticsearch.md)")
	}
	paths := [2]string{from.DataDir, to.DataDir}
	for i, path := range paths {
		if whole, err := filepath.Abs(path); err == nil {
			paths[i] = whole
		}
		if real, err := filepath.EvalSymlinks(paths[i]); err == nil {
			paths[i] = real
		}
	}
	if paths[0] == paths[1] {
		return fmt.Errorf("--from and --to are one directory, %s", paths[0])
	}
	return nil
}

// migrateProgress shows each step with a bar of its own.
type migrateProgress struct {
	*env
	step  migrate.Step
	bar   *progress
	began time.Time
}

func (p *migrateProgress) tell(x migrate.Progress) {
	if p.bar == nil || p.step != x.Step {
		p.end()
		what := map[migrate.Step]string{migrate.StepCopy: "copying", migrate.StepCompare: "comparing"}[x.Step]
		p.step, p.began = x.Step, now()
		p.bar = p.newProgress(what, x.Total-(x.Done-x.Now)) // what earlier runs did says nothing of how long this one takes
	}
	p.bar.set(x.Now, fmt.Sprintf("%s: %s of %s events, %s", x.Organization, count(x.Done), count(x.Total), rate(x.Now, now().Sub(p.began))))
}

func (p *migrateProgress) end() {
	if p.bar != nil {
		p.bar.end()
	}
}

// showMoved prints the comparison.
func showMoved(w io.Writer, report migrate.Report) {
	row(w, "ORGANIZATION", "WHAT", "SOURCE", "TARGET", "CHECKSUM", "")
	for _, r := range report.Rows {
		verdict, checksum := "same", r.Source.Checksum[:12]
		if !r.Same {
			verdict, checksum = "DIFFERS", checksum+" / "+r.Target.Checksum[:12]
		}
		row(w, orNone(r.Organization), r.What+" "+r.Part, count(r.Source.Count), count(r.Target.Count), checksum, verdict)
	}
	fmt.Fprintf(w, "%s events were copied from %s to %s; ", count(report.Copied), plain(report.From), plain(report.To))
	if report.Same {
		fmt.Fprintln(w, "both sides are the same.")
	} else {
		fmt.Fprintf(w, "%d parts differ.\n", report.Differences())
	}
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
