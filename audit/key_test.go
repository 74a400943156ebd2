package audit

import (
	"bytes"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
)

func TestNewKeySecret(t *testing.T) {
	shape := regexp.MustCompile("^" + KeyPattern + "$")
	seen := make(map[string]bool)
	for range 200 {
		secret, prefix, hash := NewKeySecret()
		if !shape.MatchString(secret) || !strings.HasPrefix(secret, prefix) || len(prefix) != 11 {
			t.Fatalf("secret %s with prefix %s", secret, prefix)
		}
		if !bytes.Equal(hash, HashKey(secret)) || seen[secret] {
			t.Fatalf("hash or chance is wrong for %s", secret)
		}
		got, err := ParseKeySecret(secret)
		if err != nil || got.Prefix != prefix || !bytes.Equal(got.Hash[:], hash) {
			t.Fatalf("%s is read as %+v, %v", secret, got, err)
		}
		seen[secret] = true
	}
	if got := hex.EncodeToString(HashKey("at_x")); got != "0afe34f6c6932b3bc13059db63374ae835d7b748b229cafbaf33d7b5049d4aee" {
		t.Errorf("got %s", got)
	}
}

// The form of a key is what scanners are told: it never changes.
func TestTheFormOfAKeyStaysWhatScannersKnow(t *testing.T) {
	for _, tt := range []struct {
		random [32]byte
		want   string
	}{
		{[32]byte{}, "at_" + strings.Repeat("0", 43) + "2czCLJ"},
		{[32]byte{31: 61}, "at_" + strings.Repeat("0", 42) + "Z" + "3U37Ul"},
	} {
		if got, _, _ := KeySecretOf(tt.random); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
	secret, _, _ := NewKeySecret()
	leaked := "export KEY=" + secret + "; # at_work, at_" + strings.Repeat("x", 60)
	if got := regexp.MustCompile(KeyPattern).FindAllString(leaked, -1); len(got) != 1 || got[0] != secret {
		t.Errorf("a scanner finds %q", got)
	}
}

func TestAKeyThatIsMistypedIsKnownByItself(t *testing.T) {
	secret, _, _ := NewKeySecret()
	for i := len(keyMark); i < len(secret); i++ {
		wrong := []byte(secret)
		if wrong[i]++; !isBase62(string(wrong[i])) {
			wrong[i] = '0'
		}
		if _, err := ParseKeySecret(string(wrong)); CodeOf(err) != CodeUnauthenticated || !strings.Contains(err.Error(), "mistyped") {
			t.Fatalf("%s (from %s): %v", wrong, secret, err)
		}
		if i+1 < len(secret) && secret[i] != secret[i+1] {
			swapped := []byte(secret)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			if _, err := ParseKeySecret(string(swapped)); err == nil {
				t.Fatalf("%s (from %s) is read", swapped, secret)
			}
		}
	}
	for _, none := range []string{"", "at_", secret[3:], "as_" + secret[3:], secret + "0", secret[:len(secret)-1], secret + "\n", " " + secret,
		"at_" + strings.Repeat("ä", 21) + "x", strings.Repeat("at_", 1000)} {
		if _, err := ParseKeySecret(none); CodeOf(err) != CodeUnauthenticated {
			t.Errorf("%q: %v", none, err)
		}
	}
}

func TestKeysFromBeforeThereWereChecksumsStillRead(t *testing.T) {
	old, hash := newSecret(keyMark)
	got, err := ParseKeySecret(old)
	if err != nil || got.Prefix != old[:11] || !bytes.Equal(got.Hash[:], hash) {
		t.Errorf("%s is read as %+v, %v", old, got, err)
	}
}

// FuzzParseKeySecret: nothing panics, and what is read is a key of one of the two forms, whole.
func FuzzParseKeySecret(f *testing.F) {
	secret, _, _ := NewKeySecret()
	old, _ := newSecret(keyMark)
	for _, seed := range []string{secret, old, secret[:51], "at_" + strings.Repeat("0", 43) + "2czCLJ", "at_", "", "al_" + secret[3:], "at_" + strings.Repeat("é", 24) + "1"} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^at_[0-9A-Za-z]{43}([0-9A-Za-z]{6})?$`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseKeySecret(text)
		if err != nil {
			if CodeOf(err) != CodeUnauthenticated || got != (KeySecret{}) {
				t.Fatalf("%q: %+v, %v", text, got, err)
			}
			return
		}
		if !form.MatchString(text) || !bytes.Equal(got.Hash[:], HashKey(text)) || got.Prefix != text[:11] {
			t.Fatalf("%q is read as %+v", text, got)
		}
	})
}

func BenchmarkParseKeySecret(b *testing.B) {
	secret, _, _ := NewKeySecret()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseKeySecret(secret); err != nil {
			b.Fatal(err)
		}
	}
}
