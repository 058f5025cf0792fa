-- A grant writes a quarter of what it wrote (ADR 0104). Kept once: an answer, which is the redemption's. Counted from its
-- rows: what one holder has used. Found by what it is already sorted by: nonces, answers of requests, proofs.

-- Of the kinds only those are looked for by themselves that no grant is.
DROP INDEX journal_kind;
CREATE INDEX journal_denied ON journal (seq) WHERE kind = 'not_granted';
CREATE INDEX journal_notes ON journal (seq) WHERE kind = 'note';
CREATE INDEX journal_corrupt ON journal (seq) WHERE kind = 'corrupt';

-- The grace of a grant is its redemption's (until grace_until_ms, or it passed or ended). Here remains the grace of those
-- who left or brought something back.
UPDATE redemptions SET grace_until_ms = max(
    grace_until_ms, (SELECT max(until_ms) FROM graces WHERE graces.redemption = redemptions.id)
) WHERE id IN (SELECT redemption FROM graces WHERE redemption IS NOT NULL);
DELETE FROM graces WHERE redemption IS NOT NULL;
DROP INDEX graces_redemption;
DROP INDEX graces_until;

-- What one holder has used is few rows: they are counted, and have no total and no order by time of their own.
DELETE FROM tallies WHERE key GLOB '*|subject:*' AND key NOT GLOB 'a|*';
DROP INDEX uses_newest;
CREATE INDEX uses_newest ON uses (key, at_ms) WHERE given_back_by IS NULL AND key NOT GLOB '*|subject:*';
DROP TRIGGER uses_counted;
CREATE TRIGGER uses_counted AFTER INSERT ON uses WHEN NEW.key NOT GLOB '*|subject:*' BEGIN
    INSERT INTO tallies (key, n) VALUES (NEW.key, 1) ON CONFLICT (key) DO UPDATE SET n = n + 1;
END;
DROP TRIGGER uses_given_back;
CREATE TRIGGER uses_given_back AFTER UPDATE OF given_back_by ON uses
WHEN OLD.given_back_by IS NULL AND NEW.given_back_by IS NOT NULL AND NEW.key NOT GLOB '*|subject:*' BEGIN
    UPDATE tallies SET n = n - 1 WHERE key = NEW.key;
END;
DROP TRIGGER uses_within_bound;
CREATE TRIGGER uses_within_bound BEFORE INSERT ON uses
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NULL AND NEW.key NOT GLOB '*|subject:*'
    AND coalesce((SELECT n FROM tallies WHERE key = NEW.key), 0) >= NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
CREATE TRIGGER uses_within_holders_bound BEFORE INSERT ON uses
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NULL AND NEW.key GLOB '*|subject:*'
    AND (SELECT count(*) FROM uses WHERE key = NEW.key AND given_back_by IS NULL) >= NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;

-- An id begins with its time (cache.ids), and rows lie in the order of writing: no order by time beside them.
DROP INDEX redemptions_recent;

-- Burnt nonces are forgotten a few at a time, in their own order (cache.ledger.upkeep).
DROP INDEX nonces_until;

-- Answers by request id: of a grant only what its redemption does not say (whole = 0), in pieces of three hours.
CREATE TABLE requests_new (
    bucket     INTEGER NOT NULL,                        -- at_ms / 10 800 000
    lane       TEXT NOT NULL,
    id         TEXT NOT NULL,                           -- the caller's request_id
    asked      BLOB NOT NULL,                           -- SHA-256 of the request: another one under this id is a mistake
    redemption TEXT NOT NULL,
    answer     TEXT NOT NULL,                           -- JSON
    whole      INTEGER NOT NULL CHECK (whole IN (0, 1)),
    at_ms      INTEGER NOT NULL,
    PRIMARY KEY (bucket, lane, id)
) STRICT, WITHOUT ROWID;
INSERT INTO requests_new SELECT at_ms / 10800000, lane, id, asked, redemption, answer, 1, at_ms FROM requests;
DROP TABLE requests;
ALTER TABLE requests_new RENAME TO requests;

-- A proof's number is its fact's: it rises, and is never given again.
CREATE TABLE proofs_new (
    seq        INTEGER PRIMARY KEY,                     -- of its fact, which goes first
    redemption TEXT NOT NULL,
    shown      BLOB NOT NULL CHECK (length(shown) BETWEEN 1 AND 397)
) STRICT;
INSERT INTO proofs_new SELECT seq, redemption, shown FROM proofs;
DROP TABLE proofs;
ALTER TABLE proofs_new RENAME TO proofs;
