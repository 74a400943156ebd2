package audit

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestAddressesAreReadAsBlocks(t *testing.T) {
	got, err := ParseAddresses("allowed_addresses", []string{"203.0.113.7", "10.0.0.0/8", "2001:db8::/32", "::1", "203.0.113.7/32", "::ffff:192.0.2.1"}, MaxAllowedAddresses)
	if want := "[203.0.113.7/32 10.0.0.0/8 2001:db8::/32 ::1/128 192.0.2.1/32]"; err != nil || fmt.Sprint(got) != want {
		t.Fatalf("got %v, %v, want %s", got, err, want)
	}
	for addr, want := range map[string]bool{"203.0.113.7": true, "203.0.113.8": false, "10.255.0.1": true, "::ffff:10.1.1.1": true, "11.0.0.1": false,
		"2001:db8:ffff::1": true, "2001:db9::": false, "::1": true, "192.0.2.1": true} {
		if WithinAny(got, netip.MustParseAddr(addr)) != want {
			t.Errorf("%s within: %t", addr, !want)
		}
	}
	if WithinAny(got, netip.Addr{}) || WithinAny(nil, netip.MustParseAddr("::1")) {
		t.Error("an address that is not known, or no block, matches")
	}
}

func TestAddressesThatAreWrongAreNamed(t *testing.T) {
	_, err := ParseAddresses("allowed_addresses", []string{"", "10.0.0.1/8", "10.0.0.0/33", "host", "10.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.0/104", strings.Repeat("1", 1000), "10.0.0.0/08"}, MaxAllowedAddresses)
	wantFields(t, err, "allowed_addresses[0]", "allowed_addresses[1]", "allowed_addresses[2]", "allowed_addresses[3]", "allowed_addresses[5]", "allowed_addresses[6]",
		"allowed_addresses[7]", "allowed_addresses[8]")
	_, err = ParseAddresses("allowed_addresses", make([]string, 33), MaxAllowedAddresses)
	wantFields(t, err, "allowed_addresses")
}

// FuzzParseAddresses: nothing panics, and what is read has its own address in it and reads as itself.
func FuzzParseAddresses(f *testing.F) {
	for _, seed := range []string{"203.0.113.7", "10.0.0.0/8", "2001:db8::/32", "::ffff:1.2.3.4", "::ffff:1.2.3.4/120", "fe80::1%eth0", "1.2.3.4/33", "/", "0.0.0.0/0", "::/0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseAddresses("x", []string{text}, 1)
		if err != nil {
			wantFields(t, err, "x[0]")
			return
		}
		again, err := ParseAddresses("x", []string{got[0].String()}, 1)
		if err != nil || again[0] != got[0] || !WithinAny(got, got[0].Addr()) {
			t.Fatalf("%q is read as %v, and that as %v, %v", text, got, again, err)
		}
	})
}
