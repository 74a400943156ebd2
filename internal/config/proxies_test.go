package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/internal/config"
)

func TestTrustedProxiesAreAddressesAndBlocks(t *testing.T) {
	c := config.Default()
	c.TrustedProxies = []string{"10.0.0.0/8", "2001:db8::1", "127.0.0.1"}
	got, err := c.Proxies()
	if err != nil || fmt.Sprint(got) != "[10.0.0.0/8 2001:db8::1/128 127.0.0.1/32]" || c.Check() != nil {
		t.Errorf("got %v, %v, %v", got, err, c.Check())
	}
	for _, wrong := range []string{"", "proxy.example.com", "10.0.0.1/8", "10.0.0.0/33", "fe80::1%eth0"} {
		c.TrustedProxies = []string{"10.0.0.0/8", wrong}
		if err := c.Check(); err == nil || !strings.HasPrefix(err.Error(), "trusted_proxies: ") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
