package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// schemaVersion is kept in user_version of each month file.
const schemaVersion = 2

// schema of a month file. A rowid is (ms since the month's start) << 31 | tie: every table is in the public order.
//
//   - events holds bodies until the month is sealed, blocks holds them from then on, compressed.
//   - ids finds an event by the first 16 bytes of the SHA-256 of its id.
//   - chunks and columns are the facts: columns of rows in the order of arrival, which filters, counts and the tail read.
//     A chunk's id is the ordinal of its first row in the order of arrival. Of its rows the first found ones are in ids and in fts, which is all
//     of them but in the newest chunk; see pending.
//   - fts holds tokens that package fulltext has cut and folded, joined by spaces; no ASCII punctuation is left in a token, so
//     the ascii tokenizer splits exactly there. text comes first as every later column costs two bytes an entry.
const schema = `
CREATE TABLE events(rowid INTEGER PRIMARY KEY, received INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE blocks(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, n INTEGER NOT NULL, rows BLOB NOT NULL, bodies BLOB NOT NULL);
CREATE TABLE ids(h BLOB PRIMARY KEY, r INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE chunks(id INTEGER PRIMARY KEY, n INTEGER NOT NULL, min_row INTEGER NOT NULL, max_row INTEGER NOT NULL,
	min_commit INTEGER NOT NULL, max_commit INTEGER NOT NULL, max_received INTEGER NOT NULL, found INTEGER NOT NULL);
CREATE TABLE columns(id INTEGER PRIMARY KEY, dictionary BLOB NOT NULL, rows BLOB NOT NULL);
CREATE VIRTUAL TABLE fts USING fts5(text, actor, target, content='', columnsize=0, detail=full, tokenize='ascii');
INSERT INTO fts(fts, rank) VALUES('hashsize', 16777216);
INSERT INTO fts(fts, rank) VALUES('automerge', 0);
INSERT INTO fts(fts, rank) VALUES('crisismerge', 1000);
`

// upgrades bring a file from the version they stand at to the next one.
var upgrades = map[int64]string{
	1: `ALTER TABLE chunks ADD COLUMN found INTEGER NOT NULL DEFAULT 0; UPDATE chunks SET found=n;`, // ids and fts held every row
}

const (
	pageSize          = 4096
	writerCacheKiB    = 16 << 10
	readerCacheKiB    = 2 << 10
	checkpointPages   = 8192 // 32 MiB: how much WAL gathers before the writer moves it into the file
	walLimitBytes     = 64 << 20
	busyTimeoutMillis = 5000
)

// openWriter opens the connection that writes a month file, and makes the file where there is none.
func openWriter(path string, create bool) (*conn, error) {
	c, err := openConn(path, create,
		fmt.Sprintf("busy_timeout=%d", busyTimeoutMillis),
		fmt.Sprintf("page_size=%d", pageSize),
		"auto_vacuum=INCREMENTAL",
		"journal_mode=WAL",
		"synchronous=FULL",
		"temp_store=MEMORY",
		fmt.Sprintf("cache_size=-%d", writerCacheKiB),
		fmt.Sprintf("wal_autocheckpoint=%d", checkpointPages),
		fmt.Sprintf("journal_size_limit=%d", walLimitBytes),
	)
	if err != nil {
		return nil, err
	}
	if err := migrate(c, path); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// migrate brings the file to schemaVersion, in one transaction, so that a crash leaves either version whole.
func migrate(c *conn, path string) error {
	version, err := c.integer(noContext, "PRAGMA user_version")
	if err != nil {
		return fmt.Errorf("read schema version of %s: %w", path, err)
	}
	switch {
	case version == schemaVersion:
		return nil
	case version > schemaVersion:
		return newerSchema(path, version)
	}
	script := schema
	if version > 0 {
		script = ""
		for ; version < schemaVersion; version++ {
			script += upgrades[version]
		}
	}
	err = c.transaction("BEGIN IMMEDIATE", func() error {
		return c.script(script + fmt.Sprintf("PRAGMA user_version=%d;", schemaVersion))
	})
	if err != nil {
		return fmt.Errorf("create or upgrade tables in %s: %w", path, err)
	}
	return nil
}

func newerSchema(path string, version int64) error {
	return fmt.Errorf("%s was written by a newer version of Audittrail (schema %d, this one knows %d): use that version", path, version, schemaVersion)
}

// openReader opens a connection that only reads.
func openReader(path string) (*conn, error) {
	return openConn(path, false,
		fmt.Sprintf("busy_timeout=%d", busyTimeoutMillis),
		fmt.Sprintf("cache_size=-%d", readerCacheKiB),
		"temp_store=MEMORY",
		"query_only=1",
	)
}

// headerVersion reads user_version from the file's header without opening a database.
func headerVersion(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	header := make([]byte, 64)
	if _, err := io.ReadFull(f, header); err != nil {
		// A file that was only just created when the process died has no header yet, and no events.
		return 0, nil
	}
	if !bytes.HasPrefix(header, []byte("SQLite format 3\x00")) {
		// Damaged: whoever reads the month is told; the others go on.
		return 0, nil
	}
	return int64(header[60])<<24 | int64(header[61])<<16 | int64(header[62])<<8 | int64(header[63]), nil
}
