package audit

import (
	"net/netip"
	"time"
)

// MaxKeyOverlap is how long the secret of a key that was rotated goes on working at most, and KeyOverlap how long where nothing else is asked for.
const (
	MaxKeyOverlap = 7 * 24 * time.Hour
	KeyOverlap    = 24 * time.Hour
)

// Key is an API key. The secret itself is shown once and not kept: Hash is its SHA-256.
// A key acts for a member, with that member's role as it is at the time of use.
type Key struct {
	ID           string    `json:"id"`
	Organization string    `json:"-"`
	Member       string    `json:"member"`
	Name         string    `json:"name"`
	Prefix       string    `json:"prefix"` // the first characters, to tell keys apart
	Hash         []byte    `json:"-"`
	Scopes       []Scope   `json:"scopes"`
	CreatedAt    time.Time `json:"created_at"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // zero: does not expire
	LastUsedAt   time.Time `json:"last_used_at,omitzero"`
	RevokedAt    time.Time `json:"revoked_at,omitzero"`
	// AllowedAddresses are those from which it may be used; none: from everywhere.
	AllowedAddresses []netip.Prefix `json:"allowed_addresses,omitempty"`
	// Replaces is the key whose place this one took by a rotation, ReplacedBy the one that took the place of this. Both work until the replaced one expires.
	Replaces   string `json:"replaces,omitempty"`
	ReplacedBy string `json:"replaced_by,omitempty"`
}

// Allows says whether the key may be used from the address.
func (k Key) Allows(addr netip.Addr) bool {
	return len(k.AllowedAddresses) == 0 || WithinAny(k.AllowedAddresses, addr)
}

// Expired says whether the key has expired at now.
func (k Key) Expired(now time.Time) bool { return !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) }

// Works says whether the key works at now, as far as itself goes: its member and its addresses have a say too.
func (k Key) Works(now time.Time) bool { return k.RevokedAt.IsZero() && !k.Expired(now) }

// Replace notes that the key by takes the place of this one, which then expires at until at the latest. It says whether that changed anything; CodeConflict
// where the key is revoked or replaced by another.
func (k *Key) Replace(by string, until time.Time) (changed bool, err error) {
	switch {
	case k.ReplacedBy == by:
		return false, nil
	case k.ReplacedBy != "":
		return false, Errorf(CodeConflict, "the key was rotated already: rotate the one that took its place")
	case !k.RevokedAt.IsZero():
		return false, Errorf(CodeConflict, "the key is revoked: make a new one")
	}
	until = until.UTC().Truncate(TimePrecision)
	if k.ReplacedBy = by; k.ExpiresAt.IsZero() || until.Before(k.ExpiresAt) {
		k.ExpiresAt = until
	}
	return true, nil
}
