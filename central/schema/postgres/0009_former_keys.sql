-- Keys that terminals had before they were enrolled anew (central.register.former): good for their journals alone.
CREATE TABLE former_keys (
    terminal   TEXT NOT NULL REFERENCES terminals (terminal),
    public_key TEXT NOT NULL,
    ended_ms   BIGINT NOT NULL,
    number     BIGINT NOT NULL,
    heard      SMALLINT NOT NULL CHECK (heard IN (0, 1)),
    PRIMARY KEY (terminal, public_key)
);
