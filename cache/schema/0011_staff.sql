-- Who works at this terminal, and who is locked out (edge.staff). A PIN is kept as its Argon2id hash.

CREATE TABLE staff (
    person          TEXT PRIMARY KEY,
    role            TEXT NOT NULL CHECK (role IN ('keeper', 'supervisor')),
    pin_hash        TEXT NOT NULL,
    failed          INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    locked_until_ms INTEGER NOT NULL DEFAULT 0,
    at_ms           INTEGER NOT NULL
) STRICT;
