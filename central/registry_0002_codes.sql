-- SHA-256 of each static code that was issued: a grant by it is vouched for by this row (illness.md 11).
CREATE TABLE code (
    sha256   BLOB PRIMARY KEY CHECK (length(sha256) = 32),
    token_id BLOB NOT NULL,
    city     TEXT NOT NULL REFERENCES city (city)
) STRICT, WITHOUT ROWID;
