package oidc

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	// requestTimeout bounds one request to a provider, and maxAnswer what is read of its answer.
	requestTimeout = 10 * time.Second
	maxAnswer      = 1 << 20
)

// newClient returns a client for one provider: it follows no redirects, reads no more than maxAnswer, and talks without TLS only to this machine.
func newClient(s Settings) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = requestTimeout
	transport.MaxResponseHeaderBytes = 64 << 10
	transport.MaxIdleConnsPerHost = 2
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: cannot be read: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", s.CAFile)
		}
		tlsConfig := transport.TLSClientConfig.Clone()
		tlsConfig.RootCAs = pool
		transport.TLSClientConfig = tlsConfig
	}
	issuer, err := url.Parse(s.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return &http.Client{
		Transport: &guarded{next: transport, clear: issuer.Scheme == "http"},
		Timeout:   requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the provider sends on to another address")
		},
	}, nil
}

// guarded keeps requests to where they may go, and their answers bounded.
type guarded struct {
	next *http.Transport
	// clear permits http to this machine.
	clear bool
}

// RoundTrip is part of http.RoundTripper.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if !g.permits(r.URL) {
		return nil, fmt.Errorf("the provider's address %s://%s is not https", r.URL.Scheme, r.URL.Host)
	}
	response, err := g.next.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	}
	return response, err
}

func (g *guarded) permits(u *url.URL) bool {
	return u.Scheme == "https" || g.clear && u.Scheme == "http" && isLoopback(u)
}

// CloseIdleConnections is what http.Client's asks for.
func (g *guarded) CloseIdleConnections() { g.next.CloseIdleConnections() }
