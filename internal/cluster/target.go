package cluster

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"

	"github.com/audittrail/audittrail/audit"
)

const (
	attempts    = 3 // repetitions of a request, on the next node each
	firstPause  = 100 * time.Millisecond
	dialTimeout = 5 * time.Second
	idleConns   = 64 // kept open to each node
	neverStatus = -1 // no answer has this status
)

// target is where requests go and how they get there.
type target struct {
	urls      []*url.URL
	transport *http.Transport
}

func newTarget(opts Options) (*target, error) {
	addresses := opts.URLs
	if opts.CloudID != "" {
		if len(addresses) > 0 {
			return nil, audit.InvalidField("elastic.cloud_id", "names a cluster, and so does elastic.urls; give one of them")
		}
		address, err := cloudAddress(opts.CloudID)
		if err != nil {
			return nil, err
		}
		addresses = []string{address}
	}
	if len(addresses) == 0 {
		return nil, audit.InvalidField("elastic.urls", "is empty; name the nodes of the cluster: https://es1.example.com:9200")
	}
	t := &target{}
	for _, address := range addresses {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, audit.InvalidField("elastic.urls", "has an entry that is not an address like https://es1.example.com:9200")
		}
		t.urls = append(t.urls, u)
	}
	security, err := security(opts)
	if err != nil {
		return nil, err
	}
	t.transport = &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		TLSClientConfig:       security,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   idleConns,
		IdleConnTimeout:       time.Minute,
		ExpectContinueTimeout: time.Second,
	}
	return t, nil
}

// security returns how certificates are checked, nil for the system's way.
func security(opts Options) (*tls.Config, error) {
	switch {
	case opts.Fingerprint != "":
		want, err := hex.DecodeString(strings.ReplaceAll(opts.Fingerprint, ":", ""))
		if err != nil || len(want) != sha256.Size {
			return nil, audit.InvalidField("elastic.fingerprint", "is not the SHA-256 of a certificate: 64 hexadecimal digits")
		}
		return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyConnection: pinned(want)}, nil //nolint:gosec // the pin is checked instead
	case opts.CAFile != "":
		pem, err := os.ReadFile(opts.CAFile)
		if err != nil {
			return nil, fmt.Errorf("elastic.ca_file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, audit.InvalidField("elastic.ca_file", "holds no certificate in PEM form")
		}
		return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, nil
	}
	return nil, nil
}

var errFingerprint = errors.New("no certificate of the chain that counts has the fingerprint")

// pinned takes the certificate of the fingerprint, and what it has signed. That it stands in the chain is not enough: anybody can send it along.
func pinned(want []byte) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		for i, certificate := range state.PeerCertificates {
			if sum := sha256.Sum256(certificate.Raw); !bytes.Equal(sum[:], want) {
				continue
			}
			if i == 0 {
				return nil // the server's own, whose key it has shown to have
			}
			return signed(state.PeerCertificates, certificate)
		}
		return errFingerprint
	}
}

// signed makes sure that the first certificate of a chain was signed by another one of it, through the others or not.
func signed(chain []*x509.Certificate, by *x509.Certificate) error {
	opts := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	opts.Roots.AddCert(by)
	for _, certificate := range chain[1:] {
		opts.Intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(opts)
	var stranger x509.UnknownAuthorityError
	if errors.As(err, &stranger) {
		return errFingerprint
	}
	return err
}

// cloudAddress reads the address out of a cloud id: a name, a colon, and base64 of domain, "$" and the id of the cluster.
func cloudAddress(id string) (string, error) {
	_, encoded, _ := strings.Cut(id, ":")
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	parts := strings.Split(string(decoded), "$")
	if err != nil || len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return "", audit.InvalidField("elastic.cloud_id", "is not a cloud id; copy it from the page of the deployment")
	}
	return "https://" + parts[1] + "." + parts[0], nil
}

// client makes a client of the target; a repeating one sends a request again that failed on one node.
func (t *target) client(opts Options, repeating bool) (*elastictransport.Client, error) {
	settings := []elastictransport.Option{
		elastictransport.WithUserAgent("audittrail"), elastictransport.WithURLs(t.urls...), elastictransport.WithTransport(t.transport),
		elastictransport.WithBasicAuth(opts.Username, opts.Password), elastictransport.WithAPIKey(opts.APIKey),
		elastictransport.WithMaxRetries(attempts),
		elastictransport.WithRetryBackoff(func(attempt int) time.Duration { return firstPause << (attempt - 1) }),
		elastictransport.WithRetryOnError(func(req *http.Request, err error) bool {
			return req.Context().Err() == nil && !errors.Is(err, context.DeadlineExceeded) && (repeating || unsent(err))
		}),
	}
	if !opts.Uncompressed {
		settings = append(settings, elastictransport.WithCompression(gzip.BestSpeed))
	}
	if !repeating {
		// A write that a node or a proxy answered with trouble may have been done: its caller decides.
		settings = append(settings, elastictransport.WithRetryOnStatus(neverStatus))
	}
	client, err := elastictransport.NewClient(settings...)
	if err != nil {
		return nil, fmt.Errorf("connect to Elasticsearch: %w", err)
	}
	return client, nil
}

// unsent says that the request did not reach any server.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// repeatable says that a request changes nothing, or the same again.
func repeatable(req *http.Request) bool {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return true
	}
	path := req.URL.Path
	switch path[strings.LastIndexByte(path, '/')+1:] {
	case "_search", "_mget", "_refresh", "_count", "_msearch", "_analyze", "_has_privileges":
		return true
	}
	return false
}
