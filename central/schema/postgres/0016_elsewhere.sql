-- What other gates of a site need of what one gate gave; see ../sqlite/0018_elsewhere.sql.
ALTER TABLE redemptions ADD COLUMN told TEXT;
CREATE TABLE named (
    name       TEXT NOT NULL,
    redemption TEXT NOT NULL,
    root       TEXT NOT NULL,
    at_ms      BIGINT NOT NULL,
    inside     BIGINT NOT NULL,
    left_ms    BIGINT,
    PRIMARY KEY (name, redemption)
) PARTITION BY HASH (name);

DO $$
BEGIN
    FOR remainder IN 0..15 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF named FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
            'named_' || remainder, remainder);
    END LOOP;
END $$;
CREATE INDEX named_redemption ON named (redemption);
INSERT INTO marks (name, value) SELECT 'books', 'due' WHERE EXISTS (SELECT 1 FROM facts)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;
