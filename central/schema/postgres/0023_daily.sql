-- Running totals and verdicts by civil day; see ../sqlite/0025_daily.sql.
CREATE TABLE daily (
    day                BIGINT NOT NULL,
    site               TEXT NOT NULL,
    issuer             TEXT NOT NULL,
    benefit            TEXT NOT NULL,
    local              BIGINT NOT NULL CHECK (local IN (0, 1)),
    granted            BIGINT NOT NULL DEFAULT 0,
    heads              BIGINT NOT NULL DEFAULT 0,
    undone             BIGINT NOT NULL DEFAULT 0,
    off_fen            BIGINT NOT NULL DEFAULT 0,
    waived_fen         BIGINT NOT NULL DEFAULT 0,
    later_fen          BIGINT NOT NULL DEFAULT 0,
    repaid_fen         BIGINT NOT NULL DEFAULT 0,
    refund_fen         BIGINT NOT NULL DEFAULT 0,
    back_fen           BIGINT NOT NULL DEFAULT 0,
    returns            BIGINT NOT NULL DEFAULT 0,
    claims             BIGINT NOT NULL DEFAULT 0,
    claim_fen          BIGINT NOT NULL DEFAULT 0,
    overdue            BIGINT NOT NULL DEFAULT 0,
    overdue_fen        BIGINT NOT NULL DEFAULT 0,
    paid_fen           BIGINT NOT NULL DEFAULT 0,
    clashes            BIGINT NOT NULL DEFAULT 0,
    late               BIGINT NOT NULL DEFAULT 0,
    latest_ms          BIGINT NOT NULL DEFAULT 0,
    proved             BIGINT NOT NULL DEFAULT 0,
    vouched            BIGINT NOT NULL DEFAULT 0,
    unproved           BIGINT NOT NULL DEFAULT 0,
    disproved          BIGINT NOT NULL DEFAULT 0,
    apart              BIGINT NOT NULL DEFAULT 0,
    settled            BIGINT NOT NULL DEFAULT 0,
    settled_off_fen    BIGINT NOT NULL DEFAULT 0,
    settled_waived_fen BIGINT NOT NULL DEFAULT 0,
    settled_later_fen  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (day, site, issuer, benefit, local)
);
INSERT INTO daily (day, site, issuer, benefit, local,
        granted, heads, undone, off_fen, waived_fen, later_fen, repaid_fen, refund_fen, back_fen,
        returns, claims, claim_fen, overdue, overdue_fen, paid_fen, clashes, late, latest_ms)
    SELECT (quarter + 32) / 96, site, issuer, benefit, local,
        sum(granted), sum(heads), sum(undone), sum(off_fen), sum(waived_fen), sum(later_fen),
        sum(repaid_fen), sum(refund_fen), sum(back_fen), sum(returns), sum(claims), sum(claim_fen),
        sum(overdue), sum(overdue_fen), sum(paid_fen), sum(clashes), sum(late), max(latest_ms)
    FROM totals GROUP BY 1, 2, 3, 4, 5;
INSERT INTO daily (day, site, issuer, benefit, local,
        proved, vouched, unproved, disproved, apart, settled, settled_off_fen, settled_waived_fen, settled_later_fen)
    SELECT (quarter + 32) / 96, site, issuer, benefit, local,
        sum(proved), sum(vouched), sum(unproved), sum(disproved), sum(apart),
        sum(settled), sum(settled_off_fen), sum(settled_waived_fen), sum(settled_later_fen)
    FROM verdicts WHERE true GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (day, site, issuer, benefit, local) DO UPDATE SET
        proved = excluded.proved,
        vouched = excluded.vouched,
        unproved = excluded.unproved,
        disproved = excluded.disproved,
        apart = excluded.apart,
        settled = excluded.settled,
        settled_off_fen = excluded.settled_off_fen,
        settled_waived_fen = excluded.settled_waived_fen,
        settled_later_fen = excluded.settled_later_fen;
-- What pages of conflicts read: the newest that facts have not explained away.
CREATE INDEX overruns_open ON overruns (noticed_ms DESC) WHERE dissolved_ms IS NULL;
