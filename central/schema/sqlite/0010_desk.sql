-- What the office works on (central.office): drafts that wait for a second pair of eyes, cases, applications, grants.

CREATE TABLE drafts (
    number      INTEGER PRIMARY KEY,
    city        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    authority   TEXT NOT NULL,                          -- whose measure it is about; empty for rules
    subject     TEXT NOT NULL,                          -- pseudonym (hex) or what it is about
    content     TEXT NOT NULL,                          -- JSON
    base        TEXT NOT NULL,                          -- SHA-256 of what it would replace, when it was made
    before_json TEXT NOT NULL,                          -- JSON: what was there when it came into force
    words       TEXT NOT NULL,                          -- JSON: the difference in words, [{zh, en}]
    doubts      TEXT NOT NULL,                          -- JSON: what speaks against it, [{zh, en}]
    maker       TEXT NOT NULL,
    made_ms     INTEGER NOT NULL,
    why         TEXT NOT NULL,
    state       TEXT NOT NULL,
    from_ms     INTEGER NOT NULL,                       -- in force from then on, once approved
    approver    TEXT,
    decided_ms  INTEGER,
    decided_why TEXT,
    forced      INTEGER NOT NULL DEFAULT 0 CHECK (forced IN (0, 1)),
    applied_ms  INTEGER,
    result      TEXT,                                   -- JSON: the entry that it became, the publication
    CHECK (approver IS NULL OR approver <> maker)       -- two people, whatever a program says
) STRICT;
CREATE INDEX drafts_state ON drafts (state, from_ms);

CREATE TABLE cases (
    number     INTEGER PRIMARY KEY,
    city       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('dispute', 'repair')),
    entry      INTEGER NOT NULL,                        -- number in the register
    subject    TEXT NOT NULL,
    authority  TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('open', 'upheld', 'rejected')),
    why        TEXT NOT NULL,
    opened_by  TEXT NOT NULL,
    opened_ms  INTEGER NOT NULL,
    due_ms     INTEGER NOT NULL,
    settled_by TEXT,
    settled_ms INTEGER,
    outcome    TEXT,
    CHECK (settled_by IS NULL OR settled_by <> opened_by)
) STRICT;
CREATE INDEX cases_open ON cases (state, due_ms);
CREATE INDEX cases_entry ON cases (city, entry);

CREATE TABLE applications (
    application TEXT PRIMARY KEY,
    city        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    code        INTEGER NOT NULL,
    uses        INTEGER NOT NULL CHECK (uses BETWEEN 1 AND 10000),
    until_s     INTEGER NOT NULL,
    why         TEXT NOT NULL,
    state       TEXT NOT NULL,
    clerk       TEXT NOT NULL,
    made_ms     INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,
    asked       TEXT,                                   -- what was asked for, once
    asked_ms    INTEGER,
    checker     TEXT,
    decided_ms  INTEGER,
    reason      TEXT,
    CHECK (checker IS NULL OR checker <> clerk)
) STRICT, WITHOUT ROWID;
CREATE INDEX applications_state ON applications (state, due_ms);

CREATE TABLE evidence (
    sha256      BLOB NOT NULL CHECK (length(sha256) = 32),
    application TEXT NOT NULL REFERENCES applications (application),
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    content     BLOB NOT NULL,
    by_whom     TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (application, sha256)
) STRICT;

CREATE TABLE grants (
    grant_id     TEXT PRIMARY KEY CHECK (length(grant_id) = 16),
    city         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    code         INTEGER NOT NULL,
    uses         INTEGER NOT NULL CHECK (uses BETWEEN 1 AND 10000),
    until_s      INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('active', 'withdrawn')),
    application  TEXT,
    made_ms      INTEGER NOT NULL,
    withdrawn_ms INTEGER,
    reason       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_subject ON grants (city, subject);
