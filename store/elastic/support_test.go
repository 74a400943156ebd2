package elastic_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
	"github.com/audittrail/audittrail/store"
	"github.com/audittrail/audittrail/store/elastic"
	"github.com/audittrail/audittrail/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func(t *testing.T) store.Store {
		p := newPlace(t)
		p.setup()
		return func(t *testing.T) store.Store { return p.open(t) }
	})
}

func TestMoving(t *testing.T) {
	storetest.RunMove(t, func(t *testing.T) func(t *testing.T) store.Store {
		p := newPlace(t)
		p.setup()
		return func(t *testing.T) store.Store { return p.open(t) }
	})
}

// place is a prefix of its own in the cluster of the tests.
type place struct {
	t      *testing.T
	client *cluster.Client
	prefix string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	return &place{t: t, client: connect(t, estest.URL(t)), prefix: estest.Prefix(t)}
}

func connect(t *testing.T, address string) *cluster.Client {
	t.Helper()
	c, err := cluster.Open(t.Context(), cluster.Options{URLs: strings.Split(address, ","), Uncompressed: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// firstNode is where a proxy leads to.
func firstNode(t *testing.T) string {
	t.Helper()
	first, _, _ := strings.Cut(estest.URL(t), ",")
	return first
}

func (p *place) alias() string { return p.prefix + "-records" }
func (p *place) index() string { return p.prefix + "-records-v1" }

func (p *place) setup() {
	p.t.Helper()
	if _, err := elastic.Setup(p.t.Context(), p.client, elastic.SetupOptions{Prefix: p.prefix}); err != nil {
		p.t.Fatal(err)
	}
}

// open opens the place as another process would.
func (p *place) open(t *testing.T) *elastic.Store { return p.openBy(t, p.client) }

func (p *place) openBy(t *testing.T, c *cluster.Client) *elastic.Store {
	t.Helper()
	s, err := elastic.Open(t.Context(), c, elastic.Options{Prefix: p.prefix})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// store sets up and opens the place, and closes it at the end.
func (p *place) store() *elastic.Store {
	p.setup()
	s := p.open(p.t)
	p.t.Cleanup(func() { s.Close() })
	return s
}

// call asks the cluster for something, which has to succeed.
func (p *place) call(request esapi.Request, result any) {
	p.t.Helper()
	if err := p.client.Call(p.t.Context(), request, result); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) exists(name string) bool {
	p.t.Helper()
	err := p.client.Call(p.t.Context(), esapi.IndicesGetRequest{Index: []string{name}}, nil)
	if err != nil && !cluster.FailureOf(err).Missing() {
		p.t.Fatal(err)
	}
	return err == nil
}

// together makes all calls at once and gives their errors to check.
func together(t *testing.T, all map[string]func(context.Context) error, check func(name string, err error)) {
	t.Helper()
	var wg sync.WaitGroup
	for name, call := range all {
		wg.Go(func() { check(name, call(t.Context())) })
	}
	wg.Wait()
}

// proxy stands between a Store and the cluster.
type proxy struct {
	*httptest.Server
	user   *url.Userinfo
	down   atomic.Bool
	slow   atomic.Bool
	stalls chan struct{} // while it is open, a slow node does not answer
	once   sync.Once
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	target, err := url.Parse(firstNode(t))
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	transport := &http.Transport{}
	forward.Transport = transport
	p := &proxy{user: target.User, stalls: make(chan struct{})}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down.Load() {
			panic(http.ErrAbortHandler)
		}
		if p.slow.Load() {
			select {
			case <-p.stalls:
			case <-r.Context().Done():
			}
			panic(http.ErrAbortHandler)
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		p.release()
		p.Close()
		transport.CloseIdleConnections()
	})
	return p
}

// address is where clients connect, with the cluster's user and password.
func (p *proxy) address() string {
	return (&url.URL{Scheme: "http", User: p.user, Host: p.Listener.Addr().String()}).String()
}

// release ends the requests that a slow node has.
func (p *proxy) release() { p.once.Do(func() { close(p.stalls) }) }

func wantCode(t *testing.T, what string, err error, code audit.Code) {
	t.Helper()
	if got := audit.CodeOf(err); got != code {
		t.Errorf("%s: the error is %q (%v), want %q", what, got, err, code)
	}
}

// wantUnavailable wants CodeUnavailable with a message that says this and shows no internals.
func (p *place) wantUnavailable(what string, err error, says string) {
	p.t.Helper()
	var e *audit.Error
	if !errors.As(err, &e) || e.Code != audit.CodeUnavailable || e.RetryAfter <= 0 {
		p.t.Errorf("%s: the error is %#v (%v), want CodeUnavailable and when to come back", what, err, err)
		return
	}
	if !strings.Contains(e.Message, says) || strings.Contains(e.Message, p.prefix) || strings.Contains(e.Message, "127.0.0.1") {
		p.t.Errorf("%s: the message is %q, want one that says %q and shows no internals", what, e.Message, says)
	}
}

// calls are one call of every role that writes or reads, on records of an organization.
func calls(s store.Store, organization string) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"PutOrganization": func(ctx context.Context) error {
			_, err := s.PutOrganization(ctx, audit.Organization{ID: organization + "-new"})
			return err
		},
		"PutMember": func(ctx context.Context) error {
			_, err := s.PutMember(ctx, audit.Member{Organization: organization, ID: "new"})
			return err
		},
		"CreateKey": func(ctx context.Context) error {
			return s.CreateKey(ctx, audit.Key{Organization: organization, ID: "new", Hash: []byte(organization + "new")})
		},
		"TouchKey": func(ctx context.Context) error { return s.TouchKey(ctx, organization, "k", time.Now()) },
		"SaveDelivery": func(ctx context.Context) error {
			return s.SaveDelivery(ctx, audit.Delivery{Organization: organization, ID: "d", Reminder: "r"})
		},
		"AddMessage": func(ctx context.Context) error {
			return s.AddMessage(ctx, audit.Message{Organization: organization, ID: "new", Member: "m"})
		},
		"SaveCheckpoint": func(ctx context.Context) error { return s.SaveCheckpoint(ctx, organization, "c", "v") },
		"Secret": func(ctx context.Context) error {
			_, err := s.Secret(ctx, organization+"-new")
			return err
		},
		"DeleteReminder": func(ctx context.Context) error { return s.DeleteReminder(ctx, organization, "r") },
		"MarkRead":       func(ctx context.Context) error { return s.MarkRead(ctx, organization, "m", []string{"x"}, time.Now()) },
	}
}

// reads are one call of every kind of reading.
func reads(s store.Store, organization string) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Organization":  func(ctx context.Context) error { _, err := s.Organization(ctx, organization); return err },
		"Organizations": func(ctx context.Context) error { _, err := s.Organizations(ctx); return err },
		"Members": func(ctx context.Context) error {
			_, err := s.Members(ctx, organization, audit.MemberFilter{Limit: 1})
			return err
		},
		"KeyByHash":  func(ctx context.Context) error { _, err := s.KeyByHash(ctx, []byte(organization)); return err },
		"Messages":   func(ctx context.Context) error { _, err := s.Messages(ctx, organization, "m", "", 1); return err },
		"Unread":     func(ctx context.Context) error { _, err := s.Unread(ctx, organization, "m"); return err },
		"Checkpoint": func(ctx context.Context) error { _, err := s.Checkpoint(ctx, organization, "c"); return err },
		"MarkRead all": func(ctx context.Context) error {
			return s.MarkRead(ctx, organization, "m", nil, time.Now())
		},
	}
}

// fill writes what calls and reads are about.
func fill(t *testing.T, s store.Store, organization string) {
	t.Helper()
	ctx := t.Context()
	_, orgErr := s.PutOrganization(ctx, audit.Organization{ID: organization})
	_, reminderErr := s.PutReminder(ctx, audit.Reminder{Organization: organization, ID: "r"})
	if err := errors.Join(orgErr, reminderErr,
		s.CreateKey(ctx, audit.Key{Organization: organization, ID: "k", Hash: []byte(organization)}),
		s.AddMessage(ctx, audit.Message{Organization: organization, ID: "x", Member: "m"})); err != nil {
		t.Fatal(err)
	}
}
