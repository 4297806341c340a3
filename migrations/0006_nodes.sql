-- Nodes and keys. Several nodes may share this database, each with a journal of its own: how far each is loaded, and whose an intent or an item is.
-- 'local' is the one node of a database that nobody shares.
CREATE TABLE journal_positions (
    node TEXT PRIMARY KEY,
    segment BIGINT NOT NULL,
    octet BIGINT NOT NULL
);
INSERT INTO journal_positions (node, segment, octet) SELECT 'local', segment, octet FROM journal_position;
DROP TABLE journal_position;

ALTER TABLE intents ADD COLUMN node TEXT NOT NULL DEFAULT 'local';
ALTER TABLE items ADD COLUMN node TEXT NOT NULL DEFAULT 'local';

-- Which key the content is encrypted with; none: it is not.
ALTER TABLE items ADD COLUMN key_id TEXT;

UPDATE meta SET value = '6' WHERE name = 'schema';
