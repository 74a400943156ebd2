package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// PutMembers is part of store.Members; it is one transaction, with those that can be written.
func (s *Store) PutMembers(ctx context.Context, organization string, members []audit.Member) ([]error, error) {
	if organization == "" {
		return nil, store.ErrNoOrganization
	}
	if len(members) > maxPage {
		return nil, audit.InvalidField("members", "at most %d at a time", maxPage)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, fault(err, "write the members")
	}
	defer tx.Rollback()
	outcomes := make([]error, len(members))
	var lost []int
	for i, m := range members {
		m.Organization = organization
		if outcomes[i] = validKey(column{"id", m.ID}); outcomes[i] != nil {
			continue
		}
		written, err := putIn(ctx, tx, m)
		if err != nil {
			return nil, fault(err, "write the members")
		}
		if !written {
			lost = append(lost, i)
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, fault(err, "write the members")
	}
	for _, i := range lost {
		m := members[i]
		m.Organization = organization
		outcomes[i] = s.whyConflict(ctx, m, audit.Errorf(audit.CodeConflict, "it was changed by someone else since it was read; read it again"))
	}
	return outcomes, nil
}

// putIn writes one member of a transaction, as put does; false: another writer was first, or another member has the name.
func putIn(ctx context.Context, tx *sql.Tx, m audit.Member) (bool, error) {
	normalize(&m.UpdatedAt, &m.ErasedAt)
	statement, args, err := replacement(m)
	if err == nil {
		err = apart(statement, args)
	}
	if err != nil {
		return false, err
	}
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// replacement is the statement that puts a member in the place of the one that was read, or makes a new one.
func replacement(m audit.Member) (string, []any, error) {
	read := m.Version
	m.Version++
	doc, err := json.Marshal(m)
	if err != nil {
		return "", nil, audit.WithCause(audit.CodeInternal, err, "could not write to members")
	}
	names, args := split(append([]column{{"version", m.Version}, {"doc", string(doc)}}, columnsOfMember(m)...))
	args = append(args, m.Organization, m.ID)
	if read == 0 {
		return "INSERT INTO members (" + strings.Join(names, ", ") + ", organization, id) VALUES (" + strings.Repeat("?, ", len(names)) + "?, ?) ON CONFLICT DO NOTHING", args, nil
	}
	return "UPDATE OR IGNORE members SET " + strings.Join(names, " = ?, ") + " = ? WHERE organization = ? AND id = ? AND version = ?", append(args, read), nil
}
