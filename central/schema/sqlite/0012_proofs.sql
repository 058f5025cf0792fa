-- Proof of presence (illness.md 11). A grant is `waiting` until it is judged; what was granted before is unproved.
-- `proof` is the SHA-256 that the fact bears; `why` says what a verdict rests on; `apart` why it stands apart from what
-- is settled whatever its proof says; `due_ms` when it is to be judged, NULL when nothing is to be done.
ALTER TABLE redemptions ADD COLUMN proof BLOB;
ALTER TABLE redemptions ADD COLUMN verdict TEXT NOT NULL DEFAULT 'unproved'
    CHECK (verdict IN ('waiting', 'proved', 'vouched', 'unproved', 'disproved'));
ALTER TABLE redemptions ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE redemptions ADD COLUMN apart TEXT NOT NULL DEFAULT '';
ALTER TABLE redemptions ADD COLUMN settles INTEGER NOT NULL DEFAULT 0 CHECK (settles IN (0, 1));
ALTER TABLE redemptions ADD COLUMN due_ms INTEGER;
CREATE INDEX redemptions_due ON redemptions (due_ms) WHERE due_ms IS NOT NULL;

-- What phones showed, deleted 90 days after the verdict. `hash` is its SHA-256.
CREATE TABLE proofs (
    redemption  TEXT NOT NULL,
    terminal    TEXT NOT NULL,
    shown       BLOB NOT NULL,
    hash        BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    judged_ms   INTEGER,
    PRIMARY KEY (redemption, terminal)
) STRICT;
CREATE INDEX proofs_waiting ON proofs (received_ms) WHERE judged_ms IS NULL;
CREATE INDEX proofs_judged ON proofs (judged_ms) WHERE judged_ms IS NOT NULL;

-- Which redemption a presentation proved first: it proves no other.
CREATE TABLE presented (
    shown      BLOB PRIMARY KEY CHECK (length(shown) = 32),
    redemption TEXT NOT NULL,
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- From which record on, and up to which, what a terminal granted stands apart (central.proofs.apart).
CREATE TABLE apart (
    terminal  TEXT NOT NULL,
    epoch     TEXT NOT NULL,
    since_seq INTEGER NOT NULL,
    until_seq INTEGER,
    why       TEXT NOT NULL,
    PRIMARY KEY (terminal, epoch, since_seq, why)
) STRICT, WITHOUT ROWID;

-- By the keys of totals: what the grants are worth by verdict, and what of them settles.
CREATE TABLE verdicts (
    quarter            INTEGER NOT NULL,
    site               TEXT NOT NULL,
    issuer             TEXT NOT NULL,
    benefit            TEXT NOT NULL,
    local              INTEGER NOT NULL CHECK (local IN (0, 1)),
    proved             INTEGER NOT NULL DEFAULT 0,
    vouched            INTEGER NOT NULL DEFAULT 0,
    unproved           INTEGER NOT NULL DEFAULT 0,
    disproved          INTEGER NOT NULL DEFAULT 0,
    apart              INTEGER NOT NULL DEFAULT 0,
    settled            INTEGER NOT NULL DEFAULT 0,
    settled_off_fen    INTEGER NOT NULL DEFAULT 0,
    settled_waived_fen INTEGER NOT NULL DEFAULT 0,
    settled_later_fen  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (quarter, site, issuer, benefit, local)
) STRICT, WITHOUT ROWID;
INSERT INTO verdicts (quarter, site, issuer, benefit, local, unproved)
    SELECT quarter, site, issuer, benefit, local, granted FROM totals;

-- How much of what a terminal granted does not settle, and why.
CREATE TABLE doubts (
    terminal  TEXT PRIMARY KEY,
    unproved  INTEGER NOT NULL DEFAULT 0,
    disproved INTEGER NOT NULL DEFAULT 0,
    apart     INTEGER NOT NULL DEFAULT 0,
    excess    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
