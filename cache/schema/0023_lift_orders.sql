-- A hub is ordered what people decided about a silent terminal of its site (cache.journal.orders).
CREATE TABLE orders_new (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    action TEXT NOT NULL CHECK (action IN (
        'suspend', 'resume', 'revoke', 'new_epoch', 'replaced', 'profile', 'stop_entry', 'resume_entry', 'twin', 'lift',
        'write_off'
    )),
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    signed TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO orders_new SELECT number, action, reason, at_ms, signed FROM orders;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
