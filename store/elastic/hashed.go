package elastic

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// What is found by the hash of a secret (a key, a session, a link) is two documents: the record itself, whose _id is made of the hash, so that a request is
// let in by one read in real time, and one that leads from the record's id to it. The second is written first, and holds the id even where the first is never
// written: what was cut short can be finished with the same id and hash.

// leads are the kinds of the second documents.
var leads = map[kind]kind{kindKey: kindKeyID, kindSession: kindSessionID, kindLink: kindLinkID}

func hashDocID(k kind, hash []byte) string             { return docID(k, "", hex.EncodeToString(hash)) }
func leadDocID(k kind, organization, id string) string { return docID(leads[k], organization, id) }

// leadDocument leads from the record's id to it.
func leadDocument(d *document) document {
	return document{Kind: leads[d.Kind], Organization: d.Organization, ID: d.ID, Hash: d.Hash}
}

func errExists(k kind) error {
	return audit.Errorf(audit.CodeConflict, "a %s with this id or hash exists", k)
}

func validHash(hash []byte) error {
	if len(hash) == 0 || len(hash) > maxID/2 {
		return audit.InvalidField("hash", "is empty or too long")
	}
	return nil
}

// createHashed writes a new record; CodeConflict where its id or hash exists.
func (s *Store) createHashed(ctx context.Context, d document, record any) (err error) {
	if err := validHash(d.Hash); err != nil {
		return err
	}
	if d.Body, err = marshal(record); err != nil {
		return err
	}
	return fault(s.createBoth(ctx, &d), "write the "+string(d.Kind))
}

func (s *Store) createBoth(ctx context.Context, d *document) error {
	taken, err := s.takeID(ctx, d)
	if err != nil {
		return err
	}
	_, err = s.apply(ctx, write{action: "create", id: hashDocID(d.Kind, d.Hash), body: d})
	if err != errRaced { //nolint:errorlint // apply's own
		return err
	}
	there, err := s.get(ctx, hashDocID(d.Kind, d.Hash))
	if err != nil {
		return err
	}
	same := there != nil && there.Organization == d.Organization && there.ID == d.ID // someone else finished what we began
	if taken != nil && !same {
		// The hash is another one's: give the id back.
		if _, err := s.apply(ctx, write{action: "delete", id: leadDocID(d.Kind, d.Organization, d.ID), was: taken}); err != nil && err != errRaced { //nolint:errorlint // apply's own
			return err
		}
	}
	return errExists(d.Kind)
}

// takeID writes the document that leads to the record. It returns nil where that is there already and leads to the same hash, and
// CodeConflict where it leads to another.
func (s *Store) takeID(ctx context.Context, d *document) (*stored, error) {
	id := leadDocID(d.Kind, d.Organization, d.ID)
	lead := leadDocument(d)
	done, err := s.apply(ctx, write{action: "create", id: id, body: &lead})
	if err == nil {
		return &stored{document: lead, seqNo: done.seqNo, term: done.term}, nil
	}
	if err != errRaced { //nolint:errorlint // apply's own
		return nil, err
	}
	there, err := s.get(ctx, id)
	if err == nil && (there == nil || string(there.Hash) != string(d.Hash)) {
		err = errExists(d.Kind)
	}
	return nil, err
}

// byHash is one read in real time; CodeNotFound where there is nothing of the hash.
func (s *Store) byHash(ctx context.Context, k kind, hash []byte) (*stored, error) {
	if validHash(hash) != nil {
		return nil, audit.NotFound(string(k))
	}
	return s.one(ctx, k, "", hex.EncodeToString(hash))
}

// change changes fields of the record of an id: fields says which, nil where there is nothing to do. CodeNotFound where there is no such record.
func (s *Store) change(ctx context.Context, k kind, organization, id string, fields func(*stored) map[string]any) error {
	if err := lost(organization); err != nil {
		return err
	}
	if !findable(organization, id) {
		return audit.NotFound(string(k))
	}
	lead, err := s.get(ctx, leadDocID(k, organization, id))
	if err != nil {
		return err
	}
	if lead == nil {
		return audit.NotFound(string(k))
	}
	return untilFirst(ctx, func() error {
		d, err := s.get(ctx, hashDocID(k, lead.Hash))
		if err != nil {
			return err
		}
		if d == nil || d.Organization != organization || d.ID != id {
			return audit.NotFound(string(k))
		}
		changed := fields(d)
		if changed == nil {
			return nil
		}
		_, err = s.apply(ctx, write{action: "update", id: hashDocID(k, lead.Hash), body: changed, was: d})
		return err
	})
}

// revoke marks the record of an id as revoked at the time, where it is not yet.
func (s *Store) revoke(ctx context.Context, k kind, organization, id string, at time.Time) error {
	return fault(s.change(ctx, k, organization, id, func(d *stored) map[string]any {
		if d.RevokedAt != 0 {
			return nil
		}
		return map[string]any{"revoked_at": toMillis(at)}
	}), "revoke the "+string(k))
}

// deleteEnded deletes records of an organization that were made before the time and have ended, and returns how many. The documents that lead to them go
// first: what is cut short is found again by what is left.
func (s *Store) deleteEnded(ctx context.Context, k kind, organization string, before time.Time, ended func(*stored) (bool, error)) (deleted int, err error) {
	if !findable(organization) {
		return 0, lost(organization)
	}
	l := listing{kind: k, byTime: true, filters: []map[string]any{of("organization", organization),
		{"range": map[string]any{"at": map[string]any{"lt": toMillis(before)}}}}}
	var first, then []write
	flush := func() error {
		for _, writes := range [][]write{first, then} {
			if len(writes) == 0 {
				return nil
			}
			if _, err := s.applyAll(ctx, writes); err != nil {
				return err
			}
		}
		deleted += len(then)
		first, then = nil, nil
		return nil
	}
	err = s.each(ctx, l, chunk, func(d *stored) error {
		if over, err := ended(d); err != nil || !over {
			return err
		}
		first = append(first, write{action: "delete", id: leadDocID(k, organization, d.ID)})
		then = append(then, write{action: "delete", id: hashDocID(k, d.Hash)})
		if len(then) == chunk {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	return deleted, fault(err, "delete "+string(k)+"s")
}
