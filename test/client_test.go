package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// client makes requests with one key. Every request and answer is held to the contract.
type client struct {
	url  string
	key  string
	http *http.Client
}

// as is a client with a key of the member with the scopes.
func (tn *tenant) as(t *testing.T, member string, scopes ...audit.Scope) *client {
	t.Helper()
	return newClient(t, tn.service.url, tn.key(t, member, scopes...))
}

// admin is a client of the organization's creator that may do everything.
func (tn *tenant) admin(t *testing.T) *client {
	t.Helper()
	return newClient(t, tn.service.url, tn.adminKey)
}

func newClient(t *testing.T, url, key string) *client {
	wrong := func(err error) { t.Error(err) }
	return &client{url: url, key: key, http: &http.Client{Transport: checked{wrong: wrong}, Timeout: time.Minute}}
}

// hostile is the same client for requests that break the contract on purpose.
func (c *client) hostile() *client {
	transport := c.http.Transport.(checked)
	transport.hostile = true
	return &client{url: c.url, key: c.key, http: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// problem is the body of an error.
type problem struct {
	Type   string             `json:"type"`
	Status int                `json:"status"`
	Detail string             `json:"detail"`
	Errors []audit.FieldError `json:"errors"`
}

func (a answer) problem(t *testing.T) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("%d %s: %v", a.status, clipped(a.body), err)
	}
	return p
}

// send makes a request. An error means that no answer came.
func (c *client) send(ctx context.Context, method, path, contentType string, body []byte) (answer, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, reader)
	if err != nil {
		return answer{}, err
	}
	if c.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: received}, err
}

// do makes a request with a JSON body, or none where in is nil.
func (c *client) do(t *testing.T, method, path string, in any) answer {
	t.Helper()
	var body []byte
	contentType := ""
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			t.Fatal(err)
		}
		contentType = "application/json"
	}
	a, err := c.send(t.Context(), method, path, contentType, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// want makes a request, wants the status and reads the answer into a T.
func want[T any](t *testing.T, c *client, status int, method, path string, in any) T {
	t.Helper()
	a := c.do(t, method, path, in)
	if a.status != status {
		t.Fatalf("%s %s: want %d, got %d %s", method, path, status, a.status, clipped(a.body))
	}
	var out T
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, clipped(a.body))
	}
	return out
}

// refused makes a request and wants an error of the status.
func refused(t *testing.T, c *client, status int, method, path string, in any) problem {
	t.Helper()
	return want[problem](t, c, status, method, path, in)
}

// ingested is the answer to a batch.
type ingested struct {
	Created    int `json:"created"`
	Duplicates int `json:"duplicates"`
	Rejected   int `json:"rejected"`
	Results    []struct {
		ID     string             `json:"id"`
		Status audit.AppendStatus `json:"status"`
		Errors []audit.FieldError `json:"errors"`
	} `json:"results"`
}

func ndjson(events []*audit.Event) []byte {
	var body []byte
	for _, e := range events {
		body = append(e.AppendJSON(body), '\n')
	}
	return body
}

// ingest sends the events in one request; once answered, they are found. It does not end the test, so that any goroutine may call it.
func (c *client) ingest(ctx context.Context, events []*audit.Event) (ingested, error) {
	var out ingested
	a, err := c.send(ctx, http.MethodPost, "/v1/events?wait=searchable", "application/x-ndjson", ndjson(events))
	if err != nil {
		return out, err
	}
	if a.status != http.StatusOK {
		return out, fmt.Errorf("ingest: %d %s", a.status, clipped(a.body))
	}
	return out, json.Unmarshal(a.body, &out)
}

// mustIngest sends the events in one request, and wants all of them created.
func (c *client) mustIngest(t *testing.T, events ...*audit.Event) {
	t.Helper()
	got, err := c.ingest(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	if got.Created != len(events) {
		t.Fatalf("want %d events created, got %d created, %d duplicates, %d rejected", len(events), got.Created, got.Duplicates, got.Rejected)
	}
}

// page is a page of events.
type page struct {
	Events     []event     `json:"events"`
	NextCursor string      `json:"next_cursor"`
	Total      audit.Total `json:"total"`
}

// event is what the tests look at of one.
type event struct {
	ID         string              `json:"id"`
	Action     string              `json:"action"`
	Log        audit.Log           `json:"log"`
	Actor      struct{ ID string } `json:"actor"`
	Highlights map[string][][2]int `json:"highlights"`
}

// search walks all pages of the query.
func (c *client) search(t *testing.T, query url.Values) (events []event, total audit.Total) {
	t.Helper()
	query.Set("limit", "1000")
	for pages := 0; ; pages++ {
		p := want[page](t, c, http.StatusOK, http.MethodGet, "/v1/events?"+query.Encode(), nil)
		if pages == 0 {
			total = p.Total
		}
		events = append(events, p.Events...)
		if p.NextCursor == "" {
			return events, total
		}
		if pages > 200 {
			t.Fatal("the pages do not end")
		}
		query.Set("cursor", p.NextCursor)
	}
}

// export is an export as the server shows it.
type export struct {
	audit.Export
	Files []struct {
		audit.ExportFile
		URL string `json:"url"`
	} `json:"files"`
	Progress float64 `json:"progress"`
}

// awaitExport returns the export once it is no longer running; look is called with each state that is seen, where it is not nil.
func (c *client) awaitExport(t *testing.T, id string, limit time.Duration, look func(export)) export {
	t.Helper()
	var e export
	within(t, limit, func() error {
		e = want[export](t, c, http.StatusOK, http.MethodGet, "/v1/exports/"+id, nil)
		if look != nil {
			look(e)
		}
		if e.Status == audit.ExportRunning {
			return fmt.Errorf("the export is still running: %d of %d rows", e.Done, e.Rows)
		}
		return nil
	})
	if e.Status != audit.ExportReady {
		t.Fatalf("the export is %s: %s", e.Status, e.Error)
	}
	return e
}

// download fetches a file of an export.
func (c *client) download(t *testing.T, export, name string) []byte {
	t.Helper()
	a := c.do(t, http.MethodGet, "/v1/exports/"+export+"/files/"+url.PathEscape(name), nil)
	if a.status != http.StatusOK {
		t.Fatalf("download %s: %d %s", name, a.status, clipped(a.body))
	}
	return a.body
}
