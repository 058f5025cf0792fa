-- Holders at their phones; see ../sqlite/0028_holders.sql.
CREATE TABLE identities (
    identity   TEXT PRIMARY KEY,
    city       TEXT NOT NULL,
    title      TEXT NOT NULL,
    public_key TEXT NOT NULL,                           -- PEM
    made_ms    BIGINT NOT NULL,
    ended_ms   BIGINT
);

-- A hand-over is good once: its mark is kept until it would have ended by itself.
CREATE TABLE handed_over (
    mark     BYTEA PRIMARY KEY CHECK (length(mark) = 32),
    until_ms BIGINT NOT NULL
);

CREATE TABLE holder_sessions (
    session  BYTEA PRIMARY KEY CHECK (length(session) = 32),
    city     TEXT NOT NULL,
    subject  TEXT NOT NULL,                             -- pseudonym (hex)
    identity TEXT NOT NULL,
    until_ms BIGINT NOT NULL
);
CREATE INDEX holder_sessions_subject ON holder_sessions (city, subject);
CREATE INDEX applications_subject ON applications (city, subject);

ALTER TABLE redemptions ADD COLUMN holder TEXT;
-- A fact may bear texts that PostgreSQL has no word for (a NUL, half a character): what is still none has no holder.
CREATE FUNCTION pg_temp.holder_of(raw BYTEA) RETURNS TEXT LANGUAGE plpgsql AS $$
DECLARE
    told JSON;
BEGIN
    told := replace(convert_from(raw, 'UTF8'), '\u0000', '?')::json -> 'body';
    IF told ->> 'issuer' ~ '^[a-z][a-z0-9-]{0,31}$' AND told ->> 'subject' ~ '^[0-9a-f]{32}$' THEN
        RETURN (told ->> 'issuer') || ':' || (told ->> 'subject');
    END IF;
    RETURN NULL;
EXCEPTION WHEN others THEN
    RETURN NULL;
END $$;
UPDATE redemptions r SET holder = pg_temp.holder_of(f.raw) FROM facts f
    WHERE f.terminal = r.terminal AND f.epoch = r.epoch AND f.seq = r.seq AND f.redemption = r.redemption
        AND f.fault IS NULL;
CREATE INDEX redemptions_holder ON redemptions (holder, at_ms) WHERE holder IS NOT NULL;
