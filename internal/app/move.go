package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/internal/migrate"
	storesqlite "github.com/audittrail/audittrail/store/sqlite"
)

// OpenPlace opens the engines that the settings name, to move what is in them or to move it there; name is what the place is called. Where it has
// to exist, a data directory is not made. The caller has to call end.
func OpenPlace(ctx context.Context, name string, cfg *config.Config, opts Options, exists bool) (place migrate.Place, end func() error, err error) {
	if cfg.Index == config.IndexSQLite && exists {
		if err := wantData(cfg.DataDir); err != nil {
			return place, nil, err
		}
	}
	e, err := newEngines(ctx, cfg, opts)
	if err != nil {
		return place, nil, err
	}
	events, err := e.index(ctx) // first: of a data directory that a server uses, nothing else is touched
	if err != nil {
		e.close()
		return place, nil, err
	}
	records, err := e.store(ctx)
	if err != nil {
		err = errors.Join(err, events.Close())
		e.close()
		return place, nil, err
	}
	end = func() error {
		defer e.close()
		return errors.Join(records.Close(), events.Close())
	}
	movable, ok := records.(migrate.Records)
	if !ok {
		return place, nil, errors.Join(fmt.Errorf("the records in %s cannot be moved", name), end())
	}
	return migrate.Place{Name: name, Events: events, Records: movable}, end, nil
}

// wantData refuses a directory in which no server has ever worked.
func wantData(dir string) error {
	for _, path := range []string{filepath.Join(dir, eventsFolder), filepath.Join(dir, recordsFolder, storesqlite.FileName)} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%s is not a data directory of Audittrail: %w", dir, err)
		}
	}
	return nil
}
