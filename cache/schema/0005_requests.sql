-- Answers that gave something, by the caller's request id: a till that asks again after a power cut hears the same.

CREATE TABLE requests (
    lane   TEXT NOT NULL,
    id     TEXT NOT NULL,                               -- the caller's request_id
    asked  BLOB NOT NULL,                               -- SHA-256 of the request: another one under this id is a mistake
    redemption TEXT NOT NULL,
    answer TEXT NOT NULL,                               -- as it was given, JSON
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (lane, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_old ON requests (at_ms);
