package erasure

import (
	"context"

	"github.com/audittrail/audittrail/audit"
)

// Get is part of index.Reader.
func (r *Reader) Get(ctx context.Context, organization, id string) (audit.Event, error) {
	e, err := r.events.Get(ctx, organization, id)
	if err != nil {
		return e, err
	}
	list := []audit.Event{e}
	if err := r.hide(ctx, organization, list); err != nil {
		return audit.Event{}, err
	}
	return list[0], nil
}

// Search is part of index.Reader.
func (r *Reader) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	page, err := r.events.Search(ctx, organization, search)
	if err == nil {
		err = r.hide(ctx, organization, page.Events)
	}
	if err != nil {
		return audit.Page{}, err
	}
	return page, nil
}

// Tail is part of index.Tailer.
func (r *Reader) Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error) {
	page, err := r.events.Tail(ctx, organization, checkpoint, limit)
	if err == nil {
		err = r.hide(ctx, organization, page.Events)
	}
	if err != nil {
		return audit.TailPage{}, err
	}
	return page, nil
}

// TailEnd is part of index.Tailer.
func (r *Reader) TailEnd(ctx context.Context, organization string) (string, error) {
	return r.events.TailEnd(ctx, organization)
}

// Summary is part of index.Reader. What it says of people are the labels of actors.
func (r *Reader) Summary(ctx context.Context, organization string, request audit.SummaryRequest) (audit.Summary, error) {
	counts, err := r.events.Summary(ctx, organization, request)
	if err != nil {
		return counts, err
	}
	ids := make([]string, len(counts.Actors.Values))
	for i, v := range counts.Actors.Values {
		ids[i] = v.Value
	}
	p, err := r.Pseudonyms(ctx, organization, ids)
	if err != nil {
		return audit.Summary{}, err
	}
	for i := range counts.Actors.Values {
		v := &counts.Actors.Values[i]
		if pseudonym := p.Of(v.Value); pseudonym != "" {
			v.Label = pseudonym
		}
	}
	return counts, nil
}

// hide puts pseudonyms into the events of one page. The events are the caller's own; what they point to may be shared, and stays as it is.
func (r *Reader) hide(ctx context.Context, organization string, events []audit.Event) error {
	if len(events) == 0 {
		return nil
	}
	m, err := r.memory(ctx, organization)
	if err != nil || !r.mayHave(m) {
		return err
	}
	var ids []string
	for i := range events {
		ids = append(ids, events[i].People()...)
	}
	p, err := r.Pseudonyms(ctx, organization, ids)
	if err != nil {
		return err
	}
	for i := range events {
		events[i] = p.Event(events[i])
	}
	return nil
}

func (r *Reader) mayHave(m *memory) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return m.made
}
