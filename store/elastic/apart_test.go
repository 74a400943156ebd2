package elastic

import (
	"errors"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

func TestAListingThatForgetsItsOrganizationIsNotSearched(t *testing.T) {
	for name, tt := range map[string]struct {
		l    listing
		code audit.Code
	}{
		"of one":                {listing{kind: kindMember, filters: []map[string]any{of("organization", "acme")}}, ""},
		"of an empty one":       {listing{kind: kindMember, filters: []map[string]any{of("organization", "")}}, audit.CodeInvalid},
		"of two":                {listing{kind: kindMember, filters: []map[string]any{of("organization", "acme", "other")}}, audit.CodeInvalid},
		"of all":                {listing{kind: kindMember, filters: []map[string]any{of("owner", "x")}}, audit.CodeInternal},
		"of what is nobody's":   {listing{kind: kindOrganization}, ""},
		"of secrets, which are": {listing{kind: kindSecret}, ""},
	} {
		if err := tt.l.apart(); audit.CodeOf(err) != tt.code {
			t.Errorf("a listing %s: %v", name, err)
		}
	}
}

func TestADocumentOfNoOrganizationIsNotTouched(t *testing.T) {
	for _, id := range []string{docID(kindMember, "", "x"), docID(kindKeyID, "", "x"), leadDocID(kindSession, "", "x")} {
		if err := apart(docID(kindMember, "acme", "x"), id); !errors.Is(err, store.ErrNoOrganization) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := apart(docID(kindMember, "acme", "x"), hashDocID(kindKey, []byte("x")), docID(kindSecret, "", "x"), docID(kindOrganization, "", "acme")); err != nil {
		t.Error(err)
	}
}
