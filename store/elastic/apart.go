package elastic

import (
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// ofNobody are the kinds of documents that stand under no organization: organizations themselves, secrets, and what is found by the hash of a secret of
// which nobody knows yet whose it is.
var ofNobody = []kind{kindOrganization, kindSecret, kindKey, kindSession, kindLink}

// apart refuses the _ids of documents that belong to an organization and name none. Every read and write by _id goes through here.
func apart(ids ...string) error {
	for _, id := range ids {
		k, rest, _ := strings.Cut(id, "/")
		if strings.HasPrefix(rest, "/") && !slices.Contains(ofNobody, kind(k)) {
			return store.ErrNoOrganization
		}
	}
	return nil
}

// apart refuses a listing that is not of one organization. Every search goes through here: one that names none at all is a mistake of this package, and
// one whose organization is empty is the caller's.
func (l listing) apart() error {
	if l.kind == kindOrganization || l.kind == kindSecret {
		return nil
	}
	for _, filter := range l.filters {
		terms, _ := filter["terms"].(map[string]any)
		if _, byPrefix := terms["owner"]; byPrefix && l.kind == kindKey { // the first characters of a secret, of which nobody knows yet whose it is
			return nil
		}
		if values, named := terms["organization"].([]string); named {
			return lost(values...)
		}
	}
	return audit.Errorf(audit.CodeInternal, "a search for records names no organization")
}

// lost is store.ErrNoOrganization where it is not one organization that is named.
func lost(organization ...string) error {
	if len(organization) != 1 || organization[0] == "" {
		return store.ErrNoOrganization
	}
	return nil
}
