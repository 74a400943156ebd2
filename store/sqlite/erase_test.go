package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store/sqlite"
)

// TestTheFileHoldsNothingOfWhoWasErasedOnceTheLogIsIn: SQLite leaves what it deletes where it was unless it is told otherwise.
func TestTheFileHoldsNothingOfWhoWasErasedOnceTheLogIsIn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	m, err := s.PutMember(t.Context(), audit.Member{Organization: "acme", ID: "u1", Name: "Alice Longstocking", Email: "alice@longstocking.example", Role: audit.RoleMember, Status: audit.MemberActive})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddMessage(t.Context(), audit.Message{Organization: "acme", ID: "m1", Member: "u1", Title: "To Alice Longstocking"}); err != nil {
		t.Fatal(err)
	}
	if holds := fileHolds(t, dir, s); !holds {
		t.Fatal("the test looks in the wrong place")
	}
	s = open(t, dir)
	if _, err := s.PutMember(t.Context(), m.Erase(audit.NewPseudonym(), time.Now())); err != nil {
		t.Fatal(err)
	}
	if n, err := s.DeleteMessagesOf(t.Context(), "acme", "u1", 10); n != 1 || err != nil {
		t.Fatalf("%d messages deleted, %v", n, err)
	}
	if fileHolds(t, dir, s) {
		t.Error("the file still holds the name")
	}
}

// fileHolds closes the store, which moves the log into the file, and looks for the name.
func fileHolds(t *testing.T, dir string, s *sqlite.Store) bool {
	t.Helper()
	closeStore(t, s)
	content, err := os.ReadFile(filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(bytes.ToLower(content), []byte("longstocking"))
}
