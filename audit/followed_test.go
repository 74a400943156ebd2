package audit

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var followedNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// received makes an event of that id, received so long after followedNow.
func received(id string, after time.Duration) *Event {
	return &Event{ID: id, ReceivedAt: followedNow.Add(after)}
}

func TestAPlaceTellsWhatItsReaderHasHad(t *testing.T) {
	f := FollowedUntil(followedNow)
	f.Note(received("seen", -time.Second))
	f.Reach(followedNow)
	for name, tt := range map[string]struct {
		event *Event
		want  bool
	}{
		"of long ago":                         {received("old", -time.Hour), true},
		"that was noted":                      {received("seen", -time.Second), true},
		"of the last seconds that came later": {received("late", -5*time.Second), false},
		"that came since":                     {received("new", time.Second), false},
		"of another stamp with a noted id":    {received("seen", time.Second), false},
	} {
		if got := f.Had(tt.event); got != tt.want {
			t.Errorf("an event %s: had %v", name, got)
		}
	}
}

func TestAPlaceKeepsToItsFiltersAndIsNotAltered(t *testing.T) {
	q := Query{Logs: []Log{LogLogin}, Text: "alice"}
	f := FollowedUntil(followedNow)
	for i := range 5 {
		f.Note(received(fmt.Sprint(i), time.Duration(i)*time.Second))
	}
	text := f.Encode("acme", q)
	got, err := DecodeFollowed("acme", q, text)
	if err != nil || got.Encode("acme", q) != text || !got.Had(received("4", 4*time.Second)) || got.Had(received("5", 4*time.Second)) {
		t.Errorf("read back as %+v, %v", got, err)
	}
	altered := []byte(text)
	altered[12]++
	for name, err := range map[string]error{
		"another organization": second(DecodeFollowed("other", q, text)), "another query": second(DecodeFollowed("acme", Query{Logs: []Log{LogLogin}}, text)),
		"an altered one": second(DecodeFollowed("acme", q, string(altered))), "a cursor": second(DecodeFollowed("acme", q, EncodeCursor("acme", q, Position{Time: followedNow}))),
		"nothing": second(DecodeFollowed("acme", q, "")), "a part": second(DecodeFollowed("acme", q, text[:20])),
	} {
		if CodeOf(err) != CodeInvalid || !strings.Contains(err.Error(), "Last-Event-ID") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestAPlaceStaysSmallAndForgetsNothingYoung: whatever arrives, the id of a stream's events fits into a header, what was noted counts as had, and what
// arrives later than all that was noted does not.
func TestAPlaceStaysSmallAndForgetsNothingYoung(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		f := FollowedUntil(followedNow)
		var noted []*Event
		at := time.Duration(0)
		for i := range 1 + random.IntN(1000) {
			at += time.Duration(random.IntN(3)*random.IntN(200)) * time.Millisecond
			e := received(fmt.Sprint(i), at)
			f.Note(e)
			if noted = append(noted, e); random.IntN(20) == 0 {
				f.Reach(e.ReceivedAt)
			}
		}
		f.Reach(followedNow.Add(at))
		text := f.Encode("acme", Query{})
		if len(text) > 2000 {
			t.Fatalf("a place of %d bytes", len(text))
		}
		back, err := DecodeFollowed("acme", Query{}, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range noted {
			if !back.Had(e) {
				t.Fatalf("%s at %v was forgotten", e.ID, e.ReceivedAt)
			}
		}
		if back.Had(received("new", at+time.Millisecond)) {
			t.Fatal("what is new counts as had")
		}
	}
}

// FuzzDecodeFollowed: nothing panics, and what is accepted is what Encode makes.
func FuzzDecodeFollowed(f *testing.F) {
	q := Query{Actors: []string{"u_1"}}
	place := FollowedUntil(followedNow)
	place.Note(received("a", 0))
	f.Add(place.Encode("acme", q))
	f.Add("")
	f.Add("AgAAAZ")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := DecodeFollowed("acme", q, text)
		if err == nil && got.Encode("acme", q) != text {
			t.Errorf("%q is read as %+v", text, got)
		}
	})
}
