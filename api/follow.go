package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const (
	// followPages bounds how much of the tail is read at a time; the rest waits for the next time.
	followPages = 20
	// followMax is how many events wait for a follower at most. One who is slower loses them, and is told so.
	followMax = 4 * audit.MaxScan
)

// followers let the event streams of a process share the reading of the tail: there is one reader an organization, as long as somebody
// follows it, and it costs the same however many do.
type followers struct {
	events   Events
	interval time.Duration
	log      *slog.Logger

	mu      sync.Mutex
	readers map[string]*tailReader
	running sync.WaitGroup
}

func newFollowers(events Events, interval time.Duration, log *slog.Logger) *followers {
	return &followers{events: events, interval: interval, log: log, readers: map[string]*tailReader{}}
}

// tailReader reads the tail of one organization for all who follow it.
type tailReader struct {
	*followers
	organization string
	cancel       context.CancelFunc
	joining      chan joining
	// users counts those who follow or are about to; guarded by followers.mu.
	users int
	// checkpoint and reads are the reading goroutine's alone.
	checkpoint string
	reads      uint64

	who       sync.Mutex
	following map[*follower]bool
}

// joining asks to follow from here on.
type joining struct {
	follower *follower
	done     chan error
}

// join returns a follower who gets what is committed from now on. It has to leave.
func (f *followers) join(ctx context.Context, organization string) (*follower, error) {
	r := f.reader(organization)
	one := &follower{reader: r, woken: make(chan struct{}, 1)}
	j := joining{follower: one, done: make(chan error, 1)}
	var err error
	select {
	case r.joining <- j:
		select {
		case err = <-j.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		one.leave()
		return nil, err
	}
	return one, nil
}

// reader returns the organization's reader, which is begun where there is none, with one user more.
func (f *followers) reader(organization string) *tailReader {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.readers[organization]
	if r == nil {
		var ctx context.Context
		r = &tailReader{followers: f, organization: organization, joining: make(chan joining), following: map[*follower]bool{}}
		ctx, r.cancel = context.WithCancel(context.Background())
		f.readers[organization] = r
		f.running.Go(func() { r.run(ctx) })
	}
	r.users++
	return r
}

// release takes a user off the reader, which ends with the last.
func (r *tailReader) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users--; r.users == 0 {
		delete(r.readers, r.organization)
		r.cancel()
	}
}

func (r *tailReader) run(ctx context.Context) {
	tick := time.NewTicker(r.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-r.joining:
			err := r.read(ctx) // so that what is committed already does not come as new
			if err == nil {
				r.add(j.follower)
			}
			j.done <- err
		case <-tick.C:
			if err := r.read(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("api: tail not read", slog.String("organization", r.organization), slog.Any("error", err))
			}
		}
	}
}

// add takes in a follower, who may have left already.
func (r *tailReader) add(one *follower) {
	r.who.Lock()
	defer r.who.Unlock()
	if !one.left {
		r.following[one] = true
	}
}

func (r *tailReader) each(do func(*follower)) {
	r.who.Lock()
	defer r.who.Unlock()
	for one := range r.following {
		do(one)
	}
}

// read hands everybody what was committed since the last time. What fails is read again.
func (r *tailReader) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	r.reads++
	if r.checkpoint == "" {
		end, err := r.events.TailEnd(ctx, r.organization)
		r.checkpoint = end
		return err
	}
	r.each(func(one *follower) { one.begun(r.reads) })
	for range followPages {
		page, err := r.events.Tail(ctx, r.organization, r.checkpoint, audit.MaxScan)
		if err != nil {
			return err
		}
		r.checkpoint = page.Checkpoint
		r.each(func(one *follower) { one.put(arrived{events: page.Events, read: r.reads}) })
		if !page.More {
			return nil
		}
	}
	return nil
}

// arrived are events that one reading of the tail found. All followers share them.
type arrived struct {
	events []audit.Event
	read   uint64
}

// follower gets what arrives in an organization.
type follower struct {
	reader *tailReader
	left   bool // guarded by the reader's who
	// woken is signalled when something waits.
	woken chan struct{}

	mu      sync.Mutex
	waiting []arrived
	size    int
	lost    bool
	// read is the number of the reading that began last.
	read uint64
}

func (f *follower) begun(read uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = read
}

func (f *follower) put(a arrived) {
	if len(a.events) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size += len(a.events); f.size > followMax {
		f.waiting, f.size, f.lost = nil, 0, true
	} else {
		f.waiting = append(f.waiting, a)
	}
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// take returns what arrived since it was last called, and whether any of it was lost.
func (f *follower) take() (list []arrived, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list, lost = f.waiting, f.lost
	f.waiting, f.size, f.lost = nil, 0, false
	return list, lost
}

// now returns the number of the reading that began last: every later one sees all that is visible now.
func (f *follower) now() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read
}

// leave ends it.
func (f *follower) leave() {
	r := f.reader
	r.who.Lock()
	f.left = true
	delete(r.following, f)
	r.who.Unlock()
	r.release()
}

// wait returns when no reader runs any more.
func (f *followers) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { f.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
