package api

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/audittrail/audittrail/audit"
)

// The headers that say how much of a limit is left, of draft-ietf-httpapi-ratelimit-headers-06, which is what clients know: how many requests may come at
// once, how many of these are left, and in how many seconds all of them will be there again.
const (
	headerLimit     = "RateLimit-Limit"
	headerRemaining = "RateLimit-Remaining"
	headerReset     = "RateLimit-Reset"
)

// maxAddresses bounds the addresses that are remembered.
const maxAddresses = 20_000

// addressLimits bound the requests of one address, whoever makes them: those without a key, and those that fail, too. Of IPv6 an address is 64 bits.
type addressLimits struct {
	limit rate.Limit
	burst int

	mu sync.Mutex
	// by are the addresses of late, before those of earlier; see failures.
	by, before map[netip.Prefix]*rate.Limiter
}

// allow counts a request. It returns the address's limiter, nil where there is no limit, and CodeRateLimited where there are too many.
func (a *addressLimits) allow(addr netip.Addr, now time.Time) (*rate.Limiter, error) {
	if a.limit == rate.Inf {
		return nil, nil
	}
	l := a.of(network(addr))
	if l.AllowN(now, 1) {
		return l, nil
	}
	return l, &audit.Error{Code: audit.CodeRateLimited, RetryAfter: waitOf(l, now), Message: "more requests come from your address than may; wait"}
}

func (a *addressLimits) of(from netip.Prefix) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.by[from]
	if ok {
		return l
	}
	if l, ok = a.before[from]; !ok {
		l = rate.NewLimiter(a.limit, a.burst)
	}
	if a.by == nil || len(a.by) >= maxAddresses/2 {
		a.by, a.before = map[netip.Prefix]*rate.Limiter{}, a.by
	}
	a.by[from] = l
	return l
}

// limited bounds a request by its address, before anything else is looked at. Requests within the process have been, and probes are not.
func (s *Server) limited(r *request) (err error) {
	r.limiter, err = s.addresses.allow(remoteAddr(r), s.now())
	return err
}

// tellLimits writes how much is left of the limit that is nearer its end: the key's or the address's.
func (s *Server) tellLimits(r *request, path string) {
	if !strings.HasPrefix(path, "/v1/") {
		return
	}
	now := s.now()
	left, nearest := math.Inf(1), (*rate.Limiter)(nil)
	for _, l := range [...]*rate.Limiter{r.limiter, r.keyLimiter} {
		if l == nil || l.Limit() == rate.Inf {
			continue
		}
		if tokens := l.TokensAt(now); tokens < left {
			left, nearest = tokens, l
		}
	}
	if nearest == nil {
		return
	}
	left = max(0, left)
	reset := math.Ceil((float64(nearest.Burst()) - left) / float64(nearest.Limit()))
	header := &r.c.Response().Header
	var number [20]byte
	header.SetCanonical([]byte(headerLimit), strconv.AppendInt(number[:0], int64(nearest.Burst()), 10))
	header.SetCanonical([]byte(headerRemaining), strconv.AppendInt(number[:0], int64(left), 10))
	header.SetCanonical([]byte(headerReset), strconv.AppendInt(number[:0], int64(reset), 10))
}

// refuseKey is the answer to a key that does not work: CodeRateLimited where too many of the same address did not, else err. A key that works is let in
// however many fail beside it, so nobody behind the same address can lock the others out.
func (s *Server) refuseKey(r *request, err error) error {
	if slow := s.badKeys.add(remoteAddr(r), s.now()); slow != nil {
		return slow
	}
	return err
}
