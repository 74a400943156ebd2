// Package storetest is the conformance suite of the store: it holds an engine to every promise of package store. An engine's
// tests call Run and nothing else is needed; what is special to an engine (its files, its disk full) it tests itself.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// Factory makes an empty place (a folder, a prefix of indices) and returns how to open it. A place is opened again after Close, and
// may be open more than once at the same time, as by several processes; opening must find what was written before. The
// factory cleans up by t.Cleanup; the suite closes the stores.
type Factory func(t *testing.T) (open func(t *testing.T) store.Store)

// Run holds an engine to the contract. Most of it shares one place and tells tests apart by their organizations, so that a place
// may be slow to make.
func Run(t *testing.T, factory Factory) {
	t.Helper()
	s := opened(t, factory(t))
	suite := []struct {
		name string
		test func(t *testing.T, e env)
	}{
		{"a store has a name and is ready", testReady},
		{"organizations are kept and listed by id", testOrganizations},
		{"members are kept and listed by id", testMembers},
		{"members are filtered by status, role and text together", testMemberFilter},
		{"members are found by text whatever the case in any script", testMemberText},
		{"members are paged by id", testMemberPages},
		{"members are found by what identity providers call them", testMemberNames},
		{"no two members who are there have one name", testMemberNamesAreUnique},
		{"of racing members one gets the name", testRacingNames},
		{"members are counted and skipped", testMemberCount},
		{"members are found by their departments, as they are now", testMembersOfDepartments},
		{"many members are put at once, each by itself", testPutMembers},
		{"groups are kept, listed by id, counted and deleted", testGroups},
		{"groups are found by name, former name and external id", testGroupFilter},
		{"no two groups have one name", testGroupNamesAreUnique},
		{"keys are found by hash and listed newest first", testKeys},
		{"a key whose id or hash exists is a conflict", testKeyConflicts},
		{"a revoked key stays revoked at the first time", testRevokeKey},
		{"the last use of a key is never moved back", testTouchKey},
		{"a key is replaced once, and ends no later than it would have", testReplaceKey},
		{"a key is found by its first characters", testKeyByPrefix},
		{"sessions are found by hash and listed newest first", testSessions},
		{"a session whose id or hash exists is a conflict", testSessionConflicts},
		{"the last use of a session is never moved back", testTouchSession},
		{"sessions are revoked one by one, or all of a member", testRevokeSessions},
		{"sessions that ended before a time are deleted", testDeleteSessions},
		{"links that sign in are found by hash", testLoginLinks},
		{"a link is used once, and not after it expired", testUseLoginLink},
		{"of 20 uses of a link at once one succeeds", testRacingUses},
		{"links that expired before a time are deleted", testDeleteLoginLinks},
		{"other addresses are kept, listed oldest first and deleted", testAddresses},
		{"reminders are kept, listed oldest first and deleted", testReminders},
		{"deliveries are replaced by id and keep their first time", testDeliveries},
		{"a final delivery does not go back", testDeliveryStatus},
		{"a delivery that was confirmed early still learns its address", testLateAnswer},
		{"deliveries are listed newest first in pages", testDeliveryPages},
		{"a message is added once", testMessages},
		{"messages are listed newest first in pages", testMessagePages},
		{"old deliveries and messages are deleted, the oldest first and so many at a time", testForget},
		{"the messages of one member are deleted, so many at a time, and nobody else's", testForgetMember},
		{"an erased member stays erased, and has nothing left to be found by", testErased},
		{"unread messages are a list of their own", testUnreadMessages},
		{"one message is found by its id, by its member alone", testOneMessage},
		{"messages are marked as read by id, or all", testMarkRead},
		{"messages of others are not marked as read", testMarkReadOfOthers},
		{"exports are kept with all their fields", testExports},
		{"exports are listed newest first in pages", testExportPages},
		{"open exports are those that run or are ready", testOpenExports},
		{"old exports that have ended are deleted, the oldest first and so many at a time", testDeleteExports},
		{"checkpoints are kept by name", testCheckpoints},
		{"secrets are random, of 32 bytes and stay", testSecrets},
		{"a page is of 1 to 1,000 records", testLimits},
		{"optimistic writes take the version that was read", testOptimistic},
		{"of racing writers exactly one wins", testRacingWriters},
		{"organizations are apart in every method", testOrganizationsApart},
		{"without an organization nothing is read or written", testNoOrganization},
		{"hostile ids are ids like any other, or refused", testHostileIDs},
		{"ids that cannot be kept are refused", testRefusedIDs},
		{"a context that has ended is an error", testContext},
	}
	for _, c := range suite {
		t.Run(c.name, func(t *testing.T) { c.test(t, newEnv(t, s)) })
	}
	t.Run("everything is there after the store is opened again", func(t *testing.T) { testReopen(t, factory(t)) })
	t.Run("two processes share records and secrets", func(t *testing.T) { testTwoProcesses(t, factory(t)) })
	t.Run("a closed store is unavailable", func(t *testing.T) { testClosed(t, factory(t)) })
}

// opened opens a store and closes it at the end of the test.
func opened(t *testing.T, open func(t *testing.T) store.Store) store.Store {
	t.Helper()
	s := open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// env is what one test works with: a store that others use too, and organizations of its own.
type env struct {
	store.Store
	org   string
	other string
}

var organizations atomic.Int64

func newEnv(t *testing.T, s store.Store) env {
	t.Helper()
	n := organizations.Add(1)
	return env{Store: s, org: fmt.Sprintf("org-%04d", n), other: fmt.Sprintf("org-%04d-other", n)}
}

// base is a time with a zone and with less than a millisecond, as a caller may have it.
var base = time.Date(2026, 3, 29, 1, 30, 0, 123_456_789, time.FixedZone("", 2*60*60))

// at returns the time n seconds after base.
func at(n int) time.Time { return base.Add(time.Duration(n) * time.Second) }

// same compares records: times to the millisecond, and an empty list like none.
var same = cmp.Options{
	cmp.Comparer(func(a, b time.Time) bool {
		return a.Truncate(time.Millisecond).Equal(b.Truncate(time.Millisecond))
	}),
	cmpopts.EquateEmpty(),
	cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}),
}

func wantSame[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, same...); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

func wantUTC(t *testing.T, times ...time.Time) {
	t.Helper()
	for _, at := range times {
		if at.Location() != time.UTC {
			t.Errorf("the time %v is not in UTC", at)
		}
	}
}

func wantCode(t *testing.T, what string, err error, code audit.Code) {
	t.Helper()
	var e *audit.Error
	if got := audit.CodeOf(err); got != code || (err != nil && !errors.As(err, &e)) {
		t.Errorf("%s: the error is %v, want %q", what, err, code)
	}
}

// must returns the value of a call that has to succeed.
func must[T any](t *testing.T) func(value T, err error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantIDs compares a list by the ids of its records, and wants a list even where there is nothing.
func wantIDs[T any](t *testing.T, what string, list []T, err error, id func(T) string, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if list == nil {
		t.Errorf("%s is nil, want an empty list", what)
	}
	got := []string{}
	for _, record := range list {
		got = append(got, id(record))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has %s, want %s", what, strings.Join(got, " "), strings.Join(want, " "))
	}
}

// wantPages walks a listing by pages of several sizes and wants every id once, in order.
func wantPages[T any](t *testing.T, page func(after string, limit int) ([]T, error), id func(T) string, want []string) {
	t.Helper()
	for _, limit := range []int{1, 2, 3, len(want), 1000} {
		got, after := []string{}, ""
		for len(got) <= len(want) {
			records, err := page(after, limit)
			if err != nil || len(records) > limit {
				t.Fatalf("a page of %d behind %q has %d records, %v", limit, after, len(records), err)
			}
			if len(records) == 0 {
				break
			}
			for _, record := range records {
				got = append(got, id(record))
			}
			after = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("by pages of %d: %v, want %v", limit, got, want)
		}
	}
}

func testReady(t *testing.T, e env) {
	if e.Name() == "" {
		t.Error("it has no name")
	}
	if err := e.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

func testLimits(t *testing.T, e env) {
	ctx := t.Context()
	for _, limit := range []int{-1, 0, 1001} {
		_, err := e.Members(ctx, e.org, audit.MemberFilter{Limit: limit})
		wantCode(t, "Members", err, audit.CodeInvalid)
		_, err = e.Deliveries(ctx, e.org, "r", "", limit)
		wantCode(t, "Deliveries", err, audit.CodeInvalid)
		_, err = e.Messages(ctx, e.org, "m", "", limit)
		wantCode(t, "Messages", err, audit.CodeInvalid)
		_, err = e.Exports(ctx, e.org, "", "", limit)
		wantCode(t, "Exports", err, audit.CodeInvalid)
	}
}

func testContext(t *testing.T, e env) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.PutMember(ctx, member(e.org, "m"))
	wantCode(t, "PutMember", err, audit.CodeUnavailable)
	_, err = e.Member(ctx, e.org, "m")
	wantCode(t, "Member", err, audit.CodeUnavailable)
	_, err = e.Organizations(ctx)
	wantCode(t, "Organizations", err, audit.CodeUnavailable)
	wantCode(t, "Ready", e.Ready(ctx), audit.CodeUnavailable)
}

func testClosed(t *testing.T, open func(t *testing.T) store.Store) {
	s := open(t)
	ok(t, s.Close())
	_, err := s.PutMember(t.Context(), member("acme", "m"))
	wantCode(t, "PutMember", err, audit.CodeUnavailable)
	_, err = s.Member(t.Context(), "acme", "m")
	wantCode(t, "Member", err, audit.CodeUnavailable)
	wantCode(t, "Ready", s.Ready(t.Context()), audit.CodeUnavailable)
}
