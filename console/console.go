package console

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/audit"
)

// API answers requests of the JSON API within the process; api.Server's Call.
type API interface {
	Call(by audit.Principal, r *http.Request) (*http.Response, error)
}

// Sessions knows who is signed in; api.Server.
type Sessions interface {
	// CookieName is the name of the cookie that holds a session's secret.
	CookieName() string
	// Authenticate returns who the cookie stands for, and the token that every change has to carry: CodeUnauthenticated where it does not work.
	Authenticate(ctx context.Context, cookie string) (by audit.Principal, csrf string, err error)
	// SignIn takes the token of a one-time link and returns the cookie of a new session: CodeUnauthenticated where the link does not work any more.
	SignIn(ctx context.Context, link string, from audit.Source) (cookie string, expires time.Time, err error)
	// SignOut ends the session.
	SignOut(ctx context.Context, cookie string, from audit.Source) error
}

// Config is what the console works with. Everything is required but what says otherwise.
type Config struct {
	API      API
	Sessions Sessions
	// Providers are where people sign in beside links. Optional.
	Providers Providers
	// Secure says that browsers reach the console by TLS: cookies are then sent by TLS only.
	Secure bool
	// Clock tells the time; time.Now where nil. Logger takes what went wrong; slog.Default where nil.
	Clock  func() time.Time
	Logger *slog.Logger
	// Version is shown at the foot of every page. Optional.
	Version string
}

// Console answers pages. Make one with New.
type Console struct {
	cfg       Config
	now       func() time.Time
	log       *slog.Logger
	app       *fiber.App
	assets    map[string]*asset
	templates map[string]*template.Template
	zones     zones
}

// pageTimeout bounds everything that one page asks for.
const pageTimeout = 30 * time.Second

// routeKey is where a page leaves its pattern for the access log.
type routeKey struct{}

// New returns the pages. It panics where an embedded template cannot be read, which a test excludes.
func New(cfg Config) *Console {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	con := &Console{cfg: cfg, now: cfg.Clock, log: cfg.Logger}
	con.assets = mustAssets()
	con.templates = con.mustTemplates()
	con.app = fiber.New(fiber.Config{Immutable: true, CaseSensitive: true, StrictRouting: true, DisableStartupMessage: true,
		ErrorHandler: con.noPage})
	con.app.Get("/assets/*", con.serveAsset)
	con.app.Use(compress.New())
	for i := range pages {
		p := &pages[i]
		con.app.Add(p.method, p.path, con.serve(p))
	}
	return con
}

// ServePage answers the request and returns the pattern of the page.
func (con *Console) ServePage(ctx *fasthttp.RequestCtx) (route string) {
	con.app.Handler()(ctx)
	if route, ok := ctx.UserValue(routeKey{}).(string); ok {
		return route
	}
	return "console"
}

// page is one address of the console and what happens there.
type page struct {
	method, path string
	// open pages need no session.
	open   bool
	handle func(*Console, *request) error
}

// pages is the whole console. Where a fixed path and one with a parameter could both match, the fixed one stands first. Each file of pages adds
// its own.
var pages []page

func add(more ...page) { pages = append(pages, more...) }

func get(path string, handle func(*Console, *request) error) page {
	return page{method: http.MethodGet, path: path, handle: handle}
}

func post(path string, handle func(*Console, *request) error) page {
	return page{method: http.MethodPost, path: path, handle: handle}
}

func (p page) toAll() page { p.open = true; return p }
