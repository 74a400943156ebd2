package api

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/audit"
)

// contractCheck validates against openapi.yaml and remembers what was reached.
type contractCheck struct {
	doc     *openapi3.T
	router  routers.Router
	mu      sync.Mutex
	reached map[string]bool
}

var loadContract = sync.OnceValues(func() (*contractCheck, error) {
	doc, err := openapi3.NewLoader().LoadFromData(contract)
	if err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	for _, t := range []string{"text/html", "text/plain", "text/csv", "text/event-stream", contentNDJSON, "application/octet-stream",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"} {
		openapi3filter.RegisterBodyDecoder(t, openapi3filter.FileBodyDecoder)
	}
	return &contractCheck{doc: doc, router: router, reached: map[string]bool{}}, err
})

func contractOf(t testing.TB) *contractCheck {
	t.Helper()
	c, err := loadContract()
	must(t, err)
	return c
}

func (c *contractCheck) check(req *http.Request, a *answer) error {
	if req.Method == http.MethodHead {
		return nil // as GET, without a body
	}
	if a.status == http.StatusRequestHeaderFieldsTooLarge || a.status == http.StatusMisdirectedRequest {
		return nil // the HTTP layer's own, of no route
	}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		if a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed || a.status == http.StatusBadRequest {
			return nil // not of the contract, and refused
		}
		return err
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		ExcludeRequestBody: req.Header.Get("Content-Encoding") == "gzip" || req.Header.Get("Content-Type") == ""}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}
	if a.status < 300 {
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		c.mu.Lock()
		c.reached[route.Operation.OperationID] = true
		c.mu.Unlock()
	}
	response := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: a.status, Header: a.header, Options: options}
	response.SetBodyBytes(a.body)
	if err := openapi3filter.ValidateResponse(context.Background(), response); err != nil {
		return fmt.Errorf("response: %w", err)
	}
	return nil
}

// TestMain also checks, after a full run, that the tests reached every operation of the contract with success.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	c, err := loadContract()
	if code == 0 && err == nil && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" {
		for path, item := range c.doc.Paths.Map() {
			for method, op := range item.Operations() {
				if !c.reached[op.OperationID] {
					fmt.Fprintf(os.Stderr, "no test reached %s %s\n", method, path)
					code = 1
				}
			}
		}
	}
	// The worker pool of a server that was shut down ends when it next wakes, within 10 seconds.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"), // one a process
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2")); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func TestTheContractIsValidOpenAPI(t *testing.T) {
	if err := contractOf(t).doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestTheContractAndTheServerHaveTheSameRoutes(t *testing.T) {
	var documented, served []string
	for path, item := range contractOf(t).doc.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	server := New(Config{})
	for _, route := range server.app.GetRoutes() {
		if route.Method == http.MethodHead {
			continue
		}
		var parts []string
		for part := range strings.SplitSeq(route.Path, "/") {
			if name, ok := strings.CutPrefix(part, ":"); ok {
				part = "{" + name + "}"
			}
			parts = append(parts, part)
		}
		served = append(served, route.Method+" "+strings.Join(parts, "/"))
	}
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented:\n%s\nserved:\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
}

func TestTheContractNamesScopeAndParametersOfEveryRoute(t *testing.T) {
	for _, e := range endpoints {
		op := contractOf(t).doc.Paths.Find(e.Path).GetOperation(e.Method)
		scope, _ := op.Extensions["x-scope"].(string)
		if audit.Scope(scope) != e.Scope {
			t.Errorf("%s %s: x-scope %q, want %q", e.Method, e.Path, scope, e.Scope)
		}
		if open := op.Security != nil && len(*op.Security) == 0; open != e.Open {
			t.Errorf("%s %s: open in the contract %v, in the server %v", e.Method, e.Path, open, e.Open)
		}
		var documented []string
		for _, p := range op.Parameters {
			if p.Value.In == "query" {
				documented = append(documented, p.Value.Name)
			}
		}
		known := slices.Sorted(slices.Values(e.query))
		slices.Sort(documented)
		if !slices.Equal(documented, known) {
			t.Errorf("%s %s: parameters %v in the contract, %v in the server", e.Method, e.Path, documented, known)
		}
	}
}

func TestTheContractListsEveryStatusOfTheTableOfErrors(t *testing.T) {
	listed := map[string]bool{}
	for _, item := range contractOf(t).doc.Paths.Map() {
		for _, op := range item.Operations() {
			for status := range op.Responses.Map() {
				listed[status] = true
			}
		}
	}
	for code, means := range meanings {
		if code == codeMethod || code == codeTimeout || code == codeHeaderSize || code == codeHost {
			continue // of no route: the HTTP layer's own
		}
		if !listed[fmt.Sprint(means.status)] {
			t.Errorf("no route documents %d (%s)", means.status, code)
		}
	}
}

func TestTheContractIsServedAndRendered(t *testing.T) {
	g := newRig(t)
	served := g.do(call{method: "GET", path: "/openapi.yaml"}).want(200)
	if !strings.Contains(string(served.body), "version: '1.2.3'") {
		t.Error("the served contract does not name the version of the server")
	}
	page := string(g.do(call{method: "GET", path: "/docs"}).want(200).body)
	for _, e := range endpoints {
		if !strings.Contains(page, `<span class="method">`+e.Method+`</span> <code>`+e.Path+`</code>`) {
			t.Errorf("the page does not show %s %s", e.Method, e.Path)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "https://cdn") {
		t.Error("the page needs scripts or other servers")
	}
}
