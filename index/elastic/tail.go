package elastic

import (
	"context"
	"slices"

	"github.com/audittrail/audittrail/audit"
)

// Events are tailed in the order of (event.ingested, audit.key). Any number of processes store them, and one that is stamped earlier may become
// visible later: at most settleAfter later than its stamp, as a commit that takes longer has failed. So a checkpoint holds, beside the
// place up to which nothing more can come, the keys of the events behind it that were returned, and every Tail reads on from that place. It
// refreshes first: what was acknowledged before it began is returned.

// Tail implements index.Tailer.
func (x *Index) Tail(ctx context.Context, organization, text string, limit int) (audit.TailPage, error) {
	if limit < 1 || limit > audit.MaxScan {
		return audit.TailPage{}, audit.InvalidField("limit", "must be 1 to %d", audit.MaxScan)
	}
	at, err := parseCheckpoint(organization, text)
	if err != nil {
		return audit.TailPage{}, err
	}
	ctx, leave, err := x.reading(ctx, organization)
	if err != nil {
		return audit.TailPage{}, err
	}
	defer leave()
	for {
		before := x.stamps.watch(organization)
		t := tailRun{Index: x, organization: organization, at: at, limit: limit, stable: x.clock().Add(-settleAfter).UnixMilli()}
		page, err := t.page(ctx, before)
		if err != nil {
			return audit.TailPage{}, err
		}
		if len(page.Events) > 0 || !t.early {
			if len(page.Events) == 0 && text != "" {
				page.Checkpoint = text // nothing has moved
			}
			return page, nil
		}
		if err := before.end(ctx); err != nil {
			return audit.TailPage{}, failure(ctx, err)
		}
	}
}

// tailRun is one read of the tail.
type tailRun struct {
	*Index
	organization string
	at           checkpoint
	limit        int
	// stable is the stamp before which nothing more comes, as far as what is visible now.
	stable int64
	// early says that an event was left for later, as one with an earlier stamp may come of this very process.
	early bool
}

func (t *tailRun) page(ctx context.Context, before watched) (audit.TailPage, error) {
	now := t.clock()
	if err := t.refresh(ctx); err != nil {
		return audit.TailPage{}, err
	}
	found, err := t.ask(ctx, t.scopeOf(t.organization).with(from(fieldIngested, max(t.at.floor.ms, 0)), not(terms(fieldKey, t.at.keys()))), request{
		"size": t.limit + 1, "track_total_hits": false, "sort": []clause{{fieldIngested: "asc"}, {fieldKey: "asc"}},
		"search_after": []int64{t.at.floor.ms, t.at.floor.key},
	})
	if err != nil {
		return audit.TailPage{}, err
	}
	hits, more, cut := t.take(found.Hits.Hits, before.bound(&t.stamps))
	page := audit.TailPage{Events: make([]audit.Event, 0, len(hits)), More: more || t.early}
	for i := range hits {
		d, err := readDocument(hits[i].Source)
		if err != nil {
			return audit.TailPage{}, err
		}
		page.Events = append(page.Events, d.event())
	}
	places := placesOf(hits)
	t.at.note(places)
	switch {
	case !cut:
		t.at.rest(t.stable, now)
	case len(places) > 0:
		last := places[len(places)-1]
		if final := endBefore(t.stable); final.compare(last) < 0 {
			last = final
		}
		t.at.raise(last)
	}
	page.Checkpoint = t.at.text(t.organization)
	return page, nil
}

// take returns the hits that go into the page, whether the next page has more, and whether any was left.
func (t *tailRun) take(hits []hit, bound int64) (taken []hit, more, cut bool) {
	room := maxSeen - t.at.young(t.stable)
	for i := range hits {
		switch ms := hits[i].Sort[0]; {
		case i == t.limit:
			return hits[:i], true, true
		case ms > bound:
			t.early = true
			return hits[:i], false, true
		case ms >= t.stable:
			if room--; room < 0 {
				return hits[:i], false, true
			}
		}
	}
	return hits, false, false
}

func placesOf(hits []hit) []place {
	places := make([]place, len(hits))
	for i := range hits {
		places[i] = place{hits[i].Sort[0], hits[i].Sort[1]}
	}
	return places
}

// TailEnd implements index.Tailer. Where more than maxSeen events arrived within the last seconds, events that are stamped before those, and are not
// visible yet, are taken for seen.
func (x *Index) TailEnd(ctx context.Context, organization string) (string, error) {
	ctx, leave, err := x.reading(ctx, organization)
	if err != nil {
		return "", err
	}
	defer leave()
	now := x.clock()
	if err := x.refresh(ctx); err != nil {
		return "", err
	}
	found, err := x.ask(ctx, x.scopeOf(organization), request{"size": maxSeen + 1, "track_total_hits": false, "stored_fields": noStored,
		"sort": []clause{{fieldIngested: "desc"}, {fieldKey: "desc"}}})
	if err != nil {
		return "", err
	}
	at := checkpoint{floor: endBefore(0), seen: placesOf(found.Hits.Hits)}
	slices.SortFunc(at.seen, place.compare)
	if len(at.seen) > maxSeen {
		at.raise(at.seen[0])
	}
	at.rest(now.Add(-settleAfter).UnixMilli(), now)
	return at.text(organization), nil
}
