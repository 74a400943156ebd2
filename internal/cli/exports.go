package cli

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/client"
	"github.com/audittrail/audittrail/internal/config"
)

type exportsCommand struct {
	List     exportsListCommand     `cmd:"" help:"List exports, newest first."`
	Show     exportsShowCommand     `cmd:"" help:"Show what an export asks for, how far it is, and its files."`
	Download exportsDownloadCommand `cmd:"" help:"Download and verify an export; wait for it where it still runs."`
	Again    exportsAgainCommand    `cmd:"" help:"Ask for an export again: a new one, of what matches now."`
	Cancel   exportsCancelCommand   `cmd:"" help:"Cancel an export that runs, or delete the files of one that is ready."`
}

// Help is shown behind the summary.
func (exportsCommand) Help() string {
	return `audittrail export asks for one. Its files stay at the server for 24 hours from when they are ready.

  audittrail exports list
  audittrail exports download 01a20b95-e691-7b6c-8317-46fa461a49d2 --dir reports
  audittrail exports again 01a20b95-e691-7b6c-8317-46fa461a49d2`
}

// exportRef names an export on the command line.
type exportRef struct {
	config.Client `embed:""`
	ID            string `arg:"" help:"Id of the export, from the list."`
}

// Validate refuses an empty id, as from a variable that is not set: its path would be that of all exports.
func (r *exportRef) Validate() error {
	if r.ID == "" {
		return usagef("the id of the export is empty: `audittrail exports list` shows the ids")
	}
	return nil
}

// ask connects, makes one call of the export, and hands on what it answers.
func (r *exportRef) ask(e *env, call func(server *client.Client) (client.Export, error), answered func(server *client.Client, x client.Export) error) error {
	server, err := e.connect(&r.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	x, err := call(server)
	if err != nil {
		return adviseExport(r.ID, err)
	}
	return answered(server, x)
}

// read is the call that reads the export.
func (r *exportRef) read(e *env) func(server *client.Client) (client.Export, error) {
	return func(server *client.Client) (client.Export, error) { return server.Export(e.ctx, r.ID) }
}

type exportsListCommand struct {
	config.Client `embed:""`
	Limit         int `short:"n" default:"20" help:"How many exports at most; 0 for all."`
}

// Help is shown behind the summary.
func (exportsListCommand) Help() string {
	return `Your own; creator and system_admin see everyone's. Those that are over leave the list six months after they were asked for.

  audittrail exports list -n 0 -o json`
}

type exportList struct {
	Exports []client.Export `json:"exports"`
}

// Run lists exports.
func (c *exportsListCommand) Run(e *env) error {
	if c.Limit < 0 {
		return usagef("--limit must not be negative")
	}
	server, err := e.connect(&c.Client)
	if err != nil {
		return err
	}
	defer server.Close()
	all, query := exportList{Exports: []client.Export{}}, url.Values{}
	for more := true; more; {
		size := audit.MaxPage
		if c.Limit > 0 {
			size = min(size, c.Limit-len(all.Exports))
		}
		query.Set("limit", strconv.Itoa(size))
		page, err := server.Exports(e.ctx, query)
		if err != nil {
			return err
		}
		all.Exports = append(all.Exports, page.Exports...)
		query.Set("cursor", page.NextCursor)
		more = page.NextCursor != "" && (c.Limit == 0 || len(all.Exports) < c.Limit)
	}
	err = e.print(all, func(w io.Writer) {
		row(w, "ID", "REQUESTED", "BY", "FORMAT", "MODE", "STATUS", "ROWS", "FILES", "EXPIRES")
		for _, x := range all.Exports {
			row(w, x.ID, stamp(x.RequestedAt), x.RequestedBy, x.Format, x.Mode, standing(x), count(x.Rows), len(x.Files), stamp(x.ExpiresAt))
		}
	})
	if err == nil && query.Get("cursor") != "" {
		fmt.Fprintf(e.Stderr, "the newest %s; --limit 0 shows older ones too\n", count(len(all.Exports)))
	}
	return err
}

// standing is the status, and how far a running export is.
func standing(x client.Export) string {
	if x.Status == audit.ExportRunning {
		return fmt.Sprintf("%s, %d%%", x.Status, int(100*x.Progress))
	}
	return string(x.Status)
}

type exportsShowCommand struct {
	exportRef `embed:""`
}

// Run shows an export.
func (c *exportsShowCommand) Run(e *env) error {
	return c.ask(e, c.read(e), func(_ *client.Client, x client.Export) error {
		return e.print(x, func(w io.Writer) { exportTable(w, x) })
	})
}

// exportTable writes what there is to know of an export, and its files.
func exportTable(w io.Writer, x client.Export) {
	row(w, "ID", x.ID)
	row(w, "STATUS", standing(x))
	if x.Error != "" {
		row(w, "ERROR", x.Error)
	}
	row(w, "REQUESTED", stamp(x.RequestedAt)+" by "+x.RequestedBy)
	row(w, "FILTERS", filtersOf(x.Query))
	row(w, "FORMAT", fmt.Sprintf("%s, %s", x.Format, x.Mode))
	if len(x.Columns) > 0 {
		row(w, "COLUMNS", strings.Join(x.Columns, ","))
	}
	row(w, "ROWS", fmt.Sprintf("%s of %s that match", count(x.Rows), count(x.Matched)))
	row(w, "READY", stamp(x.ReadyAt))
	row(w, "EXPIRES", stamp(x.ExpiresAt))
	if x.AgainOf != "" {
		row(w, "AGAIN OF", x.AgainOf)
	}
	if len(x.Files) == 0 {
		return
	}
	fmt.Fprintln(w) // ends the columns of what is above
	names := make([]string, len(x.Files))
	for i, f := range x.Files {
		names[i] = f.Name
	}
	fileTable(w, x, names)
}

// filtersOf writes the filters by the names of the API: log=login q=berlin.
func filtersOf(q audit.Query) string {
	values := q.Values()
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, name+"="+strings.Join(values[name], ","))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, " ")
}

type exportsDownloadCommand struct {
	exportRef `embed:""`
	Dir       string `short:"d" default:"." placeholder:"DIR" help:"Where the files are written."`
}

// Help is shown behind the summary.
func (exportsDownloadCommand) Help() string {
	return `Waits where the export still runs, downloads, and compares every file with the server's SHA-256. It can be repeated:
files of the same name are replaced.

  audittrail exports download 01a20b95-e691-7b6c-8317-46fa461a49d2 --dir reports`
}

// Run downloads an export.
func (c *exportsDownloadCommand) Run(e *env) error {
	return c.ask(e, c.read(e), func(server *client.Client, x client.Export) error {
		if x.Status != audit.ExportRunning && x.Status != audit.ExportReady {
			return overExport(x)
		}
		if err := os.MkdirAll(c.Dir, 0o750); err != nil {
			return err
		}
		return e.fetchExport(server, x, c.Dir)
	})
}

type exportsAgainCommand struct {
	exportRef `embed:""`
}

// Help is shown behind the summary.
func (exportsAgainCommand) Help() string {
	return `The same filters, format and columns, up to now, as far as you may see them now. Prints the id of the new export.

  audittrail exports download "$(audittrail exports again 01a20b95-e691-7b6c-8317-46fa461a49d2)"`
}

// Run asks for an export again.
func (c *exportsAgainCommand) Run(e *env) error {
	again := func(server *client.Client) (client.Export, error) { return server.RepeatExport(e.ctx, c.ID) }
	return c.ask(e, again, func(_ *client.Client, x client.Export) error { return e.announceExport(x) })
}

type exportsCancelCommand struct {
	exportRef `embed:""`
}

// Run cancels or revokes an export.
func (c *exportsCancelCommand) Run(e *env) error {
	cancel := func(server *client.Client) (client.Export, error) { return server.CancelExport(e.ctx, c.ID) }
	return c.ask(e, cancel, func(_ *client.Client, x client.Export) error {
		if x.Warning != "" {
			fmt.Fprintln(e.Stderr, "audittrail:", plain(x.Warning))
		}
		return e.print(x, func(w io.Writer) {
			if x.Status == audit.ExportRevoked {
				row(w, x.Status)
				return
			}
			row(w, fmt.Sprintf("%s: there was nothing left to cancel", x.Status))
		})
	})
}
