-- By whose word measures stand and fall and rules are what they are (central.register.warrants): two people, or one in an
-- emergency. `about` is the number of the entry, or the name of the rule file; `sha256` is what the file was.
CREATE TABLE warrant (
    number    INTEGER PRIMARY KEY,
    city      TEXT NOT NULL,
    what      TEXT NOT NULL CHECK (what IN ('take', 'lift', 'put_back', 'dispute', 'undispute', 'rules')),
    about     TEXT NOT NULL,
    sha256    TEXT NOT NULL DEFAULT '',
    maker     TEXT NOT NULL CHECK (maker <> ''),
    approver  TEXT NOT NULL CHECK (approver <> maker),
    emergency TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    CHECK ((approver = '') = (emergency <> ''))
) STRICT;
CREATE INDEX warrant_about ON warrant (city, what, about);
