package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/audittrail/audittrail/audit"
)

// gate is an ingester that can be made to fail or to wait.
type gate struct {
	next interface {
		Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error)
	}
	mu   sync.Mutex
	err  error
	hold chan struct{}
	// entered gets one value for each call that waits.
	entered chan struct{}
	last    []*audit.Event
}

func (g *gate) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	g.mu.Lock()
	err, hold := g.err, g.hold
	g.last = events
	g.mu.Unlock()
	if hold != nil {
		g.entered <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		return nil, err
	}
	return g.next.Append(ctx, organization, events)
}

func (g *gate) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

// fakeJobs remembers what it was asked to do.
type fakeJobs struct {
	mu    sync.Mutex
	calls []string
	err   error
}

func newFakeJobs() *fakeJobs { return &fakeJobs{} }

func (j *fakeJobs) note(format string, args ...any) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	j.calls = append(j.calls, fmt.Sprintf(format, args...))
	return nil
}

func (j *fakeJobs) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

func (j *fakeJobs) StartExport(_ context.Context, org, export string) error {
	return j.note("start %s %s", org, export)
}
func (j *fakeJobs) StopExport(_ context.Context, org, export string) error {
	return j.note("stop %s %s", org, export)
}
func (j *fakeJobs) ReminderChanged(_ context.Context, org, reminder string) error {
	return j.note("changed %s %s", org, reminder)
}
func (j *fakeJobs) TestReminder(_ context.Context, org, reminder, member string) (string, error) {
	return "digest-1", j.note("test %s %s %s", org, reminder, member)
}

func (j *fakeJobs) SendAddressCode(_ context.Context, org, address, code string) error {
	return j.note("code %s %s %s", org, address, code)
}

func (j *fakeJobs) has(format string, args ...any) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Contains(j.calls, fmt.Sprintf(format, args...))
}

// fakeFiles keeps files in memory and counts those that are open.
type fakeFiles struct {
	mu      sync.Mutex
	content map[string][]byte
	open    int
}

type openFile struct {
	io.Reader
	files *fakeFiles
}

func (f openFile) Close() error {
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	f.files.open--
	return nil
}

func (f *fakeFiles) Open(_ context.Context, key string) (io.ReadCloser, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.content[key]
	if !ok {
		return nil, 0, audit.NotFound("file")
	}
	f.open++
	return openFile{bytes.NewReader(data), f}, int64(len(data)), nil
}

func (f *fakeFiles) DeletePrefix(_ context.Context, prefix string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.content {
		if strings.HasPrefix(key, prefix) {
			delete(f.content, key)
		}
	}
	return nil
}

// fakeTwilio takes the signature that is the address itself.
type fakeTwilio struct{}

func (fakeTwilio) VerifyCallback(address string, form url.Values, signature string) error {
	if signature != address+"|"+form.Get("MessageSid") {
		return audit.Errorf(audit.CodeForbidden, "the callback is not signed by Twilio")
	}
	return nil
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
