package config

import (
	"fmt"
	"net/netip"
)

// Proxies returns the trusted proxies as blocks of addresses.
func (c *Config) Proxies() ([]netip.Prefix, error) {
	blocks := make([]netip.Prefix, len(c.TrustedProxies))
	for i, text := range c.TrustedProxies {
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
			blocks[i] = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
			continue
		}
		block, err := netip.ParsePrefix(text)
		if err != nil || block.Addr().Is4In6() || block.Masked() != block {
			return nil, fmt.Errorf("%q is no address or block of them: it must be like 10.0.0.0/8 or 2001:db8::1", text)
		}
		blocks[i] = block
	}
	return blocks, nil
}
