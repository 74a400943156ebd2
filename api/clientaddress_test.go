package api

import (
	"net/netip"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func TestTheClientIsTheLastAddressThatNoTrustedProxyVouchesFor(t *testing.T) {
	trusted, err := audit.ParseAddresses("x", []string{"10.0.0.0/8", "2001:db8::/32"}, 10)
	must(t, err)
	for name, tt := range map[string]struct {
		remote  string
		headers []string
		want    string
	}{
		"from outside, whatever it says":         {"203.0.113.7", []string{"198.51.100.1"}, "203.0.113.7"},
		"through a proxy":                        {"10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		"through two":                            {"10.0.0.1", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"what the client made up stands before":  {"10.0.0.1", []string{"1.1.1.1, 10.9.9.9, 198.51.100.1,10.0.0.2"}, "198.51.100.1"},
		"in several headers":                     {"10.0.0.1", []string{"1.1.1.1", "198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		"with a port":                            {"10.0.0.1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		"of IPv6":                                {"2001:db8::1", []string{"2a00::7"}, "2a00::7"},
		"of IPv6 with a port":                    {"2001:db8::1", []string{"[2a00::7]:443"}, "2a00::7"},
		"of IPv4 in IPv6":                        {"10.0.0.1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"all trusted: the first of them":         {"10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"no header: the proxy itself":            {"10.0.0.1", nil, "10.0.0.1"},
		"an empty header":                        {"10.0.0.1", []string{""}, "10.0.0.1"},
		"no address: the proxy that wrote it":    {"10.0.0.1", []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		"something behind it that is no address": {"10.0.0.1", []string{"198.51.100.1, "}, "10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			var headers [][]byte
			for _, h := range tt.headers {
				headers = append(headers, []byte(h))
			}
			if got := forwardedClient(netip.MustParseAddr(tt.remote), headers, trusted); got != netip.MustParseAddr(tt.want) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

// FuzzForwardedClient: no header panics, and one that comes from an address that is not trusted changes nothing.
func FuzzForwardedClient(f *testing.F) {
	trusted, _ := audit.ParseAddresses("x", []string{"10.0.0.0/8"}, 10)
	for _, seed := range []string{"1.2.3.4, 10.0.0.1", ",,,", "[::1]:1,", "fe80::1%eth0", "10.0.0.1:99999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		outside := netip.MustParseAddr("203.0.113.7")
		if got := forwardedClient(outside, [][]byte{[]byte(header)}, trusted); got != outside {
			t.Fatalf("%q makes %v of %v", header, got, outside)
		}
		if got := forwardedClient(netip.MustParseAddr("10.0.0.1"), [][]byte{[]byte(header)}, trusted); !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("%q is %v", header, got)
		}
	})
}
