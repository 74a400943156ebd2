package embedded

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives/timestamp"
	schema "go.temporal.io/server/schema/sqlite"
)

// prepareDatabase makes the database where there is none, registers the namespace and returns how to open it.
func prepareDatabase(dir string) (*config.SQL, error) {
	path := filepath.Join(dir, "temporal.db")
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0:
		if err := createDatabase(dir, path); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	default:
		if err := checkSchema(dir); err != nil {
			return nil, err
		}
	}
	database := open(path, map[string]string{"journal_mode": "wal", "synchronous": "full", "busy_timeout": "10000"})
	namespace, err := schema.NewNamespaceConfig(clusterName, Namespace, false, nil)
	if err != nil {
		return nil, fmt.Errorf("register namespace %s: %w", Namespace, err)
	}
	namespace.Detail.Config.Retention = timestamp.DurationPtr(Retention)
	if err := schema.CreateNamespaces(database, namespace); err != nil {
		return nil, fmt.Errorf("register namespace %s in %s: %w", Namespace, path, err)
	}
	return database, nil
}

// createDatabase makes the tables in a file beside and renames it, so that a crash half way leaves no half a database.
func createDatabase(dir, path string) error {
	fresh := path + ".new"
	for _, left := range []string{fresh, fresh + "-journal", path + "-wal", path + "-shm"} {
		if err := os.Remove(left); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("create %s: %w", path, err)
		}
	}
	if err := schema.SetupSchema(open(fresh, map[string]string{"synchronous": "full"})); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "schema"), []byte(schema.Version+"\n"), 0o600); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// checkSchema refuses tables of another Temporal version: it has no migrations for SQLite. Nothing but time is lost with them, as what
// should be running stands in the store and is started again.
func checkSchema(dir string) error {
	found, err := os.ReadFile(filepath.Join(dir, "schema"))
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	if got := strings.TrimSpace(string(found)); got != schema.Version {
		return fmt.Errorf("%s has Temporal's tables of version %s, and this build works with %s: use the build that made it, or move the folder "+
			"away and start again: exports and reminders under way are then started anew from the store", dir, got, schema.Version)
	}
	return nil
}

// open describes the file to Temporal's SQLite plugin, which makes a URI of it.
func open(path string, pragmas map[string]string) *config.SQL {
	pragmas["mode"] = "rwc"
	return &config.SQL{PluginName: sqlite.PluginName, DatabaseName: (&url.URL{Path: path}).EscapedPath(), ConnectAttributes: pragmas}
}

// lockDir makes sure that one process at a time uses the folder. The kernel gives the lock up when the process ends in whatever way.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 32)
		n, _ := f.ReadAt(holder, 0)
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s is in use by process %s: stop it, or choose another directory",
				filepath.Dir(dir), strings.TrimSpace(string(holder[:n])))
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s cannot be written: %w", dir, err), f.Close())
	}
	return f, nil
}
