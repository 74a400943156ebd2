//go:build unix

package estest

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Fault is what happens to one request on its way. The zero value lets it pass.
type Fault struct {
	// DelayRequest holds the request back before the cluster sees it.
	DelayRequest time.Duration
	// Refuse closes the connection before the cluster sees the request.
	Refuse bool
	// Status answers with it and Body in place of the cluster, which does not see the request.
	Status int
	Body   string
	// Answered is called when the cluster has answered, before anything is done to the answer.
	Answered func()
	// DelayAnswer holds the cluster's answer back: it has done what was asked, and nobody knows.
	DelayAnswer time.Duration
	// Cut closes the connection in the middle of the cluster's answer.
	Cut bool
	// Alter changes the cluster's answer: status, headers, and its body, which it returns.
	Alter func(answer *http.Response, body []byte) []byte
}

// Proxy stands between a client and a cluster and does to each request what a function says.
type Proxy struct {
	// URL is where it listens. It carries no credentials: those of the cluster's URL are added on the way.
	URL string
	// Requests counts those that arrived.
	Requests atomic.Int64

	target *url.URL
	fault  atomic.Pointer[func(*http.Request, []byte) Fault]
	closed chan struct{}
	client *http.Transport
	server *httptest.Server
}

// NewProxy starts a proxy in front of the first node of a cluster. It ends with the test.
func NewProxy(t testing.TB, cluster string) *Proxy {
	t.Helper()
	return newProxy(t, cluster, (*httptest.Server).Start)
}

// NewTLSProxy starts a proxy that speaks HTTPS and shows a certificate of the test's own.
func NewTLSProxy(t testing.TB, cluster string, certificate tls.Certificate) *Proxy {
	t.Helper()
	return newProxy(t, cluster, func(s *httptest.Server) {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
		s.StartTLS()
	})
}

func newProxy(t testing.TB, cluster string, start func(*httptest.Server)) *Proxy {
	t.Helper()
	first, _, _ := strings.Cut(cluster, ",")
	target, err := url.Parse(strings.TrimSpace(first))
	if err != nil {
		t.Fatal(err)
	}
	// Go would ask for gzip by itself; Alter wants to read the answer.
	p := &Proxy{target: target, closed: make(chan struct{}), client: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}}
	p.server = httptest.NewUnstartedServer(p)
	p.server.Config.ErrorLog = quiet
	start(p.server)
	p.URL = p.server.URL
	t.Cleanup(func() {
		close(p.closed)
		p.server.CloseClientConnections()
		p.server.Close()
		p.client.CloseIdleConnections()
	})
	return p
}

// Do sets what happens to the requests from now on: f is called with each request and its body (already unpacked), concurrently.
// nil lets everything pass.
func (p *Proxy) Do(f func(r *http.Request, body []byte) Fault) {
	if f == nil {
		p.fault.Store(nil)
		return
	}
	p.fault.Store(&f)
}

// Always does the same to every request.
func (p *Proxy) Always(fault Fault) {
	p.Do(func(*http.Request, []byte) Fault { return fault })
}

// ServeHTTP lets one request through, or does not.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.Requests.Add(1)
	body, err := readBody(r)
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away in the middle of it
	}
	fault := Fault{}
	if f := p.fault.Load(); f != nil {
		fault = (*f)(r, body)
	}
	if !p.pause(r, fault.DelayRequest) || fault.Refuse {
		panic(http.ErrAbortHandler)
	}
	if fault.Status != 0 {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body)
		return
	}
	answer, content, err := p.pass(r, body)
	if err == nil && fault.Answered != nil {
		fault.Answered()
	}
	if err != nil || !p.pause(r, fault.DelayAnswer) {
		panic(http.ErrAbortHandler)
	}
	if fault.Alter != nil {
		content = fault.Alter(answer, content)
	}
	answer.Header.Del("Content-Length")
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	if fault.Cut {
		_, _ = w.Write(content[:len(content)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(content)
}

// pass sends the request on and reads the whole answer.
func (p *Proxy) pass(r *http.Request, body []byte) (*http.Response, []byte, error) {
	out := r.Clone(r.Context())
	out.RequestURI, out.Host = "", ""
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.Header.Del("Accept-Encoding")
	out.Header.Del("Connection")
	if user := p.target.User; user != nil && out.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		out.SetBasicAuth(user.Username(), password)
	}
	answer, err := p.client.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return answer, content, err
}

// pause waits and says whether there is still somebody who waits for the answer.
func (p *Proxy) pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
	case <-p.closed:
	}
	return false
}

// readBody reads a request's body and unpacks it.
func readBody(r *http.Request) ([]byte, error) {
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		r.Header.Del("Content-Encoding")
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		in = unpacked
	}
	return io.ReadAll(in)
}
