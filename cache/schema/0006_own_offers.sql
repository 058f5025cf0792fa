-- A merchant's own offers (scenes.md, row 11). Every change is a row; what is in force follows from the last row of an
-- offer. `version` rises when the stock is counted anew: the ledger counts what was given under (offer, version).

CREATE TABLE offer_changes (
    number   INTEGER PRIMARY KEY,
    offer    INTEGER NOT NULL CHECK (offer >= 1),
    change   TEXT NOT NULL CHECK (change IN ('created', 'edited', 'withdrawn', 'undone')),
    in_force INTEGER NOT NULL CHECK (in_force IN (0, 1)),
    version  INTEGER NOT NULL CHECK (version >= 1),
    stock    INTEGER CHECK (stock >= 0),
    lane     TEXT NOT NULL,
    terms    TEXT NOT NULL,
    by       TEXT NOT NULL,
    at_ms    INTEGER NOT NULL
) STRICT;

CREATE INDEX offer_changes_of ON offer_changes (offer, number);
