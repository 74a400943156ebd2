package certs_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/internal/certs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files are a certificate's, which the test replaces.
type files struct{ cert, key string }

func newFiles(t *testing.T) files {
	t.Helper()
	dir := t.TempDir()
	return files{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
}

// write makes a certificate of that serial number, which ends then.
func (f files) write(t *testing.T, serial int64, end time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(f.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(f.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// watched opens the certificate and watches it until the test ends.
func (f files) watched(t *testing.T, every time.Duration, log *logged) *certs.Keeper {
	t.Helper()
	k, err := certs.Open(certs.Options{CertFile: f.cert, KeyFile: f.key, Logger: slog.New(slog.NewTextHandler(log, nil))})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); k.Watch(ctx, every) }()
	t.Cleanup(func() { cancel(); <-done })
	return k
}

// serial is that of the certificate which a new connection is shown.
func serial(t *testing.T, k *certs.Keeper, client *tls.Config) (int64, tls.ConnectionState, error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go func() { _ = tls.Server(far, k.TLS()).HandshakeContext(t.Context()) }()
	conn := tls.Client(near, client)
	if err := conn.HandshakeContext(t.Context()); err != nil {
		return 0, tls.ConnectionState{}, err
	}
	state := conn.ConnectionState()
	return state.PeerCertificates[0].SerialNumber.Int64(), state, nil
}

// trusting takes any certificate: these tests look at which it is themselves.
var trusting = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}

func awaitSerial(t *testing.T, k *certs.Keeper, want int64) {
	t.Helper()
	eventually(t, func() bool { got, _, err := serial(t, k, trusting); return err == nil && got == want })
}

func TestANewCertificateIsUsedWithoutARestart(t *testing.T) {
	f, log := newFiles(t), &logged{}
	f.write(t, 1, time.Now().AddDate(1, 0, 0))
	k := f.watched(t, 5*time.Millisecond, log)
	got, state, err := serial(t, k, trusting)
	if err != nil || got != 1 || state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != "http/1.1" {
		t.Fatalf("certificate %d of TLS %x with %q: %v", got, state.Version, state.NegotiatedProtocol, err)
	}
	f.write(t, 2, time.Now().AddDate(1, 0, 0))
	awaitSerial(t, k, 2)
	eventually(t, func() bool { return strings.Contains(log.String(), "a new certificate is in use") })
}

func TestAHangupReadsTheCertificateAtOnce(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // it would end the process of the tests where it came before Watch waits for it
	defer signal.Reset(syscall.SIGHUP)
	f, log := newFiles(t), &logged{}
	f.write(t, 1, time.Now().AddDate(1, 0, 0))
	k := f.watched(t, 24*time.Hour, log)
	f.write(t, 2, time.Now().AddDate(1, 0, 0))
	eventually(t, func() bool {
		must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
		got, _, err := serial(t, k, trusting)
		return err == nil && got == 2
	})
}

func TestABadCertificateKeepsTheOneBeforeAndIsSaidOnce(t *testing.T) {
	f, log := newFiles(t), &logged{}
	f.write(t, 1, time.Now().AddDate(1, 0, 0))
	k := f.watched(t, 2*time.Millisecond, log)
	must(t, os.WriteFile(f.key, []byte("no key"), 0o600))
	eventually(t, func() bool { return strings.Contains(log.String(), "cannot be used") })
	must(t, os.Remove(f.cert))
	eventually(t, func() bool { return strings.Count(log.String(), "cannot be used") == 2 })
	if got, _, err := serial(t, k, trusting); err != nil || got != 1 {
		t.Errorf("certificate %d: %v", got, err)
	}
	f.write(t, 3, time.Now().AddDate(1, 0, 0))
	awaitSerial(t, k, 3)
	// While the two files were written the pair was looked at half done, some few times; had every look been logged, there would be hundreds.
	if n := strings.Count(log.String(), "cannot be used"); n > 8 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
	if strings.Contains(log.String(), "no key") {
		t.Error("the log has what is in the file of the key")
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	f := newFiles(t)
	f.write(t, 1, time.Now().AddDate(1, 0, 0))
	k := f.watched(t, time.Hour, &logged{})
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		_, _, err := serial(t, k, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

func TestACertificateThatEndsSoonIsComplainedOfOnce(t *testing.T) {
	f, log := newFiles(t), &logged{}
	f.write(t, 1, time.Now().AddDate(0, 0, 2))
	k := f.watched(t, time.Millisecond, log)
	eventually(t, func() bool { return strings.Contains(log.String(), "ends soon") })
	f.write(t, 2, time.Now().AddDate(1, 0, 0))
	awaitSerial(t, k, 2)
	if n := strings.Count(log.String(), "ends soon"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

func TestWhatCannotBeACertificateIsRefusedAtTheStart(t *testing.T) {
	f := newFiles(t)
	open := func() error {
		_, err := certs.Open(certs.Options{CertFile: f.cert, KeyFile: f.key})
		return err
	}
	if err := open(); err == nil || !strings.Contains(err.Error(), "tls.cert_file") || !strings.Contains(err.Error(), "tls.key_file") {
		t.Errorf("files that are not there: %v", err)
	}
	f.write(t, 1, time.Now().AddDate(1, 0, 0))
	other := newFiles(t)
	other.write(t, 2, time.Now().AddDate(1, 0, 0))
	f.key = other.key
	if err := open(); err == nil || !strings.Contains(err.Error(), "tls.cert_file and tls.key_file") {
		t.Errorf("a key of another certificate: %v", err)
	}
}

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}
func (l *logged) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for pause := time.NewTicker(time.Millisecond); !done(); <-pause.C {
		if time.Now().After(deadline) {
			t.Fatal("not within 20 seconds")
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
