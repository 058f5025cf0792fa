-- Amounts count as uses do (keys "a|", n in fen): a row may take more than the heads of the largest tour.
CREATE TABLE uses_new (
    key        TEXT NOT NULL,
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    redemption TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    n          INTEGER NOT NULL CHECK (n BETWEEN 1 AND 9007199254740991),
    bound      INTEGER,
    back       INTEGER NOT NULL DEFAULT 0 CHECK (back BETWEEN 0 AND n),
    back_ms    INTEGER,
    PRIMARY KEY (key, terminal, epoch, redemption)
) STRICT, WITHOUT ROWID;
INSERT INTO uses_new SELECT key, terminal, epoch, redemption, seq, at_ms, n, bound, back, back_ms FROM uses;
DROP TABLE uses;
ALTER TABLE uses_new RENAME TO uses;
INSERT INTO marks (name, value) SELECT 'books', 'due' WHERE EXISTS (SELECT 1 FROM facts)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;
