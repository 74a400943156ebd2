package cluster_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// pretend starts a server that answers every request alike; with a product it names itself as Elasticsearch does.
func pretend(t *testing.T, status int, product, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if product != "" {
			w.Header().Set("X-Elastic-Product", product)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// wantUnavailable wants an error that may be shown to a client: it says the words, when to come back, and no address.
func wantUnavailable(t *testing.T, err error, words, address string) {
	t.Helper()
	var e *audit.Error
	if !errors.As(err, &e) || e.Code != audit.CodeUnavailable || !strings.Contains(e.Message, words) {
		t.Errorf("the error is %v, want %s with %q", err, audit.CodeUnavailable, words)
		return
	}
	if e.RetryAfter <= 0 {
		t.Errorf("%q does not say when to come back", e.Message)
	}
	if u, err := url.Parse(address); err == nil && (strings.Contains(e.Message, u.Hostname()) || u.Port() != "" && strings.Contains(e.Message, u.Port())) {
		t.Errorf("%q names an address", e.Message)
	}
}

// connects wants that a connection can be made.
func connects(t *testing.T, opts cluster.Options) *cluster.Client {
	t.Helper()
	c, err := cluster.Open(t.Context(), opts)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// refused wants that no connection can be made, and returns why.
func refused(t *testing.T, opts cluster.Options) error {
	t.Helper()
	c, err := cluster.Open(t.Context(), opts)
	if err == nil {
		c.Close()
		t.Error("a connection was made")
	}
	return err
}
