package api

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/audit"
)

// checkHost refuses a request that was made to a name which is not the server's. A page of another site can have its own name lead to this machine (DNS
// rebinding): for the browser this server is then a part of that site, which may read what it answers. What it cannot do is to have the browser send another
// name than its own.
func (s *Server) checkHost(ctx *fasthttp.RequestCtx) error {
	if !s.cfg.OnlyHosts || ctx.UserValue(callerKey{}) != nil {
		return nil
	}
	for _, given := range [][]byte{ctx.Request.Header.Host(), ctx.URI().Host()} { // the second is another one where the request line holds a whole address
		if name := hostOf(string(given)); !s.isHost(name, ctx.LocalAddr()) {
			return audit.Errorf(codeHost, "this server is not known as %q: use the address that it is known by, or have its operator add the name to allowed_hosts", clip(name))
		}
	}
	return nil
}

// isHost says whether the name is the server's: one that it was told, one of this machine, or the address that the connection was made to.
func (s *Server) isHost(name string, local net.Addr) bool {
	if name == "localhost" || slices.Contains(s.cfg.Hosts, name) {
		return true
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	if addr = addr.Unmap(); addr.IsLoopback() {
		return true
	}
	tcp, ok := local.(*net.TCPAddr)
	return ok && tcp.AddrPort().Addr().Unmap().WithZone("") == addr
}

// hostOf is what stands before the port, in lower case and without the brackets of IPv6 and the final dot.
func hostOf(host string) string {
	if inside, found := strings.CutPrefix(host, "["); found {
		host, _, _ = strings.Cut(inside, "]")
	} else if name, port, found := strings.Cut(host, ":"); found && !strings.Contains(port, ":") {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
