package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// Get implements index.Reader. It reads in real time: what was acknowledged is found at once, whichever process stored it. Of several events of
// an id it returns one.
func (x *Index) Get(ctx context.Context, organization, id string) (audit.Event, error) {
	ctx, leave, err := x.begin(ctx, organization)
	if err != nil {
		return audit.Event{}, err
	}
	defer leave()
	e, err := x.get(ctx, organization, id)
	if err != nil {
		return audit.Event{}, failure(ctx, err)
	}
	if e == nil {
		return audit.Event{}, audit.NotFound("event")
	}
	return *e, nil
}

// get returns nil where there is no such event.
func (x *Index) get(ctx context.Context, organization, id string) (*audit.Event, error) {
	held, err := x.generations.known(ctx)
	if err != nil {
		return nil, err
	}
	e, err := x.getFrom(ctx, organization, id, held.names())
	if e != nil || err != nil {
		return e, err
	}
	// Perhaps another process rolled over a moment ago.
	again, err := x.generations.read(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(again.names(), held.names()) {
		if e, err = x.getFrom(ctx, organization, id, again.names()); e != nil || err != nil {
			return e, err
		}
	}
	return x.getImported(ctx, organization, id)
}

// getFrom looks for the _id in the backing indices.
func (x *Index) getFrom(ctx context.Context, organization, id string, names []string) (*audit.Event, error) {
	if len(names) == 0 {
		return nil, nil
	}
	docs, wanted := make([]any, len(names)), idOf(organization, id).text
	for i, name := range names {
		docs[i] = map[string]any{"_index": name, "_id": wanted}
	}
	var answer struct {
		Docs []struct {
			Found  bool
			Source json.RawMessage `json:"_source"`
			Error  *struct{ Type, Reason string }
		}
	}
	if err := x.client.Call(ctx, esapi.MgetRequest{Body: bodyOf(map[string]any{"docs": docs})}, &answer); err != nil {
		return nil, err
	}
	for _, d := range slices.Backward(answer.Docs) {
		switch {
		case d.Error != nil && d.Error.Type != "index_not_found_exception":
			return nil, cluster.ErrorOf(&cluster.Failure{Status: http.StatusServiceUnavailable, Type: d.Error.Type, Reason: d.Error.Reason})
		case d.Found:
			if e, err := x.readShown(d.Source, organization, id); e != nil || err != nil {
				return e, err
			}
		}
	}
	return nil, nil
}

// readShown reads an event, and returns nil where it is another one or past.
func (x *Index) readShown(source []byte, organization, id string) (*audit.Event, error) {
	d, err := readDocument(source)
	if err != nil {
		return nil, err
	}
	e := d.event()
	if e.Organization != organization || e.ID != id || e.Time.Before(audit.Horizon(x.clock())) {
		return nil, nil
	}
	return &e, nil
}

// getImported looks for an event that was imported and got an _id of its own.
func (x *Index) getImported(ctx context.Context, organization, id string) (*audit.Event, error) {
	body := map[string]any{"size": 1, "track_total_hits": false, "sort": []any{map[string]any{"@timestamp": "desc"}},
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"term": map[string]any{"organization.id": organization}},
			map[string]any{"term": map[string]any{"event.id": id}},
		}}}}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		searchState
		Hits struct {
			Hits []struct {
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	whole, gone := false, true
	request := esapi.SearchRequest{Index: []string{x.stream}, Body: bytes.NewReader(text), AllowPartialSearchResults: &whole, IgnoreUnavailable: &gone}
	if err := x.client.Call(ctx, request, &answer); err != nil {
		return nil, err
	}
	if err := answer.incomplete(); err != nil || len(answer.Hits.Hits) == 0 {
		return nil, err
	}
	return x.readShown(answer.Hits.Hits[0].Source, organization, id)
}
