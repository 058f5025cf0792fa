-- Conflicts that the platform told and this terminal wrote down, by what they name: each is written down once, however
-- often it is told, and finding that out is one look-up.

CREATE TABLE told_conflicts (
    name BLOB PRIMARY KEY CHECK (length(name) = 32),    -- SHA-256 of kind, seq, key and who else
    seq  INTEGER NOT NULL                               -- the fact about it
) STRICT, WITHOUT ROWID;
