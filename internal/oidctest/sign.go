package oidctest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"testing"
)

// Sign returns the token in compact form. It is done by hand, as libraries refuse to make what tests need: a token without signature, and one that is signed
// with the public key as if that were a shared secret.
func (k Token) Sign(t testing.TB) string {
	t.Helper()
	head := map[string]string{"alg": k.Algorithm, "typ": "JWT"}
	if k.KeyID != "" {
		head["kid"] = k.KeyID
	}
	text := encode(marshal(t, head)) + "." + encode(marshal(t, k.Claims))
	hash := sha256.Sum256([]byte(text))
	switch k.Algorithm {
	case "RS256":
		signature, err := rsa.SignPKCS1v15(rand.Reader, k.Key, crypto.SHA256, hash[:])
		if err != nil {
			t.Error(err)
		}
		return text + "." + encode(signature)
	case "HS256":
		mac := hmac.New(sha256.New, publicPEM(t, k.Key))
		mac.Write([]byte(text))
		return text + "." + encode(mac.Sum(nil))
	case "none":
		return text + "."
	}
	t.Errorf("oidctest cannot sign by %s", k.Algorithm)
	return ""
}

// publicPEM is the public key as people find it in files.
func publicPEM(t testing.TB, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Error(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return data
}

// NewKey returns a key that no issuer has.
func NewKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
