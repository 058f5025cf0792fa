-- Short codes (central.register.shorts) and notices of denials (central.register.notices).
CREATE TABLE shorts (
    short_sha256 BYTEA PRIMARY KEY CHECK (length(short_sha256) = 32),
    city         TEXT NOT NULL,
    said         TEXT NOT NULL,
    made_ms      BIGINT NOT NULL,
    until_ms     BIGINT NOT NULL,
    terminal     TEXT REFERENCES terminals (terminal),
    token        TEXT,
    CHECK ((terminal IS NULL) = (token IS NULL))
);

CREATE TABLE notices (
    notice      TEXT PRIMARY KEY,
    terminal    TEXT NOT NULL REFERENCES terminals (terminal),
    class       TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    received_ms BIGINT NOT NULL
);
CREATE INDEX notices_by_age ON notices (received_ms);
