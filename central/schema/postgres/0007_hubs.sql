-- Hubs of sites, and at a hub what is to be sent on (../sqlite/0009_hubs.sql).
CREATE TABLE hubs (
    site        TEXT PRIMARY KEY,
    terminal    TEXT NOT NULL UNIQUE,
    no          BIGINT NOT NULL,
    url         TEXT NOT NULL,
    cert_sha256 TEXT NOT NULL,
    public_key  TEXT NOT NULL
);
CREATE TABLE forwards (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    first       BIGINT NOT NULL,
    last        BIGINT NOT NULL,
    head        TEXT NOT NULL,
    body        BYTEA NOT NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (terminal, epoch, first, head)
);
