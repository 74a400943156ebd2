package elastic

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// lateCopies looks once more, some time after a rollover, whether the older backing index has got what was created in the new one: a request that
// was on its way to it may have come late, also one whose sender is gone.
type lateCopies struct {
	index *Index
	after time.Duration

	mu      sync.Mutex
	list    *generationList
	rows    []*row // without their events
	running sync.WaitGroup
}

// add notes rows that were created; without effect for those that turned out to be duplicates.
func (s *lateCopies) add(rows []*row, list *generationList) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = list
	begin := len(s.rows) == 0
	for _, r := range rows {
		if r.status != audit.StatusCreated {
			continue
		}
		e := &audit.Event{Time: r.event.Time}
		s.rows = append(s.rows, &row{event: e, id: r.id, index: r.index, status: r.status})
	}
	if begin && len(s.rows) > 0 {
		s.running.Go(s.wait)
	}
}

// wait looks when it is time. What cannot be looked at then is looked at after as much time again.
func (s *lateCopies) wait() {
	timer := time.NewTimer(s.after)
	defer timer.Stop()
	for {
		select {
		case <-s.index.ctx.Done():
			return
		case <-timer.C:
		}
		s.mu.Lock()
		rows, list := s.rows, s.list
		s.rows = nil
		s.mu.Unlock()
		n, err := s.look(rows, list)
		if n > 0 {
			s.index.logger.Warn("elastic: events that a request stored late, after a rollover, were stored twice; one copy was deleted", slog.Int("events", n))
		}
		if err == nil {
			return
		}
		s.index.logger.Warn("elastic: could not look for events stored twice around a rollover; trying again", slog.Any("error", err))
		s.mu.Lock()
		rest := len(s.rows) > 0 // then another one waits already
		s.rows = append(rows, s.rows...)
		s.mu.Unlock()
		if rest {
			return
		}
		timer.Reset(s.after)
	}
}

// look deletes the newer of two copies and returns how many.
func (s *lateCopies) look(rows []*row, list *generationList) (deleted int, err error) {
	ctx, cancel := context.WithTimeout(s.index.ctx, time.Minute)
	defer cancel()
	for from := 0; from < len(rows); from += audit.MaxScan {
		doomed, err := s.index.twice(ctx, rows[from:min(from+audit.MaxScan, len(rows))], list)
		if err == nil {
			err = s.index.remove(ctx, doomed)
		}
		if err != nil {
			return deleted, err
		}
		deleted += len(doomed)
	}
	return deleted, nil
}
