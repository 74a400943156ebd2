package migrate

import (
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// TestWhoIsErasedStaysErasedOnTheOtherSide: the mark that an organization erases people is kept where checkpoints of the tail are, and is moved as it is.
func TestWhoIsErasedStaysErasedOnTheOtherSide(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newSide(t, c)
	ctx := t.Context()
	from.fill("acme", 20, 10, 5)
	m := must[audit.Member](t)(from.store.PutMember(ctx, audit.Member{ID: "u", Organization: "acme", Name: "Alice", Role: audit.RoleMember, Status: audit.MemberActive}))
	erased := must[audit.Member](t)(from.store.PutMember(ctx, m.Erase("Erased member 1", start)))
	if err := from.store.SaveCheckpoint(ctx, "acme", audit.ErasuresCheckpoint, audit.ErasuresMade); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time brings nothing, and loses nothing
		report, err := run(ctx, from.place("a"), to.place("b"))
		wantSame(t, report, err)
		got := must[audit.Member](t)(to.store.Member(ctx, "acme", "u"))
		if !got.Erased() || got.Name != erased.Name {
			t.Errorf("the member is %+v", got)
		}
		if mark := must[string](t)(to.store.Checkpoint(ctx, "acme", audit.ErasuresCheckpoint)); mark != audit.ErasuresMade {
			t.Errorf("the mark is %q", mark)
		}
	}
}
