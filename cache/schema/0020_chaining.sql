-- Behind a record that was damaged on the disk a new epoch begins at once, and the chain is made anew in pieces
-- (cache.memory.damage): up to `through` it is; what follows still leads on from the hash `was` (null: nobody knows it).

CREATE TABLE chaining (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    through INTEGER NOT NULL,
    was     BLOB CHECK (was IS NULL OR length(was) = 32)
) STRICT;
