-- Leases: what terminals may give out of a quota without asking (claims.md 9). `total` is everything ever granted to
-- the terminal under `number`. What it has used of it are its living uses under that key.
CREATE TABLE leases (
    quota    TEXT NOT NULL,
    terminal TEXT NOT NULL,
    number   INTEGER NOT NULL,
    total    INTEGER NOT NULL,
    PRIMARY KEY (quota, terminal)
) STRICT, WITHOUT ROWID;

-- Starts of terminals, as their `started` facts tell them: what an earlier one claimed is void (claims.md 2).
CREATE TABLE runs (
    terminal TEXT NOT NULL,
    run      TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    over     INTEGER NOT NULL CHECK (over IN (0, 1)),
    PRIMARY KEY (terminal, run)
) STRICT, WITHOUT ROWID;
