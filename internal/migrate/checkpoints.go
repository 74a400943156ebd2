package migrate

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// stand is where a checkpoint of the source stands.
type stand struct {
	checkpoint string
	// before is the next event behind it; end: there is none.
	before arrival
	end    bool
}

// standing finds where the source's checkpoints stand that are not turned yet, by their names.
func (m *mover) standing(ctx context.Context, o *moved) (map[string]stand, error) {
	standing := map[string]stand{}
	err := m.each(ctx, m.From, o.id, store.KindCheckpoint, func(list []store.Record) error {
		for _, r := range list {
			_, checkpoint, ok := tailCheckpoint(r.Checkpoint)
			if done, known := o.note.Checkpoints[r.ID()]; !ok || known && done.Source == checkpoint {
				continue
			}
			at, next, err := m.stands(ctx, m.From, o.id, checkpoint)
			if audit.CodeOf(err) == audit.CodeInvalid {
				continue // it is not of the tail
			}
			if err != nil {
				return err
			}
			standing[r.ID()] = stand{checkpoint: checkpoint, before: at, end: next.IsZero()}
		}
		return nil
	})
	return standing, err
}

// stands returns the next event behind a checkpoint, and when it was received; zero: there is none.
func (m *mover) stands(ctx context.Context, p Place, organization, checkpoint string) (arrival, time.Time, error) {
	page, err := try(ctx, m, func() (audit.TailPage, error) { return p.Events.Tail(ctx, organization, checkpoint, 1) })
	if err != nil || len(page.Events) == 0 {
		return arrival{}, time.Time{}, err
	}
	return arrivalOf(&page.Events[0]), page.Events[0].ReceivedAt, nil
}

// tailCheckpoint takes apart what is kept under a checkpoint's name: what stands in front of the checkpoint, and the checkpoint itself. False:
// there is none in it, or it is ours.
func tailCheckpoint(c *store.Checkpoint) (front, checkpoint string, ok bool) {
	if c.Name == noteName {
		return "", "", false
	}
	checkpoint, ok = activities.TailCheckpoint(c.Name, c.Value)
	return strings.TrimSuffix(c.Value, checkpoint), checkpoint, ok
}

// checkpoints writes the checkpoints, each as the target's.
func (m *mover) checkpoints(ctx context.Context, o *moved) error {
	return m.each(ctx, m.From, o.id, store.KindCheckpoint, func(list []store.Record) error {
		var out []store.Record
		for _, r := range list {
			if r.ID() == noteName {
				continue
			}
			c := *r.Checkpoint
			if front, checkpoint, ok := tailCheckpoint(r.Checkpoint); ok {
				if done, known := o.note.Checkpoints[c.Name]; known && done.Source == checkpoint {
					c.Value = front + done.Target
				}
			}
			out = append(out, store.Record{Checkpoint: &c})
		}
		return m.do(ctx, func() error { return m.To.Records.PutRecords(ctx, out) })
	})
}

// find returns the target's checkpoint for one of the source that stands in what an earlier run has copied: because the source went on in
// between. It stands in front of the first event, in the target's order, that is behind it in the source. So nothing is missed, and nothing comes again but, where the
// target has another order for events of one time of receipt, some of those.
func (m *mover) find(ctx context.Context, o *moved, s stand) (string, error) {
	behind, err := m.sameTime(ctx, o.id, s.checkpoint)
	if err != nil {
		return "", err
	}
	read := func(checkpoint string, limit int) (audit.TailPage, error) {
		return try(ctx, m, func() (audit.TailPage, error) { return m.To.Events.Tail(ctx, o.id, checkpoint, limit) })
	}
	for from := ""; ; {
		page, err := read(from, m.page)
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(page.Events, func(e audit.Event) bool { return behind[arrivalOf(&e)] || e.ReceivedAt.UnixMilli() > s.before.at })
		switch {
		case i == 0:
			return from, nil
		case i > 0:
			page, err = read(from, i)
			return page.Checkpoint, err
		case !page.More:
			return page.Checkpoint, nil
		}
		from = page.Checkpoint
	}
}

// sameTime returns the events behind a checkpoint of the source that were received together with the first of them.
func (m *mover) sameTime(ctx context.Context, organization, checkpoint string) (map[arrival]bool, error) {
	same := map[arrival]bool{}
	err := m.together(ctx, organization, checkpoint, func(e *audit.Event) { same[arrivalOf(e)] = true })
	return same, err
}

// seenEarly returns the events that come in the tail behind where the checkpoint stands, were received together with the next event, and are not
// behind the checkpoint: its reader has seen them.
func (m *mover) seenEarly(ctx context.Context, o *moved, s stand) ([]audit.Event, error) {
	behind, err := m.sameTime(ctx, o.id, s.checkpoint)
	if err != nil {
		return nil, err
	}
	var seen []audit.Event
	err = m.together(ctx, o.id, o.note.From, func(e *audit.Event) {
		if !behind[arrivalOf(e)] {
			seen = append(seen, *e)
		}
	})
	return seen, err
}

// together calls do for the events behind a checkpoint of the source that were received at the time of the first.
func (m *mover) together(ctx context.Context, organization, checkpoint string, do func(*audit.Event)) error {
	var first time.Time
	for {
		page, err := try(ctx, m, func() (audit.TailPage, error) { return m.From.Events.Tail(ctx, organization, checkpoint, m.page) })
		if err != nil {
			return err
		}
		for i := range page.Events {
			e := &page.Events[i]
			if first.IsZero() {
				first = e.ReceivedAt
			}
			if !e.ReceivedAt.Equal(first) {
				return nil
			}
			do(e)
		}
		if !page.More {
			return nil
		}
		checkpoint = page.Checkpoint
	}
}
