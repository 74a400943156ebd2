package audit

import (
	"strings"
	"testing"
)

func TestUnsubscribeTokens(t *testing.T) {
	secret := []byte("a secret of the server")
	token := SignUnsubscribe(secret, "acme", "r/1", `WORKSTATION5\wardog`, ChannelEmail)
	organization, reminder, member, channel, err := ParseUnsubscribe(secret, token)
	if err != nil || organization != "acme" || reminder != "r/1" || member != `WORKSTATION5\wardog` || channel != ChannelEmail {
		t.Fatalf("got %q %q %q %q, %v", organization, reminder, member, channel, err)
	}
	refuse := func(name string, secret []byte, token string) {
		t.Helper()
		if _, _, _, _, err := ParseUnsubscribe(secret, token); CodeOf(err) != CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	refuse("another secret", []byte("another"), token)
	refuse("no secret", nil, SignUnsubscribe(nil, "acme", "r", "m", ChannelEmail))
	refuse("an unknown channel", secret, SignUnsubscribe(secret, "acme", "r", "m", "fax"))
	refuse("nothing", secret, "")
	refuse("a long token", secret, strings.Repeat("A", 5000))
	refuse("a part of it", secret, token[:len(token)-1])
	refuse("signed, and not in its form", secret, sealed(secret, "\x01\x09a"))
	refuse("signed, of another version", secret, sealed(secret, "\x02"))
	refuse("signed, with more behind it", secret, sealed(secret, "\x01\x01a\x01b\x01c\x05emailx"))
	for i := range token {
		altered := []byte(token)
		altered[i] ^= 1
		refuse("altered", secret, string(altered))
	}
	if SignUnsubscribe(secret, "ab", "c", "m", ChannelEmail) == SignUnsubscribe(secret, "a", "bc", "m", ChannelEmail) {
		t.Error("parts run into each other")
	}
}

// sealed returns a token whose body is any bytes.
func sealed(secret []byte, body string) string {
	return tokenEncoding.EncodeToString(append([]byte(body), unsubscribeMACOf(secret, []byte(body))...))
}

// FuzzParseUnsubscribe: no token panics, signed or not; what is accepted is what SignUnsubscribe makes.
func FuzzParseUnsubscribe(f *testing.F) {
	secret := []byte("a secret of the server")
	f.Add(SignUnsubscribe(secret, "acme", "r", "m", ChannelSMS), "\x01\x01a\x01b\x01c\x05email")
	f.Add("", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, token, body string) {
		for _, text := range []string{token, sealed(secret, body)} {
			organization, reminder, member, channel, err := ParseUnsubscribe(secret, text)
			if err != nil {
				wantFields(t, err, "token")
				continue
			}
			o, r, m, c, err := ParseUnsubscribe(secret, SignUnsubscribe(secret, organization, reminder, member, channel))
			if err != nil || o != organization || r != reminder || m != member || c != channel {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}
