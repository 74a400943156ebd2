package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/audittrail/audittrail/internal/config"
)

// temporalTLS says how the connection to Temporal is secured, nil where it is not. Our own certificate is read anew for each connection, so that
// it can be renewed while the program runs.
func temporalTLS(cfg config.Temporal) (*tls.Config, error) {
	if !cfg.Secured() {
		return nil, nil
	}
	security := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.ServerName}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("temporal.ca_file: %w", err)
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("temporal.ca_file: %s holds no certificate in PEM form", cfg.CAFile)
		}
	}
	if cfg.CertFile == "" {
		return security, nil
	}
	own := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("temporal.cert_file and temporal.key_file: %w", err)
		}
		return &pair, nil
	}
	if _, err := own(); err != nil { // known at start, and not only when the server asks for it
		return nil, err
	}
	security.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() }
	return security, nil
}
