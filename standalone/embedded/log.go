package embedded

import (
	"context"
	"log/slog"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logger hands Temporal's log to slog, from warnings on: what it says below that is about its own insides. While the server starts or
// stops nothing is written: its services then complain about one another, and what matters comes back as an error.
type logger struct {
	to      *slog.Logger
	settled *atomic.Bool
}

var _ log.WithLogger = logger{}

func (l logger) write(level slog.Level, msg string, tags []tag.Tag) {
	ctx := context.Background()
	if !l.settled.Load() || !l.to.Enabled(ctx, level) {
		return
	}
	l.to.LogAttrs(ctx, level, msg, attributes(tags)...)
}

func attributes(tags []tag.Tag) []slog.Attr {
	attrs := make([]slog.Attr, 0, len(tags))
	for _, t := range tags {
		attrs = append(attrs, slog.Any(t.Key(), t.Value()))
	}
	return attrs
}

func (l logger) Debug(string, ...tag.Tag) {}
func (l logger) Info(string, ...tag.Tag)  {}

func (l logger) Warn(msg string, tags ...tag.Tag)   { l.write(slog.LevelWarn, msg, tags) }
func (l logger) Error(msg string, tags ...tag.Tag)  { l.write(slog.LevelError, msg, tags) }
func (l logger) DPanic(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// Panic and Fatal are for states that the server cannot go on from; callers rely on them not to return.
func (l logger) Panic(msg string, tags ...tag.Tag) {
	l.to.LogAttrs(context.Background(), slog.LevelError, msg, attributes(tags)...)
	panic("embedded Temporal: " + msg)
}

func (l logger) Fatal(msg string, tags ...tag.Tag) { l.Panic(msg, tags...) }

// With returns a logger that adds the tags to all it writes.
func (l logger) With(tags ...tag.Tag) log.Logger {
	return logger{slog.New(l.to.Handler().WithAttrs(attributes(tags))), l.settled}
}
