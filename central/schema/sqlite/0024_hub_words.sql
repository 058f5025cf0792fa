-- Denials that rest on the word of a site's hub, until it is clear whether there was such a use (illness.md; town.md).
CREATE TABLE hub_words (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    key         TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,                       -- of the denial
    said        TEXT NOT NULL,                          -- whose use the hub said it was
    site        TEXT NOT NULL,
    hub_no      INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX hub_words_due ON hub_words (received_ms);
