-- Holders at their phones: whom a city trusts to say who somebody is, sessions that were handed over, and which
-- redemptions are a holder's own ("issuer:pseudonym", as the signed fact says; NULL where it names nobody).
CREATE TABLE identities (
    identity   TEXT PRIMARY KEY,
    city       TEXT NOT NULL,
    title      TEXT NOT NULL,
    public_key TEXT NOT NULL,                           -- PEM
    made_ms    INTEGER NOT NULL,
    ended_ms   INTEGER
) STRICT, WITHOUT ROWID;

-- A hand-over is good once: its mark is kept until it would have ended by itself.
CREATE TABLE handed_over (
    mark     BLOB PRIMARY KEY CHECK (length(mark) = 32),
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE holder_sessions (
    session  BLOB PRIMARY KEY CHECK (length(session) = 32),
    city     TEXT NOT NULL,
    subject  TEXT NOT NULL,                             -- pseudonym (hex)
    identity TEXT NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX holder_sessions_subject ON holder_sessions (city, subject);
CREATE INDEX applications_subject ON applications (city, subject);

ALTER TABLE redemptions ADD COLUMN holder TEXT;
UPDATE redemptions SET holder = (
    SELECT told.issuer || ':' || told.subject FROM (
        SELECT json_extract(CAST(f.raw AS TEXT), '$.body.issuer') AS issuer,
            json_extract(CAST(f.raw AS TEXT), '$.body.subject') AS subject
        FROM facts f WHERE f.terminal = redemptions.terminal AND f.epoch = redemptions.epoch
            AND f.seq = redemptions.seq AND f.redemption = redemptions.redemption AND f.fault IS NULL LIMIT 1
    ) told
    WHERE typeof(told.issuer) = 'text' AND length(told.issuer) <= 32 AND told.issuer GLOB '[a-z]*'
        AND told.issuer NOT GLOB '*[^a-z0-9-]*'
        AND typeof(told.subject) = 'text' AND length(told.subject) = 32 AND told.subject NOT GLOB '*[^0-9a-f]*'
);
CREATE INDEX redemptions_holder ON redemptions (holder, at_ms) WHERE holder IS NOT NULL;
