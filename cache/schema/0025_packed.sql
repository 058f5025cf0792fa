-- Long texts lie packed (cache.texts, ADR 0178): where a clear column is '', the column beside it has the text. What was
-- written before stays clear, and is read as it lies: nothing that is kept is written anew.

ALTER TABLE journal ADD COLUMN packed BLOB;
ALTER TABLE redemptions ADD COLUMN shown BLOB;

-- A grant's own fact is found by its redemption's `seq`: by redemption are found the facts of its later steps.
DROP INDEX journal_redemption;
CREATE INDEX journal_steps ON journal (redemption) WHERE redemption IS NOT NULL AND kind NOT IN ('granted', 'opened');

-- Answers by request id are forgotten after a day.
CREATE TABLE requests_new (
    bucket     INTEGER NOT NULL,                        -- at_ms / 10 800 000
    lane       TEXT NOT NULL,
    id         TEXT NOT NULL,                           -- the caller's request_id
    asked      BLOB NOT NULL,                           -- SHA-256 of the request: another one under this id is a mistake
    redemption TEXT NOT NULL,
    answer     BLOB NOT NULL,                           -- JSON, clear or packed
    whole      INTEGER NOT NULL CHECK (whole IN (0, 1)),
    at_ms      INTEGER NOT NULL,
    PRIMARY KEY (bucket, lane, id)
) STRICT, WITHOUT ROWID;
INSERT INTO requests_new SELECT bucket, lane, id, asked, redemption, CAST(answer AS BLOB), whole, at_ms FROM requests;
DROP TABLE requests;
ALTER TABLE requests_new RENAME TO requests;
