package store

import "github.com/audittrail/audittrail/audit"

// ErrNoOrganization is the answer of every engine to a call that has to name an organization and names none. An engine checks it where it builds what it
// asks its database, and not in each of its methods, so that a method that forgets its organization is refused too.
var ErrNoOrganization error = audit.InvalidField("organization", "is missing: records belong to an organization, and no call reads or changes those of several")
