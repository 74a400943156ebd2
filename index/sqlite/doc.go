// Package sqlite is the embedded index engine: events in SQLite files, one folder an organization and one file a calendar month,
// with full text by FTS5 and filters, counts and summaries by columnar chunks. docs/sqlite-index.md explains the mechanism.
//
// It is not a place for records that are not events (package store/sqlite), for group commit of small requests
// (internal/ingest), for what a caller may see, or for highlights.
package sqlite
