-- Releases (decision 42), and what an item needs to be released, marked and deleted.

-- JSON: the parameters of MAIL and RCPT.
ALTER TABLE items ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}';
-- Who saw it, and who looks after it; when.
ALTER TABLE items ADD COLUMN seen_by TEXT;
ALTER TABLE items ADD COLUMN seen_at BIGINT;
ALTER TABLE items ADD COLUMN handled_by TEXT;
ALTER TABLE items ADD COLUMN handled_at BIGINT;
-- Who brought it to its last state, and why; none: the gateway itself.
ALTER TABLE items ADD COLUMN settled_by TEXT;
ALTER TABLE items ADD COLUMN settled_why TEXT;
-- 1: the content is to be removed from the blob store; 2: that is done, and content that comes back is removed again.
ALTER TABLE items ADD COLUMN to_remove BIGINT NOT NULL DEFAULT 0;
CREATE INDEX items_by_removal ON items (to_remove);

CREATE TABLE releases (
    id TEXT PRIMARY KEY,
    id_reversed TEXT NOT NULL,
    item TEXT NOT NULL,
    -- The item while the release is open, nothing afterwards: an item has one open release, whoever asks at the same moment.
    active TEXT UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_for TEXT,
    reason TEXT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT,
    decided_for TEXT,
    decision_reason TEXT,
    -- How often it was taken up; with the owner it says whose the dot is.
    attempts BIGINT NOT NULL,
    -- Milliseconds of all pauses that were planned: how long it is tried does not depend on the clock.
    waited BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    owner TEXT,
    lease_until BIGINT NOT NULL,
    -- 1: our dot may be out.
    dotted BIGINT NOT NULL,
    -- What the next hop, or whatever stood in the way, said last.
    said TEXT NOT NULL,
    settled_at BIGINT
);
CREATE INDEX releases_by_suffix ON releases (id_reversed);
CREATE INDEX releases_by_item ON releases (item, requested_at);
CREATE INDEX releases_by_state ON releases (state, next_attempt_at);

CREATE TABLE release_recipients (
    release_id TEXT NOT NULL REFERENCES releases (id),
    position BIGINT NOT NULL,
    address TEXT NOT NULL,
    parameters TEXT NOT NULL,
    state TEXT NOT NULL,
    said TEXT NOT NULL,
    PRIMARY KEY (release_id, position)
);

UPDATE meta SET value = '4' WHERE name = 'schema';
