package jobs

import (
	"sync"
	"time"
)

const (
	// hintEvery is how often an organization is hinted at the most.
	hintEvery = time.Second
	// hintSenders is how many hints are on their way at once.
	hintSenders = 8
	// maxHinted bounds how many organizations are remembered; what is beyond it is found by the dispatchers' own timers.
	maxHinted = 10_000
)

// hints sends at most one hint every so often an organization: the first at once, and one more for all that came meanwhile.
type hints struct {
	send  func(organization string)
	every time.Duration
	clock func() time.Time
	wake  chan struct{}
	stop  chan struct{}
	done  sync.WaitGroup
	slots chan struct{}

	mu     sync.Mutex
	known  map[string]*hinted
	closed bool
}

type hinted struct {
	last   time.Time
	wanted bool
}

func newHints(send func(string), every time.Duration, clock func() time.Time) *hints {
	h := &hints{
		send: send, every: every, clock: clock,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), slots: make(chan struct{}, hintSenders), known: map[string]*hinted{},
	}
	h.done.Add(1)
	go h.run()
	return h
}

// add asks for a hint; it never blocks.
func (h *hints) add(organization string) {
	h.mu.Lock()
	entry := h.known[organization]
	switch {
	case h.closed || entry == nil && len(h.known) >= maxHinted || entry != nil && entry.wanted:
		h.mu.Unlock()
		return
	case entry == nil:
		entry = &hinted{}
		h.known[organization] = entry
	}
	entry.wanted = true
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *hints) run() {
	defer h.done.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-h.stop:
			return
		case <-h.wake:
		case <-timer.C:
		}
		due, next := h.due()
		for _, organization := range due {
			select {
			case <-h.stop:
				return
			case h.slots <- struct{}{}:
			}
			h.done.Add(1)
			go func() {
				defer h.done.Done()
				defer func() { <-h.slots }()
				h.send(organization)
			}()
		}
		timer.Reset(next)
	}
}

// due takes the organizations that are to be hinted now, forgets those that have been quiet, and says when to look again.
func (h *hints) due() (due []string, next time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock()
	next = time.Hour
	for organization, entry := range h.known {
		left := h.every - now.Sub(entry.last)
		switch {
		case left > 0:
			next = min(next, left)
		case entry.wanted:
			due = append(due, organization)
			entry.last, entry.wanted = now, false
			next = min(next, h.every)
		default:
			delete(h.known, organization)
		}
	}
	return due, next
}

// close ends the background work; hints that have not left are lost.
func (h *hints) close() {
	h.mu.Lock()
	closed := h.closed
	h.closed = true
	h.mu.Unlock()
	if !closed {
		close(h.stop)
	}
	h.done.Wait()
}
