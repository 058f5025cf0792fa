-- The bound stands in the schema (house.md, change 5): whatever the program believes, the third of two cannot be
-- written. A fact that must be accepted though it overruns its bound carries excess = 1; it counts all the same.

ALTER TABLE uses ADD COLUMN bound INTEGER CHECK (bound >= 0);          -- null: counted, not bounded
ALTER TABLE uses ADD COLUMN since_ms INTEGER;                          -- a rolling count: rows after this time count
ALTER TABLE uses ADD COLUMN excess INTEGER NOT NULL DEFAULT 0 CHECK (excess IN (0, 1));
ALTER TABLE sums ADD COLUMN bound INTEGER CHECK (bound >= 0);
ALTER TABLE sums ADD COLUMN since_ms INTEGER;
ALTER TABLE sums ADD COLUMN excess INTEGER NOT NULL DEFAULT 0 CHECK (excess IN (0, 1));

CREATE TRIGGER uses_within_bound BEFORE INSERT ON uses
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NULL
    AND coalesce((SELECT n FROM tallies WHERE key = NEW.key), 0) >= NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
CREATE TRIGGER uses_within_rolling_bound BEFORE INSERT ON uses
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NOT NULL
    AND (SELECT count(*) FROM uses WHERE key = NEW.key AND at_ms > NEW.since_ms AND given_back_by IS NULL)
        >= NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
CREATE TRIGGER sums_within_bound BEFORE INSERT ON sums
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NULL
    AND coalesce((SELECT n FROM tallies WHERE key = NEW.key), 0) + NEW.fen > NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
CREATE TRIGGER sums_within_rolling_bound BEFORE INSERT ON sums
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NOT NULL
    AND (SELECT coalesce(sum(fen - given_back_fen), 0) FROM sums WHERE key = NEW.key AND at_ms > NEW.since_ms)
        + NEW.fen > NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
-- Taking a use back out of what was given back would go round the bound: it is taken by a new row, or not at all.
CREATE TRIGGER uses_stay_as_taken BEFORE UPDATE OF key, bound, since_ms, excess ON uses BEGIN
    SELECT raise(ABORT, 'a use is what it was taken as');
END;

-- Which redemption burnt a nonce, and whether its annulment freed it again (contract.md §10).
ALTER TABLE nonces ADD COLUMN redemption TEXT;
ALTER TABLE nonces ADD COLUMN freed INTEGER NOT NULL DEFAULT 0 CHECK (freed IN (0, 1));

-- Which fact annulled a redemption: who passes after it takes again exactly what that fact gave back.
ALTER TABLE redemptions ADD COLUMN annulled_by TEXT;
