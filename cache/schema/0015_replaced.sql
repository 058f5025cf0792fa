-- Another box has taken this one's place: an order of its own, which no `resume` follows (cache.journal.orders).
-- opens: 14
CREATE TABLE orders_new (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    action TEXT NOT NULL CHECK (action IN ('suspend', 'resume', 'revoke', 'replaced', 'new_epoch', 'profile')),
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    signed TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO orders_new SELECT number, action, reason, at_ms, signed FROM orders;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
