-- Orders of the platform that this terminal has obeyed (journal.md). The number strictly rises: an old order that comes
-- again, from whoever kept it, is passed over for ever.

CREATE TABLE orders (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    action TEXT NOT NULL CHECK (action IN ('suspend', 'resume', 'revoke', 'new_epoch')),
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL
) STRICT;
