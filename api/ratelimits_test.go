package api

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestEveryAnswerSaysHowMuchOfTheLimitIsLeft(t *testing.T) {
	g := newRig(t, func(cfg *Config) {
		cfg.Limits.RatePerSecond, cfg.Limits.RateBurst, cfg.Limits.AddressPerSecond, cfg.Limits.AddressBurst = 2, 10, 100, 1000
	})
	for i := range 12 {
		a := g.do(call{method: "GET", path: "/v1/organization", key: "reader"})
		left := strconv.Itoa(max(0, 9-i))
		if a.header.Get(headerLimit) != "10" || a.header.Get(headerRemaining) != left || a.header.Get(headerReset) != strconv.Itoa(min(i/2+1, 5)) {
			t.Errorf("request %d: %d, %v", i+1, a.status, a.header)
		}
		if over := i >= 10; over != (a.status == 429) || over != (a.header.Get("Retry-After") == "1") {
			t.Errorf("request %d is answered %d, Retry-After %q", i+1, a.status, a.header.Get("Retry-After"))
		}
	}
	for path, want := range map[string]string{"/v1/nothing": "1000", "/v1/unsubscribe/x": "1000", "/v1/events": "1000", "/healthz": ""} {
		if got := g.do(call{method: "GET", path: path}).header.Get(headerLimit); got != want {
			t.Errorf("%s without a key: limit %q, want %q", path, got, want)
		}
	}
}

func TestAnAddressHasALimitWhoeverAsks(t *testing.T) {
	g := newRig(t, func(cfg *Config) {
		cfg.Limits.AddressPerSecond, cfg.Limits.AddressBurst = 1, 3
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	from := func(address, key string) int {
		return g.do(call{method: "GET", path: "/v1/organization", key: key, header: map[string]string{"X-Forwarded-For": address}}).status
	}
	got := []int{from("2a00::1", ""), from("2a00::2", "reader"), from("2a00:0:0:0:1::", "admin"), from("2a00::3", "creator"), from("2a00:0:0:1::", "creator"), from("203.0.113.7", "reader")}
	for i, want := range []int{401, 200, 200, 429, 200, 200} {
		if got[i] != want {
			t.Errorf("answers %v: the one at %d should be %d", got, i, want)
		}
	}
	g.clock.Advance(time.Second)
	if got := from("2a00::1", "reader"); got != 200 {
		t.Errorf("a second later: %d", got)
	}
}

func TestKeysThatDoNotWorkAreSlowedAndTheOthersAreNot(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Limits.FailedKeys = 5 })
	unknown, _, _ := audit.NewKeySecret()
	for i := range 8 {
		want := 401
		if i >= 5 {
			want = 429
		}
		if got := g.works([]string{unknown, unknown[:20]}[i%2], nil); got != want {
			t.Errorf("attempt %d: %d, want %d", i+1, got, want)
		}
	}
	g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(200)
	g.clock.Advance(time.Second)
	if a, b := g.works(unknown, nil), g.works(unknown, nil); a != 401 || b != 429 {
		t.Errorf("a second later: %d and then %d", a, b)
	}
}

func TestAddressesThatAreRememberedAreBounded(t *testing.T) {
	a := addressLimits{limit: 1, burst: 1}
	for i := range 3 * maxAddresses {
		if _, err := a.allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), today); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(a.by) + len(a.before); n > maxAddresses {
		t.Errorf("%d addresses are remembered", n)
	}
	if _, err := a.allow(netip.AddrFrom4([4]byte{10, 0, 0xea, 0x5f}), today); err == nil || !strings.Contains(err.Error(), "address") {
		t.Errorf("one of late is forgotten: %v", err)
	}
}

// BenchmarkAddressLimit is what the limit of an address and the headers cost a request.
func BenchmarkAddressLimit(b *testing.B) {
	a := addressLimits{limit: 1e9, burst: 1e9}
	addr := netip.MustParseAddr("203.0.113.7")
	for b.Loop() {
		if _, err := a.allow(addr, today); err != nil {
			b.Fatal(err)
		}
	}
}
