package api

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// pollTimeout bounds each look of a stream at what is new.
const pollTimeout = 10 * time.Second

// feed is what a stream of server-sent events sends.
type feed interface {
	// next returns what is new, as text of the stream. Where the reader may read no more it is CodeUnauthenticated, and the stream ends.
	next(ctx context.Context) (string, error)
	// news is signalled where there is something new before the next regular look; nil where nothing does that.
	news() <-chan struct{}
	// close gives back what the feed holds.
	close()
}

// stream answers with server-sent events, from a feed that begin makes, which also returns the first of them. It ends when the client leaves, the
// reader may read no more, or the server shuts down. HEAD has the headers alone, and begins none.
func (s *Server) stream(r *request, begin func() (feed, string, error)) error {
	if r.c.Method() == http.MethodHead {
		setStreamHeaders(r)
		r.c.Response().SkipBody = true
		r.c.Response().Header.SetContentLength(-1)
		return nil
	}
	if s.streams.Add(1) > int64(s.cfg.Limits.Streams) {
		s.streams.Add(-1)
		return audit.Unavailable(nil, 10*time.Second, "too many streams are open; try again later, or ask without a stream now and then")
	}
	f, first, err := begin()
	if err == nil {
		err = r.c.Context().SetWriteDeadline(s.streamDeadline())
		if err != nil {
			f.close()
		}
	}
	if err != nil {
		s.streams.Add(-1)
		return err
	}
	s.metrics.streams.Inc()
	setStreamHeaders(r)
	r.kept = true
	ctx, cancel, id, conn := r.ctx, r.cancel, r.id, r.c.Context().Conn()
	r.c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer func() {
			f.close()
			cancel()
			s.streams.Add(-1)
			s.metrics.streams.Dec()
			if p := recover(); p != nil {
				s.log.Error("api: stream panicked", slog.String("request_id", id), slog.Any("panic", p))
			}
		}()
		s.runStream(ctx, &streamWriter{w: w, conn: conn, deadline: s.streamDeadline}, f, id, first)
	})
	return nil
}

func setStreamHeaders(r *request) {
	header := &r.c.Response().Header
	header.SetContentType("text/event-stream; charset=utf-8")
	header.Set("X-Accel-Buffering", "no") // proxies must not gather it
	r.c.Response().SetStatusCode(http.StatusOK)
}

func (s *Server) streamDeadline() time.Time { return time.Now().Add(s.cfg.Limits.WriteTimeout) }

// runStream sends the first text, and then what is new.
func (s *Server) runStream(ctx context.Context, out *streamWriter, f feed, id, first string) {
	poll := time.NewTicker(s.cfg.Limits.StreamInterval)
	defer poll.Stop()
	heartbeat := time.NewTicker(s.cfg.Limits.Heartbeat)
	defer heartbeat.Stop()
	for text := ": connected\nretry: 2000\n\n" + first; out.write(text); {
		select {
		case <-ctx.Done():
			return
		case <-s.draining:
			return
		case <-heartbeat.C:
			text = ": still here\n\n"
			continue
		case <-f.news():
		case <-poll.C:
		}
		var err error
		if text, err = nextOf(ctx, f); audit.CodeOf(err) == audit.CodeUnauthenticated {
			return
		} else if err != nil {
			s.log.Warn("api: stream not read", slog.String("request_id", id), slog.Any("error", err))
		}
	}
}

func nextOf(ctx context.Context, f feed) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	return f.next(ctx)
}

// streamWriter writes to a client, each part with a deadline of its own.
type streamWriter struct {
	w        *bufio.Writer
	conn     net.Conn
	deadline func() time.Time
}

// write sends the text and says whether the client is still there.
func (s *streamWriter) write(text string) bool {
	if text == "" {
		return true
	}
	if err := s.conn.SetWriteDeadline(s.deadline()); err != nil {
		return false
	}
	if _, err := s.w.WriteString(text); err != nil {
		return false
	}
	return s.w.Flush() == nil
}
