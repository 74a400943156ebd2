package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elimity-com/scim"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/audit"
)

const (
	maxHeaderBytes = 16 << 10 // address and headers of a request
	maxJSONBytes   = 256 << 10
	// overrun is how far over its limit the HTTP layer still reads a body of events, so that the client can be told what the limit is
	// instead of finding its connection closed while it sends.
	overrun = 2
)

// Server answers the API. Make one with New.
type Server struct {
	cfg     Config
	now     func() time.Time
	log     *slog.Logger
	metrics *Metrics
	app     *fiber.App
	auth    *authenticator
	ready   readiness
	docs    documents
	pages   Pages // nil: there are none
	// linkKey is the secret of unsubscribe links, addressKey that of other addresses.
	linkKey, addressKey sharedKey
	// directory is SCIM's.
	directory scim.Server
	// failures are sign-ins that failed.
	failures failures
	// addresses bound what comes from one address, badKeys what of that has a key that does not work.
	addresses addressLimits
	badKeys   failures
	// refusals are keys that did not work.
	refusals refusals
	// views are what is on record as being looked at.
	views views

	// base ends when Shutdown has waited long enough; the context of every request is made of it.
	base     context.Context
	endBase  context.CancelFunc
	draining chan struct{}
	streams  atomic.Int64
	follow   *followers

	mu        sync.Mutex
	stopped   bool
	listeners []net.Listener
}

// New returns a Server that does not listen yet. It panics where the embedded contract cannot be read, which a test excludes.
func New(cfg Config) *Server {
	cfg.Limits = cfg.Limits.withDefaults()
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	s := &Server{cfg: cfg, now: cfg.Clock, log: cfg.Logger, metrics: cfg.Metrics, draining: make(chan struct{})}
	s.base, s.endBase = context.WithCancel(context.Background())
	s.auth = newAuthenticator(cfg)
	s.addresses.limit, s.addresses.burst = limitOf(cfg.Limits.AddressPerSecond), cfg.Limits.AddressBurst
	s.badKeys = failures{burst: cfg.Limits.FailedKeys, every: time.Second, what: "keys"}
	s.follow = newFollowers(cfg.Events, cfg.Limits.StreamInterval, cfg.Logger)
	s.directory = scimServer(cfg.PublicURL)
	s.docs = mustDocuments(cfg.Version)
	s.app = fiber.New(fiber.Config{
		Immutable: true, CaseSensitive: true, StrictRouting: true,
		DisableStartupMessage: true, DisablePreParseMultipartForm: true,
		BodyLimit: maxJSONBytes, ReadBufferSize: maxHeaderBytes, Concurrency: cfg.Limits.Connections,
		// Reading a body has a deadline of its own: see configure.
		ReadTimeout: cfg.Limits.HeaderTimeout, WriteTimeout: cfg.Limits.WriteTimeout, IdleTimeout: cfg.Limits.IdleTimeout,
		ErrorHandler: s.refuse,
	})
	for i := range endpoints {
		e := &endpoints[i]
		if cfg.HealthOnly && !e.health {
			continue
		}
		handler := s.serve(e)
		s.app.Add(e.Method, fiberPath(e.Path), handler)
		if e.Method == http.MethodGet {
			s.app.Add(http.MethodHead, fiberPath(e.Path), handler)
		}
	}
	s.configure(s.app.Server())
	return s
}

// configure sets what Fiber does not offer.
func (s *Server) configure(server *fasthttp.Server) {
	server.CloseOnShutdown = true
	server.HeaderReceived = func(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
		path, _, _ := strings.Cut(string(header.RequestURI()), "?")
		_, hasToken := bearerToken(header.Peek(fiber.HeaderAuthorization))
		limits := fasthttp.RequestConfig{MaxRequestBodySize: maxJSONBytes, ReadTimeout: s.cfg.Limits.BodyTimeout}
		if path == pathEvents && hasToken {
			limits.MaxRequestBodySize = overrun * audit.MaxRequestBytes
		}
		if hasToken && strings.HasPrefix(path, pathSCIMGroups) {
			limits.MaxRequestBodySize = overrun * maxSCIMGroupBytes
		}
		if path == pathMemberImport && s.pages != nil && len(header.Cookie(s.CookieName())) > 0 {
			limits.MaxRequestBodySize = overrun * audit.MaxMemberFileBytes
		}
		return limits
	}
	inner := server.Handler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		s.setClient(ctx)
		if !slices.Contains(fiber.DefaultMethods, string(ctx.Method())) {
			ctx.Request.Header.SetMethod(fiber.MethodTrace) // which no route takes: Fiber does not know such methods at all, and this one it refuses, with Allow
		}
		inner(ctx)
	}
}

// Handler returns the server's handler, for use without a listener.
func (s *Server) Handler() fasthttp.RequestHandler {
	s.app.Handler() // it makes Fiber build its routes
	return s.app.Server().Handler
}

// Listen serves at the TCP address, like "127.0.0.1:8080", until Shutdown.
func (s *Server) Listen(address string) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(s.base, "tcp", address)
	if err != nil {
		return err
	}
	return s.Serve(ln)
}

// Serve serves connections of the listener until Shutdown, and closes it. After Shutdown it returns nil.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return ln.Close()
	}
	s.listeners = append(s.listeners, ln)
	s.mu.Unlock()
	err := s.app.Listener(ln)
	if s.isDraining() && (err == nil || errors.Is(err, net.ErrClosed)) {
		return nil
	}
	return err
}

// Shutdown stops taking connections, ends message streams and waits until every request that was taken in is answered. When ctx ends
// first, what is under way is cancelled and ctx's error returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.draining)
	}
	listeners := s.listeners
	s.mu.Unlock()
	for _, ln := range listeners {
		_ = ln.Close() // what it could say, Serve says
	}
	stop := context.AfterFunc(ctx, s.endBase)
	defer stop()
	err := s.app.ShutdownWithContext(ctx)
	if errors.Is(err, net.ErrClosed) {
		err = nil // the listener was closed above
	}
	s.endBase()
	return errors.Join(err, s.follow.wait(ctx), s.auth.close(ctx), s.refusals.close(ctx))
}

func (s *Server) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}
