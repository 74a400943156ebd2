package audit

import (
	"maps"
	"testing"
)

func TestADigestIsCutToWhatItsReaderSees(t *testing.T) {
	mixed := Digest{Count: 12, Counts: map[Log]int{LogLogin: 5, LogOperation: 4, LogProduct: 3}, Events: []DigestEvent{
		{ID: "l", Log: LogLogin}, {ID: "o", Log: LogOperation}, {ID: "p", Log: LogProduct}}}
	unknown := Digest{Count: 7}
	for _, tt := range []struct {
		name   string
		d      Digest
		role   Role
		count  int
		counts map[Log]int
		events string
	}{
		{"a creator sees all", mixed, RoleCreator, 12, mixed.Counts, "lop"},
		{"a contact_admin nothing of Product Logs", mixed, RoleContactAdmin, 9, map[Log]int{LogLogin: 5, LogOperation: 4}, "lo"},
		{"a member nothing, not even logins, which are others' too", mixed, RoleMember, 0, map[Log]int{}, ""},
		{"of no role nothing", mixed, "", 0, map[Log]int{}, ""},
		{"what is not known is for admins", unknown, RoleContactAdmin, 7, map[Log]int{"": 7}, ""},
		{"and not for members", unknown, RoleMember, 0, map[Log]int{}, ""},
		{"a test is for whoever asked", Digest{Count: 1, Test: true, Events: []DigestEvent{{ID: "t", Log: LogProduct}}}, RoleContactAdmin, 1, nil, "t"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.d.For(principal(tt.role))
			ids := ""
			for _, e := range got.Events {
				ids += e.ID
			}
			if got.Count != tt.count || !maps.Equal(got.Counts, tt.counts) || ids != tt.events {
				t.Errorf("got %+v", got)
			}
		})
	}
	if len(mixed.Events) != 3 || len(mixed.Counts) != 3 {
		t.Error("the digest given was changed")
	}
}
