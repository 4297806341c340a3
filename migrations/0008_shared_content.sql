-- Content in a bucket that several nodes share. 0: on the disk of its node, and nowhere else that is known to hold all of it; 1: in the bucket,
-- read back from there and found whole.
ALTER TABLE items ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;
CREATE INDEX items_by_sharing ON items (shared, node, received_at);

UPDATE meta SET value = '8' WHERE name = 'schema';
