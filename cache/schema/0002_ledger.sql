-- The ledger (contract.md §2, §8): redemptions and what they took. Nothing is deleted before its period ends.

CREATE TABLE redemptions (
    id             TEXT PRIMARY KEY,
    at_ms          INTEGER NOT NULL,
    terminal       TEXT NOT NULL,
    site           TEXT NOT NULL,
    scene          TEXT NOT NULL,
    lane           TEXT NOT NULL,
    issuer         TEXT NOT NULL,                       -- the token's issuer, for settlement
    subject        BLOB NOT NULL,
    token_id       BLOB NOT NULL,
    intent         TEXT NOT NULL,
    amount_fen     INTEGER CHECK (amount_fen >= 0),
    heads          INTEGER NOT NULL CHECK (heads >= 1),
    asset          TEXT,
    benefit        TEXT NOT NULL,                       -- the first benefit given
    answer         TEXT NOT NULL,                       -- the whole answer, as shown (credit.answers)
    state          TEXT NOT NULL,                       -- credit.lifecycle.State, derived from the facts
    due_ms         INTEGER,
    on_overdue     TEXT NOT NULL DEFAULT 'flag',
    reversal_until_ms INTEGER,
    gives_back     INTEGER NOT NULL CHECK (gives_back IN (0, 1)),
    pass_of        TEXT,                                -- benefit key of the pass it belongs to
    pass_root      TEXT,                                -- first redemption of that pass, null for the first itself
    grace_until_ms INTEGER NOT NULL,
    actuated_ms    INTEGER,
    passed_ms      INTEGER,
    ended_ms       INTEGER,                             -- annulled, closed, claimed or wholly reversed
    left_ms        INTEGER,                             -- its people have gone out (exit)
    claimed_fen    INTEGER CHECK (claimed_fen >= 0),
    returned_fen   INTEGER NOT NULL DEFAULT 0 CHECK (returned_fen >= 0),
    returned_heads INTEGER NOT NULL DEFAULT 0 CHECK (returned_heads >= 0 AND returned_heads <= heads),
    seq            INTEGER                              -- its first journal record
) STRICT;
CREATE INDEX redemptions_recent ON redemptions (at_ms);
CREATE INDEX redemptions_subject ON redemptions (issuer, subject, at_ms);
CREATE INDEX redemptions_open ON redemptions (issuer, subject) WHERE state IN ('open', 'overdue');
CREATE INDEX redemptions_asset ON redemptions (asset) WHERE state IN ('open', 'overdue') AND asset IS NOT NULL;
CREATE INDEX redemptions_due ON redemptions (due_ms) WHERE state = 'open' AND due_ms IS NOT NULL;
CREATE INDEX redemptions_pass ON redemptions (pass_root) WHERE pass_root IS NOT NULL;

-- Answers that grace repeats, one per equal presentation at a lane (contract.md §2).
CREATE TABLE graces (
    terminal   TEXT NOT NULL,
    lane       TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    token_id   BLOB NOT NULL,
    intent     TEXT NOT NULL,
    amount_fen INTEGER NOT NULL,                        -- -1: not given
    heads      INTEGER NOT NULL,
    asset      TEXT NOT NULL,                           -- '': not given
    redemption TEXT,
    answer     TEXT NOT NULL,
    until_ms   INTEGER NOT NULL,
    PRIMARY KEY (terminal, lane, issuer, token_id, intent, amount_fen, heads, asset)
) STRICT, WITHOUT ROWID;
CREATE INDEX graces_redemption ON graces (redemption);
CREATE INDEX graces_until ON graces (until_ms);

-- One row per use taken. The unique index is the second lock: two uses can never share an ordinal.
CREATE TABLE uses (
    key           TEXT NOT NULL,
    ordinal       INTEGER NOT NULL CHECK (ordinal >= 1),
    redemption    TEXT NOT NULL,
    at_ms         INTEGER NOT NULL,
    given_back_by TEXT
) STRICT;
CREATE UNIQUE INDEX uses_taken ON uses (key, ordinal) WHERE given_back_by IS NULL;
CREATE INDEX uses_newest ON uses (key, at_ms) WHERE given_back_by IS NULL;
CREATE INDEX uses_redemption ON uses (redemption);

CREATE TABLE sums (
    key            TEXT NOT NULL,
    redemption     TEXT NOT NULL,
    fen            INTEGER NOT NULL CHECK (fen >= 0),
    at_ms          INTEGER NOT NULL,
    given_back_fen INTEGER NOT NULL DEFAULT 0 CHECK (given_back_fen >= 0 AND given_back_fen <= fen),
    PRIMARY KEY (key, redemption)
) STRICT;
CREATE INDEX sums_newest ON sums (key, at_ms);
CREATE INDEX sums_redemption ON sums (redemption);

-- Running totals, kept by the database itself, so that a daily quota of thousands is one look-up.
CREATE TABLE tallies (
    key TEXT PRIMARY KEY,
    n   INTEGER NOT NULL CHECK (n >= 0)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER uses_counted AFTER INSERT ON uses BEGIN
    INSERT INTO tallies (key, n) VALUES (NEW.key, 1) ON CONFLICT (key) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER uses_given_back AFTER UPDATE OF given_back_by ON uses
WHEN OLD.given_back_by IS NULL AND NEW.given_back_by IS NOT NULL BEGIN
    UPDATE tallies SET n = n - 1 WHERE key = NEW.key;
END;
CREATE TRIGGER uses_once_given_back BEFORE UPDATE OF given_back_by ON uses
WHEN OLD.given_back_by IS NOT NULL BEGIN
    SELECT raise(ABORT, 'a use is given back only once');
END;
CREATE TRIGGER sums_counted AFTER INSERT ON sums BEGIN
    INSERT INTO tallies (key, n) VALUES (NEW.key, NEW.fen) ON CONFLICT (key) DO UPDATE SET n = n + NEW.fen;
END;
CREATE TRIGGER sums_given_back AFTER UPDATE OF given_back_fen ON sums BEGIN
    UPDATE tallies SET n = n - (NEW.given_back_fen - OLD.given_back_fen) WHERE key = NEW.key;
END;

-- Burnt nonces. For minted tokens the token id is the nonce.
CREATE TABLE nonces (
    issuer   TEXT NOT NULL,
    token    BLOB NOT NULL,
    nonce    BLOB NOT NULL,
    terminal TEXT NOT NULL,
    lane     TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (issuer, token, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_until ON nonces (until_ms);

-- Switches that a person or the platform throws: "stop_entry:<site>", "suspended".
CREATE TABLE switches (
    name  TEXT PRIMARY KEY,
    state INTEGER NOT NULL CHECK (state IN (0, 1)),
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was not even a token: counted by lane, minute and reason, journalled as one summary (contract.md §7).
CREATE TABLE unverified (
    lane   TEXT NOT NULL,
    minute INTEGER NOT NULL,
    reason TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (lane, minute, reason)
) STRICT, WITHOUT ROWID;
