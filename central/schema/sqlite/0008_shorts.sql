-- Short codes (central.register.shorts) and notices of denials (central.register.notices).
CREATE TABLE shorts (
    short_sha256 BLOB PRIMARY KEY CHECK (length(short_sha256) = 32),
    city         TEXT NOT NULL,
    said         TEXT NOT NULL,
    made_ms      INTEGER NOT NULL,
    until_ms     INTEGER NOT NULL,
    terminal     TEXT REFERENCES terminals (terminal),
    token        TEXT,
    CHECK ((terminal IS NULL) = (token IS NULL))
) STRICT;

CREATE TABLE notices (
    notice      TEXT PRIMARY KEY,
    terminal    TEXT NOT NULL REFERENCES terminals (terminal),
    class       TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX notices_by_age ON notices (received_ms);
