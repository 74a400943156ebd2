package elastic

import (
	"context"
	"maps"

	"github.com/audittrail/audittrail/audit"
)

// PutMembers is part of store.Members. Members who keep their names go in one bulk; one who needs others is put alone, with what that takes.
func (s *Store) PutMembers(ctx context.Context, organization string, members []audit.Member) ([]error, error) {
	if err := lost(organization); err != nil {
		return nil, err
	}
	if len(members) > maxPage {
		return nil, audit.InvalidField("members", "at most %d at a time", maxPage)
	}
	outcomes := make([]error, len(members))
	var ids []string
	var at []int // where the member of an id stands
	for i, m := range members {
		if outcomes[i] = validIDs(named{"organization", organization}, named{"id", m.ID}); outcomes[i] == nil {
			ids, at = append(ids, docID(kindMember, organization, m.ID)), append(at, i)
		}
	}
	if len(ids) == 0 {
		return outcomes, nil
	}
	there, err := s.getAll(ctx, ids)
	if err != nil {
		return nil, fault(err, "write the members")
	}
	var writes []write
	var whose []int // which member a write is of
	for n, i := range at {
		m := members[i]
		m.Organization = organization
		w, alone, err := replacement(there[n], m)
		switch {
		case err != nil:
			outcomes[i] = err
		case alone:
			_, outcomes[i] = s.PutMember(ctx, m)
		default:
			writes, whose = append(writes, w), append(whose, i)
		}
	}
	if len(writes) == 0 {
		return outcomes, nil
	}
	done, err := s.applyAll(ctx, writes)
	if err != nil {
		return nil, fault(err, "write the members")
	}
	for n, i := range whose {
		if done[n].raced || done[n].missing {
			outcomes[i] = errChanged()
		}
	}
	return outcomes, nil
}

// replacement is the write that puts a member in the place of what is stored; alone: it needs other names than that, or there is nothing.
func replacement(there *stored, m audit.Member) (w write, alone bool, err error) {
	switch {
	case there == nil && m.Version != 0, there != nil && there.Version != m.Version:
		return w, false, errChanged()
	case there == nil:
		return w, true, nil
	}
	held, err := heldBy(there)
	if err != nil {
		return w, false, err
	}
	same := func(a, b document) bool { return a.ID == b.ID }
	if !maps.EqualFunc(held, claims(m), same) {
		return w, true, nil
	}
	normalize(&m.UpdatedAt, &m.ErasedAt)
	m.Version++
	d := memberDocument(m)
	d.Version = m.Version
	d.Body, err = marshal(m)
	return write{action: "index", id: docID(kindMember, m.Organization, m.ID), body: &d, was: there}, false, err
}
