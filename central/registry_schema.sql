-- What the cities' offices know: whom pseudonyms stand for, what was issued, which measures were taken (central.registry).

CREATE TABLE city (
    city TEXT PRIMARY KEY,
    zone TEXT NOT NULL                                  -- IANA zone in which its civil days are counted
) STRICT, WITHOUT ROWID;

-- The only place where a name and a pseudonym stand side by side. It never leaves the office.
CREATE TABLE subject (
    city      TEXT NOT NULL REFERENCES city (city),
    name      TEXT NOT NULL,
    pseudonym BLOB NOT NULL CHECK (length(pseudonym) = 16),
    PRIMARY KEY (city, name),
    UNIQUE (city, pseudonym)
) STRICT, WITHOUT ROWID;

CREATE TABLE issuer_key (
    city      TEXT NOT NULL REFERENCES city (city),
    kid       BLOB NOT NULL CHECK (length(kid) = 8),
    entry     TEXT NOT NULL,                            -- its row in keys.json
    killed_ms INTEGER,
    PRIMARY KEY (city, kid)
) STRICT, WITHOUT ROWID;

CREATE TABLE credential (
    token_id     BLOB PRIMARY KEY CHECK (length(token_id) = 8),
    city         TEXT NOT NULL REFERENCES city (city),
    subject      BLOB NOT NULL,
    status_index INTEGER NOT NULL,
    issued_s     INTEGER NOT NULL,
    expires_s    INTEGER NOT NULL,
    revoked_ms   INTEGER,
    UNIQUE (city, status_index)
) STRICT, WITHOUT ROWID;

-- Measures taken. Lifting one marks it; nothing is deleted, so a decision on a wrong entry can be found again.
CREATE TABLE entry (
    number      INTEGER PRIMARY KEY,
    city        TEXT NOT NULL REFERENCES city (city),
    subject     BLOB NOT NULL CHECK (length(subject) = 16),
    code        INTEGER NOT NULL,
    from_day    TEXT NOT NULL,
    until_day   TEXT NOT NULL CHECK (until_day >= from_day),
    authority   TEXT NOT NULL,
    basis       TEXT,
    state       TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disputed')),
    recorded_ms INTEGER NOT NULL,
    lifted_ms   INTEGER
) STRICT;
CREATE INDEX entry_subject ON entry (city, subject) WHERE lifted_ms IS NULL;
