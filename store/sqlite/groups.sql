-- Groups of identity providers, and who is in which department. Columns are as in schema.sql.

CREATE TABLE directory_groups (
  organization  TEXT NOT NULL,
  id            TEXT NOT NULL,
  version       INTEGER NOT NULL,
  name_folded   TEXT NOT NULL,
  former_folded TEXT NOT NULL,
  external_id   TEXT NOT NULL,
  doc           TEXT NOT NULL,
  PRIMARY KEY (organization, id)
) STRICT;

CREATE UNIQUE INDEX groups_name ON directory_groups (organization, name_folded);
CREATE INDEX groups_former ON directory_groups (organization, former_folded) WHERE former_folded <> '';
CREATE INDEX groups_external_id ON directory_groups (organization, external_id) WHERE external_id <> '';

-- It follows from members, and is kept by the database itself so that no way to write one can forget it.
CREATE TABLE departments (
  organization TEXT NOT NULL,
  department   TEXT NOT NULL,
  member       TEXT NOT NULL,
  PRIMARY KEY (organization, department, member)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER departments_of_new AFTER INSERT ON members BEGIN
  INSERT INTO departments SELECT DISTINCT new.organization, d.value, new.id FROM json_each(new.doc, '$.departments') d;
END;

CREATE TRIGGER departments_of_changed AFTER UPDATE ON members WHEN old.doc -> '$.departments' IS NOT new.doc -> '$.departments' BEGIN
  DELETE FROM departments WHERE organization = old.organization AND member = old.id
    AND department IN (SELECT value FROM json_each(old.doc, '$.departments'));
  INSERT INTO departments SELECT DISTINCT new.organization, d.value, new.id FROM json_each(new.doc, '$.departments') d;
END;

INSERT INTO departments SELECT DISTINCT m.organization, d.value, m.id FROM members m, json_each(m.doc, '$.departments') d;
