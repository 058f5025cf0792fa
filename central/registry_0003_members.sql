-- Who has which tier and groups by list, in place of what a credential claims (docs/lists.md). One row for each group;
-- `code` 0 is no group, tier 0 no tier: a row with both takes both away. All rows of a subject bear the same tier.
CREATE TABLE member (
    city      TEXT NOT NULL REFERENCES city (city),
    subject   BLOB NOT NULL CHECK (length(subject) = 16),
    tier      INTEGER NOT NULL CHECK (tier BETWEEN 0 AND 255),
    code      INTEGER NOT NULL CHECK (code BETWEEN 0 AND 4294967295),
    listed_ms INTEGER NOT NULL,
    PRIMARY KEY (city, subject, code)
) STRICT, WITHOUT ROWID;
