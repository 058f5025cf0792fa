-- Leases and provisional claims (../sqlite/0004_leases.sql, ../provisional.sql). A claim needs no disk: UNLOGGED.
CREATE TABLE leases (
    quota    TEXT NOT NULL,
    terminal TEXT NOT NULL,
    number   BIGINT NOT NULL,
    total    BIGINT NOT NULL,
    PRIMARY KEY (quota, terminal)
);
CREATE TABLE runs (
    terminal TEXT NOT NULL,
    run      TEXT NOT NULL,
    at_ms    BIGINT NOT NULL,
    over     BIGINT NOT NULL CHECK (over IN (0, 1)),
    PRIMARY KEY (terminal, run)
);
CREATE UNLOGGED TABLE claims (
    redemption TEXT PRIMARY KEY,
    terminal   TEXT NOT NULL,
    run        TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('held', 'lapsed', 'gone')),
    since_ms   BIGINT NOT NULL
);
CREATE INDEX claims_state ON claims (state, since_ms);
CREATE INDEX claims_terminal ON claims (terminal, run);
CREATE UNLOGGED TABLE claimed (
    redemption TEXT NOT NULL,
    key        TEXT NOT NULL,
    n          BIGINT NOT NULL,
    PRIMARY KEY (redemption, key)
);
CREATE UNLOGGED TABLE pledges (
    key    TEXT PRIMARY KEY,
    held   BIGINT NOT NULL DEFAULT 0,
    lapsed BIGINT NOT NULL DEFAULT 0
);
