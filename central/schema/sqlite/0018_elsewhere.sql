-- What other gates of a site need of what one gate gave (central.books.elsewhere): things open, purchases, passes, who is
-- inside. `told` is a part of the grant's fact, NULL where nobody needs it.
ALTER TABLE redemptions ADD COLUMN told TEXT;

-- By which name it is found: the holder's or the asset's, at a site. `root` is the first redemption of a pass. `inside` are
-- heads that have not left; below 0 it is an exit that came before its entry was known.
CREATE TABLE named (
    name       TEXT NOT NULL,
    redemption TEXT NOT NULL,
    root       TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    inside     INTEGER NOT NULL,
    left_ms    INTEGER,
    PRIMARY KEY (name, redemption)
) STRICT, WITHOUT ROWID;
CREATE INDEX named_redemption ON named (redemption);
INSERT INTO marks (name, value) SELECT 'books', 'due' WHERE EXISTS (SELECT 1 FROM facts)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;
