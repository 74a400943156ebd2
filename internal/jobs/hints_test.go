package jobs

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink counts hints.
type sink struct {
	mu   sync.Mutex
	sent map[string]int
	came chan struct{}
}

func newSink() *sink { return &sink{sent: map[string]int{}, came: make(chan struct{}, 100_000)} }

func (s *sink) send(organization string) {
	s.mu.Lock()
	s.sent[organization]++
	s.mu.Unlock()
	s.came <- struct{}{}
}

func (s *sink) count(organization string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[organization]
}

func (s *sink) wait(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for i := range n {
		select {
		case <-s.came:
		case <-deadline:
			t.Fatalf("only %d of %d hints came", i, n)
		}
	}
}

func TestHintsOfOneOrganizationAreGathered(t *testing.T) {
	s := newSink()
	h := newHints(s.send, 200*time.Millisecond, time.Now)
	defer h.close()
	began := time.Now()
	h.add("acme")
	s.wait(t, 1) // the first at once
	for range 10_000 {
		h.add("acme")
	}
	s.wait(t, 1) // and one for all that came meanwhile
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("the second hint came after %v", took)
	}
	h.add("other")
	s.wait(t, 1)
	h.close()
	if n := s.count("acme"); n != 2 || s.count("other") != 1 {
		t.Errorf("%d hints of acme, %d of other", n, s.count("other"))
	}
}

func TestHintsNeverBlockWhateverTheyAreSentTo(t *testing.T) {
	release := make(chan struct{})
	h := newHints(func(string) { <-release }, time.Millisecond, time.Now)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50_000 {
			h.add(fmt.Sprint("o", i%20_000))
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("adding a hint blocks")
	}
	if n := len(h.slots); n > hintSenders {
		t.Errorf("%d are sent at once", n)
	}
	close(release)
	h.close()
	h.add("late") // after the end: nothing happens
	h.close()
}

func TestOrganizationsThatAreQuietAreForgotten(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	h := &hints{every: time.Second, clock: func() time.Time { return now }, wake: make(chan struct{}, 1), known: map[string]*hinted{}}
	h.add("acme")
	if due, next := h.due(); len(due) != 1 || next != time.Second {
		t.Errorf("due %q, again in %v", due, next)
	}
	h.add("acme")
	if due, next := h.due(); len(due) != 0 || next != time.Second {
		t.Errorf("due %q, again in %v", due, next)
	}
	now = now.Add(time.Second)
	if due, _ := h.due(); len(due) != 1 {
		t.Errorf("due %q", due)
	}
	now = now.Add(time.Second)
	if due, next := h.due(); len(due) != 0 || len(h.known) != 0 || next != time.Hour {
		t.Errorf("due %q, known %d, again in %v", due, len(h.known), next)
	}
}
