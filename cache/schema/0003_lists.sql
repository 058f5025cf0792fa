-- Signed lists (lists.md): what was verified, what is in force, and what may never be undone.

-- The chain as last verified. Roots keep every version; the other top-level roles keep the newest.
CREATE TABLE list_chain (
    role    TEXT NOT NULL CHECK (role IN ('root', 'timestamp', 'snapshot', 'targets')),
    version INTEGER NOT NULL CHECK (version >= 1),
    body    BLOB NOT NULL,
    PRIMARY KEY (role, version)
) STRICT, WITHOUT ROWID;

-- Rollback protection that outlives a lost chain. By key, so that a role that got a new key may start again.
CREATE TABLE list_floor (
    role    TEXT NOT NULL,
    keys    TEXT NOT NULL,                              -- key ids, sorted, joined by spaces
    version INTEGER NOT NULL CHECK (version >= 1),
    PRIMARY KEY (role, keys)
) STRICT, WITHOUT ROWID;

-- The city roles in force, each with the metadata that it was accepted under.
CREATE TABLE list_role (
    role         TEXT PRIMARY KEY,                      -- issuers.<city>, lists.<city>, rules.<city>
    version      INTEGER NOT NULL CHECK (version >= 1),
    body         BLOB NOT NULL,
    issued_ms    INTEGER NOT NULL,                      -- when the city signed it
    confirmed_ms INTEGER NOT NULL                       -- the newest timestamp under which it was the newest
) STRICT, WITHOUT ROWID;

CREATE TABLE list_document (
    path   TEXT PRIMARY KEY,                            -- <kind>/<city>/<name>
    role   TEXT NOT NULL REFERENCES list_role (role) ON DELETE CASCADE,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    size   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is wrong with the newest version of a role, while an older one stays in force.
CREATE TABLE list_problem (
    role  TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    text  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Killed once, killed for ever, whatever later files say.
CREATE TABLE list_killed (
    issuer TEXT NOT NULL,
    kid    BLOB NOT NULL CHECK (length(kid) = 8),
    PRIMARY KEY (issuer, kid)
) STRICT, WITHOUT ROWID;

-- The newest signed issue time ever verified (ms UTC): list time never goes back behind it.
CREATE TABLE list_time (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    newest_ms INTEGER NOT NULL
) STRICT;
INSERT INTO list_time (one, newest_ms) VALUES (1, 0);
