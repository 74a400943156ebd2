package elastic

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// put writes a record optimistically: it creates the document where read, the version that the caller read, is 0, and else replaces the
// one of that version; CodeConflict where another writer was first. The document carries the new version, read + 1.
func (s *Store) put(ctx context.Context, d document, read int64, record any) (err error) {
	doing := "write the " + string(d.Kind)
	if d.Body, err = marshal(record); err != nil {
		return err
	}
	d.Version = read + 1
	w := write{action: "create", id: docID(d.Kind, d.Organization, d.ID), body: &d}
	if read != 0 {
		w.action = "index"
		if w.was, err = s.get(ctx, w.id); err != nil {
			return fault(err, doing)
		}
		if w.was == nil || w.was.Version != read {
			return errChanged()
		}
	}
	if _, err = s.apply(ctx, w); err == errRaced { //nolint:errorlint // apply's own
		return errChanged()
	}
	return fault(err, doing)
}

func errChanged() error {
	return audit.Errorf(audit.CodeConflict, "it was changed by someone else since it was read; read it again")
}

// one reads a single document in real time; CodeNotFound with its kind where there is none.
func (s *Store) one(ctx context.Context, k kind, organization, id string) (*stored, error) {
	if !findable(id) || organization != "" && !findable(organization) {
		return nil, audit.NotFound(string(k))
	}
	d, err := s.get(ctx, docID(k, organization, id))
	if err != nil {
		return nil, fault(err, "read the "+string(k))
	}
	if d == nil {
		return nil, audit.NotFound(string(k))
	}
	return d, nil
}

// listing is a list of documents in an order that is the same every time.
type listing struct {
	kind    kind
	filters []map[string]any
	// byTime sorts by time and then id, else by id alone; descending turns both round.
	byTime, descending bool
	fields             []string // what of the documents is wanted; nil: all
}

// of restricts a listing to a value of a field; more than one are alternatives.
func of(field string, values ...string) map[string]any {
	return map[string]any{"terms": map[string]any{field: values}}
}

// query is the part of a search that chooses documents.
func (l listing) query() map[string]any {
	return map[string]any{"bool": map[string]any{"filter": append([]map[string]any{of("kind", string(l.kind))}, l.filters...)}}
}

// position is where a document stands in the listing.
func (l listing) position(d *document) []any {
	if l.byTime {
		return []any{d.At, d.ID}
	}
	return []any{d.ID}
}

func (l listing) sort() []map[string]any {
	order := "asc"
	if l.descending {
		order = "desc"
	}
	by := []map[string]any{}
	if l.byTime {
		by = append(by, map[string]any{"at": order})
	}
	return append(by, map[string]any{"id": order})
}

// page reads at most limit documents of a listing behind the position after; nil begins with the first. It does not refresh.
func (s *Store) page(ctx context.Context, l listing, after []any, limit int) ([]*stored, error) {
	if err := l.apart(); err != nil {
		return nil, err
	}
	request := map[string]any{"query": l.query(), "sort": l.sort(), "size": limit, "track_total_hits": false}
	if after != nil {
		request["search_after"] = after
	}
	if l.fields != nil {
		request["_source"] = l.fields
	}
	answer, err := s.search(ctx, request)
	if err != nil {
		return nil, err
	}
	list := make([]*stored, len(answer.Hits.Hits))
	for i := range answer.Hits.Hits {
		if list[i], err = answer.Hits.Hits[i].read(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// found is what a search answers.
type found struct {
	TimedOut bool                 `json:"timed_out"`
	Shards   struct{ Failed int } `json:"_shards"`
	Hits     struct {
		Total struct{ Value int }
		Hits  []answered
	}
}

// search runs one search; an answer of which a part is missing is an error.
func (s *Store) search(ctx context.Context, request map[string]any) (*found, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	partial := false
	var answer found
	if err := s.call(ctx, esapi.SearchRequest{Index: []string{s.alias}, Body: bytes.NewReader(body), AllowPartialSearchResults: &partial}, &answer); err != nil {
		return nil, err
	}
	if answer.TimedOut || answer.Shards.Failed > 0 {
		return nil, cluster.Unavailable(nil, "a shard of the records does not answer")
	}
	return &answer, nil
}

// chunk is how many documents a list without a limit reads at a time. An organization may have megabytes of actions of its own.
const chunk = 200

// each reads a whole listing, chunk by chunk.
func (s *Store) each(ctx context.Context, l listing, size int, do func(*stored) error) error {
	if err := s.fresh.Do(ctx); err != nil {
		return err
	}
	for after := []any(nil); ; {
		list, err := s.page(ctx, l, after, size)
		if err != nil {
			return err
		}
		for _, d := range list {
			if err := do(d); err != nil {
				return err
			}
		}
		if len(list) < size {
			return nil
		}
		after = l.position(&list[len(list)-1].document)
	}
}

// all reads every record of a listing; none is an empty list.
func all[T any](ctx context.Context, s *Store, what string, l listing, read func(*stored) (T, error)) ([]T, error) {
	list := []T{}
	err := s.each(ctx, l, chunk, func(d *stored) error {
		record, err := read(d)
		list = append(list, record)
		return err
	})
	if err != nil {
		return nil, fault(err, "list "+what)
	}
	return list, nil
}

const maxPage = 1000

func validLimit(limit int) error {
	if limit < 1 || limit > maxPage {
		return audit.InvalidField("limit", "is %d; 1 to %d is allowed", limit, maxPage)
	}
	return nil
}

// newest reads a page of an organization's list by time, newest first and of the same millisecond by descending id, behind the record of id
// after. Owner is whose list it is, nil everyone's. Only leaves out of the list what it does not match; the record of id after may be left out.
func newest[T any](ctx context.Context, s *Store, k kind, organization string, owner *string, after string, limit int, read func(*stored) (T, error),
	only ...map[string]any) ([]T, error) {
	if err := validLimit(limit); err != nil {
		return nil, err
	}
	l := listing{kind: k, filters: []map[string]any{of("organization", organization)}, byTime: true, descending: true}
	if owner != nil {
		l.filters = append(l.filters, of("owner", *owner))
	}
	l.filters = append(l.filters, only...)
	doing := "list " + string(k) + "s"
	var position []any
	if after != "" {
		d, err := s.one(ctx, k, organization, after)
		if code := audit.CodeOf(err); code != "" && code != audit.CodeNotFound {
			return nil, err
		}
		if err != nil || owner != nil && d.Owner != *owner {
			return nil, audit.InvalidField("after", "is not in the list")
		}
		position = l.position(&d.document)
	}
	if !findable(organization) || owner != nil && !findable(*owner) {
		return []T{}, lost(organization)
	}
	if err := s.fresh.Do(ctx); err != nil {
		return nil, fault(err, doing)
	}
	page, err := s.page(ctx, l, position, limit)
	if err != nil {
		return nil, fault(err, doing)
	}
	list := make([]T, len(page))
	for i, d := range page {
		if list[i], err = read(d); err != nil {
			return nil, err
		}
	}
	return list, nil
}
