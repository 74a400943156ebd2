// Command bench measures every line of the speed table of docs/performance.md in one run, prints each figure beside its
// bar, and exits with 1 where one is below it. Rates are compared as ratios against the raw way in the same process,
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
	events := flag.Int("events", 1_000_000, "events in the index that pages, summaries and exports are measured on")
	only := flag.String("only", "", "measure only the lines whose name contains this")
	keep := flag.String("dir", "", "keep the data in this folder and use what is there (default: a temporary one)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	if os.Getenv(clientEnv) != "" {
		if err := serveAsClients(ctx, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench: the clients:", err)
			os.Exit(2)
		}
		return
	}
	failed, err := run(ctx, *events, *only, *keep)
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
	detail  string
}

func (f figure) holds() bool {
	if f.atLeast {
		return f.value >= f.bar
	}
	return f.value <= f.bar
}

func run(ctx context.Context, events int, only, dir string) (failed bool, err error) {
	b, err := newBench(ctx, events, dir)
	if err != nil {
		return false, err
	}
	defer b.close()

	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "what\tmeasured\tbar\t\tdetail")
	for _, l := range lines() {
		if only != "" && !strings.Contains(l.name, only) {
			continue
		}
		began := time.Now()
		figures, err := l.measure(ctx, b)
		if err != nil {
			return false, fmt.Errorf("%s: %w", l.name, err)
		}
		progress("%s: %s", l.name, time.Since(began).Round(time.Second/10))
		for _, f := range figures {
			sign, verdict := "≤", "ok"
			if f.atLeast {
				sign = "≥"
			}
			if !f.holds() {
				verdict, failed = "BELOW THE BAR", true
			}
			fmt.Fprintf(table, "%s\t%.2f %s\t%s %g %s\t%s\t%s\n", f.name, f.value, f.unit, sign, f.bar, f.unit, verdict, f.detail)
		}
	}
	return failed, table.Flush()
}

// progress tells a person what goes on, beside the table.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}
