-- The people of the office (central.register.accounts): accounts, duties, sessions, devices, tokens, and their journal.
-- Secrets are kept as SHA-256, passwords as Argon2id.

CREATE TABLE operators (
    operator      TEXT PRIMARY KEY,
    title         TEXT NOT NULL,
    password      TEXT NOT NULL,
    made_ms       BIGINT NOT NULL,
    seen_ms       BIGINT,
    locked_ms     BIGINT,
    wrong         BIGINT NOT NULL DEFAULT 0,
    wait_until_ms BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE duties (
    operator  TEXT NOT NULL REFERENCES operators (operator),
    city      TEXT NOT NULL,
    role      TEXT NOT NULL CHECK (role IN ('clerk', 'checker', 'publisher', 'merchant', 'finance', 'auditor')),
    authority TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (operator, city, role, authority)
);

CREATE TABLE sessions (
    session  BYTEA PRIMARY KEY CHECK (length(session) = 32),
    operator TEXT NOT NULL REFERENCES operators (operator),
    begun_ms BIGINT NOT NULL,
    seen_ms  BIGINT NOT NULL
);

-- Where an account was logged in before: wrong tries from there are counted apart.
CREATE TABLE devices (
    device        BYTEA NOT NULL CHECK (length(device) = 32),
    operator      TEXT NOT NULL REFERENCES operators (operator),
    made_ms       BIGINT NOT NULL,
    wrong         BIGINT NOT NULL DEFAULT 0,
    wait_until_ms BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (device, operator)
);

CREATE TABLE api_tokens (
    token      TEXT PRIMARY KEY,
    operator   TEXT NOT NULL REFERENCES operators (operator),
    title      TEXT NOT NULL,
    secret     BYTEA NOT NULL UNIQUE CHECK (length(secret) = 32),
    scope      TEXT NOT NULL,                           -- JSON list of acts (central.register.accounts.duties)
    made_ms    BIGINT NOT NULL,
    until_ms   BIGINT NOT NULL,
    revoked_ms BIGINT
);

-- The office journal. `hash` chains each row to all before it; `once` marks the form that it came from.
CREATE TABLE acts (
    number      BIGINT PRIMARY KEY,
    at_ms       BIGINT NOT NULL,
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
    of_number   BIGINT,
    once        TEXT UNIQUE,
    hash        BYTEA NOT NULL CHECK (length(hash) = 32)
);
CREATE TABLE act_head (
    one    BIGINT PRIMARY KEY CHECK (one = 1),
    number BIGINT NOT NULL,
    hash   BYTEA NOT NULL
);
INSERT INTO act_head (one, number, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));
