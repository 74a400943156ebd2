package test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// front is the one port in front of all API processes, as a load balancer is: requests go around, and one whose process does not take connections goes to
// the next. Where a process dies over a request, its client sees the connection end.
type front struct {
	url     string
	targets []string // host:port each
	next    atomic.Uint64
}

func newFront(t *testing.T, targets ...string) *front {
	t.Helper()
	f := &front{targets: targets}
	// A connection of its own for each request, so that the next one goes elsewhere.
	transport := &http.Transport{DialContext: f.dial, DisableKeepAlives: true, DisableCompression: true}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "api"})
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewUnstartedServer(proxy)
	server.Config.ErrorLog = proxy.ErrorLog
	server.Start()
	f.url = server.URL
	t.Cleanup(func() {
		plain.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return f
}

// dial connects to the process whose turn it is, or to the next one that is there.
func (f *front) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	first := f.next.Add(1)
	var errs []error
	for i := range f.targets {
		conn, err := new(net.Dialer).DialContext(ctx, network, f.targets[(first+uint64(i))%uint64(len(f.targets))])
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
