package api

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/audit"
)

// countingIngester takes everything, and checks that what it is given is valid.
type countingIngester struct{ t testing.TB }

func (c countingIngester) Append(_ context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	statuses := make([]audit.AppendStatus, len(events))
	for i, e := range events {
		if e.ID == "" || e.Validate(today) != nil || organization != "acme" {
			c.t.Errorf("an event that is not valid came through: %+v", e)
		}
		statuses[i] = audit.StatusCreated
	}
	return statuses, nil
}

// noIngester takes everything at once.
type noIngester struct{}

func (noIngester) Append(_ context.Context, _ string, events []*audit.Event) ([]audit.AppendStatus, error) {
	statuses := make([]audit.AppendStatus, len(events))
	for i := range statuses {
		statuses[i] = audit.StatusCreated
	}
	return statuses, nil
}

// know makes the server remember a key, so that it needs no store.
func know(s *Server) (secret string) {
	secret, _, hash := audit.NewKeySecret()
	s.auth.known[credential{hash: [32]byte(hash)}] = &standing{until: today.Add(1000 * time.Hour), use: s.auth.useOf(holder{key: "k"}, today),
		principal: audit.Principal{Organization: "acme", Member: "m", Role: audit.RoleCreator, Key: "k", Scopes: audit.Scopes()}}
	s.auth.uses[holder{key: "k"}].touched = today.Add(1000 * time.Hour)
	return secret
}

func newFastRequest(t testing.TB, s *Server, body []byte, form uint8) *fasthttp.RequestCtx {
	t.Helper()
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetRequestURI("/v1/events")
	ctx.Request.Header.Set("Authorization", "Bearer "+know(s))
	ctx.Request.Header.SetContentType([]string{contentJSON, contentNDJSON}[form%2])
	if form&2 != 0 {
		ctx.Request.Header.Set("Content-Encoding", "gzip")
	}
	ctx.Request.SetBody(body)
	return ctx
}

// The overhead of HTTP: everything that a request of 500 events costs besides the index.
func BenchmarkIngest500(b *testing.B) {
	var lines []string
	for i := range 500 {
		lines = append(lines, eventJSON(fmt.Sprint("0192f6a0-0000-7000-8000-", i), `"outcome":"success"`, `"source":{"ip":"203.0.113.7","platform":"web","user_agent":"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}`,
			`"targets":[{"type":"member","id":"u_42","name":"Bob Lee"}]`, `"message":"Alice Smith added Bob Lee to Sales"`, `"changes":[{"field":"role","old":"member","new":"admin"}]`, `"metadata":{"ticket":"OPS-812"}`))
	}
	body := strings.Join(lines, "\n")
	for _, form := range []struct {
		name string
		body string
		form uint8
	}{{"ndjson", body, 1}, {"array", "[" + strings.Join(lines, ",") + "]", 0}, {"gzip", zipped(b, body), 3}} {
		b.Run(form.name, func(b *testing.B) {
			s := New(Config{Ingester: noIngester{}, Clock: func() time.Time { return today }, Logger: slog.New(slog.DiscardHandler)})
			handler := s.Handler()
			ctx := newFastRequest(b, s, []byte(form.body), form.form)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				ctx.Response.Reset()
				handler(ctx)
				if ctx.Response.StatusCode() != 200 {
					b.Fatal(string(ctx.Response.Body()))
				}
			}
			b.ReportMetric(500*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
	b.Run("decode only", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, line := range lines {
				e, err := audit.DecodeEvent([]byte(line))
				if err != nil || e.Validate(today) != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(500*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

func BenchmarkIngestOne(b *testing.B) {
	s := New(Config{Ingester: noIngester{}, Clock: func() time.Time { return today }, Logger: slog.New(slog.DiscardHandler), Limits: Limits{RatePerSecond: -1}})
	handler := s.Handler()
	ctx := newFastRequest(b, s, []byte(eventJSON("x")), 0)
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		handler(ctx)
	}
	if ctx.Response.StatusCode() != 201 {
		b.Fatal(string(ctx.Response.Body()))
	}
}
