-- Denials that rest on the word of a site's hub (../sqlite/0024_hub_words.sql).
CREATE TABLE hub_words (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    key         TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    said        TEXT NOT NULL,
    site        TEXT NOT NULL,
    hub_no      BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (terminal, epoch, seq)
);
CREATE INDEX hub_words_due ON hub_words (received_ms);
