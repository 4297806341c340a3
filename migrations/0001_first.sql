-- The first schema. Times are milliseconds since 1970 (BIGINT), flags BIGINT, ids TEXT: what SQLite and PostgreSQL both know and
-- sqlx's Any driver can carry. A file here is never changed once it was released (sqlx keeps its checksum): add another.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO meta (name, value) VALUES ('schema', '1');

-- One row a mail transaction. `record` is everything; the other columns are for searching.
CREATE TABLE transactions (
    id TEXT PRIMARY KEY,
    -- The id backwards: people name a transaction by its last digits.
    id_reversed TEXT NOT NULL,
    began BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    client TEXT NOT NULL,
    reverse_path TEXT NOT NULL,
    message_id TEXT,
    subject TEXT NOT NULL,
    ending TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX transactions_by_suffix ON transactions (id_reversed);
CREATE INDEX transactions_by_time ON transactions (began, id);
CREATE INDEX transactions_by_client ON transactions (client, began);
CREATE INDEX transactions_by_message_id ON transactions (message_id);
CREATE INDEX transactions_by_reverse_path ON transactions (reverse_path, began);

-- One row a recipient. `began` is its transaction's, so that one index answers "this mailbox, these days".
CREATE TABLE recipients (
    transaction_id TEXT NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    began BIGINT NOT NULL,
    address TEXT NOT NULL,
    mailbox TEXT,
    fate TEXT NOT NULL,
    PRIMARY KEY (transaction_id, position)
);
CREATE INDEX recipients_by_mailbox ON recipients (mailbox, began);

-- What the journal said is about to happen and has not yet said the outcome of.
CREATE TABLE intents (
    id TEXT PRIMARY KEY,
    segment BIGINT NOT NULL,
    intent TEXT NOT NULL
);

-- How far the journal is loaded: one row, moved in the transaction that loads.
CREATE TABLE journal_position (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    segment BIGINT NOT NULL,
    -- "offset" is a keyword.
    octet BIGINT NOT NULL
);
INSERT INTO journal_position (one, segment, octet) VALUES (1, 0, 0);

-- The quarantine's index. The content is in the blob store, under the id.
CREATE TABLE items (
    id TEXT PRIMARY KEY,
    id_reversed TEXT NOT NULL,
    class TEXT NOT NULL,
    state TEXT NOT NULL,
    acknowledged BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    reverse_path TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    trace_length BIGINT NOT NULL,
    reason TEXT NOT NULL,
    settled_at BIGINT
);
CREATE INDEX items_by_suffix ON items (id_reversed);
CREATE INDEX items_by_time ON items (received_at, id);
CREATE INDEX items_by_state ON items (state, received_at);
