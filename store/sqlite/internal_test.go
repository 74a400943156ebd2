package sqlite

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestEveryCommitIsSyncedToDisk(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		var got string
		if err := s.writer.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
	if _, err := s.readers.ExecContext(t.Context(), "INSERT INTO secrets (name, value) VALUES ('x', x'00')"); err == nil {
		t.Error("a reader's connection wrote")
	}
}

func TestTheLastUseOfAKeyIsNotACommitARequest(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	if err := s.CreateKey(ctx, audit.Key{Organization: "acme", ID: "k", Hash: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for ms := range 120_000 {
		if err := s.TouchKey(ctx, "acme", "k", first.Add(time.Duration(ms)*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	var written int64
	if err := s.readers.QueryRowContext(ctx, "SELECT last_used_at FROM keys").Scan(&written); err != nil {
		t.Fatal(err)
	}
	if want := first.Add(time.Minute).UnixMilli(); written != want {
		t.Errorf("the use on disk is %d, want %d: one write a minute", written, want)
	}
}

func TestARefusalOfTheDatabaseIsUnavailableAndSaysWhy(t *testing.T) {
	for pragma, message := range map[string]string{
		"max_page_count = 1": "the disk is full", // SQLite keeps the pages that there are
		"query_only = 1":     "the disk does not take it",
	} {
		t.Run(pragma, func(t *testing.T) {
			s, err := Open(t.Context(), t.TempDir(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := s.writer.ExecContext(t.Context(), "PRAGMA "+pragma); err != nil {
				t.Fatal(err)
			}
			org := audit.Organization{ID: "acme", Name: strings.Repeat("x", 1<<20)}
			_, err = s.PutOrganization(t.Context(), org)
			var e *audit.Error
			if !errors.As(err, &e) || e.Code != audit.CodeUnavailable || e.RetryAfter <= 0 || !strings.Contains(e.Message, message) {
				t.Errorf("got %+v, want CodeUnavailable: %s", err, message)
			}
			if _, err := s.Organization(t.Context(), "acme"); audit.CodeOf(err) != audit.CodeNotFound {
				t.Errorf("half of it is there: %v", err)
			}
		})
	}
}

func TestFoldingMakesSpellingsOfOneNameEqual(t *testing.T) {
	for a, b := range map[string]string{"Straße": "STRASSE", "Ὀδυσσεύς": "ὈΔΥΣΣΕΎΣ", "Mu\u0308ller": "MÜLLER", "plain": "PLAIN"} {
		if fold(a) != fold(b) {
			t.Errorf("%q folds to %q and %q to %q", a, fold(a), b, fold(b))
		}
	}
}

func TestAStoreOfTheFirstVersionIsMigratedAndKeepsItsRecords(t *testing.T) {
	ctx, dir, all := t.Context(), t.TempDir(), migrations
	migrations = all[:1]
	defer func() { migrations = all }()
	old, err := Open(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	key := audit.Key{Organization: "acme", ID: "k", Hash: []byte{1}, CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	_, err = old.writer.ExecContext(ctx, `INSERT INTO members VALUES ('acme', 'u', 1, 'active', 'member', 'u', 'u', '', '{"id":"u","departments":["Sales","Sales","Legal"],"version":1}')`)
	if err := errors.Join(err, old.CreateKey(ctx, key), old.Close()); err != nil {
		t.Fatal(err)
	}
	migrations = all
	s, err := Open(ctx, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := s.KeyByHash(ctx, key.Hash); err != nil || got.ID != "k" {
		t.Errorf("the key of before is %+v, %v", got, err)
	}
	if list, err := s.Members(ctx, "acme", audit.MemberFilter{Departments: []string{"Sales"}, Limit: 10}); err != nil || len(list) != 1 {
		t.Errorf("the members of before of a department are %+v, %v", list, err)
	}
	session := audit.Session{Organization: "acme", ID: "s", Member: "u", Hash: []byte{2}, CreatedAt: key.CreatedAt, ExpiresAt: key.CreatedAt.Add(time.Hour)}
	link := audit.LoginLink{Organization: "acme", ID: "l", Member: "u", Hash: []byte{3}, CreatedAt: key.CreatedAt, ExpiresAt: key.CreatedAt.Add(time.Hour)}
	if err := errors.Join(s.CreateSession(ctx, session), s.CreateLoginLink(ctx, link)); err != nil {
		t.Error(err)
	}
}
