-- At a hub: ids that a gate will never commit and that the platform has not heard of. The gate has forgotten them, so a
-- hub that starts anew must not (claims.md 1 and 10).
CREATE TABLE given_up (
    redemption TEXT PRIMARY KEY,
    terminal   TEXT NOT NULL,
    run        TEXT NOT NULL
);
