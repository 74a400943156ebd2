package audit

import (
	"fmt"
	"net/netip"
	"slices"
)

// MaxAllowedAddresses is how many addresses and blocks the list of a key may have.
const MaxAllowedAddresses = 32

// ParseAddresses reads addresses and blocks of them: "203.0.113.7", "10.0.0.0/8", "2001:db8::/32". An address alone is the block of itself. What stands there
// twice is read once. The errors name the entry: "allowed_addresses[2]".
func ParseAddresses(field string, texts []string, most int) ([]netip.Prefix, error) {
	if len(texts) > most {
		return nil, InvalidField(field, "has %d entries; at most %d are allowed", len(texts), most)
	}
	var blocks []netip.Prefix
	var fields []FieldError
	for i, text := range texts {
		block, trouble := parseBlock(text)
		switch {
		case trouble != "":
			fields = append(fields, FieldError{Field: fmt.Sprintf("%s[%d]", field, i), Message: trouble})
		case !slices.Contains(blocks, block):
			blocks = append(blocks, block)
		}
	}
	if len(fields) > 0 {
		return nil, Invalid(fields...)
	}
	return blocks, nil
}

const noBlock = "must be an address or a block of them, like 203.0.113.7, 10.0.0.0/8 or 2001:db8::/32"

func parseBlock(text string) (block netip.Prefix, trouble string) {
	if len(text) > 64 {
		return block, noBlock
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr.Zone() != "" {
			return block, "must be without a zone"
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), ""
	}
	block, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, noBlock
	}
	if block.Addr().Is4In6() {
		return netip.Prefix{}, "must be written as IPv4, as an address like " + block.Addr().Unmap().String() + " is matched"
	}
	if block.Masked() != block {
		return netip.Prefix{}, "has bits behind its length; the block is " + block.Masked().String()
	}
	return block, ""
}

// WithinAny says whether one of the blocks has the address.
func WithinAny(blocks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap()
	for _, block := range blocks {
		if block.Contains(addr) {
			return true
		}
	}
	return false
}
