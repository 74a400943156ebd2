package api

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audittrail/audittrail/audit"
)

// Metrics count what the API does. Labels are route templates, never ids or organizations, so that their number is bounded.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	events   *prometheus.CounterVec
	streams  prometheus.Gauge

	commits        *prometheus.CounterVec
	commitEvents   prometheus.Histogram
	commitRequests prometheus.Histogram
	commitSeconds  prometheus.Histogram
	commitWait     prometheus.Histogram
}

// NewMetrics makes the metrics and registers them; it panics where they are registered already. With nil they are counted and shown nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "audittrail_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "audittrail_" + name, Help: help, Buckets: buckets})
	}
	latency := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	sizes := []float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, audit.MaxScan}
	m := &Metrics{
		requests: counter("http_requests_total", "Requests answered, by route template.", "method", "route", "status"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "audittrail_http_request_seconds",
			Help: "Time to answer a request; of downloads and streams, until the first byte.", Buckets: latency}, []string{"method", "route"}),
		events:         counter("events_total", "Events sent by producers, by what became of them.", "status"),
		streams:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "audittrail_message_streams", Help: "Message streams open now."}),
		commits:        counter("commits_total", "Commits of the index.", "result"),
		commitEvents:   histogram("commit_events", "Events of one commit.", sizes),
		commitRequests: histogram("commit_requests", "Requests that shared one commit.", sizes),
		commitSeconds:  histogram("commit_seconds", "Time the index took for one commit.", latency),
		commitWait:     histogram("commit_wait_seconds", "Time the request that waited longest was queued before its commit.", latency),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.seconds, m.events, m.streams, m.commits, m.commitEvents, m.commitRequests, m.commitSeconds, m.commitWait)
	}
	return m
}

// ObserveCommit takes note of one commit: how many requests shared it, how many events it had, how long the first of them waited
// and how long the index took. It does not block.
func (m *Metrics) ObserveCommit(requests, events int, wait, commit time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.commits.WithLabelValues(result).Inc()
	m.commitEvents.Observe(float64(events))
	m.commitRequests.Observe(float64(requests))
	m.commitWait.Observe(wait.Seconds())
	m.commitSeconds.Observe(commit.Seconds())
}

func (m *Metrics) observeRequest(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
}

func (m *Metrics) observeEvents(created, duplicates, rejected int) {
	for _, outcome := range [...]struct {
		status audit.AppendStatus
		n      int
	}{{audit.StatusCreated, created}, {audit.StatusDuplicate, duplicates}, {audit.StatusRejected, rejected}} {
		if outcome.n > 0 {
			m.events.WithLabelValues(string(outcome.status)).Add(float64(outcome.n))
		}
	}
}
