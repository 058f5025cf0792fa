-- The people of the office (central.register.accounts): accounts, duties, sessions, devices, tokens, and their journal.
-- Secrets are kept as SHA-256, passwords as Argon2id.

CREATE TABLE operators (
    operator      TEXT PRIMARY KEY,
    title         TEXT NOT NULL,
    password      TEXT NOT NULL,
    made_ms       INTEGER NOT NULL,
    seen_ms       INTEGER,
    locked_ms     INTEGER,
    wrong         INTEGER NOT NULL DEFAULT 0,
    wait_until_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE duties (
    operator  TEXT NOT NULL REFERENCES operators (operator),
    city      TEXT NOT NULL,
    role      TEXT NOT NULL CHECK (role IN ('clerk', 'checker', 'publisher', 'merchant', 'finance', 'auditor')),
    authority TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (operator, city, role, authority)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    session  BLOB PRIMARY KEY CHECK (length(session) = 32),
    operator TEXT NOT NULL REFERENCES operators (operator),
    begun_ms INTEGER NOT NULL,
    seen_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Where an account was logged in before: wrong tries from there are counted apart.
CREATE TABLE devices (
    device        BLOB NOT NULL CHECK (length(device) = 32),
    operator      TEXT NOT NULL REFERENCES operators (operator),
    made_ms       INTEGER NOT NULL,
    wrong         INTEGER NOT NULL DEFAULT 0,
    wait_until_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, operator)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_tokens (
    token      TEXT PRIMARY KEY,
    operator   TEXT NOT NULL REFERENCES operators (operator),
    title      TEXT NOT NULL,
    secret     BLOB NOT NULL UNIQUE CHECK (length(secret) = 32),
    scope      TEXT NOT NULL,                           -- JSON list of acts (central.register.accounts.duties)
    made_ms    INTEGER NOT NULL,
    until_ms   INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

-- The office journal. `hash` chains each row to all before it; `once` marks the form that it came from.
CREATE TABLE acts (
    number      INTEGER PRIMARY KEY,
    at_ms       INTEGER NOT NULL,
    operator    TEXT NOT NULL,
    via         TEXT NOT NULL,
    city        TEXT NOT NULL,
    act         TEXT NOT NULL,
    subject     TEXT NOT NULL,
    why         TEXT NOT NULL,
    before_json TEXT NOT NULL,
    after_json  TEXT NOT NULL,
    approver    TEXT NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('done', 'begun', 'failed')),
    of_number   INTEGER,
    once        TEXT UNIQUE,
    hash        BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TABLE act_head (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    hash   BLOB NOT NULL
) STRICT;
INSERT INTO act_head (one, number, hash) VALUES (1, 0, zeroblob(32));
