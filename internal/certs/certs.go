// Package certs keeps the server's own certificate: it reads certificate and key from their files, and reads them anew when they change, so that one that
// was renewed is used without a restart.
package certs

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// Options are what a Keeper works with.
type Options struct {
	CertFile, KeyFile string
	// Clock tells the time; time.Now where nil. Logger takes what became of a change; slog.Default where nil.
	Clock  func() time.Time
	Logger *slog.Logger
}

// soon is how long before its end a certificate is complained of.
const soon = 7 * 24 * time.Hour

// Keeper holds a certificate. Make one with Open.
type Keeper struct {
	opts Options
	pair atomic.Pointer[tls.Certificate]
	// looked is what the files held when they were last looked at, good or bad, so that each change is spoken of once.
	looked [sha256.Size]byte
	// warned says that the end of the certificate was complained of.
	warned bool
	hangup chan os.Signal
}

// Open reads the certificate. The error says what is wrong with it. The caller runs Watch.
func Open(opts Options) (*Keeper, error) {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	k := &Keeper{opts: opts, hangup: make(chan os.Signal, 1)}
	cert, key, err := k.read()
	if err != nil {
		return nil, err
	}
	k.looked = digest(cert, key)
	if err := k.take(cert, key); err != nil {
		return nil, err
	}
	return k, nil
}

// TLS is the configuration of a listener: TLS 1.2 or later, and HTTP/1.1 in it.
func (k *Keeper) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.pair.Load(), nil },
	}
}

// Watch looks at the files again and again, and when the process gets SIGHUP, until ctx ends. What cannot be used is logged, and the certificate before stays.
func (k *Keeper) Watch(ctx context.Context, every time.Duration) {
	signal.Notify(k.hangup, syscall.SIGHUP)
	defer signal.Stop(k.hangup)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		k.warnOfEnd(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-k.hangup:
		}
		k.look(ctx)
	}
}

// look takes what is in the files where that has changed.
func (k *Keeper) look(ctx context.Context) {
	cert, key, err := k.read()
	now := digest(cert, key)
	if now == k.looked {
		return
	}
	k.looked = now
	if err == nil {
		err = k.take(cert, key)
	}
	if err != nil {
		k.opts.Logger.ErrorContext(ctx, "tls: the files of the certificate changed and cannot be used; the certificate before stays in use", "error", err)
		return
	}
	k.warned = false
	k.opts.Logger.InfoContext(ctx, "tls: a new certificate is in use", "not_after", k.pair.Load().Leaf.NotAfter)
}

// read returns what is in the files; a missing one counts as empty.
func (k *Keeper) read() (cert, key []byte, err error) {
	cert, certErr := os.ReadFile(k.opts.CertFile)
	if certErr != nil {
		certErr = fmt.Errorf("tls.cert_file: %w", certErr)
	}
	key, keyErr := os.ReadFile(k.opts.KeyFile)
	if keyErr != nil {
		keyErr = fmt.Errorf("tls.key_file: %w", keyErr)
	}
	return cert, key, errors.Join(certErr, keyErr)
}

// take uses the pair from now on.
func (k *Keeper) take(cert, key []byte) error {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("tls.cert_file and tls.key_file (%s, %s): %w", k.opts.CertFile, k.opts.KeyFile, err)
	}
	k.pair.Store(&pair)
	return nil
}

// warnOfEnd complains once of a certificate that ends soon.
func (k *Keeper) warnOfEnd(ctx context.Context) {
	end := k.pair.Load().Leaf.NotAfter
	if k.warned || end.Sub(k.opts.Clock()) > soon {
		return
	}
	k.warned = true
	k.opts.Logger.WarnContext(ctx, "tls: the certificate ends soon, or has ended: renew it, the files are read anew when they change", "not_after", end)
}

func digest(cert, key []byte) [sha256.Size]byte {
	c, k := sha256.Sum256(cert), sha256.Sum256(key)
	return sha256.Sum256(append(c[:], k[:]...))
}
