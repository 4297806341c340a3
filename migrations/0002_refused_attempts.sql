-- Attempts that have no record of their own (decision 29): a row a minute, network, listener and reason. `entry` is the id of the journal's
-- entry, so that an entry that is loaded twice counts once, and two runs within one minute both count.
CREATE TABLE refused_attempts (
    entry TEXT NOT NULL,
    minute BIGINT NOT NULL,
    network TEXT NOT NULL,
    listener TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (entry, minute, network, listener, reason)
);
CREATE INDEX refused_attempts_by_time ON refused_attempts (minute);
CREATE INDEX refused_attempts_by_network ON refused_attempts (network, minute);

UPDATE meta SET value = '2' WHERE name = 'schema';
