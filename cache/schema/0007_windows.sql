-- A limit per campaign is labelled by the campaign's name, not by its dates (contract.md §10): correcting a date gives
-- nobody a second first visit. Stored labels are renamed; what was counted apart under two dates is counted together.

DROP INDEX uses_taken;
UPDATE uses SET key = substr(key, 1, instr(key, '|window:') + 7) WHERE instr(key, '|window:') > 0;
UPDATE uses SET ordinal = numbered.n FROM (
    SELECT rowid AS row, row_number() OVER (PARTITION BY key ORDER BY at_ms, rowid) AS n
    FROM uses WHERE given_back_by IS NULL AND key LIKE '%|window:'
) AS numbered WHERE uses.rowid = numbered.row;
CREATE UNIQUE INDEX uses_taken ON uses (key, ordinal) WHERE given_back_by IS NULL;
UPDATE sums SET key = substr(key, 1, instr(key, '|window:') + 7) WHERE instr(key, '|window:') > 0;
DELETE FROM tallies WHERE instr(key, '|window:') > 0;
INSERT INTO tallies (key, n)
    SELECT key, count(*) FROM uses WHERE given_back_by IS NULL AND key LIKE '%|window:' GROUP BY key;
INSERT INTO tallies (key, n)
    SELECT key, sum(fen - given_back_fen) FROM sums WHERE key LIKE '%|window:' GROUP BY key;
