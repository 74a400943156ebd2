package elastic

import (
	"bytes"
	"context"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

const (
	// bulkBytes is about how large a request gets; Elasticsearch takes 100 MB.
	bulkBytes = 16 << 20
	// firstPause is before the first repetition; it doubles with each.
	firstPause = 100 * time.Millisecond
	// shardTimeout is how long Elasticsearch waits for a primary shard that is not there. Less than the deadline, so that its words are heard.
	shardTimeout = 3 * time.Second
)

// patiently repeats what the cluster has no room for now, behind growing pauses, as long as ctx lasts.
func patiently(ctx context.Context, do func() error) error {
	var before error // what kept it from being done until now
	for pause := firstPause; ; pause *= 2 {
		err := do()
		if err != nil && ctx.Err() != nil && before != nil {
			return before // says more than that there was no more time
		}
		if err == nil || !passing(ctx, err) {
			return err
		}
		before = err
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return before
		}
	}
}

// passing says that what went wrong may be over in a moment: no room, no answer, a shard that moves. A block or a missing privilege stays.
func passing(ctx context.Context, err error) bool {
	if ctx.Err() != nil || audit.CodeOf(err) != audit.CodeUnavailable {
		return false
	}
	f := cluster.FailureOf(err)
	return f == nil || f.Busy() && f.Type != "cluster_block_exception"
}

// create stores the rows that are open. On an error some may be stored; those that may not stay open.
func (x *Index) create(ctx context.Context, b *batch) error {
	for rows := b.open(); len(rows) > 0; {
		body, n := encodeRows(b.organization, rows)
		if err := x.send(ctx, rows[:n], body); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return x.resolve(ctx, b)
}

// bulkItem is what Elasticsearch says to one item of a bulk.
type bulkItem struct {
	Index  string `json:"_index"`
	Status int
	Error  *struct{ Type, Reason, Index string }
}

// failure is what went wrong with the item, nil where nothing did.
func (i *bulkItem) failure() *cluster.Failure {
	if i.Error == nil && i.Status < http.StatusMultipleChoices {
		return nil
	}
	f := &cluster.Failure{Status: i.Status}
	if i.Error != nil {
		f.Type, f.Reason, f.Index = i.Error.Type, i.Error.Reason, i.Error.Index
	}
	return f
}

// send sends one bulk request and reads the answer item by item. Of several things that went wrong it returns one that stays.
func (x *Index) send(ctx context.Context, rows []*row, body []byte) error {
	var answer struct{ Items []struct{ Create bulkItem } }
	request := esapi.BulkRequest{Index: x.stream, Body: bytes.NewReader(body), Timeout: shardTimeout,
		FilterPath: []string{"items.create._index", "items.create.status", "items.create.error"}}
	if x.requiresStream {
		request.RequireDataStream = &x.requiresStream
	}
	if err := x.client.Call(ctx, request, &answer); err != nil {
		for _, r := range rows {
			r.doubtful = true
		}
		return err
	}
	if len(answer.Items) != len(rows) {
		for _, r := range rows {
			r.doubtful = true
		}
		return cluster.Unavailable(nil, "Elasticsearch answered for %d of %d events", len(answer.Items), len(rows))
	}
	var failed error
	for i, r := range rows {
		if err := r.answered(&answer.Items[i].Create); err != nil && (failed == nil || passing(ctx, failed)) {
			failed = err
		}
	}
	return failed
}

// answered takes in what Elasticsearch said to the row.
func (r *row) answered(item *bulkItem) error {
	f := item.failure()
	switch {
	case f.Conflict():
		r.status = audit.StatusDuplicate
	case f != nil:
		r.doubtful = r.doubtful || f.Status != http.StatusTooManyRequests
		return cluster.ErrorOf(f)
	case item.Status != http.StatusCreated:
		return cluster.Unavailable(nil, "Elasticsearch gave an answer that cannot be read")
	default:
		r.status, r.index = audit.StatusCreated, item.Index
	}
	return nil
}

// resolve looks at rows that are duplicates and may be so of themselves: a request of this very call stored them, and its answer was lost.
func (x *Index) resolve(ctx context.Context, b *batch) error {
	var doubtful []*row
	for i := range b.rows {
		if r := &b.rows[i]; r.doubtful && r.status == audit.StatusDuplicate {
			doubtful = append(doubtful, r)
		}
	}
	if len(doubtful) == 0 {
		return nil
	}
	held, err := x.generations.read(ctx)
	if err != nil {
		return err
	}
	found, err := x.lookUp(ctx, doubtful, func(*row) []string { return held.names() })
	if err != nil {
		return err
	}
	for i, r := range doubtful {
		for _, f := range found[i] {
			if f.received.Equal(r.received) {
				r.status, r.index = audit.StatusCreated, f.index
			}
		}
	}
	return nil
}

// encodeAtOnce is how many events one goroutine encodes.
const encodeAtOnce = 128

// encodeRows makes the body of a bulk request of the first n rows, at least one.
func encodeRows(organization string, rows []*row) (body []byte, n int) {
	parts := make([][]byte, (len(rows)+encodeAtOnce-1)/encodeAtOnce)
	workers := make(chan struct{}, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	size := 0
	for i := range parts {
		part := rows[i*encodeAtOnce : min((i+1)*encodeAtOnce, len(rows))]
		if len(parts) == 1 {
			return encodePart(organization, part), len(part)
		}
		workers <- struct{}{}
		group.Go(func() {
			parts[i] = encodePart(organization, part)
			<-workers
		})
	}
	group.Wait()
	for i, part := range parts {
		if n > 0 && size+len(part) > bulkBytes {
			parts = parts[:i]
			break
		}
		n, size = min((i+1)*encodeAtOnce, len(rows)), size+len(part)
	}
	return bytes.Join(parts, nil), n
}

func encodePart(organization string, rows []*row) []byte {
	w := encoder{dst: make([]byte, 0, 2048*len(rows))}
	for _, r := range rows {
		w.raw(`{"create":{"_id":"` + r.id.text + "\"}}\n")
		w.document(organization, r.event, r.id.key, r.tie, r.received)
	}
	return w.dst
}

// takesRequireDataStream says whether the version of Elasticsearch knows the parameter require_data_stream, by which a write to a data stream that
// is gone, with its template, fails in place of making a plain index.
func takesRequireDataStream(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	minor, minorErr := strconv.Atoi(parts[1])
	return err == nil && minorErr == nil && (major > 8 || major == 8 && minor >= 13)
}
