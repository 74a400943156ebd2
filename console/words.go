package console

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
)

// roleNames are the roles in words.
var roleNames = map[audit.Role]string{
	audit.RoleCreator: "Creator", audit.RoleSystemAdmin: "System admin", audit.RoleContactAdmin: "Contact admin", audit.RoleMember: "Member",
}

func roleName(role audit.Role) string { return roleNames[role] }

// initials stand for a picture: the first letters of the first and the last word of a name.
func initials(name string) string {
	words := strings.Fields(name)
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	if len(words) == 1 {
		return string(unicode.ToUpper(first))
	}
	last, _ := utf8.DecodeRuneInString(words[len(words)-1])
	return string(unicode.ToUpper(first)) + string(unicode.ToUpper(last))
}
