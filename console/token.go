package console

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
)

// maskToken writes the token differently into every page: compressed answers that hold the same secret beside what a client chose can be made to tell
// it byte by byte (BREACH).
func maskToken(token string) string {
	masked := make([]byte, 2*len(token))
	pad := masked[:len(token)]
	_, _ = rand.Read(pad) // it never fails
	subtle.XORBytes(masked[len(token):], pad, []byte(token))
	return base64.RawURLEncoding.EncodeToString(masked)
}

// sameToken says whether given is a mask of the token, or the token itself.
func sameToken(given, token string) bool {
	if token == "" {
		return false
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1 {
		return true
	}
	masked, err := base64.RawURLEncoding.DecodeString(given)
	if err != nil || len(masked) != 2*len(token) {
		return false
	}
	plain := make([]byte, len(token))
	subtle.XORBytes(plain, masked[:len(token)], masked[len(token):])
	return subtle.ConstantTimeCompare(plain, []byte(token)) == 1
}
