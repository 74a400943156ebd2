// Command bench measures every line of a speed table of docs/performance.md in one run, that of SQLite or that of Elasticsearch, prints each
// figure beside its bar, and exits with 1 where one is below it. Rates are compared as ratios against the raw way in the same process,
// because absolute figures of a shared machine mean little.
//
// It is not part of the tests: it takes minutes and a quiet machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	var o benchOptions
	flag.IntVar(&o.events, "events", 1_000_000, "events in the index that pages, summaries and exports are measured on")
	flag.StringVar(&o.only, "only", "", "measure only the lines whose name contains this")
	flag.StringVar(&o.dir, "dir", "", "keep the data in this folder and use what is there (default: a temporary one)")
	flag.StringVar(&o.engine, "engine", engineSQLite, "engine that is measured: sqlite or elastic")
	flag.StringVar(&o.url, "url", "", "with elastic: the cluster, user and password in the address (default: one is started here)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	if os.Getenv(clientEnv) != "" {
		if err := serveAsClients(ctx, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench: the clients:", err)
			os.Exit(2)
		}
		return
	}
	failed, err := run(ctx, o)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case failed:
		os.Exit(1)
	}
}

// line is one line of the speed table.
type line struct {
	name    string
	measure func(context.Context, *bench) ([]figure, error)
}

// figure is one measured value beside its bar.
type figure struct {
	name  string
	value float64
	unit  string
	bar   float64
	// atLeast says that the value must reach the bar; otherwise it must not exceed it.
	atLeast bool
	// free says that there is no bar: the figure is for the record.
	free   bool
	detail string
}

func (f figure) holds() bool {
	if f.free {
		return true
	}
	if f.atLeast {
		return f.value >= f.bar
	}
	return f.value <= f.bar
}

// row is the figure in the table.
func (f figure) row() string {
	sign, verdict := "≤", "ok"
	if f.atLeast {
		sign = "≥"
	}
	if !f.holds() {
		verdict = "BELOW THE BAR"
	}
	bar := fmt.Sprintf("%s %g %s", sign, f.bar, f.unit)
	if f.free {
		bar, verdict = "", ""
	}
	return fmt.Sprintf("%s\t%.2f %s\t%s\t%s\t%s", f.name, f.value, f.unit, bar, verdict, f.detail)
}

// The engines.
const (
	engineSQLite  = "sqlite"
	engineElastic = "elastic"
)

// benchOptions are the flags.
type benchOptions struct {
	events                 int
	only, dir, engine, url string
}

func run(ctx context.Context, o benchOptions) (failed bool, err error) {
	measured, ok := tables()[o.engine]
	if !ok {
		return false, fmt.Errorf("-engine: %q is neither %s nor %s", o.engine, engineSQLite, engineElastic)
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return false, err
	}
	defer b.close()

	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "what\tmeasured\tbar\t\tdetail")
	for _, l := range measured {
		if o.only != "" && !strings.Contains(l.name, o.only) {
			continue
		}
		began := time.Now()
		figures, err := l.measure(ctx, b)
		if err != nil {
			return false, fmt.Errorf("%s: %w", l.name, err)
		}
		progress("%s: %s", l.name, time.Since(began).Round(time.Second/10))
		for _, f := range figures {
			failed = failed || !f.holds()
			fmt.Fprintln(table, f.row())
		}
	}
	return failed, table.Flush()
}

// progress tells a person what goes on, beside the table.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
