package migrate

import (
	"bytes"
	"context"
	"slices"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// recordPage is how many records are copied at a time.
const recordPage = 200

// owned are the kinds of records that belong to an organization, in the order in which they are compared.
var owned = []store.Kind{store.KindMember, store.KindGroup, store.KindKey, store.KindAddress, store.KindReminder, store.KindDelivery, store.KindMessage, store.KindExport,
	store.KindCheckpoint}

// past says whether the record is older than retention keeps it: whether it has deleted it yet, on one side or the other, makes no difference.
func (m *mover) past(r store.Record) bool {
	switch {
	case r.Delivery != nil:
		return r.Delivery.CreatedAt.Before(m.horizon)
	case r.Message != nil:
		return r.Message.CreatedAt.Before(m.horizon)
	case r.Export != nil:
		return r.Export.RequestedAt.Before(m.horizon)
	}
	return false
}

// each reads all records of a kind that are not past, page by page.
func (m *mover) each(ctx context.Context, p Place, organization string, kind store.Kind, do func([]store.Record) error) error {
	for after := ""; ; {
		list, err := try(ctx, m, func() ([]store.Record, error) { return p.Records.Records(ctx, kind, organization, after, recordPage) })
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		after = list[len(list)-1].ID()
		if err := do(slices.DeleteFunc(list, m.past)); err != nil {
			return err
		}
	}
}

// records copies an organization's records of a kind.
func (m *mover) records(ctx context.Context, organization string, kind store.Kind) error {
	return m.each(ctx, m.From, organization, kind, func(list []store.Record) error {
		if len(list) == 0 {
			return nil
		}
		return m.do(ctx, func() error { return m.To.Records.PutRecords(ctx, list) })
	})
}

// organization copies the organization's own record.
func (m *mover) organization(ctx context.Context, id string) error {
	org, err := try(ctx, m, func() (audit.Organization, error) { return m.From.Records.Organization(ctx, id) })
	if err != nil {
		return err
	}
	return m.do(ctx, func() error { return m.To.Records.PutRecords(ctx, []store.Record{{Organization: &org}}) })
}

// forget deletes what an earlier run has brought and the source has deleted since: reminders, groups and other addresses are all that is
// ever deleted, but for what is past.
func (m *mover) forget(ctx context.Context, organization string, kind store.Kind, remove func(store.Record) error) error {
	there := map[string]bool{}
	err := m.each(ctx, m.From, organization, kind, func(list []store.Record) error {
		for _, r := range list {
			there[r.ID()] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.each(ctx, m.To, organization, kind, func(list []store.Record) error {
		for _, r := range list {
			if there[r.ID()] {
				continue
			}
			err := m.do(ctx, func() error { return remove(r) })
			if err != nil && audit.CodeOf(err) != audit.CodeNotFound {
				return err
			}
		}
		return nil
	})
}

// secrets copies what all processes share. A target with organizations of its own has signed links by its own secrets, and one secret cannot be both.
func (m *mover) secrets(ctx context.Context) error {
	if m.KeepSecrets {
		return nil
	}
	theirs, err := m.secretsOf(ctx, m.To)
	if err != nil {
		return err
	}
	ours, err := m.secretsOf(ctx, m.From)
	if err != nil || len(ours) == 0 {
		return err
	}
	other, err := m.otherOrganization(ctx)
	if err != nil {
		return err
	}
	var put []store.Record
	for _, s := range ours {
		i := slices.IndexFunc(theirs, func(t store.Secret) bool { return t.Name == s.Name })
		if i >= 0 && bytes.Equal(theirs[i].Value, s.Value) {
			continue
		}
		if i >= 0 && other != "" {
			return audit.Errorf(audit.CodeConflict, "%s has the organization %s too and signs links by a secret of its own: links to unsubscribe, in messages that %s has sent, "+
				"cannot work there. To move without them, say that the target keeps its secrets", m.To.Name, other, m.From.Name)
		}
		put = append(put, store.Record{Secret: &s})
	}
	return m.do(ctx, func() error { return m.To.Records.PutRecords(ctx, put) })
}

// secretsOf returns the secrets of a store that move: all but what it is known by.
func (m *mover) secretsOf(ctx context.Context, p Place) ([]store.Secret, error) {
	var secrets []store.Secret
	err := m.each(ctx, p, "", store.KindSecret, func(list []store.Record) error {
		for _, r := range list {
			if r.ID() != identitySecret {
				secrets = append(secrets, *r.Secret)
			}
		}
		return nil
	})
	return secrets, err
}

// otherOrganization returns one of the target that does not come from the source, "" where there is none.
func (m *mover) otherOrganization(ctx context.Context) (string, error) {
	list, err := try(ctx, m, func() ([]audit.Organization, error) { return m.To.Records.Organizations(ctx) })
	if err != nil {
		return "", err
	}
	for _, org := range list {
		if !slices.ContainsFunc(m.orgs, func(o *moved) bool { return o.id == org.ID }) {
			return org.ID, nil
		}
	}
	return "", nil
}
