package api

import (
	"bytes"
	"net"
	"net/netip"

	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/audit"
)

const headerForwarded = "X-Forwarded-For"

// setClient makes the request's address that of the client, where the connection comes from a proxy that is trusted. It is the one place where that is
// decided: whatever asks for the address afterwards gets the client's.
func (s *Server) setClient(ctx *fasthttp.RequestCtx) {
	if len(s.cfg.TrustedProxies) == 0 {
		return
	}
	ctx.SetRemoteAddr(nil) // what the request before on this connection left
	remote := addressOf(ctx)
	if client := forwardedClient(remote, ctx.Request.Header.PeekAll(headerForwarded), s.cfg.TrustedProxies); client != remote {
		ctx.SetRemoteAddr(net.TCPAddrFromAddrPort(netip.AddrPortFrom(client, 0)))
	}
}

func addressOf(ctx *fasthttp.RequestCtx) netip.Addr {
	addr, _ := netip.AddrFromSlice(ctx.RemoteIP())
	return addr.Unmap()
}

// forwardedClient is the last address of the way that no trusted proxy vouches for: each proxy appends the address that it was called from, so the list
// is read from its end, and ends at the first that is not trusted. Whatever stands before that, the client may have made up. Where an entry is no address,
// the proxy that wrote it is all that is known.
func forwardedClient(remote netip.Addr, headers [][]byte, trusted []netip.Prefix) netip.Addr {
	client := remote
	for i := len(headers) - 1; i >= 0; i-- {
		rest := headers[i]
		for more := true; more; {
			if !audit.WithinAny(trusted, client) {
				return client
			}
			entry := rest
			at := bytes.LastIndexByte(rest, ',')
			if more = at >= 0; more {
				rest, entry = rest[:at], rest[at+1:]
			}
			addr, ok := forwardedAddress(string(bytes.TrimSpace(entry)))
			if !ok {
				return client
			}
			client = addr
		}
	}
	return client
}

// forwardedAddress reads an address, with or without a port, as proxies write it.
func forwardedAddress(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}
