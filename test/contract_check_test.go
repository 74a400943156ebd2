package test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// The other tests rely on it.
func TestAnAnswerThatBreaksTheContractIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, kind, sent, received string
		status                             int
		broken                             bool
	}{
		"as it should be":             {http.MethodGet, "/v1/events?limit=1", "application/json", "", `{"events":[],"total":{"value":0,"relation":"eq"}}`, 200, false},
		"a member that is missing":    {http.MethodGet, "/v1/events?limit=1", "application/json", "", `{}`, 200, true},
		"another type":                {http.MethodGet, "/v1/events?limit=1", "text/plain", "", `x`, 200, true},
		"a status that is not said":   {http.MethodGet, "/v1/events?limit=1", "application/json", "", `{}`, 418, true},
		"an error that is no problem": {http.MethodGet, "/v1/events?limit=1", "application/json", "", `{}`, 404, true},
		"a route that is not there":   {http.MethodGet, "/v1/nothing", "application/json", "", `{}`, 200, true},
		"a request out of bounds":     {http.MethodGet, "/v1/events?limit=5000", "application/json", "", `{"events":[],"total":{"value":0,"relation":"eq"}}`, 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.received))
			}))
			defer server.Close()
			var wrong error
			cl := &client{url: server.URL, http: &http.Client{Transport: checked{wrong: func(err error) { wrong = err }}}}
			if _, err := cl.send(t.Context(), c.method, c.path, "", nil); err != nil {
				t.Fatal(err)
			}
			if (wrong != nil) != c.broken {
				t.Errorf("the check says %v", wrong)
			}
			plain.CloseIdleConnections()
		})
	}
}

func TestTheServerPublishesTheContractItIsHeldTo(t *testing.T) {
	s := sharedService(t)
	expected, err := os.ReadFile(filepath.Join(root, "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	a := newClient(t, s.url, "").do(t, http.MethodGet, "/openapi.yaml", nil)
	paths := func(document []byte) []byte { return document[bytes.Index(document, []byte("\npaths:")):] }
	if a.status != http.StatusOK || !bytes.Equal(paths(a.body), paths(expected)) {
		t.Errorf("/openapi.yaml answers %d, and not with api/openapi.yaml", a.status)
	}
}

func TestAMessageIsStreamedAsItComes(t *testing.T) { messageIsStreamed(t, sharedService(t)) }

func messageIsStreamed(t *testing.T, s *service) {
	tn := s.newTenant(t, "stream")
	tn.remind(t, []audit.Channel{audit.ChannelInbox}, "login.failed")
	ctx, cancel := context.WithTimeout(t.Context(), 2*promptly)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/messages/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+tn.key(t, contactAdmin, audit.ScopeEventsRead))
	stream, err := plain.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if kind := stream.Header.Get("Content-Type"); stream.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
		t.Fatalf("%d %s", stream.StatusCode, kind)
	}
	tn.admin(t).mustIngest(t, happened("login.failed"))
	lines := bufio.NewScanner(stream.Body)
	for lines.Scan() {
		if data, found := strings.CutPrefix(lines.Text(), "data: "); found {
			if m := decoded[audit.Message](t, data); m.Count != 1 {
				t.Errorf("streamed: %s", data)
			}
			return
		}
	}
	t.Fatalf("the stream ended without a message: %v", lines.Err())
}
