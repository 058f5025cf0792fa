-- Entry to the site is stopped, or goes on: orders of the platform like the others.

CREATE TABLE orders_new (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    action TEXT NOT NULL
        CHECK (action IN ('suspend', 'resume', 'revoke', 'new_epoch', 'replaced', 'profile', 'stop_entry', 'resume_entry')),
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    signed TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO orders_new SELECT number, action, reason, at_ms, signed FROM orders;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
