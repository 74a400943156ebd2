package migrate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// identitySecret is the secret of a store that tells it apart from others. It stays where it is.
const identitySecret = "migrate"

// admit looks at both sides before anything is written, and refuses what would mix or overwrite what is somebody else's.
func (m *mover) admit(ctx context.Context) error {
	secret, err := try(ctx, m, func() ([]byte, error) { return m.From.Records.Secret(ctx, identitySecret) })
	if err != nil {
		return err
	}
	sum := sha256.Sum256(secret)
	m.identity = hex.EncodeToString(sum[:16])
	organizations, err := try(ctx, m, func() ([]audit.Organization, error) { return m.From.Records.Organizations(ctx) })
	if err != nil {
		return err
	}
	if len(organizations) == 0 {
		return audit.Errorf(audit.CodeInvalid, "%s has no organizations: there is nothing to move", m.From.Name)
	}
	for _, org := range organizations {
		o := &moved{id: org.ID}
		if err := m.admitOne(ctx, o); err != nil {
			return err
		}
		page, err := try(ctx, m, func() (audit.Page, error) {
			return m.From.Events.Search(ctx, o.id, audit.Search{Limit: 1, CountLimit: audit.CountAll})
		})
		if err != nil {
			return err
		}
		m.orgs, m.total = append(m.orgs, o), m.total+page.Total.Value
		m.done += min(o.note.Events, page.Total.Value) // what was noted may have passed the horizon since
	}
	return nil
}

func (m *mover) admitOne(ctx context.Context, o *moved) error {
	n, found, err := m.readNote(ctx, o.id)
	if err != nil {
		return err
	}
	switch {
	case !found:
		if err := m.wantEmpty(ctx, o.id); err != nil {
			return err
		}
		end, err := try(ctx, m, func() (string, error) { return m.To.Events.TailEnd(ctx, o.id) })
		o.note = note{Version: noteVersion, Source: m.identity, Name: m.From.Name, Behind: end, Checkpoints: map[string]turned{}}
		return err
	case n.Source != m.identity:
		return audit.Errorf(audit.CodeConflict, "%s has the organization %s from another source, %s: it can be continued from there only", m.To.Name, o.id, n.Name)
	}
	if n.Checkpoints == nil {
		n.Checkpoints = map[string]turned{}
	}
	o.note = n
	if !n.Done.IsZero() {
		m.Logger.InfoContext(ctx, "was moved before: what has changed since is copied, and all is compared", "organization", o.id, "at", n.Done.Format(time.RFC3339))
	}
	return m.wantUntouched(ctx, o)
}

// wantEmpty refuses an organization that the target has of its own.
func (m *mover) wantEmpty(ctx context.Context, organization string) error {
	exists := audit.Errorf(audit.CodeConflict, "%s has an organization %s of its own, which was not moved there from %s: nothing of it is overwritten",
		m.To.Name, organization, m.From.Name)
	page, err := try(ctx, m, func() (audit.TailPage, error) { return m.To.Events.Tail(ctx, organization, "", 1) })
	if err != nil {
		return err
	}
	if len(page.Events) > 0 {
		return exists
	}
	_, err = try(ctx, m, func() (audit.Organization, error) { return m.To.Records.Organization(ctx, organization) })
	if audit.CodeOf(err) != audit.CodeNotFound {
		return cmp.Or[error](err, exists)
	}
	for _, kind := range owned {
		list, err := try(ctx, m, func() ([]store.Record, error) { return m.To.Records.Records(ctx, kind, organization, "", 1) })
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return exists
		}
	}
	return nil
}

// wantUntouched refuses a target that has received events of its own since the run before: a server works on it. What a run that was cut short
// has brought, without noting it, is what comes next in the source.
func (m *mover) wantUntouched(ctx context.Context, o *moved) error {
	next, err := try(ctx, m, func() (audit.TailPage, error) { return m.From.Events.Tail(ctx, o.id, o.note.From, m.page) })
	if err != nil {
		return err
	}
	known := map[arrival]bool{}
	for i := range next.Events {
		known[arrivalOf(&next.Events[i])] = true
	}
	// Of what comes at one time, some may have been brought before its turn.
	if err := m.together(ctx, o.id, o.note.From, func(e *audit.Event) { known[arrivalOf(e)] = true }); err != nil {
		return err
	}
	for checkpoint := o.note.Behind; ; {
		page, err := try(ctx, m, func() (audit.TailPage, error) { return m.To.Events.Tail(ctx, o.id, checkpoint, m.page) })
		if err != nil {
			return err
		}
		strange := slices.IndexFunc(page.Events, func(e audit.Event) bool { return !known[arrivalOf(&e)] })
		if strange >= 0 {
			return audit.Errorf(audit.CodeConflict, "%s has received events of its own for %s, the first at %s: a server works on it, and nothing was changed. "+
				"To move the organization again, begin with a target that does not have it", m.To.Name, o.id, page.Events[strange].ReceivedAt.Format(audit.TimeLayout))
		}
		if !page.More {
			return nil
		}
		checkpoint = page.Checkpoint
	}
}

// arrival tells apart what an index has received: an id may come again after the time in which it counts as a duplicate.
type arrival struct {
	id string
	at int64
}

func arrivalOf(e *audit.Event) arrival { return arrival{e.ID, e.ReceivedAt.UnixMilli()} }
