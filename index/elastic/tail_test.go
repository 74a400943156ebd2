package elastic

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
)

// put stores an event with a stamp, as a process does whose commit takes long.
func (b *bench) put(stream string, e *audit.Event, stamp time.Time) {
	b.t.Helper()
	id := idOf("acme", e.ID)
	var w encoder
	w.raw(`{"create":{"_id":"` + id.text + `"}}` + "\n")
	w.document("acme", e, id.key, audit.Tie(e.ID), stamp)
	var answer struct{ Errors bool }
	b.call(esapi.BulkRequest{Index: stream, Body: bytes.NewReader(w.dst)}, &answer)
	if answer.Errors {
		b.t.Fatal("the event was not stored")
	}
}

func tailed(t *testing.T, x *Index, checkpoint string, limit int) (ids []string, page audit.TailPage) {
	t.Helper()
	page, err := x.Tail(t.Context(), "acme", checkpoint, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		ids = append(ids, e.ID)
	}
	return ids, page
}

func TestTheTailHasNoGapWhereAnotherProcessCommitsLate(t *testing.T) {
	b, x := setUp(t, nil)
	b.put(x.stream, plain("old", readNow), readNow.Add(-time.Hour))
	b.put(x.stream, plain("a", readNow), readNow.Add(-2*time.Second))
	b.put(x.stream, plain("b", readNow), readNow)
	ids, page := tailed(t, x, "", 10)
	if want := []string{"old", "a", "b"}; !slices.Equal(ids, want) {
		t.Fatalf("the tail is %v, want %v", ids, want)
	}
	end, err := x.TailEnd(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	b.put(x.stream, plain("late", readNow), readNow.Add(-settleAfter))
	b.put(x.stream, plain("later", readNow), readNow.Add(-time.Second))
	for name, from := range map[string]string{"a checkpoint": page.Checkpoint, "the former end": end} {
		ids, next := tailed(t, x, from, 1)
		if want := []string{"late"}; !slices.Equal(ids, want) || !next.More {
			t.Errorf("behind %s comes %v (more: %v), want %v and more", name, ids, next.More, want)
		}
		ids, next = tailed(t, x, next.Checkpoint, 1)
		if want := []string{"later"}; !slices.Equal(ids, want) || next.More {
			t.Errorf("then comes %v (more: %v), want %v and no more", ids, next.More, want)
		}
		if ids, last := tailed(t, x, next.Checkpoint, 1); len(ids) > 0 || last.Checkpoint != next.Checkpoint {
			t.Errorf("then comes %v, want nothing, and a checkpoint that has not moved", ids)
		}
	}
}

func TestTheTailHoldsBackWhatACheckpointHasNoRoomForUntilItIsOldEnough(t *testing.T) {
	now := readNow
	b, writer := setUp(t, nil)
	mustAppend(t, writer, plains(maxSeen+10, "e")...)
	x := b.open(func() time.Time { return now })
	ids, page := tailed(t, x, "", audit.MaxScan)
	if len(ids) != maxSeen || page.More {
		t.Fatalf("the tail has %d events (more: %v), want %d and no more for now", len(ids), page.More, maxSeen)
	}
	if rest, again := tailed(t, x, page.Checkpoint, audit.MaxScan); len(rest) > 0 || again.More {
		t.Fatalf("%d more come at once (more: %v), want none", len(rest), again.More)
	}
	now = now.Add(settleAfter + time.Millisecond)
	rest, page := tailed(t, x, page.Checkpoint, audit.MaxScan)
	ids = append(ids, rest...)
	slices.Sort(ids)
	if distinct := len(slices.Compact(ids)); distinct != maxSeen+10 {
		t.Errorf("%d events come in all, %d of them different; want %d once each", len(ids), distinct, maxSeen+10)
	}
	if rest, _ := tailed(t, x, page.Checkpoint, 10); len(rest) > 0 {
		t.Errorf("then come %v, want nothing", rest)
	}
	end, err := writer.TailEnd(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if rest, _ := tailed(t, x, end, 10); len(rest) > 0 {
		t.Errorf("behind the end come %v, want nothing", rest)
	}
}
