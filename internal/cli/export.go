package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/client"
	"github.com/audittrail/audittrail/internal/config"
)

const (
	exportPoll     = 200 * time.Millisecond
	exportPatience = 5 * time.Minute // while the server is overloaded or away
)

type exportCommand struct {
	config.Client `embed:""`
	filters       `embed:""`

	Text    []string `arg:"" optional:"" help:"Words to find, as in search."`
	Format  string   `enum:"csv,xlsx,ndjson" default:"csv" help:"csv, xlsx or ndjson."`
	Mode    string   `enum:"latest,all" default:"latest" help:"latest: one file of the 20,000 newest rows; all: as many files as it takes, and a manifest."`
	Columns []string `placeholder:"NAME" help:"Columns of csv and xlsx, in this order; all where not given: ${columns}."`
	Dir     string   `short:"d" default:"." placeholder:"DIR" help:"Where the files are written."`
	Wait    bool     `default:"true" negatable:"" help:"Wait and download; --no-wait prints the export's id at once."`
}

// Help is shown behind the summary.
func (exportCommand) Help() string {
	return `Says how many rows match and how many are cut, waits, downloads, and compares every file with the server's SHA-256.

  audittrail export --log login --from 30d --mode all --format xlsx --dir reports
  audittrail export --range contacts --columns time,actor_name,message`
}

// Run exports.
func (c *exportCommand) Run(e *env) error {
	server, err := e.connect(&c.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	values, err := c.values(strings.Join(c.Text, " "))
	if err != nil {
		return err
	}
	request := map[string]any{"format": c.Format, "mode": c.Mode}
	if len(c.Columns) > 0 {
		request["columns"] = c.Columns
	}
	for name, list := range values {
		request[name] = list
		if name == "from" || name == "to" || name == "q" {
			request[name] = list[0]
		}
	}
	if c.Wait { // what cannot be written is not asked for
		if err := os.MkdirAll(c.Dir, 0o750); err != nil {
			return err
		}
	}
	export, err := server.CreateExport(e.ctx, request)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.Stderr, describeExport(export))
	if !c.Wait {
		return e.print(export, func(w io.Writer) { row(w, export.ID) })
	}
	if export, err = e.awaitExport(server, export); err != nil {
		return err
	}
	paths, err := downloadExport(e.ctx, server, export, c.Dir)
	if err != nil {
		return err
	}
	return e.print(export, func(w io.Writer) {
		row(w, "FILE", "ROWS", "SIZE", "SHA-256")
		for i, f := range export.Files {
			row(w, paths[i], count(f.Rows), size(f.Bytes), f.SHA256)
		}
	})
}

// describeExport says what an export will hold.
func describeExport(x client.Export) string {
	text := fmt.Sprintf("export %s: %s rows match", x.ID, count(x.Matched))
	switch {
	case x.Truncated > 0:
		text += fmt.Sprintf("; the newest %s are exported and %s older ones are cut (--mode all exports every one)", count(x.Rows), count(x.Truncated))
	case x.Mode == audit.ModeAll && x.Rows > audit.ExportRows:
		text += fmt.Sprintf("; they come in %d files", (x.Rows+audit.ExportRows-1)/audit.ExportRows)
	}
	return text
}

// awaitExport waits until an export is ready, with its progress.
func (e *env) awaitExport(server *client.Client, x client.Export) (client.Export, error) {
	bar := e.newProgress("export", max(1, x.Rows))
	defer bar.end()
	id := x.ID
	tick := time.NewTicker(exportPoll)
	defer tick.Stop()
	for {
		err := client.Retry(e.ctx, exportPatience, nil, func() (err error) {
			x, err = server.Export(e.ctx, id)
			return err
		})
		switch {
		case err != nil:
			return x, err
		case x.Status == audit.ExportReady:
			return x, nil
		case x.Status != audit.ExportRunning:
			return x, fmt.Errorf("the export %s %s: %s", id, x.Status, orNothing(x.Error))
		}
		bar.set(x.Done, count(x.Done)+" rows")
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			return x, fmt.Errorf("interrupted: the export %s goes on at the server", id)
		}
	}
}

func orNothing(text string) string {
	if text == "" {
		return "the server gives no reason"
	}
	return text
}

// downloadExport writes every file of an export to dir under its own name and compares its checksum; a file is there whole or not at all.
func downloadExport(ctx context.Context, server *client.Client, x client.Export, dir string) ([]string, error) {
	var paths []string
	for _, f := range x.Files {
		if f.Name == "" || f.Name != filepath.Base(f.Name) || strings.HasPrefix(f.Name, ".") {
			return nil, fmt.Errorf("the server names a file %q, which is not a file name", f.Name)
		}
		path := filepath.Join(dir, f.Name)
		if err := downloadFile(ctx, server, x.ID, f, path); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func downloadFile(ctx context.Context, server *client.Client, export string, f client.ExportFile, path string) error {
	part := path + ".part"
	defer func() { _ = os.Remove(part) }() // gone where all went well
	var got string
	err := client.Retry(ctx, exportPatience, nil, func() error {
		out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		hash := sha256.New()
		err = server.Download(ctx, export, f.Name, io.MultiWriter(out, hash))
		got = hex.EncodeToString(hash.Sum(nil))
		return errors.Join(err, out.Close())
	})
	if err != nil {
		return err
	}
	if got != f.SHA256 {
		return fmt.Errorf("%s arrived with the SHA-256 %s, but the server says %s: it was damaged on its way; run the command again", f.Name, got, f.SHA256)
	}
	return os.Rename(part, path)
}
