package migrate

import (
	"context"
	"maps"
	"slices"

	"github.com/audittrail/audittrail/audit"
)

// events copies what the organization has received, in the order of arrival, and turns the source's checkpoints into the target's on the
// way: pages are cut where one stands, so that the end of the target is what is behind it there.
func (m *mover) events(ctx context.Context, o *moved) error {
	if err := m.saveNote(ctx, o); err != nil { // before anything else is there, so that what is cut short is known as ours
		return err
	}
	standing, err := m.standing(ctx, o)
	if err != nil {
		return err
	}
	for settled := false; ; {
		page, err := m.nextPage(ctx, o, standing)
		if err != nil {
			return err
		}
		if len(page.Events) == 0 && !page.More {
			if settled {
				break
			}
			if err := m.settle(ctx, o); err != nil {
				return err
			}
			settled = true
			continue
		}
		if err := m.importPage(ctx, o, page); err != nil {
			return err
		}
		m.tell(StepCopy, o.id)
	}
	return m.turnRest(ctx, o, standing)
}

// settle waits until what was received last is old enough for both tails to show all of it: of very many events of the last seconds an engine may hold some
// back, which would be left behind, or taken for seen by a checkpoint.
func (m *mover) settle(ctx context.Context, o *moved) error {
	if left := o.note.Latest.Add(m.settling).Sub(m.Clock()); left > 0 {
		if err := m.pause(ctx, min(left, m.settling)); err != nil {
			return err
		}
	}
	if m.Advance != nil {
		m.Advance()
	}
	return nil
}

// importEvents passes events to the target, whose end is then behind them.
func (m *mover) importEvents(ctx context.Context, o *moved, list []audit.Event) error {
	events := make([]*audit.Event, len(list))
	for i := range list {
		events[i] = &list[i]
	}
	if _, err := try(ctx, m, func() ([]audit.AppendStatus, error) { return m.importer.Import(ctx, o.id, events) }); err != nil {
		return err
	}
	end, err := try(ctx, m, func() (string, error) { return m.To.Events.TailEnd(ctx, o.id) })
	o.note.Behind = end
	return err
}

// importPage passes a page to the target and notes it.
func (m *mover) importPage(ctx context.Context, o *moved, page audit.TailPage) error {
	if err := m.importEvents(ctx, o, page.Events); err != nil {
		return err
	}
	n := int64(len(page.Events))
	if n > 0 {
		o.note.Latest = page.Events[n-1].ReceivedAt
	}
	o.note.From, o.note.Events = page.Checkpoint, o.note.Events+n
	m.done, m.now, m.report.Copied = m.done+n, m.now+n, m.report.Copied+n
	return m.saveNote(ctx, o)
}

// nextPage reads the next page of the source, up to where a checkpoint stands. One that stands right here is turned.
func (m *mover) nextPage(ctx context.Context, o *moved, standing map[string]stand) (audit.TailPage, error) {
	read := func(limit int) (audit.TailPage, error) {
		return try(ctx, m, func() (audit.TailPage, error) { return m.From.Events.Tail(ctx, o.id, o.note.From, limit) })
	}
	page, err := read(m.page)
	if err != nil || len(standing) == 0 {
		return page, err
	}
	at := map[arrival][]string{}
	for name, s := range standing {
		if !s.end {
			at[s.before] = append(at[s.before], name)
		}
	}
	for i := range page.Events {
		names := at[arrivalOf(&page.Events[i])]
		switch {
		case len(names) == 0:
		case i > 0:
			return read(i)
		default:
			if err := m.turnHere(ctx, o, standing, names); err != nil {
				return page, err
			}
		}
	}
	return page, nil
}

// turnHere turns checkpoints whose next event is the next one to be copied. An engine whose readers see events of one time of receipt in no certain
// order may have shown some that come later in its tail: those are copied first, and are duplicates when their turn comes.
func (m *mover) turnHere(ctx context.Context, o *moved, standing map[string]stand, names []string) error {
	early := map[string][]audit.Event{}
	for _, name := range names {
		var err error
		if early[name], err = m.seenEarly(ctx, o, standing[name]); err != nil {
			return err
		}
	}
	slices.SortFunc(names, func(a, b string) int { return len(early[a]) - len(early[b]) }) // who has come further has seen the more
	for _, name := range names {
		for part := range slices.Chunk(early[name], m.page) {
			if err := m.importEvents(ctx, o, part); err != nil {
				return err
			}
		}
		o.note.Checkpoints[name] = turned{Source: standing[name].checkpoint, Target: o.note.Behind}
		delete(standing, name)
		if err := m.saveNote(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// turnRest turns the checkpoints behind which nothing was received, and those that stand in what an earlier run has copied.
func (m *mover) turnRest(ctx context.Context, o *moved, standing map[string]stand) error {
	for _, name := range slices.Sorted(maps.Keys(standing)) {
		s, target := standing[name], o.note.Behind
		if !s.end {
			var err error
			if target, err = m.find(ctx, o, s); err != nil {
				return err
			}
		}
		o.note.Checkpoints[name] = turned{Source: s.checkpoint, Target: target}
	}
	return m.saveNote(ctx, o)
}
