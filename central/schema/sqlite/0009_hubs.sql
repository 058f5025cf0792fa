-- Hubs of sites, as they enrolled last (central.register.sites).
CREATE TABLE hubs (
    site        TEXT PRIMARY KEY,
    terminal    TEXT NOT NULL UNIQUE,
    no          INTEGER NOT NULL,                       -- rises with each enrolment of any hub
    url         TEXT NOT NULL,
    cert_sha256 TEXT NOT NULL,
    public_key  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- At a hub: sealed batches as they came, until the platform has signed for them (central.hub.site.forwarding).
CREATE TABLE forwards (
    terminal    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    head        TEXT NOT NULL,
    body        BLOB NOT NULL,                          -- gzip, as the terminal sent it
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (terminal, epoch, first, head)
) STRICT;
