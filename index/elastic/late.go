package elastic

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// maxLate is how many events are remembered to be looked at again.
const maxLate = 200_000

// lateCopies looks, some time after, whether events are held by two backing indices: where one was created right after a rollover, a request that
// was on its way to the older index may have come late, also one whose sender is gone; and where a call failed, nobody looked at all.
type lateCopies struct {
	index *Index
	after time.Duration

	mu      sync.Mutex
	rows    map[documentID]time.Time // the times of the events
	running sync.WaitGroup
}

// add notes rows; without effect for those that are known to be duplicates.
func (l *lateCopies) add(rows []*row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begin := len(l.rows) == 0
	if l.rows == nil {
		l.rows = map[documentID]time.Time{}
	}
	for _, r := range rows {
		if r.status != audit.StatusDuplicate && len(l.rows) < maxLate {
			l.rows[r.id] = r.event.Time
		}
	}
	if begin && len(l.rows) > 0 {
		l.running.Go(l.wait)
	}
}

// wait looks when it is time, and as long as there is something to look at.
func (l *lateCopies) wait() {
	timer := time.NewTicker(l.after)
	defer timer.Stop()
	for {
		select {
		case <-l.index.ctx.Done():
			return
		case <-timer.C:
		}
		l.mu.Lock()
		rows := maps.Clone(l.rows)
		l.mu.Unlock()
		deleted, err := l.look(rows)
		if deleted > 0 {
			l.index.logger.Warn("elastic: events were stored twice around a rollover; one copy of each was deleted", slog.Int("events", deleted))
		}
		if err != nil {
			l.index.logger.Warn("elastic: could not look for events that were stored twice around a rollover; trying again", slog.Any("error", err))
			continue
		}
		l.mu.Lock()
		for id := range rows {
			delete(l.rows, id) // what came meanwhile is looked at the next time, when it is old enough
		}
		done := len(l.rows) == 0
		l.mu.Unlock()
		if done {
			return
		}
	}
}

// look deletes all copies but the oldest and returns how many.
func (l *lateCopies) look(events map[documentID]time.Time) (deleted int, err error) {
	ctx, cancel := context.WithTimeout(l.index.ctx, time.Minute)
	defer cancel()
	list, err := l.index.generations.read(ctx)
	if err != nil || len(list.all) < 2 {
		return 0, err
	}
	rows := make([]*row, 0, len(events))
	for id, at := range events {
		rows = append(rows, &row{event: &audit.Event{Time: at}, id: id})
	}
	now := l.index.clock()
	for part := range slices.Chunk(rows, audit.MaxScan) {
		found, err := l.index.lookUp(ctx, part, func(r *row) []string { return append(holding(list.before(list.write()), r, now), list.write()) })
		if err != nil {
			return deleted, err
		}
		var doomed []*row
		for i, copies := range found {
			for j := range copies {
				if j > 0 && copies[0].same(copies[j]) {
					doomed = append(doomed, &row{id: part[i].id, index: copies[j].index})
				}
			}
		}
		if err := l.index.remove(ctx, doomed); err != nil {
			return deleted, err
		}
		deleted += len(doomed)
	}
	return deleted, nil
}
