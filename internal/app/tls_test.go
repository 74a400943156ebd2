package app_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/internal/estest"
)

// serving runs a process of the settings until the test ends, and returns its address.
func serving(t *testing.T, cfg *config.Config, opts app.Options) string {
	t.Helper()
	a, err := app.New(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the end: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return a.URL()
}

// trusts is a client of its own that trusts the authority.
func trusts(t *testing.T, authority *estest.Authority) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(authority.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func TestTheServerSpeaksTLSOfItsOwnAndTakesARenewedCertificate(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	t.Cleanup(func() { signal.Reset(syscall.SIGHUP) })
	authority := estest.NewAuthority(t)
	now := time.Now()
	cfg := settings(t)
	cfg.Listen = "127.0.0.1:0"
	cfg.TLS.CertFile, cfg.TLS.KeyFile = authority.Pair("127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	url := serving(t, cfg, options())
	client := trusts(t, authority)
	end := func() time.Time {
		response, err := client.Get(url + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || response.Proto != "HTTP/1.1" || response.TLS == nil || response.TLS.Version < tls.VersionTLS12 {
			t.Fatalf("answered %d by %s, %+v", response.StatusCode, response.Proto, response.TLS)
		}
		if hsts := response.Header.Get("Strict-Transport-Security"); !strings.Contains(hsts, "max-age=") {
			t.Errorf("Strict-Transport-Security = %q", hsts)
		}
		return response.TLS.PeerCertificates[0].NotAfter
	}
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("the address is %s", url)
	}
	first := end()
	cert, key := authority.Pair("127.0.0.1", now.Add(-time.Hour), now.Add(2*time.Hour))
	for from, to := range map[string]string{cert: cfg.TLS.CertFile, key: cfg.TLS.KeyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for pause := time.NewTicker(10 * time.Millisecond); end().Equal(first); <-pause.C {
		if time.Now().After(deadline) {
			t.Fatal("the renewed certificate is not used")
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAServerThatOthersReachDoesNotStartWithoutTLS(t *testing.T) {
	cfg := settings(t)
	cfg.Listen = "0.0.0.0:0"
	for _, role := range []app.Role{app.RoleBoth, app.RoleAPI} {
		if role == app.RoleAPI {
			onElastic(cfg)
		}
		a, err := app.New(t.Context(), cfg, app.Options{Role: role})
		if err == nil {
			_ = a.Close()
			t.Fatalf("%s starts", role)
		}
		if !strings.Contains(err.Error(), "--tls-cert-file") || !strings.Contains(err.Error(), "--insecure") {
			t.Errorf("%s: the error does not say what to do: %v", role, err)
		}
	}
	cfg = settings(t)
	cfg.Listen, cfg.Insecure = "0.0.0.0:0", true
	serving(t, cfg, options())
}
