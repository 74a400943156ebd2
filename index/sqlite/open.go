package sqlite

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

var _ index.Index = (*Index)(nil)

// Options configure the engine. The zero value is ready for use.
type Options struct {
	// Clock tells the time; nil means the computer's.
	Clock index.Clock
	// Logger takes what goes wrong in the background; nil means slog.Default.
	Logger *slog.Logger
	// CacheBytes bounds the decoded facts that are kept in memory; 0 means 32 MiB.
	CacheBytes int
	// MaxOpenMonths bounds how many month files are kept open while nobody uses them (three to five file descriptors each); 0 means 32.
	MaxOpenMonths int
	// MaintainEvery is how often months that are over are looked for and sealed; 0 means every 10 minutes.
	MaintainEvery time.Duration
	// DisableFullText leaves events out of full text, so that a benchmark can tell what it costs. Queries with text then find nothing.
	DisableFullText bool
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	if o.MaxOpenMonths == 0 {
		o.MaxOpenMonths = 32
	}
	if o.MaintainEvery == 0 {
		o.MaintainEvery = 10 * time.Minute
	}
	return o
}

// maxReaders is how many reads run at once; more would wait for the processor and hold memory meanwhile.
const maxReaders = 16

// Index is the engine. It is safe for concurrent use.
type Index struct {
	dir     string
	options Options
	clock   index.Clock
	codec   *codec
	cache   *cache
	readers semaphore
	lock    *os.File
	started time.Time // paces background work, which no event's time depends on
	numbers atomic.Uint64
	// bloomBudget is how many bytes the filters of ids may still take.
	bloomBudget atomic.Int64

	// appendDeadline is appendDeadline but in tests.
	appendDeadline time.Duration

	// life is held for reading by every call, and for writing by Close.
	life   sync.RWMutex
	closed bool
	// sealing is held by whoever seals.
	sealing sync.Mutex
	// commits are those whose caller may have left.
	commits sync.WaitGroup

	mu            sync.Mutex
	organizations map[string]*organization

	idleMu sync.Mutex
	idle   *list.List // of *month, most recently used first
	places map[*month]*list.Element

	maintenance *maintenance
}

// Open opens the index in dir, which is made where it does not exist. One process at a time can have it open.
func Open(ctx context.Context, dir string, options Options) (*Index, error) {
	options = options.withDefaults()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s cannot be written: %w", dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	z, err := newCodec()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	x := &Index{dir: dir, options: options, clock: options.Clock, codec: z, cache: newCache(options.CacheBytes), lock: lock, started: time.Now(), appendDeadline: appendDeadline,
		readers: make(semaphore, maxReaders), organizations: make(map[string]*organization),
		idle: list.New(), places: make(map[*month]*list.Element)}
	x.bloomBudget.Store(bloomMaxBytes)
	if err := x.checkVersions(ctx); err != nil {
		z.close()
		return nil, errors.Join(err, lock.Close())
	}
	x.maintenance = startMaintenance(x)
	return x, nil
}

// checkVersions refuses files of a newer schema before anything is written.
func (x *Index) checkVersions(ctx context.Context) error {
	paths, err := filepath.Glob(filepath.Join(x.dir, "*", "????-??.db"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		version, err := headerVersion(path)
		if err != nil {
			return err
		}
		if version > schemaVersion {
			return newerSchema(path, version)
		}
	}
	return nil
}

// Name implements index.Index.
func (x *Index) Name() string { return "sqlite" }

// Ready implements index.Index: the folder is there and takes a file.
func (x *Index) Ready(context.Context) error {
	x.life.RLock()
	defer x.life.RUnlock()
	if x.closed {
		return errClosed
	}
	f, err := os.CreateTemp(x.dir, "ready-*")
	if err != nil {
		return failure(err)
	}
	_, err = f.Write(make([]byte, pageSize))
	return failure(errors.Join(err, f.Close(), os.Remove(f.Name())))
}

// Close implements index.Index. It waits for the calls under way; later ones fail.
func (x *Index) Close() error {
	x.life.Lock()
	defer x.life.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	x.maintenance.stop()
	x.commits.Wait()
	var errs []error
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range x.organizations {
		for _, m := range o.all() {
			_, err := m.closeIdle()
			errs = append(errs, err)
		}
	}
	x.codec.close()
	return errors.Join(append(errs, x.lock.Close())...)
}

// begin is how every call starts: the engine stays open and the organization is loaded until leave is called.
func (x *Index) begin(ctx context.Context, id string) (o *organization, leave func(), err error) {
	if err := audit.ValidateOrganizationID(id); err != nil {
		return nil, nil, err
	}
	if !filepath.IsLocal(id) || filepath.Base(id) != id {
		return nil, nil, audit.InvalidField("organization", "cannot name a folder")
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	x.life.RLock()
	if x.closed {
		x.life.RUnlock()
		return nil, nil, errClosed
	}
	o = x.organization(id)
	if err := o.load(ctx); err != nil {
		x.life.RUnlock()
		return nil, nil, failure(err)
	}
	return o, x.life.RUnlock, nil
}

func (x *Index) organization(id string) *organization {
	x.mu.Lock()
	defer x.mu.Unlock()
	o, ok := x.organizations[id]
	if !ok {
		o = &organization{id: id, dir: filepath.Join(x.dir, id), index: x, writer: make(semaphore, 1)}
		x.organizations[id] = o
	}
	return o
}

// stored returns the organizations that have a folder.
func (x *Index) stored() ([]*organization, error) {
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return nil, err
	}
	var out []*organization
	for _, e := range entries {
		if e.IsDir() && audit.ValidateOrganizationID(e.Name()) == nil {
			out = append(out, x.organization(e.Name()))
		}
	}
	return out, nil
}

// used notes that m was used just now, and closes the files that have not been for longest where too many are open.
func (x *Index) used(m *month) {
	x.idleMu.Lock()
	if e, ok := x.places[m]; ok {
		x.idle.MoveToFront(e)
	} else {
		x.places[m] = x.idle.PushFront(m)
	}
	var victims []*month
	for e := x.idle.Back(); e != nil && x.idle.Len()-len(victims) > x.options.MaxOpenMonths; e = e.Prev() {
		victims = append(victims, e.Value.(*month))
	}
	x.idleMu.Unlock()
	for _, v := range victims {
		closed, err := v.closeIdle()
		x.logClose(err)
		if closed {
			x.idleMu.Lock()
			if e, ok := x.places[v]; ok {
				x.idle.Remove(e)
				delete(x.places, v)
			}
			x.idleMu.Unlock()
		}
	}
}

// logClose reports that a connection did not close well, which no caller needs to know.
func (x *Index) logClose(err error) {
	if err != nil {
		x.options.Logger.Error("closing an index file failed", "error", err)
	}
}
