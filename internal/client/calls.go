package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/audittrail/audittrail/audit"
)

// IngestResult is what became of a batch.
type IngestResult struct {
	Created    int `json:"created"`
	Duplicates int `json:"duplicates"`
	Rejected   int `json:"rejected"`
	Results    []struct {
		ID     string             `json:"id"`
		Status audit.AppendStatus `json:"status"`
		Errors []audit.FieldError `json:"errors"`
	} `json:"results"`
}

// Ingest sends a batch of NDJSON: at most audit.MaxRequestEvents lines and audit.MaxRequestBytes.
func (c *Client) Ingest(ctx context.Context, ndjson []byte) (IngestResult, error) {
	var result IngestResult
	err := c.send(ctx, http.MethodPost, "/v1/events", nil, "application/x-ndjson", ndjson, &result)
	return result, err
}

// Page is a page of events, each as the server sent it.
type Page struct {
	Events     []json.RawMessage `json:"events"`
	NextCursor string            `json:"next_cursor"`
	Total      audit.Total       `json:"total"`
}

// Search asks for a page.
func (c *Client) Search(ctx context.Context, query url.Values) (Page, error) {
	var page Page
	err := c.Call(ctx, http.MethodGet, "/v1/events", query, nil, &page)
	return page, err
}

// Export is an export as the server shows it.
type Export struct {
	audit.Export
	Files    []ExportFile `json:"files"` // in the place of Export's own
	Progress float64      `json:"progress"`
	Warning  string       `json:"warning,omitempty"`
}

// ExportFile is one file of an export.
type ExportFile struct {
	audit.ExportFile
	URL string `json:"url,omitempty"`
}

// ExportPage is a page of exports, newest first.
type ExportPage struct {
	Exports    []Export `json:"exports"`
	NextCursor string   `json:"next_cursor"`
}

// Exports asks for a page of exports.
func (c *Client) Exports(ctx context.Context, query url.Values) (ExportPage, error) {
	var page ExportPage
	err := c.Call(ctx, http.MethodGet, "/v1/exports", query, nil, &page)
	return page, err
}

// CreateExport asks for an export. request holds the filters, format and mode.
func (c *Client) CreateExport(ctx context.Context, request map[string]any) (Export, error) {
	var export Export
	err := c.Call(ctx, http.MethodPost, "/v1/exports", nil, request, &export)
	return export, err
}

// Export reads an export.
func (c *Client) Export(ctx context.Context, id string) (Export, error) {
	var export Export
	err := c.Call(ctx, http.MethodGet, exportPath(id), nil, nil, &export)
	return export, err
}

// RepeatExport asks for an export again: a new one of the same filters, format and columns, of what matches now.
func (c *Client) RepeatExport(ctx context.Context, id string) (Export, error) {
	var export Export
	err := c.Call(ctx, http.MethodPost, exportPath(id)+"/again", nil, nil, &export)
	return export, err
}

// CancelExport ends a running export and takes back the files of a ready one. One that is over already is answered as it is.
func (c *Client) CancelExport(ctx context.Context, id string) (Export, error) {
	var export Export
	err := c.Call(ctx, http.MethodDelete, exportPath(id), nil, nil, &export)
	return export, err
}

func exportPath(id string) string { return "/v1/exports/" + url.PathEscape(id) }

// Download copies a file of an export to w, until ctx ends.
func (c *Client) Download(ctx context.Context, export, name string, w io.Writer) error {
	path := exportPath(export) + "/files/" + url.PathEscape(name)
	response, err := c.do(ctx, http.MethodGet, path, nil, "", nil)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(w, response.Body); err != nil {
		return fmt.Errorf("download %s: %w", name, err)
	}
	return nil
}
