-- The books: what journals add up to, kept as facts come in, so that no page, report or answer reads all facts.
-- Natural keys only, and each statement of intake names the column that PostgreSQL partitions by (docs/scale.md).

-- Facts in a table with row ids: a long record in a WITHOUT ROWID table takes an overflow page of its own.
CREATE TABLE facts_new (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    hash        BLOB NOT NULL CHECK (length(hash) = 32),
    raw         BLOB NOT NULL,
    id          TEXT,
    at_ms       INTEGER,
    kind        TEXT,
    redemption  TEXT,
    fault       TEXT,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch, seq, hash),
    CHECK ((fault IS NULL) = (id IS NOT NULL AND at_ms IS NOT NULL AND kind IS NOT NULL))
) STRICT;
INSERT INTO facts_new
    SELECT f.terminal, f.epoch, f.seq, f.hash, f.raw, f.id, f.at_ms, f.kind, f.redemption, f.fault, b.received_ms
    FROM facts f JOIN batches b ON b.number = f.batch ORDER BY f.batch, f.terminal, f.epoch, f.seq;
DROP TABLE facts;
ALTER TABLE facts_new RENAME TO facts;
CREATE INDEX facts_id ON facts (terminal, id) WHERE id IS NOT NULL;
CREATE INDEX facts_redemption ON facts (terminal, redemption) WHERE redemption IS NOT NULL;

CREATE TABLE batches_new (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    seal        TEXT NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;
INSERT INTO batches_new SELECT terminal, epoch, first, last, seal, received_ms FROM batches ORDER BY number;
DROP TABLE batches;
ALTER TABLE batches_new RENAME TO batches;
CREATE INDEX batches_place ON batches (terminal, epoch, first);

-- One row a terminal: its counts, and the row that each transaction which ends in a receipt writes.
CREATE TABLE journals (
    terminal   TEXT PRIMARY KEY,
    turn       INTEGER NOT NULL DEFAULT 0,
    records    INTEGER NOT NULL DEFAULT 0,
    set_aside  INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0,
    epoch      TEXT,
    seq        INTEGER NOT NULL DEFAULT 0,
    head       BLOB
) STRICT, WITHOUT ROWID;
INSERT INTO journals (terminal, records, set_aside) SELECT terminal, count(*), count(fault) FROM facts GROUP BY terminal;
UPDATE journals SET
    epoch = (SELECT f.epoch FROM facts f WHERE f.terminal = journals.terminal ORDER BY f.received_ms DESC, f.seq DESC LIMIT 1),
    seq = (SELECT f.seq FROM facts f WHERE f.terminal = journals.terminal ORDER BY f.received_ms DESC, f.seq DESC LIMIT 1),
    head = (SELECT f.hash FROM facts f WHERE f.terminal = journals.terminal ORDER BY f.received_ms DESC, f.seq DESC LIMIT 1);

-- What is held of each epoch. `many` counts places; top - bottom + 1 - many are missing.
CREATE TABLE epochs (
    terminal TEXT NOT NULL,
    epoch    TEXT NOT NULL,
    bottom   INTEGER NOT NULL,
    top      INTEGER NOT NULL,
    many     INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch)
) STRICT, WITHOUT ROWID;
INSERT INTO epochs SELECT terminal, epoch, min(seq), max(seq), count(DISTINCT seq) FROM facts GROUP BY terminal, epoch;

-- Uses under a key. `back` of `n` were given back, the last at `back_ms`.
CREATE TABLE uses_new (
    key        TEXT NOT NULL,
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    redemption TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    n          INTEGER NOT NULL CHECK (n BETWEEN 1 AND 10000),
    bound      INTEGER,
    back       INTEGER NOT NULL DEFAULT 0 CHECK (back BETWEEN 0 AND n),
    back_ms    INTEGER,
    PRIMARY KEY (key, terminal, epoch, redemption)
) STRICT, WITHOUT ROWID;
DROP TABLE uses;
ALTER TABLE uses_new RENAME TO uses;

-- One row a key: living uses. It is what intakes of one key queue up behind.
CREATE TABLE tallies (
    key   TEXT PRIMARY KEY,
    spent INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a grant, for pages and for what comes later about it. `keys` is the JSON list of its uses' keys.
CREATE TABLE redemptions (
    redemption  TEXT NOT NULL,
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    site        TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    state       TEXT NOT NULL,
    clash       INTEGER NOT NULL DEFAULT 0 CHECK (clash IN (0, 1)),
    keys        TEXT NOT NULL,
    PRIMARY KEY (redemption, terminal, epoch)
) STRICT, WITHOUT ROWID;
CREATE INDEX redemptions_newest ON redemptions (received_ms DESC, seq DESC);

-- What ended a redemption before its grant was known here. `part` is the prefix of the keys that are given back.
CREATE TABLE endings (
    redemption TEXT NOT NULL,
    part       TEXT NOT NULL,
    heads      INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    state      TEXT NOT NULL,
    PRIMARY KEY (redemption, part)
) STRICT, WITHOUT ROWID;

-- Running totals. `quarter` is a quarter of an hour since 1970: every civil day of every zone is made of them.
CREATE TABLE totals (
    quarter    INTEGER NOT NULL,
    site       TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    benefit    TEXT NOT NULL,
    local      INTEGER NOT NULL CHECK (local IN (0, 1)),
    granted    INTEGER NOT NULL DEFAULT 0,
    heads      INTEGER NOT NULL DEFAULT 0,
    undone     INTEGER NOT NULL DEFAULT 0,
    off_fen    INTEGER NOT NULL DEFAULT 0,
    waived_fen INTEGER NOT NULL DEFAULT 0,
    clashes    INTEGER NOT NULL DEFAULT 0,
    late       INTEGER NOT NULL DEFAULT 0,
    latest_ms  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (quarter, site, issuer, benefit, local)
) STRICT, WITHOUT ROWID;
CREATE TABLE kinds (
    kind TEXT PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A bound that was overrun, and everybody who held it. `heard` when the terminal's own fact about it has arrived.
CREATE TABLE overruns (
    key          TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    bound        INTEGER NOT NULL,
    noticed_ms   INTEGER NOT NULL,
    dissolved_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE conflicts_new (
    terminal       TEXT NOT NULL,
    epoch          TEXT NOT NULL,
    seq            INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    key            TEXT NOT NULL,
    redemption     TEXT NOT NULL,
    other_terminal TEXT NOT NULL,
    other_seq      INTEGER NOT NULL,
    other_at_ms    INTEGER NOT NULL,
    other_id       TEXT,
    noticed_ms     INTEGER NOT NULL,
    heard          INTEGER NOT NULL DEFAULT 0 CHECK (heard IN (0, 1)),
    number         INTEGER NOT NULL,                    -- rises with each that is news (central.http.waking)
    PRIMARY KEY (terminal, epoch, seq, kind, key)
) STRICT, WITHOUT ROWID;
INSERT INTO conflicts_new
    SELECT c.terminal, coalesce((SELECT f.epoch FROM facts f WHERE f.terminal = c.terminal AND f.seq = c.seq LIMIT 1), ''),
        c.seq, c.kind, c.key,
        coalesce((SELECT f.redemption FROM facts f WHERE f.terminal = c.terminal AND f.seq = c.seq LIMIT 1), ''),
        c.other_terminal, c.other_seq, c.other_at_ms, c.redemption, c.noticed_ms, c.heard, c.number
    FROM conflicts c WHERE true ORDER BY c.number DESC
    ON CONFLICT DO NOTHING;
DROP TABLE conflicts;
ALTER TABLE conflicts_new RENAME TO conflicts;
CREATE INDEX conflicts_key ON conflicts (key);
CREATE INDEX conflicts_number ON conflicts (number);

-- What a person should look at: a record that could not be booked, an epoch that nobody ordered. Told to no terminal.
CREATE TABLE findings (
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    noticed_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch, seq, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX findings_newest ON findings (noticed_ms DESC);

-- What was stored before there were books is booked when the platform opens them (central.books.rebuilding).
CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO marks SELECT 'books', 'due' WHERE EXISTS (SELECT 1 FROM facts);
