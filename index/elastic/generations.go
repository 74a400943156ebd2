package elastic

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// Elasticsearch refuses a second document of an _id within a backing index only. So there is more to do around a rollover, without asking
// anything twice when there is none:
//
//   - Before events are created, their ids are looked up, in real time, in those older backing indices that may hold them. What there are is read now and
//     then, and when the answer to a bulk names a backing index that was not known.
//   - Another process may still be writing into the older index then: its request was on its way when the rollover came. So for youngFor after a
//     write index was first seen, ids are looked up in the one before it again when they have been created, and once more lateAfter later.
//   - Where both have an event, the older index keeps it and the newer copy is deleted, whoever looks. So nobody ever deletes the only one.
const (
	youngFor  = 15 * time.Second
	lateAfter = 20 * time.Second
	// knownFor is how long the list is believed: a process that does not store anything does not hear of rollovers by answers.
	knownFor = 10 * time.Second
)

// generation is a backing index.
type generation struct {
	name string
	// newest is the latest time of receipt in it; the zero time where that is not known, as it still takes events in.
	newest time.Time
}

// mayHold says whether events that are like the row may be in it: received within the window, or of its time.
func (g generation) mayHold(e *audit.Event, now time.Time) bool {
	return g.newest.IsZero() || !g.newest.Before(now.Add(-audit.DedupeWindow)) || !e.Time.After(g.newest.Add(audit.MaxFuture))
}

// generationList are the backing indices at a moment, oldest first. It is not changed.
type generationList struct {
	all []generation
	// since is when this process first saw the write index.
	since time.Time
}

func (l *generationList) write() string {
	if len(l.all) == 0 {
		return ""
	}
	return l.all[len(l.all)-1].name
}

func (l *generationList) names() []string {
	names := make([]string, len(l.all))
	for i, g := range l.all {
		names[i] = g.name
	}
	return names
}

// before returns the backing indices older than the named one.
func (l *generationList) before(name string) []generation {
	i := slices.IndexFunc(l.all, func(g generation) bool { return g.name == name })
	return l.all[:max(0, i)]
}

// young says that another process may still be writing into the index before the write index.
func (l *generationList) young() bool { return len(l.all) > 1 && time.Since(l.since) < youngFor }

// backingIndices is what is known of the backing indices.
type backingIndices struct {
	client *cluster.Client
	setup  *installer

	mu     sync.Mutex
	list   *generationList
	reread time.Time // when the list is to be read again
}

// known returns the backing indices as they were a moment ago.
func (g *backingIndices) known(ctx context.Context) (*generationList, error) {
	g.mu.Lock()
	list, due := g.list, time.Now().After(g.reread)
	g.mu.Unlock()
	if list != nil && !due {
		return list, nil
	}
	return g.read(ctx)
}

// read asks for the backing indices. A data stream that is not there has none: the first event makes it, by the template.
func (g *backingIndices) read(ctx context.Context) (*generationList, error) {
	found := &state{}
	if err := g.setup.readNames(ctx, found); err != nil {
		return nil, err
	}
	g.mu.Lock()
	before := g.list
	g.mu.Unlock()
	list := &generationList{since: time.Now()}
	for _, b := range found.backing {
		list.all = append(list.all, generation{name: b.name})
	}
	if before != nil && before.write() == list.write() {
		list.since = before.since
	}
	// The last but one is only full once nobody writes into it any more.
	for i := range list.all[:max(0, len(list.all)-1)] {
		older := &list.all[i]
		if i == len(list.all)-2 && list.young() {
			continue
		}
		if before != nil {
			if at := slices.IndexFunc(before.all, func(b generation) bool { return b.name == older.name }); at >= 0 {
				older.newest = before.all[at].newest
			}
		}
		if older.newest.IsZero() {
			newest, err := g.newestOf(ctx, older.name)
			if err != nil {
				return nil, err
			}
			older.newest = newest
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list, g.reread = list, time.Now().Add(knownFor)
	return list, nil
}

// newestOf returns the latest time of receipt of a backing index, and 1970 where it is empty or gone.
func (g *backingIndices) newestOf(ctx context.Context, name string) (time.Time, error) {
	err := g.client.Call(ctx, esapi.IndicesRefreshRequest{Index: []string{name}}, nil)
	if err == nil {
		var answer struct {
			searchState
			Result struct{ Newest struct{ Value float64 } } `json:"aggregations"`
		}
		body := map[string]any{"size": 0, "aggs": map[string]any{"newest": map[string]any{"max": map[string]any{"field": "event.ingested"}}}}
		whole := false
		if err = g.client.Call(ctx, esapi.SearchRequest{Index: []string{name}, Body: bodyOf(body), AllowPartialSearchResults: &whole}, &answer); err == nil {
			return time.UnixMilli(int64(answer.Result.Newest.Value)), answer.incomplete()
		}
	}
	if cluster.FailureOf(err).Missing() {
		return time.UnixMilli(0), nil
	}
	return time.Time{}, err
}

// searchState is the part of a search's answer that says whether it is whole.
type searchState struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Failed int
	} `json:"_shards"`
}

func (s searchState) incomplete() error {
	if s.TimedOut || s.Shards.Failed > 0 {
		return cluster.Unavailable(nil, "Elasticsearch answered for a part of the events only")
	}
	return nil
}

// forget drops the list, which is then read again.
func (g *backingIndices) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = nil
}
