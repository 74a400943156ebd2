package elastic

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// copyOf is an event that is stored under an _id, in one of the backing indices.
type copyOf struct {
	index          string
	time, received time.Time
}

// gotten is an item of the answer to a multi-get.
type gotten struct {
	Index  string `json:"_index"`
	Found  bool
	Source struct {
		Time  time.Time `json:"@timestamp"`
		Event struct{ Ingested time.Time }
	} `json:"_source"`
	Error *struct{ Type, Reason string }
}

// lookUp returns, for each row, what is stored under its _id in the backing indices that are named for it, in their order. It reads in real time.
func (x *Index) lookUp(ctx context.Context, rows []*row, where func(*row) []string) ([][]copyOf, error) {
	found := make([][]copyOf, len(rows))
	body := []byte(`{"docs":[`)
	var of []int
	for i, r := range rows {
		for _, name := range where(r) {
			if len(of) > 0 {
				body = append(body, ',')
			}
			body = append(body, `{"_index":"`+name+`","_id":"`+r.id.text+`"}`...)
			of = append(of, i)
		}
	}
	if len(of) == 0 {
		return found, nil
	}
	var answer struct{ Docs []gotten }
	request := esapi.MgetRequest{Body: bytes.NewReader(append(body, "]}"...)), SourceIncludes: []string{"@timestamp", "event.ingested"}}
	if err := x.client.Call(ctx, request, &answer); err != nil {
		return nil, err
	}
	if len(answer.Docs) != len(of) {
		return nil, cluster.Unavailable(nil, "Elasticsearch answered for %d of %d events", len(answer.Docs), len(of))
	}
	for i, d := range answer.Docs {
		switch {
		case d.Error != nil && d.Error.Type == "index_not_found_exception":
			x.generations.forget() // deleted, as all of it was past
		case d.Error != nil:
			f := &cluster.Failure{Status: http.StatusServiceUnavailable, Type: d.Error.Type, Reason: d.Error.Reason}
			return nil, cluster.ErrorOf(f)
		case d.Found:
			found[of[i]] = append(found[of[i]], copyOf{index: d.Index, time: d.Source.Time, received: d.Source.Event.Ingested})
		}
	}
	return found, nil
}

// same says whether the row is a duplicate of the copy.
func (r *row) same(c copyOf, now time.Time) bool {
	return near(c.received, now) || c.time.Equal(r.event.Time.Truncate(audit.TimePrecision))
}

// same says whether two copies are of the same event: they are not where its id was used again.
func (c copyOf) same(d copyOf) bool { return near(c.received, d.received) || c.time.Equal(d.time) }

// findElsewhere marks the rows that older backing indices hold.
func (x *Index) findElsewhere(ctx context.Context, rows []*row, held *generationList) error {
	older, now := held.before(held.write()), x.clock()
	if len(older) == 0 {
		return nil
	}
	found, err := x.lookUp(ctx, rows, func(r *row) []string { return holding(older, r, now) })
	if err != nil {
		return err
	}
	for i, r := range rows {
		if slices.ContainsFunc(found[i], func(c copyOf) bool { return r.same(c, now) }) {
			r.status = audit.StatusDuplicate
		}
	}
	return nil
}

// holding names the generations that may hold the row.
func holding(list []generation, r *row, now time.Time) []string {
	var names []string
	for _, g := range list {
		if g.mayHold(r.event, now) {
			names = append(names, g.name)
		}
	}
	return names
}

// findImported marks imported rows that are stored, and gives those another _id whose own belongs to an event received long before or after.
func (x *Index) findImported(ctx context.Context, b *batch, held *generationList) error {
	names := held.names()
	for rows := b.open(); len(rows) > 0; {
		found, err := x.lookUp(ctx, rows, func(*row) []string { return names })
		if err != nil {
			return err
		}
		var again []*row
		for i, r := range rows {
			later := laterIDOf(b.organization, r.event.ID, r.received)
			switch {
			case len(found[i]) == 0:
			case slices.ContainsFunc(found[i], func(c copyOf) bool { return near(c.received, r.received) }):
				r.status = audit.StatusDuplicate
			case r.id != later:
				r.id = later
				again = append(again, r)
			}
		}
		rows = again
	}
	return nil
}

// afterwards looks again, where a rollover came in between or was a moment ago, for what another process stored in an older backing index
// meanwhile. That one stays, and the copy of this call goes.
func (x *Index) afterwards(ctx context.Context, b *batch, before *generationList) error {
	write := before.write()
	var moved, created []*row
	for i := range b.rows {
		if r := &b.rows[i]; r.status == audit.StatusCreated {
			created = append(created, r)
			if r.index != write {
				moved = append(moved, r)
			}
		}
	}
	now := before
	if len(moved) > 0 {
		var err error
		if now, err = x.generations.read(ctx); err != nil {
			return err
		}
	} else if !now.young() {
		return nil
	}
	return x.yield(ctx, created, now)
}

// yield deletes the copies of rows that an older backing index holds as well, and makes the rows duplicates. The rest is
// looked at again later.
func (x *Index) yield(ctx context.Context, rows []*row, list *generationList) error {
	doomed, err := x.twice(ctx, rows, list)
	if err == nil {
		err = x.remove(ctx, doomed)
	}
	if err != nil {
		return err
	}
	for _, r := range doomed {
		r.status = audit.StatusDuplicate
	}
	x.late.add(rows)
	return nil
}

// twice returns the rows of which an older backing index holds a copy as well.
func (x *Index) twice(ctx context.Context, rows []*row, list *generationList) ([]*row, error) {
	now := x.clock()
	found, err := x.lookUp(ctx, rows, func(r *row) []string { return holding(list.before(r.index), r, now) })
	if err != nil {
		return nil, err
	}
	var doomed []*row
	for i, r := range rows {
		if slices.ContainsFunc(found[i], func(c copyOf) bool { return r.same(c, now) }) {
			doomed = append(doomed, r)
		}
	}
	return doomed, nil
}

// remove deletes rows from the backing indices that took them.
func (x *Index) remove(ctx context.Context, rows []*row) error {
	if len(rows) == 0 {
		return nil
	}
	var body []byte
	for _, r := range rows {
		body = append(body, `{"delete":{"_index":`+strconv.Quote(r.index)+`,"_id":"`+r.id.text+"\"}}\n"...)
	}
	var answer struct {
		Items []struct{ Delete bulkItem }
	}
	if err := x.client.Call(ctx, esapi.BulkRequest{Body: bytes.NewReader(body), Timeout: shardTimeout}, &answer); err != nil {
		return err
	}
	for _, item := range answer.Items {
		if f := item.Delete.failure(); f != nil && !f.Missing() {
			return cluster.ErrorOf(f)
		}
	}
	return nil
}
