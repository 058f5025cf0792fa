-- Who writes under a terminal's name (central.lives; illness.md 4).

-- How each epoch stands: the first of its terminal, ordered, declared, or bare: begun by nobody knows whom, so that its
-- grants stand apart. A declaration may come before the epoch does (it has no number then). No row: from before this rule.
CREATE TABLE lives (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    standing    TEXT NOT NULL CHECK (standing IN ('first', 'ordered', 'declared', 'bare')),
    number      INTEGER,
    declared_ms INTEGER,
    PRIMARY KEY (terminal, epoch)
) STRICT, WITHOUT ROWID;

-- Starts of each terminal's process, in the order in which they were first heard.
CREATE TABLE instances (
    terminal TEXT NOT NULL,
    number   INTEGER NOT NULL,
    instance TEXT NOT NULL,
    first_s  INTEGER NOT NULL,                          -- when its first request was made
    PRIMARY KEY (terminal, number)
) STRICT, WITHOUT ROWID;

-- echo_ms: when an instance was last heard again after a newer one; twin_ms: since when two machines bear this name.
ALTER TABLE terminals ADD COLUMN echo_ms INTEGER;
ALTER TABLE terminals ADD COLUMN twin_ms INTEGER;
