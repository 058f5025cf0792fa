-- As ../sqlite/0012_proofs.sql. Proof of presence (illness.md 11). A grant is `waiting` until it is judged; what was granted before is unproved.
-- `proof` is the SHA-256 that the fact bears; `why` says what a verdict rests on; `apart` why it stands apart from what
-- is settled whatever its proof says; `due_ms` when it is to be judged, NULL when nothing is to be done.
ALTER TABLE redemptions ADD COLUMN proof BYTEA;
ALTER TABLE redemptions ADD COLUMN verdict TEXT NOT NULL DEFAULT 'unproved'
    CHECK (verdict IN ('waiting', 'proved', 'vouched', 'unproved', 'disproved'));
ALTER TABLE redemptions ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE redemptions ADD COLUMN apart TEXT NOT NULL DEFAULT '';
ALTER TABLE redemptions ADD COLUMN settles BIGINT NOT NULL DEFAULT 0 CHECK (settles IN (0, 1));
ALTER TABLE redemptions ADD COLUMN due_ms BIGINT;
CREATE INDEX redemptions_due ON redemptions (due_ms) WHERE due_ms IS NOT NULL;

-- What phones showed, deleted 90 days after the verdict. `hash` is its SHA-256.
CREATE TABLE proofs (
    redemption  TEXT NOT NULL,
    terminal    TEXT NOT NULL,
    shown       BYTEA NOT NULL,
    hash        BYTEA NOT NULL,
    received_ms BIGINT NOT NULL,
    judged_ms   BIGINT,
    PRIMARY KEY (redemption, terminal)
) PARTITION BY HASH (redemption);
CREATE INDEX proofs_waiting ON proofs (received_ms) WHERE judged_ms IS NULL;
CREATE INDEX proofs_judged ON proofs (judged_ms) WHERE judged_ms IS NOT NULL;

-- Which redemption a presentation proved first: it proves no other.
CREATE TABLE presented (
    shown      BYTEA PRIMARY KEY CHECK (length(shown) = 32),
    redemption TEXT NOT NULL,
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL
) PARTITION BY HASH (shown);

-- From which record on, and up to which, what a terminal granted stands apart (central.proofs.apart).
CREATE TABLE apart (
    terminal  TEXT NOT NULL,
    epoch     TEXT NOT NULL,
    since_seq BIGINT NOT NULL,
    until_seq BIGINT,
    why       TEXT NOT NULL,
    PRIMARY KEY (terminal, epoch, since_seq, why)
) PARTITION BY HASH (terminal);

-- By the keys of totals: what the grants are worth by verdict, and what of them settles.
CREATE TABLE verdicts (
    quarter            BIGINT NOT NULL,
    site               TEXT NOT NULL,
    issuer             TEXT NOT NULL,
    benefit            TEXT NOT NULL,
    local              BIGINT NOT NULL CHECK (local IN (0, 1)),
    proved             BIGINT NOT NULL DEFAULT 0,
    vouched            BIGINT NOT NULL DEFAULT 0,
    unproved           BIGINT NOT NULL DEFAULT 0,
    disproved          BIGINT NOT NULL DEFAULT 0,
    apart              BIGINT NOT NULL DEFAULT 0,
    settled            BIGINT NOT NULL DEFAULT 0,
    settled_off_fen    BIGINT NOT NULL DEFAULT 0,
    settled_waived_fen BIGINT NOT NULL DEFAULT 0,
    settled_later_fen  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (quarter, site, issuer, benefit, local)
);
INSERT INTO verdicts (quarter, site, issuer, benefit, local, unproved)
    SELECT quarter, site, issuer, benefit, local, granted FROM totals;

-- How much of what a terminal granted does not settle, and why.
CREATE TABLE doubts (
    terminal  TEXT PRIMARY KEY,
    unproved  BIGINT NOT NULL DEFAULT 0,
    disproved BIGINT NOT NULL DEFAULT 0,
    apart     BIGINT NOT NULL DEFAULT 0,
    excess    BIGINT NOT NULL DEFAULT 0
) PARTITION BY HASH (terminal);

DO $$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY['proofs', 'presented', 'apart', 'doubts'] LOOP
        FOR remainder IN 0..15 LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
                named || '_' || remainder, named, remainder);
        END LOOP;
    END LOOP;
END $$;
