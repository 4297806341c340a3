-- The copy of the audit trails, a row an entry, for nodes to see each other's and for whoever compares it with the files. Rows are only ever
-- added. `line` is the entry as it stands in the file; a trail that was put away and begun anew has the same numbers again, with other hashes.
CREATE TABLE audit_copy (
    node TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    written_at BIGINT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (node, seq, hash)
);

UPDATE meta SET value = '7' WHERE name = 'schema';
