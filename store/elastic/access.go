package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// call sends one request, within callTimeout.
func (s *Store) call(ctx context.Context, request esapi.Request, result any) error {
	if s.closed.Load() {
		return errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.client.Call(ctx, request, result)
}

// stored is a document as it was read, with what tells whether it is still the same when it is written.
type stored struct {
	document
	seqNo, term int64
}

// answered is a document in an answer of _mget or _search.
type answered struct {
	ID     string          `json:"_id"`
	Found  bool            `json:"found"`
	SeqNo  int64           `json:"_seq_no"`
	Term   int64           `json:"_primary_term"`
	Source json.RawMessage `json:"_source"`
	Error  *itemError      `json:"error"`
}

type itemError struct{ Type, Reason, Index string }

func (a *answered) read() (*stored, error) {
	d := &stored{seqNo: a.SeqNo, term: a.Term}
	if err := json.Unmarshal(a.Source, &d.document); err != nil {
		return nil, audit.WithCause(audit.CodeInternal, err, "a stored record cannot be read")
	}
	return d, nil
}

// get reads one document in real time; nil where there is none.
func (s *Store) get(ctx context.Context, id string) (*stored, error) {
	list, err := s.getAll(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// getAll reads documents in real time, nil for each that is not there; fields names what of them is wanted, none means all.
func (s *Store) getAll(ctx context.Context, ids []string, fields ...string) ([]*stored, error) {
	if err := apart(ids...); err != nil {
		return nil, err
	}
	docs := make([]map[string]any, len(ids))
	for i, id := range ids {
		docs[i] = map[string]any{"_id": id}
	}
	body, err := json.Marshal(map[string]any{"docs": docs})
	if err != nil {
		return nil, err
	}
	var answer struct{ Docs []answered }
	if err := s.call(ctx, esapi.MgetRequest{Index: s.alias, Body: bytes.NewReader(body), SourceIncludes: fields}, &answer); err != nil {
		return nil, err
	}
	if len(answer.Docs) != len(ids) {
		return nil, cluster.Unavailable(nil, "Elasticsearch answered %d of %d records", len(answer.Docs), len(ids))
	}
	list := make([]*stored, len(ids))
	for i := range answer.Docs {
		a := &answer.Docs[i]
		switch {
		case a.Error != nil:
			return nil, cluster.ErrorOf(&cluster.Failure{Status: statusOf(a.Error), Type: a.Error.Type, Reason: a.Error.Reason, Index: a.Error.Index})
		case a.ID != ids[i]:
			return nil, cluster.Unavailable(nil, "Elasticsearch answered another record than the one asked for")
		case !a.Found:
			continue
		}
		if list[i], err = a.read(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// statusOf is the status of an error that comes without one.
func statusOf(e *itemError) int {
	if e.Type == "index_not_found_exception" {
		return http.StatusNotFound
	}
	return http.StatusServiceUnavailable // a shard that is not there, or too much to do
}

// write is one write of a bulk. The action is create, index, update (of the fields in body) or delete.
type write struct {
	action string
	id     string
	body   any
	// was is what was read: the write is done only where the document is still that; nil: whatever there is.
	was *stored
}

// outcome is what became of a write.
type outcome struct {
	seqNo, term int64
	missing     bool // what was to be updated or deleted is not there
	raced       bool // another writer was first, or what was to be created is there
}

// apply does one write; a lost race is errRaced.
func (s *Store) apply(ctx context.Context, w write) (outcome, error) {
	outcomes, err := s.applyAll(ctx, []write{w})
	if err != nil {
		return outcome{}, err
	}
	if outcomes[0].raced {
		return outcome{}, errRaced
	}
	return outcomes[0], nil
}

// applyAll does writes, each by itself. Lost races and documents that are not there are outcomes, everything else is an error;
// after an error any of the writes may have been done.
func (s *Store) applyAll(ctx context.Context, writes []write) ([]outcome, error) {
	for _, w := range writes {
		if err := apart(w.id); err != nil {
			return nil, err
		}
	}
	body, err := encode(writes)
	if err != nil {
		return nil, err
	}
	only := true // never make an index because a record is written
	var answer struct {
		Items []map[string]struct {
			Status int
			SeqNo  int64 `json:"_seq_no"`
			Term   int64 `json:"_primary_term"`
			Error  *itemError
		}
	}
	if err := s.call(ctx, esapi.BulkRequest{Index: s.alias, Body: bytes.NewReader(body), RequireAlias: &only}, &answer); err != nil {
		return nil, err
	}
	if len(answer.Items) != len(writes) {
		return nil, cluster.Unavailable(nil, "Elasticsearch answered %d of %d writes", len(answer.Items), len(writes))
	}
	outcomes := make([]outcome, len(writes))
	for i := range writes {
		item := answer.Items[i][writes[i].action]
		outcomes[i] = outcome{seqNo: item.SeqNo, term: item.Term}
		switch {
		case item.Status == http.StatusConflict:
			outcomes[i].raced = true
		case item.Status == http.StatusNotFound && (item.Error == nil || item.Error.Type == "document_missing_exception"):
			outcomes[i].missing = true
		case item.Error != nil:
			return nil, cluster.ErrorOf(&cluster.Failure{Status: item.Status, Type: item.Error.Type, Reason: item.Error.Reason, Index: item.Error.Index})
		case item.Status < http.StatusOK || item.Status >= http.StatusMultipleChoices:
			return nil, cluster.ErrorOf(&cluster.Failure{Status: item.Status, Type: "no error", Reason: "the item says nothing more"})
		}
	}
	return outcomes, nil
}

// encode writes the lines of a bulk.
func encode(writes []write) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	for _, w := range writes {
		meta := map[string]any{"_id": w.id}
		if w.was != nil {
			meta["if_seq_no"], meta["if_primary_term"] = w.was.seqNo, w.was.term
		}
		lines := []any{map[string]any{w.action: meta}}
		switch w.action {
		case "delete":
		case "update":
			lines = append(lines, map[string]any{"doc": w.body})
		default:
			lines = append(lines, w.body)
		}
		for _, line := range lines {
			if err := encoder.Encode(line); err != nil {
				return nil, audit.WithCause(audit.CodeInternal, err, "could not encode the record")
			}
		}
	}
	return buffer.Bytes(), nil
}

// maxRaces is how often a write is tried anew when others are first. Each time one of them got through.
const maxRaces = 100

// untilFirst runs attempt until it does not lose a race.
func untilFirst(ctx context.Context, attempt func() error) error {
	for n := 0; ; n++ {
		err := attempt()
		if err != errRaced || n >= maxRaces { //nolint:errorlint // only apply's own word, not that of an attempt within
			return err
		}
		pause := time.NewTimer(rand.N(time.Millisecond << min(n, 6))) //nolint:gosec // so that writers do not meet again; nobody gains by guessing it
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}
