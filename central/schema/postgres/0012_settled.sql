-- Overrun bounds that a person has settled: what was decided, why, by whom (central.office.conflicts).
CREATE TABLE settled_conflicts (
    key      TEXT PRIMARY KEY,
    city     TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('stands', 'charged', 'undone')),
    why      TEXT NOT NULL,
    by_whom  TEXT NOT NULL,
    at_ms    BIGINT NOT NULL
);
