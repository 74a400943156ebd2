package sqlite

import (
	"errors"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

func TestAStatementThatForgetsItsOrganizationIsNotRun(t *testing.T) {
	for _, tt := range []struct {
		name, statement string
		args            []any
		want            error // nil: it is run
		forgot          bool
	}{
		{"a read of one", "SELECT doc FROM members WHERE organization = ? AND id = ?", []any{"acme", "x"}, nil, false},
		{"a read without one", "SELECT doc FROM members WHERE organization = ? AND id = ?", []any{"", "x"}, store.ErrNoOrganization, false},
		{"a read of all", "SELECT doc FROM members WHERE id = ?", []any{"x"}, nil, true},
		{"a change with values in front", "UPDATE keys SET used = max(used, ?) WHERE organization = ? AND id = ?", []any{1, "acme", "x"}, nil, false},
		{"a change of none with values in front", "UPDATE keys SET used = max(used, ?) WHERE organization = ? AND id = ?", []any{1, "", "x"}, store.ErrNoOrganization, false},
		{"numbered arguments", "DELETE FROM sessions WHERE organization = ?1 AND expires_at < ?2", []any{"", 1}, store.ErrNoOrganization, false},
		{"a new record", "INSERT INTO keys (id, organization, doc) VALUES (?, ?, ?)", []any{"x", "acme", "{}"}, nil, false},
		{"a new record of none", "INSERT INTO keys (id, organization, doc) VALUES (?, ?, ?)", []any{"x", "", "{}"}, store.ErrNoOrganization, false},
		{"a new record that is nobody's", "INSERT INTO keys (id, doc) VALUES (?, ?)", []any{"x", "{}"}, nil, true},
		{"an argument that is missing", "SELECT doc FROM members WHERE organization = ?", nil, nil, true},
		{"what belongs to nobody", "SELECT doc FROM organizations WHERE id = ?", []any{"acme"}, nil, false},
		{"what is found by its hash", "SELECT doc FROM keys WHERE hash = ?", []any{[]byte("x")}, nil, false},
	} {
		err := apart(tt.statement, tt.args)
		if tt.forgot && audit.CodeOf(err) != audit.CodeInternal || !tt.forgot && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
