-- What records are found by (record::term): one row a term. The day (by UTC, counted from 1970) stands first, so that what is added
-- goes to the end of the index, a search reads the days of its window one by one, the newest first, and what is too old goes in one piece.
-- Terms are compared by octets: a PostgreSQL database has to be made with LC_COLLATE 'C'.
CREATE TABLE terms (
    day BIGINT NOT NULL,
    term TEXT NOT NULL,
    began BIGINT NOT NULL,
    transaction_id TEXT NOT NULL
);
CREATE INDEX terms_by_day ON terms (day, term, began);

-- They are found by their terms now; each of these was one more page to change for every record.
DROP INDEX transactions_by_client;
DROP INDEX transactions_by_message_id;
DROP INDEX transactions_by_reverse_path;
DROP INDEX recipients_by_mailbox;

-- Records of before this schema get their terms in the background, the newest first: those before this one have none yet. One row.
CREATE TABLE terms_made (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    began BIGINT NOT NULL,
    id TEXT NOT NULL
);
INSERT INTO terms_made (one, began, id) SELECT 1, COALESCE(MAX(began) + 1, 0), '' FROM transactions;

-- Tracking requests (clause 10.1.1), and records held by law: what began between `starts` and `ends` is kept until it is closed.
CREATE TABLE requests (
    number TEXT PRIMARY KEY,
    -- request, hold
    kind TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    closed_at BIGINT,
    -- Everything, as JSON.
    request TEXT NOT NULL
);
CREATE INDEX requests_by_time ON requests (opened_at, number);

UPDATE meta SET value = '5' WHERE name = 'schema';
