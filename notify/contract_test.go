package notify_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// startContract puts a proxy before the stand-in that holds both sides to Twilio's published OpenAPI, and returns its address. The
// test fails where a request of ours or an answer of the stand-in breaks it.
func startContract(t *testing.T, target string) string {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromFile("testdata/twilio_create_message.json")
	if err != nil {
		t.Fatal(err)
	}
	document.Servers = openapi3.Servers{{URL: "/"}}
	if err := document.Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: &http.Transport{DisableKeepAlives: true}, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	options := &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
		if _, _, ok := in.RequestValidationInput.Request.BasicAuth(); !ok {
			return in.NewError(nil)
		}
		return nil
	}}
	checked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Errorf("no such route at Twilio: %s %s: %v", r.Method, r.URL, err)
			return
		}
		known := route.Operation.RequestBody.Value.Content["application/x-www-form-urlencoded"].Schema.Value.Properties
		form, _ := url.ParseQuery(string(body))
		for name := range form {
			if known[name] == nil {
				t.Errorf("Twilio has no parameter %q", name)
			}
		}
		input := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			t.Errorf("the request: %v", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		recorded := httptest.NewRecorder()
		proxy.ServeHTTP(recorded, r)
		answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: recorded.Code, Header: recorded.Header(), Options: options}
		answer.SetBodyBytes(recorded.Body.Bytes())
		if err := openapi3filter.ValidateResponse(r.Context(), answer); err != nil {
			t.Errorf("the answer: %v", err)
		}
		checked++
		for name, values := range recorded.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
	}))
	t.Cleanup(func() {
		server.Close()
		if checked == 0 {
			t.Error("nothing went through the contract")
		}
	})
	return server.URL
}
