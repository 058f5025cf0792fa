-- Provisional claims on SQLite. They need no disk (claims.md 8): these tables live in the writer's memory, and a claim
-- that changes nothing else waits for no fsync. On PostgreSQL the same tables are UNLOGGED and shared by all processes.
CREATE TEMP TABLE claims (
    redemption TEXT PRIMARY KEY,
    terminal   TEXT NOT NULL,
    run        TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('held', 'lapsed', 'gone')),
    since_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX temp.claims_state ON claims (state, since_ms);
CREATE INDEX temp.claims_terminal ON claims (terminal, run);
CREATE TEMP TABLE claimed (
    redemption TEXT NOT NULL,
    key        TEXT NOT NULL,
    n          INTEGER NOT NULL,
    PRIMARY KEY (redemption, key)
) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE pledges (
    key    TEXT PRIMARY KEY,
    held   INTEGER NOT NULL DEFAULT 0,
    lapsed INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
