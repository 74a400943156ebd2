package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"hash/crc32"
	"math/big"
	"strings"
)

const (
	keyMark       = "at_" // so that scanners for leaked secrets can know one
	secretBits    = 256
	secretDigits  = 43 // of base 62, for 256 bits
	checkDigits   = 6  // of base 62, for 32 bits
	keyPrefixSize = len(keyMark) + 8
)

// KeyPattern is a regular expression for scanners that look for leaked keys: it matches every key that NewKeySecret makes. What it matches and ParseKeySecret
// refuses is none.
const KeyPattern = `\bat_[0-9A-Za-z]{49}\b`

// base62 are the digits in their order, which is that of big.Int.Text.
const base62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// KeySecret is what the secret of an API key says by itself, without a look at any record.
type KeySecret struct {
	// Prefix is the first characters, by which people tell keys apart; Hash is what is kept in the secret's place.
	Prefix string
	Hash   [sha256.Size]byte
}

// NewKeySecret returns the secret of a new API key: "at_", 256 random bits in base 62 (43 digits), and the CRC-32 of those 43 digits, in base 62 too
// (6 digits). So scanners can tell one from chance, and one that was mistyped is known without a search. Beside it come its first characters, to
// tell keys apart, and the hash that is kept in its place.
func NewKeySecret() (secret, prefix string, hash []byte) {
	var random [secretBits / 8]byte
	_, _ = rand.Read(random[:]) // documented never to fail: it ends the process instead
	return KeySecretOf(random)
}

// KeySecretOf is NewKeySecret with bits that the caller has: they must be as random.
func KeySecretOf(random [secretBits / 8]byte) (secret, prefix string, hash []byte) {
	digits := inBase62(random)
	check := checksum(digits)
	secret = keyMark + digits + string(check[:])
	return secret, secret[:keyPrefixSize], HashKey(secret)
}

// ParseKeySecret reads the secret of a key. CodeUnauthenticated where it cannot be one: of another form, or with a checksum that does not fit. Secrets of keys
// that were made before there were checksums have 43 digits and are read as well.
func ParseKeySecret(text string) (KeySecret, error) {
	digits, ok := strings.CutPrefix(text, keyMark)
	if !ok || !isBase62(digits) {
		return KeySecret{}, errNoKey
	}
	switch len(digits) {
	case secretDigits:
	case secretDigits + checkDigits:
		if check := checksum(digits[:secretDigits]); subtle.ConstantTimeCompare(check[:], []byte(digits[secretDigits:])) != 1 {
			return KeySecret{}, errMistypedKey
		}
	default:
		return KeySecret{}, errNoKey
	}
	var whole [len(keyMark) + secretDigits + checkDigits]byte // on the stack: it is read with every request
	return KeySecret{Prefix: text[:keyPrefixSize], Hash: sha256.Sum256(whole[:copy(whole[:], text)])}, nil
}

var (
	errNoKey       = Errorf(CodeUnauthenticated, "this is no key: a key is at_ and %d letters and digits", secretDigits+checkDigits)
	errMistypedKey = Errorf(CodeUnauthenticated, "the key is mistyped: its last %d characters do not fit the others", checkDigits)
)

// HashKey returns the SHA-256 of the secret of a key, session or link. A fast hash is right here: the secret has 256 random bits, so there is
// nothing to guess.
func HashKey(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func newSecret(mark string) (secret string, hash []byte) {
	var random [secretBits / 8]byte
	_, _ = rand.Read(random[:]) // documented never to fail: it ends the process instead
	secret = mark + inBase62(random)
	return secret, HashKey(secret)
}

// inBase62 always gives equally many digits.
func inBase62(random [secretBits / 8]byte) string {
	digits := new(big.Int).SetBytes(random[:]).Text(62)
	return strings.Repeat("0", secretDigits-len(digits)) + digits
}

// checksum is the CRC-32 (IEEE) of the digits in base 62.
func checksum(digits string) (check [checkDigits]byte) {
	var bytes [secretDigits]byte
	sum := crc32.ChecksumIEEE(bytes[:copy(bytes[:], digits)])
	for i := checkDigits - 1; i >= 0; i-- {
		check[i] = base62[sum%62]
		sum /= 62
	}
	return check
}

// isSecret says whether the text is a mark and as many digits as newSecret gives.
func isSecret(text, mark string) bool {
	digits, ok := strings.CutPrefix(text, mark)
	return ok && len(digits) == secretDigits && isBase62(digits)
}

func isBase62(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
