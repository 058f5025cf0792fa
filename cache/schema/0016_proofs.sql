-- opens: 15
-- Proof of presence (illness.md 11): what a phone showed for a grant, kept beside its fact until the platform has it.
-- The fact holds its SHA-256; a proof travels when the code it was has long been dead, and leaves when it has arrived.

CREATE TABLE proofs (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    redemption TEXT NOT NULL UNIQUE,
    seq        INTEGER NOT NULL,                        -- of its fact, which goes first
    shown      BLOB NOT NULL CHECK (length(shown) BETWEEN 1 AND 397)
) STRICT;
