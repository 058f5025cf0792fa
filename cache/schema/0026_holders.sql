-- What one holder did is found by the last of the pseudonym (cache.ledger.counting.holders, ADR 0181). In an order by
-- holder no two visitors of an hour lie beside each other, so each of them writes pages of it alone. Of entries of 25
-- bytes, not a hundred, there are a quarter as many pages, and more of them are written once for several visitors.

DROP INDEX uses_taken;
CREATE UNIQUE INDEX uses_taken ON uses (key, ordinal) WHERE given_back_by IS NULL AND key NOT GLOB '*|subject:*';
CREATE INDEX uses_holder ON uses (
    substr(key, instr(key, '|subject:') + 31 + instr(substr(key, instr(key, '|subject:') + 9), ':'), 10)
    || substr(key, -5)
) WHERE given_back_by IS NULL AND key GLOB '*|subject:*';

DROP TRIGGER uses_within_rolling_bound;
CREATE TRIGGER uses_within_rolling_bound BEFORE INSERT ON uses
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NOT NULL AND NEW.key NOT GLOB '*|subject:*'
    AND (SELECT count(*) FROM uses WHERE key = NEW.key AND at_ms > NEW.since_ms AND given_back_by IS NULL
        AND key NOT GLOB '*|subject:*') >= NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
DROP TRIGGER uses_within_holders_bound;
CREATE TRIGGER uses_within_holders_bound BEFORE INSERT ON uses
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.key GLOB '*|subject:*'
    AND (SELECT count(*) FROM uses WHERE
        substr(key, instr(key, '|subject:') + 31 + instr(substr(key, instr(key, '|subject:') + 9), ':'), 10)
        || substr(key, -5)
        = substr(NEW.key, instr(NEW.key, '|subject:') + 31
            + instr(substr(NEW.key, instr(NEW.key, '|subject:') + 9), ':'), 10)
        || substr(NEW.key, -5)
        AND +key = NEW.key AND at_ms > coalesce(NEW.since_ms, -1) AND given_back_by IS NULL
        AND key GLOB '*|subject:*') >= NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;

DROP INDEX redemptions_subject;
CREATE INDEX redemptions_holder ON redemptions (substr(subject, -5), at_ms);
