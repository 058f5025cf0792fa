-- What redemptions are worth in the end (central.books.settling.accounts): pay-later and what was repaid, refunds, what
-- benefits got back of them, damage claims, what is overdue, what gates took. At the site that the signed fact names.
ALTER TABLE redemptions ADD COLUMN account TEXT;        -- JSON: the steps heard, NULL for none
CREATE TABLE early (
    redemption TEXT PRIMARY KEY,
    steps      TEXT NOT NULL                            -- JSON: steps that came before their grant
) STRICT, WITHOUT ROWID;
ALTER TABLE totals ADD COLUMN later_fen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN repaid_fen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN refund_fen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN back_fen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN returns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN claims INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN claim_fen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN overdue INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN overdue_fen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN paid_fen INTEGER NOT NULL DEFAULT 0;

-- What was booked before is booked again from the facts.
INSERT INTO marks (name, value) SELECT 'books', 'due' WHERE EXISTS (SELECT 1 FROM facts)
    ON CONFLICT (name) DO UPDATE SET value = 'due';
