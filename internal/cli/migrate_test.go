package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/internal/migrate"
	"github.com/audittrail/audittrail/internal/sample"
	"github.com/audittrail/audittrail/store"
)

// withEngines opens a data directory.
func withEngines(t *testing.T, dir string, do func(ctx context.Context, place migrate.Place)) {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir = dir
	place, end, err := app.OpenPlace(t.Context(), dir, cfg, app.Options{Logger: slog.New(slog.DiscardHandler), Clock: time.Now}, false)
	if err != nil {
		t.Fatal(err)
	}
	do(t.Context(), place)
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

// dataDirectory makes a data directory in which a server has worked.
func dataDirectory(t *testing.T, events int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	withEngines(t, dir, func(ctx context.Context, place migrate.Place) {
		enterprise := sample.New(sample.Options{Organization: "acme", Members: 10, Count: events, Seed: 3})
		all := slices.Collect(enterprise.Events())
		for part := range slices.Chunk(all, 200) {
			if _, err := place.Events.(interface {
				Append(context.Context, string, []*audit.Event) ([]audit.AppendStatus, error)
			}).Append(ctx, "acme", part); err != nil {
				t.Fatal(err)
			}
		}
		org := enterprise.Organization
		org.Version = 1
		key := audit.Key{ID: "k", Organization: "acme", Member: enterprise.Members[0].ID, Hash: audit.HashKey("at_key"), Scopes: []audit.Scope{audit.ScopeAdmin}}
		records := []store.Record{{Organization: &org}, {Key: &key}, {Secret: &store.Secret{Name: "unsubscribe", Value: make([]byte, 32)}}}
		for _, m := range enterprise.Members {
			m.Version = 1
			records = append(records, store.Record{Member: &m})
		}
		if err := place.Records.PutRecords(ctx, records); err != nil {
			t.Fatal(err)
		}
	})
	return dir
}

func TestMigrateMovesADataDirectoryAndComparesBothSides(t *testing.T) {
	t.Chdir(t.TempDir())
	from, to := dataDirectory(t, 500), filepath.Join(t.TempDir(), "data")
	code, stdout, stderr := command(t, "", "migrate", "--from", "sqlite:"+from, "--to", "sqlite:"+to)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	for _, want := range []string{"ORGANIZATION", "acme", "records member", "10      10", "500 events were copied", "both sides are the same"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output lacks %q:\n%s", want, stdout)
		}
	}
	var report migrate.Report
	code, stdout, stderr = command(t, "", "-o", "json", "migrate", "--from", "sqlite:"+from, "--to", "sqlite:"+to)
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 0 || !report.Same || report.Copied != 0 {
		t.Fatalf("again: exit %d, %v, %+v\n%s", code, err, report, stderr)
	}
	var events int64
	for _, r := range report.Rows {
		if r.What == migrate.WhatEvents {
			events += r.Target.Count
		}
		if len(r.Source.Checksum) != 64 || r.Source != r.Target {
			t.Errorf("%+v", r)
		}
	}
	if events != 500 {
		t.Errorf("the target has %d events", events)
	}

	withEngines(t, to, func(ctx context.Context, place migrate.Place) {
		if err := place.Records.PutRecords(ctx, []store.Record{{Member: &audit.Member{ID: "own", Organization: "acme", Version: 1}}}); err != nil {
			t.Fatal(err)
		}
	})
	code, stdout, stderr = command(t, "", "migrate", "--from", "sqlite:"+from, "--to", "sqlite:"+to)
	if code != 1 || !strings.Contains(stdout, "DIFFERS") || !strings.Contains(stderr, "1 of ") {
		t.Errorf("a member more: exit %d\n%s\n%s", code, stdout, stderr)
	}
}

func TestMigrateSaysWhatIsInTheWay(t *testing.T) {
	t.Chdir(t.TempDir())
	from, empty := dataDirectory(t, 10), t.TempDir()
	inUse := dataDirectory(t, 10)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(from, link); err != nil {
		t.Fatal(err)
	}
	withEngines(t, inUse, func(context.Context, migrate.Place) {
		for name, c := range map[string]struct {
			from, to string
			code     int
			want     string
		}{
			"a place of another kind":       {"postgres:x", "elastic", 2, "--from"},
			"a data directory without name": {"sqlite:", "elastic", 2, "sqlite:DIR"},
			"no cluster":                    {"sqlite:" + from, "elastic", 2, "elastic.urls"},
			"a cluster without an address":  {"sqlite:" + from, "elastic:", 2, "elastic:URL"},
			"one directory":                 {"sqlite:" + from, "sqlite:" + link, 2, "one directory"},
			"two clusters":                  {"elastic:http://127.0.0.1:1", "elastic:http://127.0.0.1:2", 2, "snapshots"},
			"a directory without data":      {"sqlite:" + empty, "sqlite:" + filepath.Join(empty, "to"), 1, "is not a data directory"},
			"a source in use":               {"sqlite:" + inUse, "sqlite:" + filepath.Join(empty, "to"), 1, "in use by process " + fmt.Sprint(os.Getpid())},
			"a target in use":               {"sqlite:" + from, "sqlite:" + inUse, 1, "in use by process"},
			"a cluster that is not there":   {"sqlite:" + from, "elastic:http://127.0.0.1:1", 1, "--to"},
		} {
			t.Run(name, func(t *testing.T) {
				code, stdout, stderr := command(t, "", "migrate", "--from", c.from, "--to", c.to)
				if code != c.code || !strings.Contains(stderr, c.want) {
					t.Errorf("exit %d, want %d and %q\n%s\n%s", code, c.code, c.want, stdout, stderr)
				}
			})
		}
	})
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSettingsAreCheckedOnceAllSourcesAreRead(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("AUDITTRAIL_ELASTIC_URLS", "http://127.0.0.1:1")
	t.Setenv("AUDITTRAIL_ELASTIC_PASSWORD", "secret")
	for _, args := range [][]string{{"orgs", "list"}, {"setup", "--dry-run"}} {
		code, stdout, stderr := command(t, "", append(args, "--index", "elastic", "--elastic-username", "audittrail")...)
		if code != 1 || !strings.Contains(stderr, "127.0.0.1:1") {
			t.Errorf("%v: exit %d, want 1, as nothing answers at the address that the environment names\n%s\n%s", args, code, stdout, stderr)
		}
	}
}
