-- A new profile is an order like the others, and takes its number from the same row of numbers.

CREATE TABLE orders_new (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    action TEXT NOT NULL CHECK (action IN ('suspend', 'resume', 'revoke', 'new_epoch', 'profile')),
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    signed TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO orders_new SELECT number, action, reason, at_ms, signed FROM orders;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
