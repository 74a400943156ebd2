package api

import (
	"cmp"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/audittrail/audittrail/audit"
)

// Of one address, so many sign-ins may fail at once, and then one in so long a time.
const (
	failBurst = 10
	failEvery = 10 * time.Second
	// maxSlowed bounds the addresses that are remembered.
	maxSlowed = 10_000
)

// failures counts sign-ins that failed, by address. It slows only what fails: a link that works is let in however many others fail beside it. Secrets
// have 256 bits, so what it saves is the record from being flooded, and not the secrets from being guessed; and behind a proxy that everybody
// comes through, nobody can lock the others out.
type failures struct {
	mu sync.Mutex
	// by are the addresses of late; before those of earlier, which are dropped when there are too many of late. So room is made without a search, however
	// many addresses somebody has.
	by, before map[netip.Prefix]*rate.Limiter
	// burst may fail at once, and then one in every; zero: failBurst and failEvery. what is what has failed; "": sign-ins.
	burst int
	every time.Duration
	what  string
}

// add notes a failure. It returns CodeRateLimited where there are too many of that address.
func (f *failures) add(addr netip.Addr, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := network(addr)
	l, ok := f.by[from]
	if !ok {
		if l, ok = f.before[from]; !ok {
			l = rate.NewLimiter(rate.Every(cmp.Or(f.every, failEvery)), cmp.Or(f.burst, failBurst))
		}
		if f.by == nil || len(f.by) >= maxSlowed/2 {
			f.by, f.before = map[netip.Prefix]*rate.Limiter{}, f.by
		}
		f.by[from] = l
	}
	if l.AllowN(now, 1) {
		return nil
	}
	return &audit.Error{Code: audit.CodeRateLimited, RetryAfter: waitOf(l, now), Message: "too many " + cmp.Or(f.what, "sign-ins") + " from your address have failed; wait before the next"}
}

// network is what counts as one address: of IPv6 the 64 bits that one customer has.
func network(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil { // an address that is not known: all of those are one
		return netip.Prefix{}
	}
	return prefix
}
