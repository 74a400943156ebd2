package elastic

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Elasticsearch knows no unique fields. So what only one member may have, a user name or an external id, and the name of a group, is claimed by a document whose _id is made of it,
// before the member or group is written. A claim that its owner does not hold, because the owner was deleted or a process died in between, is anybody's
// once it is older than any write takes.

// claimLife is how long a claim holds while its owner does not have it yet.
const claimLife = time.Minute

// claims are the documents that the member needs, by the field that each is for.
func claims(m audit.Member) map[string]document {
	list := map[string]document{}
	if m.Status == audit.MemberDeleted {
		return list
	}
	for field, value := range map[string]string{"user_name": fold(m.UserName), "external_id": m.ExternalID} {
		if value != "" {
			list[field] = document{Kind: kindClaim, Organization: m.Organization, ID: field + "/" + value, Owner: m.ID}
		}
	}
	return list
}

// claimOfGroup is the field of the name of a group; all others are of members.
const claimOfGroup = "name"

// groupClaims are the documents that the group needs.
func groupClaims(g audit.Group) map[string]document {
	return map[string]document{claimOfGroup: {Kind: kindClaim, Organization: g.Organization, ID: claimOfGroup + "/" + fold(g.Name), Owner: g.ID}}
}

// heldBy are the claims of a member or group as it is stored, nil where it is not.
func heldBy(d *stored) (map[string]document, error) {
	switch {
	case d == nil:
		return nil, nil
	case d.Kind == kindGroup:
		g, err := readGroup(d)
		return groupClaims(g), err
	}
	m, err := readMember(d)
	return claims(m), err
}

// claimant is what a claim of the field is made for.
func claimant(field string) kind {
	if field == claimOfGroup {
		return kindGroup
	}
	return kindMember
}

// putClaimed puts a member or group with the claims that it needs, and gives up those that it no longer needs.
func (s *Store) putClaimed(ctx context.Context, d document, read int64, record any, needed map[string]document) error {
	doing, held := "write the "+string(d.Kind), map[string]document{}
	if read != 0 {
		before, err := s.get(ctx, docID(d.Kind, d.Organization, d.ID))
		if err != nil {
			return fault(err, doing)
		}
		if held, err = heldBy(before); err != nil {
			return err
		}
	}
	for field, claim := range needed {
		if held[field].ID != claim.ID {
			if err := s.claim(ctx, field, claim); err != nil {
				return fault(err, doing)
			}
		}
	}
	// What is given up is read before the record is written: who claims it again from then on makes it another document, which stays.
	for field := range needed {
		if held[field].ID == needed[field].ID {
			delete(held, field)
		}
	}
	given, err := s.givenUp(ctx, held)
	if err != nil {
		return fault(err, doing)
	}
	if err := s.put(ctx, d, read, record); err != nil {
		return err
	}
	if len(given) > 0 {
		_, _ = s.applyAll(ctx, given) // where it fails they are anybody's a minute later
	}
	return nil
}

// givenUp are the writes that give up claims, as they are now.
func (s *Store) givenUp(ctx context.Context, held map[string]document) (given []write, err error) {
	for _, claim := range held {
		id := docID(kindClaim, claim.Organization, claim.ID)
		there, err := s.get(ctx, id)
		if err != nil {
			return nil, err
		}
		if there != nil && there.Owner == claim.Owner {
			given = append(given, write{action: "delete", id: id, was: there})
		}
	}
	return given, nil
}

// claim writes a claim; CodeConflict with the field where another member or group has it.
func (s *Store) claim(ctx context.Context, field string, claim document) error {
	id := docID(kindClaim, claim.Organization, claim.ID)
	claim.At = time.Now().UnixMilli()
	_, err := s.apply(ctx, write{action: "create", id: id, body: &claim})
	if err != errRaced { //nolint:errorlint // apply's own
		return err
	}
	what := string(claimant(field))
	taken := &audit.Error{Code: audit.CodeConflict, Message: "another " + what + " has it", Fields: []audit.FieldError{{Field: field, Message: "is another " + what + "'s"}}}
	there, err := s.get(ctx, id)
	if err != nil {
		return err
	}
	if there == nil {
		return taken // it was given up just now: the caller may try again
	}
	if there.Owner != claim.Owner {
		alive, err := s.holds(ctx, field, there)
		if err != nil {
			return err
		}
		if alive || time.Since(fromMillis(there.At)) < claimLife {
			return taken
		}
	}
	if _, err = s.apply(ctx, write{action: "index", id: id, body: &claim, was: there}); err == errRaced { //nolint:errorlint // apply's own
		return taken
	}
	return err
}

// holds says whether the member or group of a claim has what it claims.
func (s *Store) holds(ctx context.Context, field string, claim *stored) (bool, error) {
	d, err := s.get(ctx, docID(claimant(field), claim.Organization, claim.Owner))
	if err != nil || d == nil {
		return false, err
	}
	held, err := heldBy(d)
	return err == nil && held[field].ID == claim.ID, err
}
