package indextest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// storeApart stores each event in a call of its own, a millisecond apart, so that their order of arrival is certain.
func (s *suite) storeApart(organization string, events ...*audit.Event) {
	s.Helper()
	for _, e := range events {
		s.clock.Advance(time.Millisecond)
		s.store(organization, e)
	}
}

var tailCases = []testCase{
	{"tails events in the order in which they arrived, not of their time", func(s *suite) {
		s.storeApart(acme, event("a", at(-time.Hour)), event("b", at(0)), event("c", at(-90*24*time.Hour)), event("d", at(-time.Minute)), event("e", at(-40*24*time.Hour)))
		ids, _ := s.tail(acme, "", 2)
		s.same(ids, []string{"a", "b", "c", "d", "e"}, "the tail")
	}},
	{"tails the events of one call together, once each", func(s *suite) {
		s.store(acme, events("b", "a", "c")...)
		s.clock.Advance(time.Millisecond)
		s.store(acme, event("d", at(-80*24*time.Hour)), event("e", at(-time.Hour)))
		ids, _ := s.tail(acme, "", 1)
		if len(ids) != 5 {
			s.Fatalf("the tail is %v", ids)
		}
		slices.Sort(ids[:3])
		slices.Sort(ids[3:])
		s.same(ids, []string{"a", "b", "c", "d", "e"}, "the tail, each call sorted,")
	}},
	{"continues behind a checkpoint, and gives the same again from the same one", func(s *suite) {
		s.storeApart(acme, event("a", at(0)), event("b", at(0)), event("c", at(0)))
		page, err := s.ix.Tail(s.Context(), acme, "", 2)
		s.must(err)
		s.same(idsOf(page.Events), []string{"a", "b"}, "the first page")
		s.same(page.More, true, "more")
		for range 2 {
			rest, err := s.ix.Tail(s.Context(), acme, page.Checkpoint, 2)
			s.must(err)
			s.same(idsOf(rest.Events), []string{"c"}, "the second page")
			s.same(rest.More, false, "more")
		}
	}},
	{"goes on behind a checkpoint after a restart, though nothing but duplicates came before that", func(s *suite) {
		s.store(acme, events("a")...)
		s.append(acme, events("a")...)
		_, checkpoint := s.tail(acme, "", 10)
		s.reopen()
		s.store(acme, events("b")...) // in the same millisecond: a clock may be set back too
		ids, _ := s.tail(acme, checkpoint, 10)
		s.same(ids, []string{"b"}, "the tail behind the checkpoint")
	}},
	{"says that there is no more where a page is exactly full", func(s *suite) {
		s.storeApart(acme, event("a", at(0)), event("b", at(0)))
		page, err := s.ix.Tail(s.Context(), acme, "", 2)
		s.must(err)
		s.same(len(page.Events), 2, "the number of events")
		s.same(page.More, false, "more")
		s.storeApart(acme, event("c", at(-time.Hour)))
		ids, _ := s.tail(acme, page.Checkpoint, 2)
		s.same(ids, []string{"c"}, "what arrived behind the checkpoint")
	}},
	{"waits at the end: an empty page moves nothing", func(s *suite) {
		s.storeApart(acme, event("a", at(0)))
		_, checkpoint := s.tail(acme, "", 10)
		for range 3 {
			var ids []string
			ids, checkpoint = s.tail(acme, checkpoint, 10)
			s.same(ids, []string{}, "the tail at the end")
		}
		s.storeApart(acme, event("b", at(-100*24*time.Hour)))
		ids, _ := s.tail(acme, checkpoint, 10)
		s.same(ids, []string{"b"}, "what arrived then")
	}},
	{"does not tail a duplicate", func(s *suite) {
		s.storeApart(acme, event("a", at(0)))
		_, checkpoint := s.tail(acme, "", 10)
		s.clock.Advance(time.Second)
		s.append(acme, event("a", at(time.Minute)))
		ids, _ := s.tail(acme, checkpoint, 10)
		s.same(ids, []string{}, "the tail behind a duplicate")
	}},
	{"gives the end of the tail", func(s *suite) {
		before, err := s.ix.TailEnd(s.Context(), acme)
		s.must(err)
		s.storeApart(acme, event("a", at(0)), event("b", at(-70*24*time.Hour)))
		end, err := s.ix.TailEnd(s.Context(), acme)
		s.must(err)
		ids, _ := s.tail(acme, end, 10)
		s.same(ids, []string{}, "the tail behind the end")
		s.storeApart(acme, event("c", at(-80*24*time.Hour)))
		ids, _ = s.tail(acme, end, 10)
		s.same(ids, []string{"c"}, "the tail behind the former end")
		ids, _ = s.tail(acme, before, 10)
		s.same(ids, []string{"a", "b", "c"}, "the tail behind the end of nothing")
	}},
	{"keeps checkpoints across a restart", func(s *suite) {
		s.storeApart(acme, event("a", at(0)), event("b", at(-70*24*time.Hour)), event("c", at(0)))
		page, err := s.ix.Tail(s.Context(), acme, "", 1)
		s.must(err)
		end, err := s.ix.TailEnd(s.Context(), acme)
		s.must(err)
		s.reopen()
		s.storeApart(acme, event("d", at(-140*24*time.Hour)))
		ids, _ := s.tail(acme, page.Checkpoint, 10)
		s.same(ids, []string{"b", "c", "d"}, "the tail behind a checkpoint from before the restart")
		ids, _ = s.tail(acme, end, 10)
		s.same(ids, []string{"d"}, "the tail behind the end from before the restart")
		ids, _ = s.tail(acme, "", 10)
		s.same(ids, []string{"a", "b", "c", "d"}, "the whole tail")
	}},
	{"refuses a checkpoint that it did not make", func(s *suite) {
		s.storeApart(acme, event("a", at(0)))
		_, checkpoint := s.tail(acme, "", 10)
		for _, foreign := range []string{"nonsense", "-", " ", "\x00", "!" + checkpoint, checkpoint + "!", strings.Repeat("9", 400)} {
			_, err := s.ix.Tail(s.Context(), acme, foreign, 10)
			s.fails(err, audit.CodeInvalid, "checkpoint")
		}
	}},
	{"tails every acknowledged event exactly once while many append", func(s *suite) {
		const writers, calls = 5, 14
		acknowledged := make(chan []string, writers*calls)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for c := range calls {
					s.clock.Advance(time.Millisecond)
					var batch []*audit.Event
					for i := range 1 + (w+c)%4 {
						batch = append(batch, event(fmt.Sprint(w, "-", c, "-", i), at(-time.Duration((w*7+c*13+i)%150)*24*time.Hour)))
					}
					if _, err := s.ix.Append(s.Context(), acme, batch); err != nil {
						s.Errorf("Append: %v", err)
						return
					}
					ids := make([]string, len(batch))
					for i, e := range batch {
						ids[i] = e.ID
					}
					acknowledged <- ids
				}
			})
		}
		go func() {
			wg.Wait()
			close(acknowledged)
		}()
		s.tailsOnce(acknowledged)
	}},
}

// tailsOnce tails until every id that comes in was returned, and checks that none came twice and that stamps never decrease.
func (s *suite) tailsOnce(acknowledged <-chan []string) {
	s.Helper()
	const patience = 20 * time.Second
	seen, wanted, checkpoint := map[string]bool{}, map[string]bool{}, ""
	var last time.Time
	for deadline := time.Now().Add(patience); ; {
		page, err := s.ix.Tail(s.Context(), acme, checkpoint, 5)
		if err != nil {
			s.Fatalf("Tail: %v", err)
		}
		for _, e := range page.Events {
			if seen[e.ID] {
				s.Fatalf("%q was tailed twice", e.ID)
			}
			if e.ReceivedAt.Before(last) {
				s.Fatalf("%q was received at %v and tailed behind one of %v", e.ID, e.ReceivedAt, last)
			}
			seen[e.ID], last = true, e.ReceivedAt
		}
		checkpoint = page.Checkpoint
		if page.More {
			continue
		}
		select {
		case ids, open := <-acknowledged:
			for _, id := range ids {
				wanted[id] = true
			}
			if !open && len(seen) >= len(wanted) {
				s.same(seen, wanted, "what was tailed")
				return
			}
		default:
		}
		if time.Now().After(deadline) {
			s.Fatalf("%d events were acknowledged and %d tailed", len(wanted), len(seen))
		}
	}
}
