-- What a fact said that no record can hold (illness.md 1): its record carries the length and SHA-256 in its place.

CREATE TABLE beside (
    seq      INTEGER PRIMARY KEY REFERENCES journal (seq) ON DELETE CASCADE,
    original BLOB NOT NULL
) STRICT;
