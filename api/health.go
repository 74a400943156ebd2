package api

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/audittrail/audittrail/audit"
)

const (
	readyTimeout = 3 * time.Second
	// readyLife is how long an answer is good for, so that asking often costs little.
	readyLife = time.Second
)

// readyView is the answer to GET /readyz.
type readyView struct {
	Status string     `json:"status"`
	Parts  []partView `json:"parts"`
}

type partView struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// readiness remembers the last answer.
type readiness struct {
	mu   sync.Mutex
	at   time.Time
	view readyView
}

// healthz is GET /healthz: the process is alive.
func (s *Server) healthz(r *request) error {
	return r.json(http.StatusOK, map[string]string{"status": "ok"})
}

// readyz is GET /readyz: whether every part that is needed works.
func (s *Server) readyz(r *request) error {
	view := s.readiness(r.ctx)
	status := http.StatusOK
	if s.isDraining() {
		view.Status, view.Parts = "down", append([]partView{{Name: "server", State: "down", Detail: "is shutting down"}}, view.Parts...)
	}
	if view.Status != "up" {
		status = http.StatusServiceUnavailable
		r.c.Response().Header.Set("Retry-After", "1")
	}
	return r.json(status, view)
}

func (s *Server) readiness(ctx context.Context) readyView {
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	if s.ready.at.IsZero() || time.Since(s.ready.at) >= readyLife {
		s.ready.view = s.askParts(ctx)
		s.ready.at = time.Now()
	}
	return s.ready.view
}

func (s *Server) askParts(ctx context.Context) readyView {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	view := readyView{Status: "up", Parts: make([]partView, len(s.cfg.Ready))}
	var asked sync.WaitGroup
	for i, part := range s.cfg.Ready {
		asked.Go(func() { view.Parts[i] = s.askPart(ctx, part) })
	}
	asked.Wait()
	for _, part := range view.Parts {
		if part.State != "up" {
			view.Status = "down"
		}
	}
	return view
}

func (s *Server) askPart(ctx context.Context, part ReadyCheck) (view partView) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("api: readiness check panicked", slog.String("part", part.Name), slog.String("panic", fmt.Sprintf("%v\n%s", p, debug.Stack())))
			view = partView{Name: part.Name, State: "down"}
		}
	}()
	err := part.Check(ctx)
	if err == nil {
		return partView{Name: part.Name, State: "up"}
	}
	s.log.Warn("api: a part is not ready", slog.String("part", part.Name), slog.Any("error", err))
	view = partView{Name: part.Name, State: "down"}
	switch shown := clientError(err); shown.Code {
	case audit.CodeUnavailable, audit.CodeConflict, audit.CodeInvalid: // what a person can see to
		view.Detail = shown.Message
	}
	return view
}

// showMetrics is GET /metrics, in the text format of Prometheus.
func (s *Server) showMetrics(r *request) error {
	if s.cfg.Gatherer == nil {
		return audit.NotFound("metrics")
	}
	families, err := s.cfg.Gatherer.Gather()
	if err != nil && len(families) == 0 {
		return err
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	var b bytes.Buffer
	encoder := expfmt.NewEncoder(&b, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	return r.body(http.StatusOK, string(format), b.Bytes())
}
