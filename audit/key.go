package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"strings"
)

const (
	keyMark       = "at_" // so that scanners for leaked secrets can know one
	secretBits    = 256
	secretDigits  = 43 // of base 62, for 256 bits
	keyPrefixSize = len(keyMark) + 8
)

// NewKeySecret returns the secret of a new API key ("at_" and 256 random bits in base 62, always equally long), its first characters to tell
// keys apart, and the hash that is kept in its place.
func NewKeySecret() (secret, prefix string, hash []byte) {
	secret, hash = newSecret(keyMark)
	return secret, secret[:keyPrefixSize], hash
}

// HashKey returns the SHA-256 of the secret of a key, session or link. A fast hash is right here: the secret has 256 random bits, so there is
// nothing to guess.
func HashKey(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func newSecret(mark string) (secret string, hash []byte) {
	var random [secretBits / 8]byte
	_, _ = rand.Read(random[:]) // documented never to fail: it ends the process instead
	digits := new(big.Int).SetBytes(random[:]).Text(62)
	secret = mark + strings.Repeat("0", secretDigits-len(digits)) + digits
	return secret, HashKey(secret)
}

// isSecret says whether the text is a mark and as many digits as newSecret gives.
func isSecret(text, mark string) bool {
	digits, ok := strings.CutPrefix(text, mark)
	return ok && len(digits) == secretDigits && !strings.ContainsFunc(digits, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}
