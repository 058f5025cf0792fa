-- Refusals by quarter of an hour, site and reason, for the half-year report (central.books.settling.refusals).
CREATE TABLE refusals (
    quarter BIGINT NOT NULL,
    site    TEXT NOT NULL,
    reason  TEXT NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (quarter, site, reason)
);
INSERT INTO marks (name, value) SELECT 'books', 'due' WHERE EXISTS (SELECT 1 FROM facts)
    ON CONFLICT (name) DO UPDATE SET value = 'due';
