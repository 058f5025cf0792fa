-- A city's lists are an index and the files it names, deltas among them: several of one path, laid on in this order.
CREATE TABLE list_file (
    role   TEXT NOT NULL REFERENCES list_role (role) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 0),
    path   TEXT NOT NULL,                               -- <kind>/<city>/<name>
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    size   INTEGER NOT NULL,
    PRIMARY KEY (role, number)
) STRICT, WITHOUT ROWID;

INSERT INTO list_file (role, number, path, sha256, size)
    SELECT role, row_number() OVER (PARTITION BY role ORDER BY path) - 1, path, sha256, size FROM list_document;
DROP TABLE list_document;
