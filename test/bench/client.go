package main

import (
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"
)

// clientEnv makes the program the clients of a load, which it reads from its standard input. Clients are a process of their own, as they
// are in life, so that the server's scheduler has the server's work only.
const clientEnv = "AUDITTRAIL_BENCH_CLIENT"

// load is what clients send: bodies by so many at once, each answered with the status.
type load struct {
	URL, Key    string
	ContentType string
	Status      int
	Bodies      [][]byte
	Clients     int
	Events      int // in all bodies
}

// sendApart sends the load from another process and returns how long that took.
func sendApart(ctx context.Context, l load) (time.Duration, error) {
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	child := exec.CommandContext(ctx, program)
	child.Env = append(os.Environ(), clientEnv+"=1")
	child.Stderr = os.Stderr
	input, err := child.StdinPipe()
	if err != nil {
		return 0, err
	}
	sent := make(chan error, 1)
	go func() {
		defer func() { _ = input.Close() }()
		sent <- gob.NewEncoder(input).Encode(l)
	}()
	output, err := child.Output()
	if err != nil {
		return 0, fmt.Errorf("the clients: %w", err)
	}
	if err := <-sent; err != nil {
		return 0, err
	}
	took, err := strconv.ParseInt(strings.TrimSpace(string(output)), 10, 64)
	return time.Duration(took), err
}

// serveAsClients is the other process: it sends the load from in and writes the nanoseconds that took to out.
func serveAsClients(ctx context.Context, in io.Reader, out io.Writer) error {
	var l load
	if err := gob.NewDecoder(in).Decode(&l); err != nil {
		return err
	}
	client := &fasthttp.Client{MaxConnsPerHost: 2 * l.Clients}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range l.Clients {
		group.Go(func() error {
			for at := next.Add(1) - 1; at < int64(len(l.Bodies)) && ctx.Err() == nil; at = next.Add(1) - 1 {
				if err := l.post(ctx, client, l.Bodies[at]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, time.Since(began).Nanoseconds())
	return err
}

// post sends one body, and again as long as the server asks to, as producers do. The answer must be a success.
func (l *load) post(ctx context.Context, client *fasthttp.Client, body []byte) error {
	for again := 0; ; again++ {
		status, answer, err := l.postOnce(client, body)
		switch {
		case err != nil:
			return err
		case status == l.Status || again > 0 && status == fasthttp.StatusOK: // what had been stored before is a duplicate
			return nil
		case status != fasthttp.StatusServiceUnavailable && status != fasthttp.StatusTooManyRequests || again == maxAgain:
			return fmt.Errorf("status %d: %s", status, answer)
		}
		progress("sent again: status %d", status)
		timer := time.NewTimer(time.Second)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// maxAgain is how often one body is sent again.
const maxAgain = 20

func (l *load) postOnce(client *fasthttp.Client, body []byte) (status int, answer string, err error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(l.URL)
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType(l.ContentType)
	request.Header.Set("Authorization", "Bearer "+l.Key)
	request.SetBodyRaw(body)
	if err := client.Do(request, response); err != nil {
		return 0, "", err
	}
	return response.StatusCode(), string(response.Body()), nil
}
