package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/internal/certs"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/notify"
	"github.com/audittrail/audittrail/store"
	"github.com/audittrail/audittrail/worker"
)

// Role is what a process does.
type Role string

// The roles.
const (
	RoleBoth   Role = "both"   // everything in one process
	RoleAPI    Role = "api"    // answers HTTP, and runs no workflow
	RoleWorker Role = "worker" // runs workflows and activities, and answers nothing but questions for its health
)

// TemporalServer is a Temporal server that runs in this process.
type TemporalServer interface {
	// Address is where clients connect, as host:port.
	Address() string
	Stop() error
}

// StartTemporal starts a Temporal server on the data directory; port 0 takes a free one.
type StartTemporal func(ctx context.Context, dataDir string, port int, logger *slog.Logger) (TemporalServer, error)

// certificateInterval is how often the files of the server's certificate are looked at.
const certificateInterval = 10 * time.Second

// Options say what else a process is made of.
type Options struct {
	// Role is what it does; "" means both.
	Role Role
	// StartTemporal starts the embedded Temporal server where the configuration names no address; nil: this build has none.
	StartTemporal StartTemporal
	// Clock tells the time; nil means time.Now. Temporal's timers have their own.
	Clock  func() time.Time
	Logger *slog.Logger
	// Version is that of the program.
	Version string
}

// App is one process: made by New, run by Run, ended by Close.
type App struct {
	config   *config.Config
	role     Role
	logger   *slog.Logger
	server   *api.Server
	records  store.Store
	clock    func() time.Time
	worker   *worker.Worker // nil where the role is another one
	listener net.Listener
	certs    *certs.Keeper // nil where the server speaks plain HTTP
	channels []notify.State
	closers  []closer
	closed   sync.Once
	closeErr error
}

// closer ends one part, within the context's time.
type closer struct {
	part string
	end  func(ctx context.Context) error
}

// New opens everything and listens, so that what cannot work is known before anything is served. Where it fails, all that was opened
// is closed again. The caller has to call Close.
func New(ctx context.Context, cfg *config.Config, opts Options) (*App, error) {
	if opts.Role == "" {
		opts.Role = RoleBoth
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if err := check(cfg, opts); err != nil {
		return nil, err
	}
	a := &App{config: cfg, role: opts.Role, logger: opts.Logger, clock: opts.Clock}
	if err := a.assemble(ctx, opts); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// check refuses what cannot be put together.
func check(cfg *config.Config, opts Options) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	if opts.Role != RoleWorker { // it answers nothing but questions for its health
		if err := cfg.CheckExposed(); err != nil {
			return err
		}
	}
	apart := opts.Role == RoleAPI || opts.Role == RoleWorker
	switch {
	case apart && cfg.Index == config.IndexSQLite:
		return fmt.Errorf("index: %s lives in one process and cannot serve a separate %s, which needs Elasticsearch: use `audittrail standalone`, or set index: elastic", cfg.Index, opts.Role)
	case apart && cfg.Temporal.Address == "":
		return fmt.Errorf("temporal.address: a separate %s works with a Temporal server that all processes share: name it with --temporal-address", opts.Role)
	case apart && cfg.Files.URL == "":
		return fmt.Errorf("files.url: a separate %s keeps export files where all processes find them: name a folder that they share (file:///some/folder), "+
			"or s3://bucket?endpoint=https://…", opts.Role)
	case cfg.Temporal.Address == "" && opts.StartTemporal == nil:
		return errors.New("temporal.address: this build has no embedded Temporal: name a server with --temporal-address, or use `go run ./standalone standalone`")
	}
	return nil
}

// onClose notes how to end a part; parts end in the reverse order.
func (a *App) onClose(part string, end func(context.Context) error) {
	a.closers = append(a.closers, closer{part: part, end: end})
}

func (a *App) listen(ctx context.Context) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", a.config.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen: %s is in use by another process: stop it, or choose another address with --listen (port 0 takes a free one)", a.config.Listen)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen: this user may not listen on %s: choose a port above 1023 with --listen", a.config.Listen)
	case err != nil:
		return fmt.Errorf("listen: %w", err)
	}
	a.listener = listener
	return nil
}

// keepCertificate reads the server's certificate, where it has one, and watches its files.
func (a *App) keepCertificate(ctx context.Context) (err error) {
	if !a.config.TLS.On() {
		return nil
	}
	a.certs, err = certs.Open(certs.Options{CertFile: a.config.TLS.CertFile, KeyFile: a.config.TLS.KeyFile, Clock: a.clock, Logger: a.logger})
	if err != nil {
		return err
	}
	watchCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { a.certs.Watch(watchCtx, certificateInterval) })
	a.onClose("the certificate", func(context.Context) error { stop(); watching.Wait(); return nil })
	return nil
}

// URL is the address of the API on this machine.
func (a *App) URL() string {
	address := a.listener.Addr().(*net.TCPAddr)
	host := address.IP.String()
	if address.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if a.certs != nil {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, fmt.Sprint(address.Port))
}

// Channels says which channels are on, and why the others are not.
func (a *App) Channels() []notify.State { return slices.Clone(a.channels) }

// Run serves until ctx ends or serving fails, and returns once the API has answered what it took in and activities under way have ended. It is
// called once.
func (a *App) Run(ctx context.Context) error {
	workCtx, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var working sync.WaitGroup
	if a.worker != nil {
		working.Go(func() { a.worker.Run(workCtx) })
	}
	served := make(chan error, 1)
	listener := a.listener
	if a.certs != nil {
		listener = tls.NewListener(listener, a.certs.TLS())
	}
	go func() { served <- a.server.Serve(listener) }()
	a.logger.InfoContext(ctx, "listening", "role", a.role, "url", a.URL(), "index", a.config.Index)

	var err error
	select {
	case <-ctx.Done():
		a.logger.InfoContext(ctx, "shutting down: requests and activities under way are finished first", "at_most", config.ShutdownTimeout.String())
	case err = <-served:
		if err == nil {
			err = errors.New("the server stopped listening")
		}
	}
	endCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), config.ShutdownTimeout)
	defer cancel()
	if stopErr := a.server.Shutdown(endCtx); stopErr != nil {
		err = errors.Join(err, fmt.Errorf("stop the API: %w", stopErr))
	}
	stopWork()
	working.Wait()
	return err
}

// Close ends all parts in the reverse order of their beginning. Calling it again changes nothing.
func (a *App) Close() error {
	a.closed.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), config.ShutdownTimeout)
		defer cancel()
		for _, c := range slices.Backward(a.closers) {
			if err := c.end(ctx); err != nil {
				a.closeErr = errors.Join(a.closeErr, fmt.Errorf("close %s: %w", c.part, err))
			}
		}
	})
	return a.closeErr
}
