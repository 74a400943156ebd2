//go:build unix

package estest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates for tests; nobody trusts it but who is given its CAFile.
type Authority struct {
	// CAFile holds its own certificate in PEM form.
	CAFile string
	// Fingerprint is the SHA-256 of its own certificate, in hex.
	Fingerprint string

	t           testing.TB
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes one with a key of its own.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a := &Authority{t: t, CAFile: filepath.Join(t.TempDir(), "ca.pem")}
	a.certificate, a.key = a.sign(template, nil, nil)
	a.Fingerprint = Fingerprint(a.certificate.Raw)
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
	if err := os.WriteFile(a.CAFile, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// Server makes a certificate for a host (an IP address or a name), valid between the two times. The authority's own is sent with it.
func (a *Authority) Server(host string, notBefore, notAfter time.Time) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: host}, NotBefore: notBefore, NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	signed, key := a.sign(template, a.certificate, a.key)
	return tls.Certificate{Certificate: [][]byte{signed.Raw, a.certificate.Raw}, PrivateKey: key}
}

// Pair makes a certificate that serves on either side of a connection, and writes it and its key to PEM files.
func (a *Authority) Pair(host string, notBefore, notAfter time.Time) (certFile, keyFile string) {
	a.t.Helper()
	certificate := a.Server(host, notBefore, notAfter)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	write := func(name, kind string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
			a.t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", certificate.Certificate[0]), write("key.pem", "PRIVATE KEY", key)
}

// Raw is the authority's own certificate.
func (a *Authority) Raw() []byte { return a.certificate.Raw }

// Fingerprint returns the SHA-256 of a certificate in hex.
func Fingerprint(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// sign makes a certificate with a new key; without a parent it signs itself.
func (a *Authority) sign(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if parent == nil {
		parent, by = template, key
	}
	template.SerialNumber = new(big.Int).SetBytes([]byte(rand.Text()[:8]))
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return certificate, key
}
