-- What people decided about terminals that are silent or lost (central.hub.lifting): number is that of the order to the
-- site's hub, where there is one. `lapsed` are lapsed claims: what a lost box may have given; authority is the hub that
-- told of them, empty where we counted ourselves.
CREATE TABLE lifted (
    number   INTEGER PRIMARY KEY,
    terminal TEXT NOT NULL,
    action   TEXT NOT NULL CHECK (action IN ('lift', 'write_off')),
    why      TEXT NOT NULL,
    at_ms    INTEGER NOT NULL
) STRICT;
CREATE TABLE lapsed (
    authority  TEXT NOT NULL,
    redemption TEXT NOT NULL,
    key        TEXT NOT NULL,
    n          INTEGER NOT NULL,
    terminal   TEXT NOT NULL,
    run        TEXT NOT NULL,
    since_ms   INTEGER NOT NULL,
    PRIMARY KEY (authority, redemption, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX lapsed_terminal ON lapsed (terminal);
