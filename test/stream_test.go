package test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

func TestEventsAreStreamedAsTheyAreCommitted(t *testing.T) { eventsAreStreamed(t, sharedService(t)) }

// eventsAreStreamed sends events by several clients at once, cuts the stream off in between, and wants every event counted once.
func eventsAreStreamed(t *testing.T, s *service) {
	tn := s.newTenant(t, "follow")
	const rounds, clients, each = 3, 4, 30
	query := url.Values{"q": {"followed"}, "range": {"contacts"}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*promptly)
	defer cancel()
	at := ""
	admin := tn.admin(t)
	for round := range rounds {
		f := tn.follow(ctx, t, query, at)
		at = f.await(t, 0) // where it begins
		var sending sync.WaitGroup
		for range clients {
			sending.Go(func() { admin.mustIngest(t, batchOf("followed", each)...) })
		}
		if round == 1 { // while nobody follows
			f.cut()
			sending.Wait()
			f = tn.follow(ctx, t, query, at)
		}
		at = f.await(t, clients*each)
		sending.Wait()
		f.cut()
	}
	if _, total := admin.search(t, url.Values{"q": {"followed"}, "range": {"contacts"}, "total": {"exact"}}); total.Value != rounds*clients*each {
		t.Errorf("%d are stored", total.Value)
	}
}

// followed is an open stream of events.
type followed struct {
	body  interface{ Close() error }
	lines *bufio.Scanner
	id    string
}

// follow opens a stream of the creator.
func (tn *tenant) follow(ctx context.Context, t *testing.T, query url.Values, lastEventID string) *followed {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, tn.service.url+"/v1/events/stream?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+tn.adminKey)
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := plain.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		t.Fatalf("%d %s", response.StatusCode, kind)
	}
	f := &followed{body: response.Body, lines: bufio.NewScanner(response.Body), id: lastEventID}
	f.lines.Buffer(nil, 1<<20)
	return f
}

func (f *followed) cut() { _ = f.body.Close() }

// await reads until so many events came, and wants no more than that. It returns the id to come back with.
func (f *followed) await(t *testing.T, matched int) string {
	t.Helper()
	if matched == 0 && f.id != "" {
		return f.id
	}
	for f.lines.Scan() {
		line := f.lines.Text()
		if id, found := strings.CutPrefix(line, "id: "); found {
			if f.id = id; matched == 0 {
				return id
			}
		}
		data, found := strings.CutPrefix(line, "data: ")
		if !found {
			continue
		}
		var got struct{ Matched int }
		if err := json.Unmarshal([]byte(data), &got); err != nil {
			t.Fatal(err)
		}
		if matched -= got.Matched; matched <= 0 {
			if matched < 0 {
				t.Errorf("%d events too many were streamed", -matched)
			}
			return f.id
		}
	}
	t.Fatalf("the stream ended, and %d events are missing: %v", matched, f.lines.Err())
	return ""
}
