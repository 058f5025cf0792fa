-- When the platform signed for what (illness.md 5): facts stay so many days from then, by its clock, not from the time
-- that they bear themselves, which a wrong clock here may have written. One row an hour: the newest receipt of that hour.

CREATE TABLE receipts (
    hour    INTEGER PRIMARY KEY,
    through INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT;

-- What was signed for before this table was: from the newest time that anybody vouches for.
INSERT INTO receipts (hour, through, at_ms)
    SELECT t.at_ms / 3600000, c.acked_through, t.at_ms
    FROM cursor c, (SELECT max((SELECT acked_at_ms FROM cursor), (SELECT floor_ms FROM clock)) AS at_ms) t
    WHERE c.acked_through > 0;
