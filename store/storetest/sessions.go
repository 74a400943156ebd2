package storetest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

func sessionID(s audit.Session) string { return s.ID }

// session returns a new session with every field set but LastUsedAt and RevokedAt, whose hash is of its organization and id.
func session(organization, member, id string, created time.Time) audit.Session {
	return audit.Session{ID: id, Organization: organization, Member: member, Hash: hashOf("session of " + organization + id), CreatedAt: created,
		ExpiresAt: created.Add(audit.SessionLife), UserAgent: "Mozilla/5.0 (X11; \"Linux\")", IP: netip.MustParseAddr("2001:db8::7")}
}

func testSessions(t *testing.T, e env) {
	ctx := t.Context()
	none, err := e.Sessions(ctx, e.org, "u1")
	wantIDs(t, "no sessions", none, err, sessionID)
	for id, created := range map[string]time.Time{"s1": at(1), "s2": at(3), "s3": at(2), "s4": at(2)} {
		ok(t, e.CreateSession(ctx, session(e.org, "u1", id, created)))
	}
	bare := audit.Session{ID: "s5", Organization: e.org, Member: "u2", Hash: hashOf("bare" + e.org), CreatedAt: at(1), ExpiresAt: at(9)}
	ok(t, e.CreateSession(ctx, bare))
	list, err := e.Sessions(ctx, e.org, "u1")
	wantIDs(t, "the sessions of a member", list, err, sessionID, "s2", "s4", "s3", "s1")
	want := session(e.org, "u1", "s2", at(3))
	wantSame(t, "the session in the list", list[0], want)
	found := must[audit.Session](t)(e.SessionByHash(ctx, want.Hash))
	wantSame(t, "the session by its hash", found, want)
	wantUTC(t, found.CreatedAt, found.ExpiresAt)
	wantSame(t, "a session of which little is known", must[audit.Session](t)(e.SessionByHash(ctx, bare.Hash)), bare)
	for _, hash := range [][]byte{nil, {}, {0}, hashOf("unknown"), want.Hash[:31], append(want.Hash[:32:32], 0)} {
		_, err := e.SessionByHash(ctx, hash)
		wantCode(t, "an unknown hash", err, audit.CodeNotFound)
	}
	// A key and a link of the same hash are something else.
	_, err = e.KeyByHash(ctx, want.Hash)
	wantCode(t, "a key of the session's hash", err, audit.CodeNotFound)
	_, err = e.LoginLinkByHash(ctx, want.Hash)
	wantCode(t, "a link of the session's hash", err, audit.CodeNotFound)
}

func testSessionConflicts(t *testing.T, e env) {
	ctx := t.Context()
	first := session(e.org, "u1", "s1", at(1))
	ok(t, e.CreateSession(ctx, first))
	sameID := session(e.org, "u2", "s1", at(2))
	sameID.Hash = hashOf("another" + e.org)
	wantCode(t, "the same id", e.CreateSession(ctx, sameID), audit.CodeConflict)
	sameHash := session(e.other, "u1", "s2", at(2))
	sameHash.Hash = first.Hash
	wantCode(t, "the same hash in another organization", e.CreateSession(ctx, sameHash), audit.CodeConflict)
	ok(t, e.CreateSession(ctx, session(e.other, "u1", "s1", at(2)))) // the same id elsewhere is another session
	noHash := session(e.org, "u1", "s3", at(1))
	noHash.Hash = nil
	wantCode(t, "a session without a hash", e.CreateSession(ctx, noHash), audit.CodeInvalid)
	wantCode(t, "a session of nobody", e.CreateSession(ctx, session(e.org, "", "s4", at(1))), audit.CodeInvalid)
	list, err := e.Sessions(ctx, e.org, "u1")
	wantIDs(t, "the sessions", list, err, sessionID, "s1")
	wantSame(t, "the first session", list[0], first)
}

func testTouchSession(t *testing.T, e env) {
	ctx := t.Context()
	want := session(e.org, "u1", "s1", at(1))
	ok(t, e.CreateSession(ctx, want))
	for _, n := range []int{100, 5, 101, 4000, 50} {
		ok(t, e.TouchSession(ctx, e.org, "s1", at(n)))
		if at(n).After(want.LastUsedAt) {
			want.LastUsedAt = at(n)
		}
		found := must[audit.Session](t)(e.SessionByHash(ctx, want.Hash))
		wantSame(t, "the session", found, want)
		wantUTC(t, found.LastUsedAt)
	}
	wantCode(t, "an unknown session", e.TouchSession(ctx, e.org, "s2", at(5)), audit.CodeNotFound)
	wantCode(t, "a session of another organization", e.TouchSession(ctx, e.other, "s1", at(5)), audit.CodeNotFound)
}

func testRevokeSessions(t *testing.T, e env) {
	ctx := t.Context()
	for _, id := range []string{"s1", "s2", "s3"} {
		ok(t, e.CreateSession(ctx, session(e.org, "u1", id, at(1))))
	}
	ok(t, e.CreateSession(ctx, session(e.org, "u2", "of another", at(1))))
	ok(t, e.CreateSession(ctx, session(e.other, "u1", "elsewhere", at(1))))
	wantCode(t, "an unknown session", e.RevokeSession(ctx, e.org, "s4", at(5)), audit.CodeNotFound)
	wantCode(t, "a session of another organization", e.RevokeSession(ctx, e.other, "s1", at(5)), audit.CodeNotFound)
	ok(t, e.RevokeSession(ctx, e.org, "s1", at(5)))
	ok(t, e.RevokeSession(ctx, e.org, "s1", at(6)))
	for _, want := range []int{2, 0} {
		if n := must[int](t)(e.RevokeSessions(ctx, e.org, "u1", at(9))); n != want {
			t.Errorf("%d sessions were revoked, want %d", n, want)
		}
	}
	for id, at := range map[string]time.Time{"s1": at(5), "s2": at(9), "s3": at(9)} {
		want := session(e.org, "u1", id, base.Add(time.Second))
		want.RevokedAt = at
		found := must[audit.Session](t)(e.SessionByHash(ctx, want.Hash))
		wantSame(t, "the revoked session "+id, found, want)
		wantUTC(t, found.RevokedAt)
	}
	for _, want := range []audit.Session{session(e.org, "u2", "of another", at(1)), session(e.other, "u1", "elsewhere", at(1))} {
		wantSame(t, "the session "+want.ID, must[audit.Session](t)(e.SessionByHash(ctx, want.Hash)), want)
	}
}

func testDeleteSessions(t *testing.T, e env) {
	ctx := t.Context()
	now := at(0).Add(30 * time.Hour)
	for id, created := range map[string]time.Time{"expired": at(0), "just expired": at(-1).Add(18 * time.Hour), "expires now": at(0).Add(18 * time.Hour),
		"revoked": now.Add(-time.Hour), "revoked now": now.Add(-time.Hour), "works": now.Add(-time.Hour)} {
		ok(t, e.CreateSession(ctx, session(e.org, "u1", id, created)))
	}
	ok(t, e.CreateSession(ctx, session(e.other, "u1", "elsewhere", at(0))))
	ok(t, e.RevokeSession(ctx, e.org, "revoked", now.Add(-time.Second)))
	ok(t, e.RevokeSession(ctx, e.org, "revoked now", now))
	for _, want := range []int{3, 0} {
		if n := must[int](t)(e.DeleteSessions(ctx, e.org, now)); n != want {
			t.Errorf("%d sessions were deleted, want %d", n, want)
		}
	}
	list, err := e.Sessions(ctx, e.org, "u1")
	wantIDs(t, "the sessions that are left", list, err, sessionID, "works", "revoked now", "expires now")
	gone := session(e.org, "u1", "expired", at(0))
	_, err = e.SessionByHash(ctx, gone.Hash)
	wantCode(t, "a deleted session", err, audit.CodeNotFound)
	wantCode(t, "the use of a deleted session", e.TouchSession(ctx, e.org, "expired", now), audit.CodeNotFound)
	ok(t, e.CreateSession(ctx, gone)) // nothing of it is left
	must[audit.Session](t)(e.SessionByHash(ctx, hashOf("session of "+e.other+"elsewhere")))
}

// testSessionsElsewhere lets one process sign in and the other see, use and end it.
func testSessionsElsewhere(t *testing.T, a, b store.Store) {
	t.Helper()
	ctx := t.Context()
	want := session("acme", "u9", "shared", at(1))
	ok(t, a.CreateSession(ctx, want))
	ok(t, b.TouchSession(ctx, "acme", "shared", at(7)))
	want.LastUsedAt = at(7)
	wantSame(t, "the session that was used elsewhere", must[audit.Session](t)(a.SessionByHash(ctx, want.Hash)), want)
	if n := must[int](t)(a.RevokeSessions(ctx, "acme", "u9", at(8))); n != 1 {
		t.Errorf("%d sessions were revoked, want 1", n)
	}
	want.RevokedAt = at(8)
	wantSame(t, "the session that was revoked elsewhere", must[audit.Session](t)(b.SessionByHash(ctx, want.Hash)), want)
}
