package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	Wait    bool     `default:"true" negatable:"" help:"Wait and download; --no-wait prints the export's id at once, for exports download."`
}

// Help is shown behind the summary.
func (exportCommand) Help() string {
	return `Says how many rows match and how many are cut, waits, downloads, and compares every file with the server's SHA-256.

  audittrail export --log login --from 30d --mode all --format xlsx --dir reports
  audittrail export --range contacts --columns time,actor_name,message

The files stay at the server for 24 hours: audittrail exports lists, downloads, repeats and cancels what was asked for.`
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
		if err := makeFolder(c.Dir); err != nil {
			return err
		}
	}
	export, err := server.CreateExport(e.ctx, request)
	if err != nil && e.ctx.Err() != nil {
		return errors.New("interrupted before the server answered: `audittrail exports list` shows whether the export runs")
	}
	if err != nil {
		return err
	}
	if !c.Wait {
		return e.announceExport(export)
	}
	return e.fetchExport(server, export, c.Dir)
}

// announceExport prints the id of an export that runs, and says how to get its files.
func (e *env) announceExport(x client.Export) error {
	fmt.Fprintf(e.Stderr, "%s\n`audittrail exports download %s` waits for it and downloads it.\n", describeExport(x), plain(x.ID))
	return e.print(x, func(w io.Writer) { row(w, x.ID) })
}

// fetchExport waits until an export is ready, downloads it and says where its files are.
func (e *env) fetchExport(server *client.Client, x client.Export, dir string) error {
	id := x.ID
	if x.Status == audit.ExportRunning {
		fmt.Fprintln(e.Stderr, describeExport(x))
	}
	x, err := e.awaitExport(server, x)
	var paths []string
	if err == nil {
		paths, err = downloadExport(e.ctx, server, x, dir)
	}
	if err != nil && e.ctx.Err() != nil {
		return fmt.Errorf("interrupted: the export %s stays at the server; `audittrail exports download %s` waits for it and downloads it", plain(id), plain(id))
	}
	if err != nil {
		return adviseExport(id, err)
	}
	return e.print(x, func(w io.Writer) { fileTable(w, x, paths) })
}

// fileTable lists the files of an export, under the names given.
func fileTable(w io.Writer, x client.Export, names []string) {
	row(w, "FILE", "ROWS", "SIZE", "SHA-256")
	for i, f := range x.Files {
		row(w, names[i], count(f.Rows), size(f.Bytes), f.SHA256)
	}
}

// adviseExport adds to an answer that an export is not there, or is no more, what to do next.
func adviseExport(id string, err error) error {
	var problem *client.Error
	if !errors.As(err, &problem) {
		return err
	}
	switch problem.Status {
	case http.StatusNotFound:
		return fmt.Errorf("%w\n  `audittrail exports list` shows the exports that there are", err)
	case http.StatusGone:
		return fmt.Errorf("%w\n  %s", err, repeatAdvice(id))
	}
	return err
}

func repeatAdvice(id string) string {
	return fmt.Sprintf("`audittrail exports again %s` asks for it again, with what matches now", plain(id))
}

// overExport says why an export has no files to download, and what to do next.
func overExport(x client.Export) error {
	text := string(x.Status)
	switch x.Status {
	case audit.ExportFailed:
		text += ": " + orNothing(x.Error)
	case audit.ExportExpired:
		text += ": its files were there until " + stamp(x.ExpiresAt)
	case audit.ExportRevoked:
		text = "was revoked: its files are deleted"
	case audit.ExportRunning, audit.ExportReady:
	}
	return fmt.Errorf("the export %s %s\n  %s", plain(x.ID), plain(text), repeatAdvice(x.ID))
}

// describeExport says what an export will hold.
func describeExport(x client.Export) string {
	text := fmt.Sprintf("export %s: %s rows match", x.ID, count(x.Matched))
	switch {
	case x.Truncated > 0:
		text += fmt.Sprintf("; the newest %s are exported and %s older ones are cut (`audittrail export --mode all` exports every one)", count(x.Rows), count(x.Truncated))
	case x.Mode == audit.ModeAll && x.Rows > audit.ExportRows:
		text += fmt.Sprintf("; they come in %d files", (x.Rows+audit.ExportRows-1)/audit.ExportRows)
	}
	return text
}

// awaitExport waits until an export is ready, with its progress.
func (e *env) awaitExport(server *client.Client, x client.Export) (client.Export, error) {
	bar := e.newProgress("export", max(1, x.Rows))
	defer bar.end()
	tick := time.NewTicker(exportPoll)
	defer tick.Stop()
	for x.Status == audit.ExportRunning {
		bar.set(x.Done, count(x.Done)+" rows")
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			return x, e.ctx.Err()
		}
		latest := x
		err := client.Retry(e.ctx, exportPatience, nil, func() (err error) {
			latest, err = server.Export(e.ctx, x.ID)
			return err
		})
		if err != nil {
			return x, err
		}
		x = latest
	}
	if x.Status != audit.ExportReady {
		return x, overExport(x)
	}
	return x, nil
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
