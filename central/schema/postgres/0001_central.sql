-- The platform's tables on PostgreSQL 15: the same names and columns as on SQLite (../sqlite), at its third step.
-- Every table but a named few is hash-partitioned, and each statement of intake names the partition column.

CREATE TABLE terminals (
    terminal    TEXT PRIMARY KEY,
    site        TEXT NOT NULL,
    profile     TEXT NOT NULL,                          -- JSON, sync.wire.Profile
    public_key  TEXT,                                   -- 64 hex digits; NULL until enrolled
    enrolled_ms BIGINT,
    state       TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'revoked')),
    obeyed      BIGINT NOT NULL DEFAULT 0,             -- number of the last order it wrote down as done
    seen_ms     BIGINT
);

CREATE TABLE codes (
    code_sha256 BYTEA PRIMARY KEY CHECK (length(code_sha256) = 32),
    terminal    TEXT NOT NULL REFERENCES terminals (terminal),
    made_ms     BIGINT NOT NULL,
    until_ms    BIGINT NOT NULL,
    used_ms     BIGINT,
    public_key  TEXT,
    answer      BYTEA,
    CHECK ((used_ms IS NULL) = (public_key IS NULL) AND (used_ms IS NULL) = (answer IS NULL))
);

CREATE TABLE forks (
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    seq        BIGINT NOT NULL,                        -- the first seq with two records
    noticed_ms BIGINT NOT NULL,
    PRIMARY KEY (terminal, epoch, seq)
) PARTITION BY HASH (terminal);

CREATE TABLE commands (
    terminal TEXT NOT NULL REFERENCES terminals (terminal),
    number   BIGINT NOT NULL,
    action   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    made_ms  BIGINT NOT NULL,
    PRIMARY KEY (terminal, number)
);

CREATE TABLE facts (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    hash        BYTEA NOT NULL CHECK (length(hash) = 32),
    raw         BYTEA NOT NULL,
    id          TEXT,
    at_ms       BIGINT,
    kind        TEXT,
    redemption  TEXT,
    fault       TEXT,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (terminal, epoch, seq, hash),
    CHECK ((fault IS NULL) = (id IS NOT NULL AND at_ms IS NOT NULL AND kind IS NOT NULL))
) PARTITION BY HASH (terminal);

CREATE TABLE batches (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    first       BIGINT NOT NULL,
    last        BIGINT NOT NULL,
    seal        TEXT NOT NULL,
    received_ms BIGINT NOT NULL
) PARTITION BY HASH (terminal);

CREATE TABLE journals (
    terminal   TEXT PRIMARY KEY,
    turn       BIGINT NOT NULL DEFAULT 0,
    records    BIGINT NOT NULL DEFAULT 0,
    set_aside  BIGINT NOT NULL DEFAULT 0,
    duplicates BIGINT NOT NULL DEFAULT 0,
    epoch      TEXT,
    seq        BIGINT NOT NULL DEFAULT 0,
    head       BYTEA
) PARTITION BY HASH (terminal);

CREATE TABLE epochs (
    terminal TEXT NOT NULL,
    epoch    TEXT NOT NULL,
    bottom   BIGINT NOT NULL,
    top      BIGINT NOT NULL,
    many     BIGINT NOT NULL,
    PRIMARY KEY (terminal, epoch)
) PARTITION BY HASH (terminal);

CREATE TABLE uses (
    key        TEXT NOT NULL,
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    redemption TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    at_ms      BIGINT NOT NULL,
    n          BIGINT NOT NULL CHECK (n BETWEEN 1 AND 10000),
    bound      BIGINT,
    back       BIGINT NOT NULL DEFAULT 0 CHECK (back BETWEEN 0 AND n),
    back_ms    BIGINT,
    PRIMARY KEY (key, terminal, epoch, redemption)
) PARTITION BY HASH (key);

CREATE TABLE tallies (
    key   TEXT PRIMARY KEY,
    spent BIGINT NOT NULL
) PARTITION BY HASH (key);

CREATE TABLE redemptions (
    redemption  TEXT NOT NULL,
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    site        TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    state       TEXT NOT NULL,
    clash       BIGINT NOT NULL DEFAULT 0 CHECK (clash IN (0, 1)),
    keys        TEXT NOT NULL,
    PRIMARY KEY (redemption, terminal, epoch)
) PARTITION BY HASH (redemption);

CREATE TABLE endings (
    redemption TEXT NOT NULL,
    part       TEXT NOT NULL,
    heads      BIGINT NOT NULL,
    at_ms      BIGINT NOT NULL,
    state      TEXT NOT NULL,
    PRIMARY KEY (redemption, part)
) PARTITION BY HASH (redemption);

CREATE TABLE totals (
    quarter    BIGINT NOT NULL,
    site       TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    benefit    TEXT NOT NULL,
    local      BIGINT NOT NULL CHECK (local IN (0, 1)),
    granted    BIGINT NOT NULL DEFAULT 0,
    heads      BIGINT NOT NULL DEFAULT 0,
    undone     BIGINT NOT NULL DEFAULT 0,
    off_fen    BIGINT NOT NULL DEFAULT 0,
    waived_fen BIGINT NOT NULL DEFAULT 0,
    clashes    BIGINT NOT NULL DEFAULT 0,
    late       BIGINT NOT NULL DEFAULT 0,
    latest_ms  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (quarter, site, issuer, benefit, local)
);

CREATE TABLE kinds (
    kind TEXT PRIMARY KEY,
    n    BIGINT NOT NULL
);

CREATE TABLE overruns (
    key          TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    bound        BIGINT NOT NULL,
    noticed_ms   BIGINT NOT NULL,
    dissolved_ms BIGINT
) PARTITION BY HASH (key);

CREATE TABLE conflicts (
    terminal       TEXT NOT NULL,
    epoch          TEXT NOT NULL,
    seq            BIGINT NOT NULL,
    kind           TEXT NOT NULL,
    key            TEXT NOT NULL,
    redemption     TEXT NOT NULL,
    other_terminal TEXT NOT NULL,
    other_seq      BIGINT NOT NULL,
    other_at_ms    BIGINT NOT NULL,
    other_id       TEXT,
    noticed_ms     BIGINT NOT NULL,
    heard          BIGINT NOT NULL DEFAULT 0 CHECK (heard IN (0, 1)),
    number         BIGINT NOT NULL,                    -- rises with each that is news (central.http.waking)
    PRIMARY KEY (terminal, epoch, seq, kind, key)
) PARTITION BY HASH (terminal);

CREATE TABLE findings (
    terminal   TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    noticed_ms BIGINT NOT NULL,
    PRIMARY KEY (terminal, epoch, seq, kind)
) PARTITION BY HASH (terminal);

CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

DO $$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY['facts', 'batches', 'journals', 'epochs', 'uses', 'tallies', 'redemptions', 'endings', 'overruns', 'conflicts', 'findings', 'forks'] LOOP
        FOR remainder IN 0..15 LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
                named || '_' || remainder, named, remainder);
        END LOOP;
    END LOOP;
END $$;

CREATE INDEX facts_id ON facts (terminal, id) WHERE id IS NOT NULL;

CREATE INDEX facts_redemption ON facts (terminal, redemption) WHERE redemption IS NOT NULL;

CREATE INDEX batches_place ON batches (terminal, epoch, first);

CREATE INDEX redemptions_newest ON redemptions (received_ms DESC, seq DESC);

CREATE INDEX conflicts_key ON conflicts (key);

CREATE INDEX conflicts_number ON conflicts (number);

CREATE INDEX findings_newest ON findings (noticed_ms DESC);

CREATE INDEX commands_number ON commands (number);
