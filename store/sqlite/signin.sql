-- Who is signed in, and links that sign in once. Columns are as in schema.sql.

CREATE TABLE sessions (
  organization TEXT NOT NULL,
  id           TEXT NOT NULL,
  member       TEXT NOT NULL,
  hash         BLOB NOT NULL UNIQUE,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  revoked_at   INTEGER NOT NULL,
  doc          TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;
CREATE INDEX sessions_of_member ON sessions (organization, member, created_at, id);

CREATE TABLE login_links (
  organization TEXT NOT NULL,
  id           TEXT NOT NULL,
  hash         BLOB NOT NULL UNIQUE,
  expires_at   INTEGER NOT NULL,
  used_at      INTEGER NOT NULL,
  doc          TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;
