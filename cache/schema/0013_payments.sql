-- Payments at the gate (lane.md, "Money at the gate"): an order pays once, whoever tells it how often.
CREATE TABLE payments (
    "order"    TEXT PRIMARY KEY,
    redemption TEXT NOT NULL,
    fen        INTEGER NOT NULL CHECK (fen >= 0),
    at_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX payments_redemption ON payments (redemption);
CREATE INDEX redemptions_awaiting ON redemptions (lane) WHERE state = 'awaiting';
