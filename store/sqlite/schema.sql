-- Times are milliseconds since 1970 in UTC, 0 where there is none. doc is the record as JSON; what is a column as well
-- is read from the column. Folded columns hold text as it is compared by a search.

CREATE TABLE organizations (
  id      TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  doc     TEXT NOT NULL
) STRICT;

CREATE TABLE members (
  organization TEXT NOT NULL,
  id           TEXT NOT NULL,
  version      INTEGER NOT NULL,
  status       TEXT NOT NULL,
  role         TEXT NOT NULL,
  name_folded  TEXT NOT NULL,
  id_folded    TEXT NOT NULL,
  email_folded TEXT NOT NULL,
  doc          TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;

CREATE TABLE keys (
  organization TEXT NOT NULL,
  id           TEXT NOT NULL,
  hash         BLOB NOT NULL UNIQUE,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  revoked_at   INTEGER NOT NULL,
  doc          TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;

CREATE TABLE reminders (
  organization TEXT NOT NULL,
  id           TEXT NOT NULL,
  version      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  doc          TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;

CREATE TABLE deliveries (
  organization TEXT NOT NULL,
  id           TEXT NOT NULL,
  reminder     TEXT NOT NULL,
  status       TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  doc          TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;
CREATE INDEX deliveries_of_reminder ON deliveries (organization, reminder, created_at, id);

CREATE TABLE messages (
  organization TEXT NOT NULL,
  id           TEXT NOT NULL,
  member       TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  read_at      INTEGER NOT NULL,
  doc          TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;
CREATE INDEX messages_of_member ON messages (organization, member, created_at, id);
CREATE INDEX messages_unread ON messages (organization, member) WHERE read_at = 0;

CREATE TABLE exports (
  organization TEXT NOT NULL,
  id           TEXT NOT NULL,
  version      INTEGER NOT NULL,
  member       TEXT NOT NULL,
  status       TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  doc          TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;
CREATE INDEX exports_newest ON exports (organization, requested_at, id);
CREATE INDEX exports_of_member ON exports (organization, member, requested_at, id);
CREATE INDEX exports_open ON exports (organization, requested_at, id) WHERE status IN ('running', 'ready');

CREATE TABLE checkpoints (
  organization TEXT NOT NULL,
  name         TEXT NOT NULL,
  value        TEXT NOT NULL,
  PRIMARY KEY (organization, name)
) STRICT;

CREATE TABLE secrets (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;
