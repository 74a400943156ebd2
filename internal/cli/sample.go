package cli

import (
	"bufio"
	"errors"
	"os"
	"time"

	"github.com/audittrail/audittrail/internal/sample"
)

type sampleCommand struct {
	File    string        `arg:"" optional:"" default:"-" help:"File to write; - is standard output."`
	Count   int           `short:"n" default:"20000" help:"How many events."`
	Seed    uint64        `default:"1" help:"Chooses the enterprise; the same seed gives the same one."`
	Members int           `default:"500" help:"How many members it has."`
	Span    time.Duration `help:"How far back the events go (default: a day less than six months)." placeholder:"DURATION"`
	End     time.Time     `help:"Time that the events end before (default: now)." placeholder:"TIME"`
}

// Help is shown behind the summary.
func (sampleCommand) Help() string {
	return `Writes NDJSON as ingest takes it. With --end the same command writes the same bytes every time.

  audittrail sample -n 100000 | audittrail ingest -`
}

// Run writes events.
func (c *sampleCommand) Run(e *env) (err error) {
	if c.Count < 1 || c.Members < 10 || c.Span < 0 {
		return usagef("--count must be at least 1, --members at least 10, and --span not negative")
	}
	out := e.Stdout
	if c.File != "-" {
		f, createErr := os.Create(c.File)
		if createErr != nil {
			return createErr
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	w := bufio.NewWriterSize(out, 1<<16)
	enterprise := sample.New(sample.Options{Seed: c.Seed, Members: c.Members, Count: c.Count, Span: c.Span, End: c.End})
	var line []byte
	for event := range enterprise.Events() {
		if e.ctx.Err() != nil {
			return e.ctx.Err()
		}
		line = append(event.AppendJSON(line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Flush()
}
