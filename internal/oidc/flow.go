package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// maxNext bounds the address that is carried through a sign-in, so that the cookie stays one that browsers take.
const maxNext = 1024

// flow is what has to be remembered from Begin to Finish. It lives sealed in a cookie of the browser that began.
type flow struct {
	Provider string    `json:"p"`
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of PKCE
	Next     string    `json:"x,omitempty"`
	Until    time.Time `json:"u"`
}

// sealer seals flows with a key that all processes share.
type sealer struct{ aead cipher.AEAD }

func newSealer(secret []byte) (sealer, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "audittrail oidc flow", 32)
	if err != nil {
		return sealer{}, fmt.Errorf("make the key of sign-ins: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

func (s sealer) seal(f flow) (string, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, nil)), nil //nolint:gosec // the nonce is made by the cipher (NewGCMWithRandomNonce)
}

// open returns the flow, and false where the text is none that was sealed here.
func (s sealer) open(text string) (flow, bool) {
	var f flow
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return f, false
	}
	plain, err := s.aead.Open(nil, nil, data, nil)
	if err != nil {
		return f, false
	}
	return f, json.Unmarshal(plain, &f) == nil
}

// random returns 256 random bits as text.
func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
