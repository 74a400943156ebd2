package sqlite

import (
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// belongsToNobody says whether a statement is about what belongs to no organization: organizations themselves, secrets, and what is found by the
// hash of a secret of which nobody knows yet whose it is.
func belongsToNobody(statement string) bool {
	return strings.Contains(statement, " organizations ") || strings.Contains(statement, " secrets ") || strings.Contains(statement, "WHERE hash = ?") ||
		strings.Contains(statement, whereKeyPrefix)
}

// apart refuses a statement that does not name one organization. Every statement on records goes through here: one that names none at all is a mistake of
// this package, and one whose organization is empty is the caller's.
func apart(statement string, args []any) error {
	if belongsToNobody(statement) {
		return nil
	}
	at, named := organizationOf(statement)
	if !named || at >= len(args) {
		return audit.Errorf(audit.CodeInternal, "a statement on records names no organization")
	}
	if id, _ := args[at].(string); id == "" {
		return store.ErrNoOrganization
	}
	return nil
}

// organizationOf says which of the arguments of a statement is the organization.
func organizationOf(statement string) (arg int, named bool) {
	if rest, insert := strings.CutPrefix(statement, "INSERT INTO "); insert {
		_, columns, _ := strings.Cut(rest, "(")
		columns, _, _ = strings.Cut(columns, ")")
		for i, name := range strings.Split(columns, ",") {
			if strings.TrimSpace(name) == "organization" {
				return i, true
			}
		}
		return 0, false
	}
	const condition = "organization = ?"
	before, after, named := strings.Cut(statement, condition)
	if strings.HasPrefix(after, "1") { // ?1 is the first wherever it stands
		return 0, named
	}
	return strings.Count(before, "?"), named
}
