package api

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"

	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/audit"
)

// callerKey is where Call leaves who asks. No request from outside can set it.
type callerKey struct{}

// Call answers a request of the JSON API within the process, on behalf of the principal, who has been authenticated already. It takes the way that
// every request takes: the same permissions, limits of time, records and access log. RemoteAddr and User-Agent of the request stand for the person
// behind it. The body is read whole on both sides, so it is not for streams and downloads.
func (s *Server) Call(by audit.Principal, r *http.Request) (*http.Response, error) {
	var ctx fasthttp.RequestCtx
	var in fasthttp.Request
	in.SetRequestURI(r.URL.RequestURI())
	in.Header.SetMethod(r.Method)
	for name, values := range r.Header {
		for _, value := range values {
			in.Header.Add(name, value)
		}
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, fmt.Errorf("read the body of a call: %w", err)
		}
		in.SetBodyRaw(body)
	}
	ctx.Init(&in, tcpAddr(r.RemoteAddr), nil)
	ctx.SetUserValue(callerKey{}, by)
	s.app.Handler()(&ctx)
	if ctx.Response.IsBodyStream() {
		_ = ctx.Response.CloseBodyStream() // nobody will read it
		return nil, fmt.Errorf("%s %s answers with a stream, which Call does not carry", r.Method, r.URL.Path)
	}
	return response(&ctx.Response), nil
}

// tcpAddr reads host:port, or an address alone. What is neither is the zero address, as of a client that is not known.
func tcpAddr(text string) net.Addr {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return net.TCPAddrFromAddrPort(at)
	}
	addr, _ := netip.ParseAddr(text)
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))
}

func response(from *fasthttp.Response) *http.Response {
	header := http.Header{}
	for name, value := range from.Header.All() {
		header.Add(string(name), string(value))
	}
	body := bytes.Clone(from.Body())
	return &http.Response{StatusCode: from.StatusCode(), Header: header, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body))}
}
