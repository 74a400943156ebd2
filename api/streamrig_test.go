package api

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// follow opens a stream of events and waits until it follows. The id is that of where it begins, where the client comes without one.
func (g *rig) follow(key, query, lastEventID string) *stream {
	g.t.Helper()
	s := g.openStreamOf("/v1/events/stream"+query, "streamEvents", key, lastEventID)
	s.wait(": connected")
	return s
}

// streamed is the data of an event of the stream.
type streamed struct {
	Matched int
	More    bool
	Events  []struct {
		ID         string
		Highlights map[string][][2]int
	}
	id string // of the event of the stream
}

func (s streamed) ids() (ids []string) {
	for _, e := range s.Events {
		ids = append(ids, e.ID)
	}
	return ids
}

// take reads the next event of the stream, and holds its data to the contract.
func (s *stream) take() streamed {
	s.t.Helper()
	s.wait("event: events")
	id := strings.TrimPrefix(s.wait("id: "), "id: ")
	data := strings.TrimPrefix(s.wait("data: "), "data: ")
	var value any
	must(s.t, json.Unmarshal([]byte(data), &value))
	schema := contractOf(s.t).doc.Components.Schemas["StreamedEvents"].Value
	if err := schema.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.EnableFormatValidation()); err != nil {
		s.t.Errorf("the data breaks the contract: %v\n%s", err, clip(data))
	}
	got := streamed{id: id}
	must(s.t, json.Unmarshal([]byte(data), &got))
	return got
}

// gather takes what the stream sends until so many events came, however they are divided.
func (s *stream) gather(n int) (all streamed) {
	s.t.Helper()
	for all.Matched < n {
		got := s.take()
		all.Matched, all.id, all.Events = all.Matched+got.Matched, got.id, append(all.Events, got.Events...)
	}
	return all
}

// stream is an open message stream.
type stream struct {
	t      testing.TB
	cancel context.CancelFunc
	res    *http.Response
	lines  chan string
	// err is why reading ended, nil where the server ended it; to be read when lines is closed.
	err error
}

func (g *rig) openStream(key, lastEventID string) *stream {
	g.t.Helper()
	return g.openStreamOf("/v1/messages/stream", "streamMessages", key, lastEventID)
}

func (g *rig) openStreamOf(path, operation, key, lastEventID string) *stream {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.base+path, nil)
	must(g.t, err)
	req.Header.Set("Authorization", "Bearer "+g.keys[key])
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := g.client.Do(req)
	must(g.t, err)
	s := &stream{t: g.t, cancel: cancel, res: res, lines: make(chan string, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.lines)
		in := bufio.NewScanner(res.Body)
		for in.Buffer(nil, 1<<20); in.Scan(); {
			s.lines <- in.Text()
		}
		s.err = in.Err()
	}()
	g.t.Cleanup(func() { cancel(); res.Body.Close(); <-done })
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		g.t.Fatalf("stream = %d %v", res.StatusCode, res.Header)
	}
	c := contractOf(g.t)
	c.mu.Lock()
	c.reached[operation] = true
	c.mu.Unlock()
	return s
}

// wait reads up to the line that begins so, and returns it.
func (s *stream) wait(prefix string) string {
	s.t.Helper()
	for line := range s.lines {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	s.t.Fatalf("the stream ended without %q", prefix)
	return ""
}

func (s *stream) ends() {
	s.t.Helper()
	for range s.lines { // until it ends, or the stream's own deadline fails the read
	}
	if s.err != nil {
		s.t.Fatalf("the server did not end the stream: %v", s.err)
	}
}
