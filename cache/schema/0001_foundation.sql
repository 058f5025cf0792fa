-- What everything else stands on: the journal, which is the outbox (journal.md), and the clock's memory.
-- Facts are appended, never changed; they leave only when acknowledged and old.

CREATE TABLE epoch (
    number   INTEGER PRIMARY KEY,                       -- 1, 2, … ; the highest is the one in force
    id       TEXT NOT NULL UNIQUE,
    terminal TEXT NOT NULL,
    from_seq INTEGER NOT NULL CHECK (from_seq >= 1),    -- first seq that belongs to it
    reason   TEXT NOT NULL
) STRICT;

CREATE TABLE journal (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    at_ms      INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    redemption TEXT,
    body       TEXT NOT NULL,                           -- RFC 8785
    hash       BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX journal_redemption ON journal (redemption) WHERE redemption IS NOT NULL;
CREATE INDEX journal_kind ON journal (kind, seq);

CREATE TABLE cursor (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    sent_through  INTEGER NOT NULL DEFAULT 0,           -- a peer holds it; moves the sending cursor only
    acked_through INTEGER NOT NULL DEFAULT 0,           -- the platform signed for it; allows retention
    acked_at_ms   INTEGER NOT NULL DEFAULT 0,
    receipt       TEXT                                  -- the newest receipt, as signed
) STRICT;
INSERT INTO cursor (one) VALUES (1);

-- What the platform could not parse: set aside, kept, shown and counted; the cursor moves on.
CREATE TABLE set_aside (
    seq    INTEGER PRIMARY KEY REFERENCES journal (seq),
    at_ms  INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;

-- The clock's memory (architecture.md, "Clock"): a floor that never goes back, and the last platform-signed time
-- together with the boot it was seen in and that boot's running time, so that a restarted process still trusts it.
CREATE TABLE clock (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    floor_ms    INTEGER NOT NULL DEFAULT 0,
    signed_ms   INTEGER NOT NULL DEFAULT 0,
    error_ms    INTEGER NOT NULL DEFAULT 0,
    boot_ms     INTEGER NOT NULL DEFAULT 0,
    boot_id     TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO clock (one) VALUES (1);
