package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawClient is a client that sends what no library would.
type rawClient struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// dial connects to the server of the rig. Everything on the connection has to be done within 20 seconds.
func (g *rig) dial() *rawClient {
	g.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.base, "http://"))
	must(g.t, err)
	must(g.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	g.t.Cleanup(func() { conn.Close() })
	return &rawClient{t: g.t, conn: conn, in: bufio.NewReader(conn)}
}

// send writes the text; whether the server still takes it shows at the answer.
func (r *rawClient) send(format string, args ...any) *rawClient {
	_, _ = fmt.Fprintf(r.conn, format, args...)
	return r
}

// answer reads one answer, with its body.
func (r *rawClient) answer() (*http.Response, string) {
	r.t.Helper()
	response, err := http.ReadResponse(r.in, nil)
	if err != nil {
		r.t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(response.Body)
	must(r.t, err)
	return response, string(body)
}

// want reads one answer of the status, and returns its body.
func (r *rawClient) want(status int) string {
	r.t.Helper()
	response, body := r.answer()
	if response.StatusCode != status {
		r.t.Fatalf("answered %d, want %d\n%s", response.StatusCode, status, body)
	}
	return body
}

// closed waits until the server has closed the connection, and returns what it sent before.
func (r *rawClient) closed() string {
	r.t.Helper()
	rest, err := io.ReadAll(r.in)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		r.t.Fatal("the connection is still open")
	}
	return string(rest)
}

// responseBeforeReset reads the status of the answer, where there is one before the connection ends: who still sends may find it closed.
func responseBeforeReset(r *rawClient) (int, error) {
	response, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, nil
}
