-- Who writes under a terminal's name; see ../sqlite/0016_lives.sql.
CREATE TABLE lives (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    standing    TEXT NOT NULL CHECK (standing IN ('first', 'ordered', 'declared', 'bare')),
    number      BIGINT,
    declared_ms BIGINT,
    PRIMARY KEY (terminal, epoch)
);
CREATE TABLE instances (
    terminal TEXT NOT NULL,
    number   BIGINT NOT NULL,
    instance TEXT NOT NULL,
    first_s  BIGINT NOT NULL,
    PRIMARY KEY (terminal, number)
);
ALTER TABLE terminals ADD COLUMN echo_ms BIGINT;
ALTER TABLE terminals ADD COLUMN twin_ms BIGINT;
