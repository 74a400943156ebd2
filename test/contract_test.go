package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// contract is the published OpenAPI document.
var contract = sync.OnceValues(func() (routers.Router, error) {
	for _, kind := range []string{"application/x-ndjson", "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "text/html"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "api", "openapi.yaml"))
	if err != nil {
		return nil, err
	}
	doc.Servers = nil // whatever the port is
	return gorillamux.NewRouter(doc)
})

// checked is a transport that holds every request and every answer to the contract.
type checked struct {
	// wrong is told of what breaks it.
	wrong func(error)
	// hostile says that requests break the contract on purpose; answers must keep it all the same.
	hostile bool
}

// plain has connections of its own, which are closed at the end.
var plain = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

// RoundTrip makes the request. The whole answer is read before it is handed on.
func (c checked) RoundTrip(request *http.Request) (*http.Response, error) {
	router, err := contract()
	if err != nil {
		return nil, err
	}
	var sent []byte
	if request.Body != nil {
		if sent, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		request.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := plain.Transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(received))
	if err := c.check(router, request, response, sent, received); err != nil {
		c.wrong(fmt.Errorf("%s %s → %d %s breaks the contract: %w", request.Method, request.URL.Path, response.StatusCode, clipped(received), err))
	}
	return response, nil
}

func (c checked) check(router routers.Router, request *http.Request, response *http.Response, sent, received []byte) error {
	route, params, err := router.FindRoute(request)
	if err != nil {
		return err
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true}
	in := &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route, Options: options}
	if !c.hostile {
		checkedRequest := request.Clone(request.Context())
		checkedRequest.Body = io.NopCloser(bytes.NewReader(sent))
		in.Request = checkedRequest
		if err := openapi3filter.ValidateRequest(request.Context(), in); err != nil {
			return fmt.Errorf("the request: %w", err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: response.StatusCode, Header: response.Header, Options: options}
	out.SetBodyBytes(received)
	if err := openapi3filter.ValidateResponse(request.Context(), out); err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	if response.StatusCode >= 400 && request.URL.Path != "/readyz" && !strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") {
		return fmt.Errorf("an error of type %q", response.Header.Get("Content-Type"))
	}
	return nil
}

func clipped(b []byte) string {
	const most = 600
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
