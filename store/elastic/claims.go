package elastic

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Elasticsearch knows no unique fields. So what only one member may have, a user name or an external id, is claimed by a document whose _id is made of it,
// before the member is written. A claim that its member does not hold, because the member was deleted or a process died in between, is anybody's
// once it is older than any write takes.

// claimLife is how long a claim holds while its member does not have it yet.
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

// putClaimed puts a member with its claims, and gives up those that it no longer needs.
func (s *Store) putClaimed(ctx context.Context, d document, read int64, member audit.Member) error {
	needed, held := claims(member), map[string]document{}
	if read != 0 {
		before, err := s.get(ctx, docID(kindMember, member.Organization, member.ID))
		if err != nil {
			return fault(err, "write the member")
		}
		if before != nil {
			m, err := readMember(before)
			if err != nil {
				return err
			}
			held = claims(m)
		}
	}
	for field, claim := range needed {
		if held[field].ID != claim.ID {
			if err := s.claim(ctx, field, claim); err != nil {
				return fault(err, "write the member")
			}
		}
	}
	// What is given up is read before the member is written: who claims it again from then on makes it another document, which stays.
	var given []write
	for field, claim := range held {
		if needed[field].ID == claim.ID {
			continue
		}
		id := docID(kindClaim, claim.Organization, claim.ID)
		there, err := s.get(ctx, id)
		if err != nil {
			return fault(err, "write the member")
		}
		if there != nil && there.Owner == member.ID {
			given = append(given, write{action: "delete", id: id, was: there})
		}
	}
	if err := s.put(ctx, d, read, member); err != nil {
		return err
	}
	if len(given) > 0 {
		_, _ = s.applyAll(ctx, given) // where it fails they are anybody's a minute later
	}
	return nil
}

// claim writes a claim; CodeConflict with the field where another member has it.
func (s *Store) claim(ctx context.Context, field string, claim document) error {
	id := docID(kindClaim, claim.Organization, claim.ID)
	claim.At = time.Now().UnixMilli()
	_, err := s.apply(ctx, write{action: "create", id: id, body: &claim})
	if err != errRaced { //nolint:errorlint // apply's own
		return err
	}
	taken := &audit.Error{Code: audit.CodeConflict, Message: "another member has it", Fields: []audit.FieldError{{Field: field, Message: "is another member's"}}}
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

// holds says whether the member of a claim has what it claims.
func (s *Store) holds(ctx context.Context, field string, claim *stored) (bool, error) {
	d, err := s.get(ctx, docID(kindMember, claim.Organization, claim.Owner))
	if err != nil || d == nil {
		return false, err
	}
	m, err := readMember(d)
	return err == nil && claims(m)[field].ID == claim.ID, err
}
