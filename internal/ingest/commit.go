package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// commit stores a batch and answers its requests.
func (c *Committer) commit(organization string, batch []*request) {
	if c.ctx.Err() != nil {
		answerAll(batch, errClosed())
		return
	}
	events := merge(batch)
	statuses, err := c.appendAll(organization, batch, events)
	if err != nil && len(batch) > 1 && mayBeOneRequest(err) {
		// Nobody pays for a bad neighbour: each request gets a commit, and an answer, of its own.
		for i := range batch {
			c.commit(organization, batch[i:i+1])
		}
		return
	}
	if err != nil {
		answerAll(batch, err)
		return
	}
	if c.opts.Committed != nil {
		// Before the answers, as the events are the callers' again after them.
		c.guard(organization, func() { c.opts.Committed(organization, events, statuses) })
	}
	for _, r := range batch {
		n := len(r.events)
		r.answer <- answer{statuses: statuses[:n:n]}
		statuses = statuses[n:]
	}
}

func merge(batch []*request) []*audit.Event {
	if len(batch) == 1 {
		return batch[0].events
	}
	var events []*audit.Event
	for _, r := range batch {
		events = append(events, r.events...)
	}
	return events
}

func answerAll(batch []*request, err error) {
	for _, r := range batch {
		r.answer <- answer{err: err}
	}
}

// mayBeOneRequest says whether the error may be the fault of a single request, so that the others would succeed without it.
func mayBeOneRequest(err error) bool {
	switch audit.CodeOf(err) {
	case audit.CodeUnavailable, audit.CodeRateLimited:
		return false
	default:
		return true
	}
}

// appendAll hands the batch to the engine: in one call, but for a single request that is larger than a commit may be.
func (c *Committer) appendAll(organization string, batch []*request, events []*audit.Event) ([]audit.AppendStatus, error) {
	began := time.Now()
	statuses := make([]audit.AppendStatus, 0, len(events))
	var err error
	for rest := events; len(rest) > 0 && err == nil; {
		n := min(len(rest), c.opts.MaxCommit)
		var part []audit.AppendStatus
		part, err = c.appendOnce(organization, rest[:n], preparedOf(batch))
		statuses, rest = append(statuses, part...), rest[n:]
	}
	if c.opts.Observe != nil {
		stats := Stats{Organization: organization, Requests: len(batch), Events: len(events),
			Wait: began.Sub(batch[0].enqueued), Commit: time.Since(began), Err: err}
		c.guard(organization, func() { c.opts.Observe(stats) })
	}
	return statuses, err
}

// preparedOf returns what was made of the requests of a batch, nil where nothing was: all of them were prepared, or the only one was not.
func preparedOf(batch []*request) []any {
	if batch[0].prepared == nil {
		return nil
	}
	parts := make([]any, len(batch))
	for i, r := range batch {
		parts[i] = r.prepared
	}
	return parts
}

// appendOnce is one call of the engine, under the deadline of a commit.
func (c *Committer) appendOnce(organization string, events []*audit.Event, parts []any) (statuses []audit.AppendStatus, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.opts.Timeout)
	defer cancel()
	if parts != nil {
		statuses, err = c.preparer.AppendPrepared(ctx, organization, parts)
	} else {
		statuses, err = c.appender.Append(ctx, organization, events)
	}
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil, audit.Unavailable(err, retryAfter, "the index did not store the events in time")
	case err != nil:
		return nil, fmt.Errorf("append %d events: %w", len(events), err)
	case len(statuses) != len(events):
		return nil, audit.WithCause(audit.CodeInternal, fmt.Errorf("the index answered %d statuses for %d events", len(statuses), len(events)),
			"the events could not be stored")
	}
	return statuses, nil
}

// guard calls a hook, which must not take the organization's goroutine down with it.
func (c *Committer) guard(organization string, hook func()) {
	defer func() {
		if p := recover(); p != nil {
			c.opts.Logger.Error("ingest: a hook panicked", slog.String("organization", organization), slog.Any("panic", p),
				slog.String("stack", string(debug.Stack())))
		}
	}()
	hook()
}
