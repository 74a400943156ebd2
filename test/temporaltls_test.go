package test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/internal/estest"
)

// TestTemporalBehindTLSThatKnowsItsClients puts TLS before a real Temporal server, as a cluster in production has it: both sides show certificates.
func TestTemporalBehindTLSThatKnowsItsClients(t *testing.T) {
	t.Parallel()
	temporal, address, err := spawnTemporal(filepath.Join(t.TempDir(), "temporal"), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(temporal.kill)
	authority, stranger := estest.NewAuthority(t), estest.NewAuthority(t)
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	secured := behindTLS(t, address, authority, authority.Server("127.0.0.1", from, until))

	s := newStoppedStandalone(t, secured)
	s.config.Temporal.CAFile = authority.CAFile
	s.config.Temporal.CertFile, s.config.Temporal.KeyFile = authority.Pair("audittrail", from, until)
	s.start(t)
	if err := s.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.records.Close()
	admin := s.newTenant(t, "secured").admin(t)
	admin.mustIngest(t, happened("login.failed"))
	made := want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "csv"})
	if e := admin.awaitExport(t, made.ID, time.Minute, nil); e.Rows < 1 {
		t.Errorf("the export has %d rows", e.Rows)
	}

	s.kill()
	s.config.Temporal.CAFile = stranger.CAFile
	if s.process, err = spawn(filepath.Dir(s.config.DataDir), environment(s.config), nil, "standalone"); err != nil {
		t.Fatal(err)
	}
	within(t, 30*time.Second, func() error {
		ready, err := newClient(t, s.url, "").send(t.Context(), http.MethodGet, "/readyz", "", nil)
		if err != nil {
			return err
		}
		if ready.status != http.StatusServiceUnavailable || !strings.Contains(string(ready.body), "do not agree on TLS: look at temporal.tls") {
			t.Errorf("/readyz answers %d %s", ready.status, ready.body)
		}
		return nil
	})
}

// behindTLS takes connections of clients that the authority knows, and passes on what they say.
func behindTLS(t *testing.T, target string, clients *estest.Authority, own tls.Certificate) (address string) {
	t.Helper()
	pem, err := os.ReadFile(clients.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	known := x509.NewCertPool()
	known.AppendCertsFromPEM(pem)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: known, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	var passing sync.WaitGroup
	t.Cleanup(func() { listener.Close(); passing.Wait() })
	passing.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { passOn(from, target) })
		}
	})
	return listener.Addr().String()
}

// passOn copies both ways until one side ends.
func passOn(from net.Conn, target string) {
	defer from.Close()
	to, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer to.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(from, to)
		from.Close()
	})
	_, _ = io.Copy(to, from)
	to.Close()
	back.Wait()
}
