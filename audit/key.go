package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"strings"
)

const (
	keyMark       = "at_" // so that scanners for leaked secrets can know one
	keyBits       = 256
	keyDigits     = 43 // of base 62, for 256 bits
	keyPrefixSize = len(keyMark) + 8
)

// NewKeySecret returns the secret of a new API key ("at_" and 256 random bits in base 62, always equally long), its first characters to tell
// keys apart, and the hash that is kept in its place.
func NewKeySecret() (secret, prefix string, hash []byte) {
	var random [keyBits / 8]byte
	_, _ = rand.Read(random[:]) // documented never to fail: it ends the process instead
	digits := new(big.Int).SetBytes(random[:]).Text(62)
	secret = keyMark + strings.Repeat("0", keyDigits-len(digits)) + digits
	return secret, secret[:keyPrefixSize], HashKey(secret)
}

// HashKey returns the SHA-256 of a key's secret. A fast hash is right here: the secret has 256 random bits, so there is nothing to guess.
func HashKey(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
