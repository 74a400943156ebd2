package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
)

// DefaultTimeout ends a request where neither Options nor its context end it earlier.
const DefaultTimeout = 30 * time.Second

// MaxAnswer is how many bytes of an answer are read. The largest is a page of audit.MaxScan events.
const MaxAnswer = 1 << 30

// Options say which cluster is meant and how to sign in. One of URLs and CloudID is needed; an API key goes before user and password.
type Options struct {
	// URLs are the nodes: "https://es1.example.com:9200". User and password in a URL are used where Username and APIKey are empty.
	URLs []string
	// CloudID names a deployment of Elastic Cloud.
	CloudID  string
	Username string
	Password string
	// APIKey is the encoded form: base64 of id and key.
	APIKey string
	// CAFile holds PEM certificates to trust in place of the system's.
	CAFile string
	// Fingerprint is the SHA-256 of a certificate of the chain, in hex, colons allowed. It takes the place of every other check.
	Fingerprint string
	// Timeout is the longest that one request may take, repetitions included; 0 means DefaultTimeout.
	Timeout time.Duration
	// Uncompressed sends bodies as they are, in place of gzip: for a cluster on this machine.
	Uncompressed bool
	Logger       *slog.Logger
}

// Client is a connection. Its methods may be called concurrently.
type Client struct {
	repeating *elastictransport.Client // for requests that may be sent again
	once      *elastictransport.Client // for those that may only be sent again where nothing of them was sent
	http      *http.Transport
	timeout   time.Duration
	version   string
}

// Open connects and makes sure that a cluster of Elasticsearch 8 answers and lets us in. The error says what to change.
func Open(ctx context.Context, opts Options) (*Client, error) {
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	target, err := newTarget(opts)
	if err != nil {
		return nil, err
	}
	c := &Client{timeout: opts.Timeout, http: target.transport}
	if c.repeating, err = target.client(opts, true); err == nil {
		c.once, err = target.client(opts, false)
	}
	if err == nil {
		err = c.identify(ctx)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Version is the cluster's version when the connection was made: "8.19.13".
func (c *Client) Version() string { return c.version }

// Close closes idle connections. Requests under way end by themselves.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Perform sends one request; it makes a Client an esapi.Transport. Use Call.
func (c *Client) Perform(req *http.Request) (*http.Response, error) {
	if repeatable(req) {
		return c.repeating.Perform(req)
	}
	return c.once.Perform(req)
}

// Call performs the request and decodes its JSON answer into result: nil drops it, a *[]byte takes it as it is.
//
// A status of 300 or more and any trouble on the way are errors: an audit.Error of CodeUnavailable (CodeInternal where the cluster says that
// the request itself is wrong), with a *Failure in its chain where the cluster answered. Where ctx was cancelled, the error is that of ctx.
// Requests that are safe to repeat are repeated on other nodes; writes only where nothing of them was sent.
func (c *Client) Call(ctx context.Context, request esapi.Request, result any) error {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	response, err := request.Do(limited, c)
	if err != nil {
		return c.trouble(ctx, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer))
	if err != nil {
		return c.trouble(ctx, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return failed(readFailure(response.StatusCode, body))
	}
	switch result := result.(type) {
	case nil:
		return nil
	case *[]byte:
		*result = body
		return nil
	}
	if err := json.Unmarshal(body, result); err != nil {
		return Unavailable(fmt.Errorf("decode the answer: %w", err), "Elasticsearch gave an answer that cannot be read")
	}
	return nil
}

// trouble is the error of a request that got no answer.
func (c *Client) trouble(ctx context.Context, err error) error {
	if cancelled := ctx.Err(); errors.Is(cancelled, context.Canceled) {
		return cancelled
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Unavailable(err, "Elasticsearch does not answer in time")
	}
	return Unavailable(err, "%s", reason(err))
}

// identify makes sure that what answers is Elasticsearch 8.
func (c *Client) identify(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	response, err := esapi.InfoRequest{}.Do(limited, c)
	if err != nil {
		return c.trouble(ctx, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return c.trouble(ctx, err)
	}
	var info struct {
		Tagline string
		Version struct {
			Number      string
			BuildFlavor string `json:"build_flavor"`
		}
	}
	decodeErr := json.Unmarshal(body, &info)
	// Elasticsearch names itself in a header, in answers of every status but some of its errors.
	known := response.Header.Get("X-Elastic-Product") == "Elasticsearch"
	failure := readFailure(response.StatusCode, body)
	known = known || failure.Type == "security_exception"
	switch {
	case response.StatusCode >= http.StatusMultipleChoices && (known || response.StatusCode == http.StatusUnauthorized || response.StatusCode >= http.StatusInternalServerError):
		return failed(failure)
	case response.StatusCode >= http.StatusMultipleChoices, decodeErr != nil, !known && info.Tagline != "You Know, for Search":
		return wrongCluster("what answers at the address is not Elasticsearch (status %d)", response.StatusCode)
	case info.Version.BuildFlavor != "serverless" && major(info.Version.Number) != 8:
		return wrongCluster("the cluster is Elasticsearch %s, and this program works with version 8", info.Version.Number)
	}
	c.version = info.Version.Number
	return nil
}

func wrongCluster(format string, args ...any) error {
	return audit.Unavailable(nil, retryLater, format, args...)
}

func major(version string) int {
	first, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}
