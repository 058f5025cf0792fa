-- What a terminal knows of itself beyond its own journal (cache.memory; illness.md 4).

-- Ends of journals under this terminal's name that are no points of our own chain, and whose facts were taken back.
CREATE TABLE lives (
    epoch TEXT NOT NULL,
    seq   INTEGER NOT NULL,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (epoch, seq, hash)
) STRICT, WITHOUT ROWID;

-- Facts that came back from the platform: each is applied once, however often it is told.
CREATE TABLE remembered (
    id    TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A twin is an order as well.
CREATE TABLE orders_new (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    action TEXT NOT NULL CHECK (action IN (
        'suspend', 'resume', 'revoke', 'new_epoch', 'replaced', 'profile', 'stop_entry', 'resume_entry', 'twin'
    )),
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    signed TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO orders_new SELECT number, action, reason, at_ms, signed FROM orders;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
