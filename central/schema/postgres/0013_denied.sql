-- Refusals that a measure caused, by the hash of the code that was shown: to find them again when the measure was wrong
-- (central.office.affected).
CREATE TABLE denied (
    token_hash TEXT NOT NULL,
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    at_ms      BIGINT NOT NULL,
    site       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (token_hash, terminal, epoch, seq)
);
INSERT INTO marks (name, value) SELECT 'books', 'due' WHERE EXISTS (SELECT 1 FROM facts)
    ON CONFLICT (name) DO UPDATE SET value = 'due';
