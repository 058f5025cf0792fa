-- What people decided about silent terminals, and lapsed claims (../sqlite/0023_lifted.sql).
CREATE TABLE lifted (
    number   BIGINT PRIMARY KEY,
    terminal TEXT NOT NULL,
    action   TEXT NOT NULL CHECK (action IN ('lift', 'write_off')),
    why      TEXT NOT NULL,
    at_ms    BIGINT NOT NULL
);
CREATE TABLE lapsed (
    authority  TEXT NOT NULL,
    redemption TEXT NOT NULL,
    key        TEXT NOT NULL,
    n          BIGINT NOT NULL,
    terminal   TEXT NOT NULL,
    run        TEXT NOT NULL,
    since_ms   BIGINT NOT NULL,
    PRIMARY KEY (authority, redemption, key)
);
CREATE INDEX lapsed_terminal ON lapsed (terminal);
