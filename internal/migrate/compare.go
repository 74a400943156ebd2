package migrate

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// What a Row is about.
const (
	WhatEvents  = "events"
	WhatRecords = "records"
)

// Row compares one part of an organization on both sides.
type Row struct {
	// Organization is "" for what belongs to none.
	Organization string `json:"organization"`
	What         string `json:"what"`
	// Part is the month of the events' time, as "2026-05", or the kind of the records.
	Part   string `json:"part"`
	Source Sum    `json:"source"`
	Target Sum    `json:"target"`
	Same   bool   `json:"same"`
}

// compare reads both sides, side by side. It goes by what they answer now, not by what was copied.
func (m *mover) compare(ctx context.Context) error {
	m.done, m.now = 0, 0
	var mu sync.Mutex // of progress
	for _, o := range m.orgs {
		read := func(organization string, n int) {
			mu.Lock()
			defer mu.Unlock()
			m.done, m.now = m.done+int64(n), m.now+int64(n)
			m.tell(StepCompare, organization)
		}
		err := m.both(ctx, o.id, WhatEvents, func(ctx context.Context, p Place) (map[string]*sum, error) {
			return m.sumEvents(ctx, p, o.id, read)
		})
		if err != nil {
			return err
		}
		err = m.both(ctx, o.id, WhatRecords, func(ctx context.Context, p Place) (map[string]*sum, error) {
			return m.sumRecords(ctx, p, o.id)
		})
		if err != nil {
			return err
		}
	}
	if m.KeepSecrets {
		return nil
	}
	ours, err := m.secretsOf(ctx, m.From)
	if err != nil {
		return err
	}
	return m.both(ctx, "", WhatRecords, func(ctx context.Context, p Place) (map[string]*sum, error) { return m.sumSecrets(ctx, p, ours) })
}

// both sums both sides up, at the same time, and adds a row for each part that one of them has.
func (m *mover) both(ctx context.Context, organization, what string, sumUp func(context.Context, Place) (map[string]*sum, error)) error {
	var source, target map[string]*sum
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { source, err = sumUp(groupCtx, m.From); return err })
	group.Go(func() (err error) { target, err = sumUp(groupCtx, m.To); return err })
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	parts := map[string]bool{}
	for part := range source {
		parts[part] = true
	}
	for part := range target {
		parts[part] = true
	}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		row := Row{Organization: organization, What: what, Part: part, Source: source[part].sum(), Target: target[part].sum()}
		row.Same = row.Source == row.Target
		m.report.Rows = append(m.report.Rows, row)
	}
	return nil
}

// sumEvents sums the events of an organization up by month.
func (m *mover) sumEvents(ctx context.Context, p Place, organization string, read func(organization string, n int)) (map[string]*sum, error) {
	months := map[string]*sum{}
	var text []byte
	for search := (audit.Search{Limit: m.page}); ; {
		page, err := try(ctx, m, func() (audit.Page, error) { return p.Events.Search(ctx, organization, search) })
		if err != nil {
			return nil, err
		}
		for i := range page.Events {
			e := &page.Events[i]
			text = e.AppendJSON(text[:0])
			sumOf(months, e.Time.UTC().Format("2006-01")).add(text)
		}
		read(organization, len(page.Events))
		if page.Next == nil {
			return months, nil
		}
		search.After = page.Next
	}
}

func sumOf(sums map[string]*sum, part string) *sum {
	if sums[part] == nil {
		sums[part] = &sum{}
	}
	return sums[part]
}

// sumRecords sums the records of an organization up by kind, its own among them.
func (m *mover) sumRecords(ctx context.Context, p Place, organization string) (map[string]*sum, error) {
	kinds := map[string]*sum{}
	org, err := try(ctx, m, func() (audit.Organization, error) { return p.Records.Organization(ctx, organization) })
	if err != nil {
		return nil, err
	}
	if err := m.addRecord(ctx, p, kinds, store.Record{Organization: &org}); err != nil {
		return nil, err
	}
	for _, kind := range owned {
		err := m.each(ctx, p, organization, kind, func(list []store.Record) error {
			for _, r := range list {
				if err := m.addRecord(ctx, p, kinds, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return kinds, nil
}

// sumSecrets sums the secrets of these names up.
func (m *mover) sumSecrets(ctx context.Context, p Place, names []store.Secret) (map[string]*sum, error) {
	secrets, err := m.secretsOf(ctx, p)
	if err != nil {
		return nil, err
	}
	kinds := map[string]*sum{}
	for _, s := range secrets {
		if !slices.ContainsFunc(names, func(n store.Secret) bool { return n.Name == s.Name }) {
			continue // of the target's other organizations
		}
		if err := m.addRecord(ctx, p, kinds, store.Record{Secret: &s}); err != nil {
			return nil, err
		}
	}
	return kinds, nil
}

func (m *mover) addRecord(ctx context.Context, p Place, kinds map[string]*sum, r store.Record) error {
	if r.Checkpoint != nil && r.Checkpoint.Name == noteName {
		return nil
	}
	text, err := m.canonical(ctx, p, r)
	if err != nil {
		return err
	}
	sumOf(kinds, string(r.Kind())).add(text)
	return nil
}

// canonical is a record as bytes, with what its own JSON leaves out. A checkpoint, which each engine writes in its own way, is when the next event
// behind it was received.
func (m *mover) canonical(ctx context.Context, p Place, r store.Record) ([]byte, error) {
	switch r.Kind() {
	case store.KindKey:
		return json.Marshal([]any{r.Key, r.Key.Organization, r.Key.Hash})
	case store.KindMessage:
		return json.Marshal([]any{r.Message, r.Message.Organization, r.Message.Member})
	case store.KindCheckpoint:
		front, checkpoint, ok := tailCheckpoint(r.Checkpoint)
		if ok {
			_, next, err := m.stands(ctx, p, r.Checkpoint.Organization, checkpoint)
			if err == nil {
				return json.Marshal([]any{r.Checkpoint.Name, front, next.UTC().Format(time.RFC3339Nano)})
			}
			if audit.CodeOf(err) != audit.CodeInvalid {
				return nil, err
			}
		}
	}
	return json.Marshal(r)
}
