package cli

import (
	"fmt"
	"io"

	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
)

type setupCommand struct {
	config.Config `embed:""`

	DryRun                bool `name:"dry-run" help:"Show what differs from what the program needs, and change nothing (elastic)."`
	AllowShorterRetention bool `name:"allow-shorter-retention" help:"Replace an ILM policy that keeps events longer, or deletes them in another way (elastic)."`
}

// Help is shown behind the summary.
func (setupCommand) Help() string {
	return `With the index elastic: makes lifecycle policy, templates, data stream, index and alias in the cluster, or brings them up to date, and checks that they
can be used. It needs more privileges than servers do (docs/elasticsearch.md), is safe on every deploy and from any number of processes at once, and
refuses to shorten retention unless told to. Servers make nothing there: without setup they do not start.

  audittrail setup --index elastic --elastic-urls https://es1.example.com:9200 --dry-run

With the index sqlite: makes the data directory, brings files of an older version up to date and checks that they can be written. Servers do the
same when they start; this tells before. The server must not run.

Repeating it changes nothing.`
}

// Run sets up and prints what was changed.
func (c *setupCommand) Run(e *env) error {
	if _, err := e.load(&c.Config); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return usageError{err}
	}
	if c.DryRun && c.Index != config.IndexElastic {
		return usagef("--dry-run: with the index %s there is nothing to show beforehand", c.Index)
	}
	report, err := app.Setup(e.ctx, &c.Config, app.Options{Logger: e.logger(c.Log)},
		app.SetupOptions{DryRun: c.DryRun, AllowShorterRetention: c.AllowShorterRetention})
	if err != nil {
		return err
	}
	return e.print(report, func(w io.Writer) { c.show(w, report) })
}

func (c *setupCommand) show(w io.Writer, report app.SetupReport) {
	for _, change := range report.Changes {
		fmt.Fprintln(w, plain(fmt.Sprintf("%s %s: %s", change.Object, change.Name, change.Action)))
		for _, d := range change.Differences {
			fmt.Fprintln(w, plain("  "+d.String()))
		}
	}
	switch {
	case report.Index == config.IndexSQLite:
		fmt.Fprintf(w, "The data directory %s is ready.\n", c.DataDir)
	case len(report.Changes) == 0:
		fmt.Fprintln(w, "Nothing to do: Elasticsearch has what this version needs.")
	case report.DryRun:
		fmt.Fprintf(w, "Nothing was changed. Without --dry-run, setup makes these changes: %d.\n", len(report.Changes))
	default:
		fmt.Fprintf(w, "Elasticsearch is ready; changes made: %d.\n", len(report.Changes))
	}
}
