package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Pages answers what is not a route of the API: the console.
type Pages interface {
	// ServePage answers the request and returns the pattern of the page, for metrics and the access log: "/exports/:id". X-Request-ID and the
	// headers of security are set already; it changes those that are to be different.
	ServePage(ctx *fasthttp.RequestCtx) (route string)
}

// pathMemberImport is the one page that takes a file. Like an import of events it reads beyond the limit, to say what the limit is.
const pathMemberImport = "/members/import"

// Mount makes the pages answer every path that the API does not have. It is called before Serve.
func (s *Server) Mount(pages Pages) { s.pages = pages }

// forPages says whether a request that the API refused is one for the pages.
func (s *Server) forPages(c *fiber.Ctx, err error) bool {
	refused, ok := err.(*fiber.Error) //nolint:errorlint // Fiber hands its own error over as it is
	return ok && s.pages != nil && refused.Code == http.StatusNotFound && !strings.HasPrefix(c.Path(), "/v1/") && !ofSCIM(c)
}

// servePage answers with a page.
func (s *Server) servePage(c *fiber.Ctx, r *request, began time.Time) {
	c.Response().Reset()
	s.setHeaders(c, r.id)
	route := s.pages.ServePage(c.Context())
	s.observe(c, route, r, time.Since(began))
}
