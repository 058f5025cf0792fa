-- Tier and groups by list need two people as well, and so does a credential that claims them by itself.
CREATE TABLE warrants (
    number    INTEGER PRIMARY KEY,
    city      TEXT NOT NULL,
    what      TEXT NOT NULL
              CHECK (what IN ('take', 'lift', 'put_back', 'dispute', 'undispute', 'rules', 'member', 'issue')),
    about     TEXT NOT NULL,
    sha256    TEXT NOT NULL DEFAULT '',
    maker     TEXT NOT NULL CHECK (maker <> ''),
    approver  TEXT NOT NULL CHECK (approver <> maker),
    emergency TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    source    TEXT NOT NULL DEFAULT '',
    CHECK ((approver = '') = (emergency <> ''))
) STRICT;
INSERT INTO warrants (number, city, what, about, sha256, maker, approver, emergency, at_ms, source)
    SELECT number, city, what, about, sha256, maker, approver, emergency, at_ms, source FROM warrant;
DROP TABLE warrant;
ALTER TABLE warrants RENAME TO warrant;
CREATE INDEX warrant_about ON warrant (city, what, about);
CREATE INDEX warrant_source ON warrant (city, source) WHERE source <> '';

-- What a draft of tiers and groups will list, and what each had before (JSON: null, or [tier, [groups]]).
CREATE TABLE wished_member (
    wish        TEXT NOT NULL,
    pseudonym   BLOB NOT NULL CHECK (length(pseudonym) = 16),
    before_json TEXT NOT NULL,
    after_json  TEXT NOT NULL,
    PRIMARY KEY (wish, pseudonym)
) STRICT, WITHOUT ROWID;
