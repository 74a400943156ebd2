-- Keys are found by their first characters too, to say whose key somebody tried.
CREATE INDEX keys_by_prefix ON keys (doc ->> '$.prefix');
