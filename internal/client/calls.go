package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

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
	ID        string             `json:"id"`
	Format    audit.ExportFormat `json:"format"`
	Mode      audit.ExportMode   `json:"mode"`
	Status    audit.ExportStatus `json:"status"`
	Matched   int64              `json:"matched"`
	Rows      int64              `json:"rows"`
	Truncated int64              `json:"truncated"`
	Done      int64              `json:"done"`
	Progress  float64            `json:"progress"`
	ReadyAt   time.Time          `json:"ready_at,omitzero"`
	ExpiresAt time.Time          `json:"expires_at,omitzero"`
	Error     string             `json:"error,omitempty"`
	Files     []ExportFile       `json:"files"`
}

// ExportFile is one file of an export.
type ExportFile struct {
	audit.ExportFile
	URL string `json:"url"`
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
	err := c.Call(ctx, http.MethodGet, "/v1/exports/"+url.PathEscape(id), nil, nil, &export)
	return export, err
}

// Download copies a file of an export to w, until ctx ends.
func (c *Client) Download(ctx context.Context, export, name string, w io.Writer) error {
	path := "/v1/exports/" + url.PathEscape(export) + "/files/" + url.PathEscape(name)
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
