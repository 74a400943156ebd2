-- What identity providers call members. Columns are as in schema.sql.

ALTER TABLE members ADD COLUMN user_name_folded TEXT NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN external_id TEXT NOT NULL DEFAULT '';

CREATE UNIQUE INDEX members_user_name ON members (organization, user_name_folded) WHERE user_name_folded <> '' AND status <> 'deleted';
CREATE UNIQUE INDEX members_external_id ON members (organization, external_id) WHERE external_id <> '' AND status <> 'deleted';
-- Those who are deleted are looked for too.
CREATE INDEX members_all_external_ids ON members (organization, external_id) WHERE external_id <> '';
CREATE INDEX members_all_user_names ON members (organization, user_name_folded) WHERE user_name_folded <> '';
CREATE INDEX members_email ON members (organization, email_folded) WHERE email_folded <> '';
