package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// link returns a new link with every field set but UsedAt, whose hash is of its organization and id.
func link(organization, id string, created time.Time) audit.LoginLink {
	return audit.LoginLink{ID: id, Organization: organization, Member: "u1", CreatedBy: "u2", Hash: hashOf("link of " + organization + id),
		CreatedAt: created, ExpiresAt: created.Add(audit.LoginLinkLife)}
}

func testLoginLinks(t *testing.T, e env) {
	ctx := t.Context()
	want := link(e.org, "l1", at(1))
	ok(t, e.CreateLoginLink(ctx, want))
	found := must[audit.LoginLink](t)(e.LoginLinkByHash(ctx, want.Hash))
	wantSame(t, "the link", found, want)
	wantUTC(t, found.CreatedAt, found.ExpiresAt)
	sameID := link(e.org, "l1", at(2))
	sameID.Hash = hashOf("another" + e.org)
	wantCode(t, "the same id", e.CreateLoginLink(ctx, sameID), audit.CodeConflict)
	sameHash := link(e.other, "l2", at(2))
	sameHash.Hash = want.Hash
	wantCode(t, "the same hash in another organization", e.CreateLoginLink(ctx, sameHash), audit.CodeConflict)
	ok(t, e.CreateLoginLink(ctx, link(e.other, "l1", at(2)))) // the same id elsewhere is another link
	noHash := link(e.org, "l3", at(1))
	noHash.Hash = nil
	wantCode(t, "a link without a hash", e.CreateLoginLink(ctx, noHash), audit.CodeInvalid)
	for _, hash := range [][]byte{nil, {}, {0}, hashOf("unknown"), want.Hash[:31], append(want.Hash[:32:32], 0)} {
		_, err := e.LoginLinkByHash(ctx, hash)
		wantCode(t, "an unknown hash", err, audit.CodeNotFound)
		_, err = e.UseLoginLink(ctx, hash, at(2))
		wantCode(t, "the use of an unknown hash", err, audit.CodeNotFound)
	}
	wantSame(t, "the link after all that", must[audit.LoginLink](t)(e.LoginLinkByHash(ctx, want.Hash)), want)
}

func testUseLoginLink(t *testing.T, e env) {
	ctx := t.Context()
	want := link(e.org, "l1", at(0))
	ok(t, e.CreateLoginLink(ctx, want))
	want.UsedAt = at(5)
	used := must[audit.LoginLink](t)(e.UseLoginLink(ctx, want.Hash, at(5)))
	wantSame(t, "the used link", used, want)
	wantUTC(t, used.UsedAt)
	_, err := e.UseLoginLink(ctx, want.Hash, at(6))
	wantCode(t, "the second use", err, audit.CodeConflict)
	wantSame(t, "the link after its second use", must[audit.LoginLink](t)(e.LoginLinkByHash(ctx, want.Hash)), want)

	for id, c := range map[string]struct {
		at   time.Time
		code audit.Code
	}{
		"just in time": {at(0).Add(audit.LoginLinkLife - time.Second), ""},
		"expires now":  {at(0).Add(audit.LoginLinkLife), audit.CodeConflict},
		"too late":     {at(0).Add(audit.LoginLinkLife + time.Hour), audit.CodeConflict},
	} {
		l := link(e.org, id, at(0))
		ok(t, e.CreateLoginLink(ctx, l))
		_, err := e.UseLoginLink(ctx, l.Hash, c.at)
		wantCode(t, id, err, c.code)
		if found := must[audit.LoginLink](t)(e.LoginLinkByHash(ctx, l.Hash)); found.UsedAt.IsZero() != (c.code != "") {
			t.Errorf("%s: the link was used at %v", id, found.UsedAt)
		}
	}
}

func testDeleteLoginLinks(t *testing.T, e env) {
	ctx := t.Context()
	now := at(0).Add(time.Hour)
	for id, expires := range map[string]time.Time{"expired": now.Add(-time.Second), "used": now.Add(-time.Second), "expires now": now, "works": now.Add(time.Second)} {
		ok(t, e.CreateLoginLink(ctx, link(e.org, id, expires.Add(-audit.LoginLinkLife))))
	}
	ok(t, e.CreateLoginLink(ctx, link(e.other, "elsewhere", at(0))))
	must[audit.LoginLink](t)(e.UseLoginLink(ctx, link(e.org, "used", at(0)).Hash, now.Add(-time.Minute)))
	for _, want := range []int{2, 0} {
		if n := must[int](t)(e.DeleteLoginLinks(ctx, e.org, now)); n != want {
			t.Errorf("%d links were deleted, want %d", n, want)
		}
	}
	for id, code := range map[string]audit.Code{"expired": audit.CodeNotFound, "used": audit.CodeNotFound, "expires now": "", "works": ""} {
		_, err := e.LoginLinkByHash(ctx, link(e.org, id, at(0)).Hash)
		wantCode(t, id, err, code)
	}
	must[audit.LoginLink](t)(e.LoginLinkByHash(ctx, link(e.other, "elsewhere", at(0)).Hash))
	ok(t, e.CreateLoginLink(ctx, link(e.org, "expired", at(0)))) // nothing of it is left
}

func testRacingUses(t *testing.T, e env) {
	raceForLink(t, e.org, e, e)
}

// raceForLink lets 20 callers use one link at the same time, half of them through each of two stores, a few times over.
func raceForLink(t *testing.T, organization string, a, b store.Store) {
	t.Helper()
	for _, id := range []string{"race 1", "race 2", "race 3"} {
		l := link(organization, id, at(0))
		ok(t, a.CreateLoginLink(t.Context(), l))
		var mu sync.Mutex
		codes := map[audit.Code]int{}
		var wg sync.WaitGroup
		for i := range 20 {
			s := []store.Store{a, b}[i%2]
			wg.Go(func() {
				_, err := s.UseLoginLink(t.Context(), l.Hash, at(i))
				mu.Lock()
				defer mu.Unlock()
				codes[audit.CodeOf(err)]++
			})
		}
		wg.Wait()
		if codes[""] != 1 || codes[audit.CodeConflict] != 19 {
			t.Fatalf("%v, want one use and 19 conflicts", codes)
		}
	}
}
