package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/client"
	"github.com/audittrail/audittrail/internal/config"
)

const (
	batchEvents = 500
	batchBytes  = audit.MaxRequestBytes - 1<<20 // a bit below the limit, so that no event is over it
)

type ingestCommand struct {
	config.Client `embed:""`

	Files    []string      `arg:"" optional:"" default:"-" help:"Files of events, NDJSON or a JSON array, gzip or not; - is standard input."`
	InFlight int           `name:"in-flight" default:"3" help:"Requests on their way at the same time."`
	Patience time.Duration `default:"10m" help:"How long to try again while the server is overloaded or away."`
	Shift    bool          `help:"Move all times so that the newest event is now. For data that is older than six months."`
	Restart  bool          `help:"Begin at the start, not where an interrupted run of the same file ended."`
}

// Help is shown behind the summary.
func (ingestCommand) Help() string {
	return `Sends batches of 500 and prints how many were created, were there already, and were rejected. Rejected lines are written with their
reasons to FILE.rejected.ndjson; all others are stored. An interrupted run leaves FILE.ingest.json, and the same command goes on from there.
Sending a file twice is harmless: events without an id get one that follows from the file and the line.

  audittrail ingest events.ndjson.gz
  kubectl logs … | audittrail ingest -`
}

// ingestTotals is what became of the events.
type ingestTotals struct {
	File         string  `json:"file"`
	Created      int     `json:"created"`
	Duplicates   int     `json:"duplicates"`
	Rejected     int     `json:"rejected"`
	RejectedFile string  `json:"rejected_file,omitempty"`
	Seconds      float64 `json:"seconds"`
}

// Run sends every file.
func (c *ingestCommand) Run(e *env) error {
	server, err := e.connect(&c.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	if c.InFlight < 1 || c.InFlight > 64 {
		return usagef("--in-flight must be from 1 to 64")
	}
	all := make([]ingestTotals, 0, len(c.Files))
	var failure error
	for _, path := range c.Files {
		totals, err := e.ingestFile(server, path, c)
		all = append(all, totals)
		if err != nil {
			failure = err
			break
		}
	}
	printErr := e.print(all, func(w io.Writer) {
		row(w, "FILE", "CREATED", "DUPLICATES", "REJECTED", "TIME", "RATE")
		for _, t := range all {
			took := time.Duration(t.Seconds * float64(time.Second))
			row(w, t.File, count(t.Created), count(t.Duplicates), count(t.Rejected), span(took), rate(int64(t.Created+t.Duplicates+t.Rejected), took))
		}
	})
	if failure == nil {
		failure = refusal(all)
	}
	return errors.Join(printErr, failure)
}

// refusal says how many events were rejected and where the reasons are; nil where none was.
func refusal(all []ingestTotals) error {
	var rejected int
	var files []string
	for _, t := range all {
		if t.Rejected > 0 {
			rejected += t.Rejected
			files = append(files, t.RejectedFile)
		}
	}
	if rejected == 0 {
		return nil
	}
	return fmt.Errorf("%s rejected; everything else is stored. Reasons: %s", counted(rejected, "event was", "events were"), strings.Join(files, ", "))
}

// ingestFile sends one file, as far as it can be read.
func (e *env) ingestFile(server *client.Client, path string, c *ingestCommand) (ingestTotals, error) {
	began := now()
	in, err := openInput(path, e.Stdin)
	if err != nil {
		return ingestTotals{File: path}, err
	}
	defer func() { _ = in.Close() }() // it was only read
	job, err := newIngestJob(e, server, in, c)
	if err != nil {
		return ingestTotals{File: path}, err
	}
	err = job.run(e.ctx)
	job.bar.end()
	totals := job.totals()
	totals.Seconds = now().Sub(began).Seconds()
	err = errors.Join(err, job.finish(err))
	if err != nil && e.ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %s events are stored; the same command goes on from there", count(totals.Created+totals.Duplicates))
	}
	return totals, err
}

// ingestJob sends one file.
type ingestJob struct {
	server   *client.Client
	in       *input
	state    *ingestState
	bar      *progress
	shift    time.Duration
	skip     int // lines that an earlier run has done
	inFlight int
	patience time.Duration
}

func newIngestJob(e *env, server *client.Client, in *input, c *ingestCommand) (*ingestJob, error) {
	state, err := loadState(in, server.Audience(), c.Restart)
	if err != nil {
		return nil, err
	}
	job := &ingestJob{server: server, in: in, state: state, skip: state.Lines, inFlight: c.InFlight, patience: c.Patience}
	if c.Shift {
		if state.Shift == nil {
			shift, err := findShift(in)
			if err != nil {
				return nil, err
			}
			state.Shift = &shift
		}
		job.shift = *state.Shift
	}
	job.bar = e.newProgress(in.path, in.size)
	if job.skip > 0 {
		job.bar.say("%s: going on behind line %s, where an earlier run ended", in.path, count(job.skip))
	}
	return job, nil
}

// findShift reads a file for its newest time.
func findShift(in *input) (time.Duration, error) {
	if in.size < 0 {
		return 0, usagef("--shift has to read the input twice: it needs a file")
	}
	first, err := openInput(in.path, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = first.Close() }() // it was only read
	var newest time.Time
	for {
		r, err := first.next()
		if err != nil {
			break // sending it says where it breaks
		}
		if at, err := time.Parse(time.RFC3339Nano, scanTop(r.data).time); err == nil && at.After(newest) {
			newest = at
		}
	}
	if newest.IsZero() {
		return 0, nil
	}
	return now().Sub(newest).Truncate(audit.TimePrecision), nil
}

// sendBatch is what one request holds.
type sendBatch struct {
	number  int
	records []record // as they stand in the file
	body    []byte
	sent    []int // which of the records are in the body
}

// run reads, sends and takes note. When reading breaks, what was read is sent all the same.
func (j *ingestJob) run(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	batches := make(chan *sendBatch)
	var broken error
	group.Go(func() error {
		defer close(batches)
		broken = j.read(groupCtx, batches)
		return nil
	})
	for range j.inFlight {
		group.Go(func() error {
			for b := range batches {
				if err := j.send(groupCtx, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if broken == nil {
		broken = ctx.Err()
	}
	return broken
}

// read fills batches until the input ends or breaks.
func (j *ingestJob) read(ctx context.Context, batches chan<- *sendBatch) error {
	b := &sendBatch{}
	flush := func() bool {
		if len(b.records) == 0 {
			return true
		}
		select {
		case batches <- b:
			b = &sendBatch{number: b.number + 1}
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		r, err := j.in.next()
		if err != nil {
			flush()
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return err
		}
		if r.line <= j.skip {
			continue
		}
		var line []byte
		if r.data != nil {
			line = prepare(r.data, r.line, j.in.hash, j.shift)
		}
		if len(b.records) >= batchEvents || len(b.body)+len(line) > batchBytes {
			if !flush() {
				return nil // the other side has failed and says why
			}
		}
		if line != nil {
			b.sent = append(b.sent, len(b.records))
			b.body = append(append(b.body, line...), '\n')
		}
		b.records = append(b.records, r)
	}
}

// send sends a batch until it is taken, and takes note of what became of it.
func (j *ingestJob) send(ctx context.Context, b *sendBatch) error {
	var result client.IngestResult
	if len(b.sent) > 0 {
		err := client.Retry(ctx, j.patience, func(err error, wait time.Duration) {
			j.bar.say("%s: %v: again in %s", j.in.path, err, span(wait))
		}, func() (err error) {
			result, err = j.server.Ingest(ctx, b.body)
			return err
		})
		if err != nil {
			return err
		}
		if len(result.Results) != len(b.sent) {
			return fmt.Errorf("the server answered for %d of %d events", len(result.Results), len(b.sent))
		}
	}
	if err := j.state.done(b, result); err != nil {
		return err
	}
	if complaint := j.state.complain(); complaint != "" {
		j.bar.say("%s: %s", j.in.path, complaint)
	}
	done, offset, took := j.state.progress()
	j.bar.set(offset, fmt.Sprintf("%s events, %s", count(done), rate(int64(done), took)))
	return nil
}

func (j *ingestJob) totals() ingestTotals {
	s := j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	t := ingestTotals{File: j.in.path, Created: s.Created, Duplicates: s.Duplicates, Rejected: s.Rejected}
	if s.Rejected > 0 {
		t.RejectedFile = s.rejectedPath
	}
	return t
}

// finish leaves the state for another run where this one failed, and nothing where it is through.
func (j *ingestJob) finish(failure error) error { return j.state.close(failure != nil) }
