-- What the platform knows of its terminals and their journals. Facts are added, never changed and never refused.

CREATE TABLE terminals (
    terminal    TEXT PRIMARY KEY,
    site        TEXT NOT NULL,
    profile     TEXT NOT NULL,                          -- JSON, sync.wire.Profile
    public_key  TEXT,                                   -- 64 hex digits; NULL until enrolled
    enrolled_ms INTEGER,
    state       TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'revoked')),
    obeyed      INTEGER NOT NULL DEFAULT 0,             -- number of the last order it wrote down as done
    seen_ms     INTEGER
) STRICT;

-- One-time codes, kept as hashes. A used one remembers the key it was used with, and the answer it was given.
CREATE TABLE codes (
    code_sha256 BLOB PRIMARY KEY CHECK (length(code_sha256) = 32),
    terminal    TEXT NOT NULL REFERENCES terminals (terminal),
    made_ms     INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL,
    used_ms     INTEGER,
    public_key  TEXT,
    answer      BLOB,
    CHECK ((used_ms IS NULL) = (public_key IS NULL) AND (used_ms IS NULL) = (answer IS NULL))
) STRICT;

-- Sealed batches that brought something new: the terminal's signature over what it sent.
CREATE TABLE batches (
    number      INTEGER PRIMARY KEY,
    terminal    TEXT NOT NULL REFERENCES terminals (terminal),
    epoch       TEXT NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    seal        TEXT NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;

-- Every record, at its place in the chain. `hash` is the chain hash after it: two records of one seq are a fork, and
-- both are kept. `fault` says why a record could not be read; its bytes are kept like any other's.
CREATE TABLE facts (
    terminal   TEXT NOT NULL REFERENCES terminals (terminal),
    epoch      TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    raw        BLOB NOT NULL,
    id         TEXT,
    at_ms      INTEGER,
    kind       TEXT,
    redemption TEXT,
    fault      TEXT,
    batch      INTEGER NOT NULL REFERENCES batches (number),
    PRIMARY KEY (terminal, epoch, seq, hash),
    CHECK ((fault IS NULL) = (id IS NOT NULL AND at_ms IS NOT NULL AND kind IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX facts_id ON facts (id) WHERE id IS NOT NULL;
CREATE INDEX facts_redemption ON facts (redemption) WHERE redemption IS NOT NULL;

-- What grants used up, to find two terminals that gave the same away.
CREATE TABLE uses (
    key        TEXT NOT NULL,
    terminal   TEXT NOT NULL,
    redemption TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    n          INTEGER NOT NULL CHECK (n > 0),
    bound      INTEGER,
    back       INTEGER NOT NULL DEFAULT 0 CHECK (back BETWEEN 0 AND n),
    PRIMARY KEY (key, terminal, redemption)
) STRICT, WITHOUT ROWID;
CREATE INDEX uses_redemption ON uses (redemption);

-- Two accepted facts that should not both have happened; one row for each side. `heard` when the
-- terminal's own `claim_conflict` fact about it has arrived; until then it is told with every answer.
CREATE TABLE conflicts (
    number         INTEGER PRIMARY KEY,
    terminal       TEXT NOT NULL,
    seq            INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    key            TEXT NOT NULL,
    other_terminal TEXT NOT NULL,
    other_seq      INTEGER NOT NULL,
    other_at_ms    INTEGER NOT NULL,
    redemption     TEXT,
    noticed_ms     INTEGER NOT NULL,
    heard          INTEGER NOT NULL DEFAULT 0 CHECK (heard IN (0, 1)),
    UNIQUE (terminal, seq, kind, key, other_terminal, other_seq)
) STRICT;

-- Forks that were noticed: the terminal was ordered to begin a new epoch.
CREATE TABLE forks (
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    seq        INTEGER NOT NULL,                        -- the first seq with two records
    noticed_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch, seq)
) STRICT;

-- Orders to a terminal; the number strictly rises and travels inside the signature.
CREATE TABLE commands (
    terminal TEXT NOT NULL REFERENCES terminals (terminal),
    number   INTEGER NOT NULL,
    action   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    made_ms  INTEGER NOT NULL,
    PRIMARY KEY (terminal, number)
) STRICT;
