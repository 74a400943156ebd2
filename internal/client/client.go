// Package client talks to an Audittrail server over HTTP for the command line: it sends requests with a key, reads answers and problems,
// and comes back when the server asks for patience.
//
// It is not a library for producers: it knows what the commands need, and nothing is kept between calls.
package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Timeouts of one request and of one download.
const (
	requestTimeout = 60 * time.Second
	maxAnswer      = 64 << 20
)

// Client sends requests to one server with one key. It is safe for concurrent use.
type Client struct {
	base string
	key  string
	http *http.Client
}

// New makes a client of the server at the base address, like "http://127.0.0.1:8080". It trusts the certificates of the pool, the system's where it is nil.
func New(base, key string, trusted *x509.CertPool) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}
	transport.MaxIdleConnsPerHost = 16
	return &Client{base: strings.TrimRight(base, "/"), key: key, http: &http.Client{Transport: transport}}
}

// Audience is the same for clients of one server and key, and says nothing of the key: what was sent to one audience, which is
// one organization, was not sent to another.
func (c *Client) Audience() string {
	sum := sha256.Sum256([]byte(c.base + "\x00" + c.key))
	return c.base + " " + hex.EncodeToString(sum[:8])
}

// Close gives up idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is an answer that is not a success: the server's problem.
type Error struct {
	Status    int                `json:"status"`
	Type      string             `json:"type"`
	Title     string             `json:"title"`
	Detail    string             `json:"detail"`
	Fields    []audit.FieldError `json:"errors"`
	RequestID string             `json:"request_id"`
	// RetryAfter is how long the server asks to wait; 0 where it does not.
	RetryAfter time.Duration `json:"-"`
}

// Error returns title and detail; Fields are for the caller to list.
func (e *Error) Error() string {
	text := fmt.Sprintf("the server answered %d %s", e.Status, e.Title)
	if e.Detail != "" && !strings.EqualFold(e.Detail, e.Title) {
		text += ": " + e.Detail
	}
	return text
}

// Call sends in as JSON (nil: no body) and reads the answer's JSON into out (nil: it is dropped).
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body []byte
	contentType := ""
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		contentType = "application/json"
	}
	return c.send(ctx, method, path, query, contentType, body, out)
}

func (c *Client) send(ctx context.Context, method, path string, query url.Values, contentType string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	response, err := c.do(ctx, method, path, query, contentType, body)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the answer of %s is not what was expected: is it an Audittrail server? %w", c.base, err)
	}
	return nil
}

// do sends a request and turns every answer that is not a success into an *Error.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, contentType string, body []byte) (*http.Response, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &UnreachableError{Server: c.base, Err: err}
	}
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	return nil, readProblem(response)
}

func readProblem(response *http.Response) *Error {
	problem := &Error{}
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil || json.Unmarshal(data, problem) != nil {
		problem.Detail = "the answer is not a problem of Audittrail; is something else in between?"
	}
	problem.Status = response.StatusCode
	if problem.Title == "" {
		problem.Title = http.StatusText(response.StatusCode)
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		problem.RetryAfter = time.Duration(seconds) * time.Second
	}
	return problem
}

// UnreachableError says that no answer came: nobody listens, the connection broke, or it took too long.
type UnreachableError struct {
	Server string
	Err    error
}

// Error names the server.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the server at %s does not answer: %v", e.Server, cause(e.Err))
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// cause leaves out the address that net/http repeats.
func cause(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
