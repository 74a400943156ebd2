-- Addresses beside those of members. Columns are as in schema.sql.
CREATE TABLE addresses (
  organization TEXT NOT NULL,
  id           TEXT NOT NULL,
  version      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  doc          TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;
