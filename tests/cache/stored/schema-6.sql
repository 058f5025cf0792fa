BEGIN TRANSACTION;
CREATE TABLE clock (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    floor_ms    INTEGER NOT NULL DEFAULT 0,
    signed_ms   INTEGER NOT NULL DEFAULT 0,
    error_ms    INTEGER NOT NULL DEFAULT 0,
    boot_ms     INTEGER NOT NULL DEFAULT 0,
    boot_id     TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO "clock" VALUES(1,0,0,0,0,'');
CREATE TABLE cursor (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    sent_through  INTEGER NOT NULL DEFAULT 0,           -- a peer holds it; moves the sending cursor only
    acked_through INTEGER NOT NULL DEFAULT 0,           -- the platform signed for it; allows retention
    acked_at_ms   INTEGER NOT NULL DEFAULT 0,
    receipt       TEXT                                  -- the newest receipt, as signed
) STRICT;
INSERT INTO "cursor" VALUES(1,0,0,0,NULL);
CREATE TABLE epoch (
    number   INTEGER PRIMARY KEY,                       -- 1, 2, … ; the highest is the one in force
    id       TEXT NOT NULL UNIQUE,
    terminal TEXT NOT NULL,
    from_seq INTEGER NOT NULL CHECK (from_seq >= 1),    -- first seq that belongs to it
    reason   TEXT NOT NULL
) STRICT;
INSERT INTO "epoch" VALUES(1,'e-1','gate1',1,'enrolled');
CREATE TABLE graces (
    terminal   TEXT NOT NULL,
    lane       TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    token_id   BLOB NOT NULL,
    intent     TEXT NOT NULL,
    amount_fen INTEGER NOT NULL,                        -- -1: not given
    heads      INTEGER NOT NULL,
    asset      TEXT NOT NULL,                           -- '': not given
    redemption TEXT,
    answer     TEXT NOT NULL,
    until_ms   INTEGER NOT NULL,
    PRIMARY KEY (terminal, lane, issuer, token_id, intent, amount_fen, heads, asset)
) STRICT, WITHOUT ROWID;
INSERT INTO "graces" VALUES('gate1','A','wulong',X'7169616E2D2D2D2D','buy',5000,1,'','id-000009','{"outcome":"GRANT","benefit":"shop","benefits":["shop"],"offer":{"kind":"percent","percent_off":10,"off_fen":500,"to_pay_fen":4500},"offers":[{"benefit":"shop","issuer":"wulong","code":9,"version":1,"offer":{"kind":"percent","percent_off":10,"off_fen":500,"to_pay_fen":4500},"local":false,"title":{"zh":"shop"}}],"obligations":{"to_pay_fen":4500},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["shop"]}],"offline":false,"clock":"trusted"}',1790000050000);
INSERT INTO "graces" VALUES('gate1','A','wulong',X'77616E672D2D2D2D','enter',-1,1,'','id-000011','{"outcome":"GRANT","benefit":"first","benefits":["first"],"offer":{"kind":"free"},"offers":[{"benefit":"first","issuer":"wulong","code":7,"version":1,"offer":{"kind":"free"},"local":false,"title":{"zh":"first"}}],"obligations":{"open_gate":true},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["first"]}],"offline":false,"clock":"trusted","left":{"first":1}}',1790000060000);
INSERT INTO "graces" VALUES('gate1','A','wulong',X'7A68616F2D2D2D2D','lend',-1,1,'U1','id-000007','{"outcome":"GRANT","benefit":"umbrella","benefits":["umbrella"],"offer":{"kind":"deposit_waiver","waived_fen":5000},"offers":[{"benefit":"umbrella","issuer":"wulong","code":8,"version":1,"offer":{"kind":"deposit_waiver","waived_fen":5000},"local":false,"title":{"zh":"umbrella"}}],"obligations":{"due":"2026-09-22T22:13:50+08:00"},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["umbrella"]}],"offline":false,"clock":"trusted"}',1790000040000);
CREATE TABLE journal (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    at_ms      INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    redemption TEXT,
    body       TEXT NOT NULL,                           -- RFC 8785
    hash       BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
INSERT INTO "journal" VALUES(1,'id-000002',1790000000000,'granted','id-000001','{"class":"bound","clock":"trusted","due_ms":null,"given":[{"benefit":"first","code":7,"issuer":"wulong","local":false,"offer":{"kind":"free"},"version":1}],"heads":1,"intent":"enter","issuer":"wulong","lane":"A","offline":false,"outcome":"GRANT","reasons":["ok"],"scene":"gate","site":"park","subject":"77616e672d2d2d2d2d2d2d2d2d2d2d2d","sums":[],"token":"77616e672d2d2d2d","uses":[{"key":"u|wulong/first|subject:wulong:77616e672d2d2d2d2d2d2d2d2d2d2d2d|window:2026-01-01","max":2,"n":1}]}',X'BF2FEB3BF4E77C5A58102746AAF84D329A1331033FAADB087A0EF90A760258D3');
INSERT INTO "journal" VALUES(2,'id-000003',1790000001000,'passed','id-000001','{"step":"passed"}',X'7363459D5DFC779A1CD76FE83CCE1C6E34721BA2B70B010B56AB836AC3C1DD1B');
INSERT INTO "journal" VALUES(3,'id-000005',1790000020000,'granted','id-000004','{"class":"bound","clock":"trusted","due_ms":null,"given":[{"benefit":"first","code":7,"issuer":"wulong","local":false,"offer":{"kind":"free"},"version":1}],"heads":1,"intent":"enter","issuer":"wulong","lane":"A","offline":false,"outcome":"GRANT","reasons":["ok"],"scene":"gate","site":"park","subject":"6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d","sums":[],"token":"6c692d2d2d2d2d2d","uses":[{"key":"u|wulong/first|subject:wulong:6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d|window:2026-01-01","max":2,"n":1}]}',X'728D96C4B62E3E64BDDE6A83823BF73A566F051FCE25D8957BF5DAF36651ECC3');
INSERT INTO "journal" VALUES(4,'id-000006',1790000021000,'annulled','id-000004','{"step":"annulled"}',X'953AC2FDDCED6721323628BAD5B6130116FDB58923CDFD98A87BB2EF44A18A64');
INSERT INTO "journal" VALUES(5,'id-000008',1790000030000,'opened','id-000007','{"asset":"U1","class":"bound","clock":"trusted","due_ms":1790086430000,"given":[{"benefit":"umbrella","code":8,"issuer":"wulong","local":false,"offer":{"kind":"deposit_waiver","waived_fen":5000},"version":1}],"heads":1,"intent":"lend","issuer":"wulong","lane":"A","offline":false,"outcome":"GRANT","reasons":["ok"],"scene":"stand","site":"park","subject":"7a68616f2d2d2d2d2d2d2d2d2d2d2d2d","sums":[],"token":"7a68616f2d2d2d2d","uses":[{"key":"o|wulong/umbrella|subject:wulong:7a68616f2d2d2d2d2d2d2d2d2d2d2d2d|once","max":1,"n":1}]}',X'4571F6FEB11E2EFC88E0FAE25BD8553A050FEF0079D7036EF586414AE0CA1CBD');
INSERT INTO "journal" VALUES(6,'id-000010',1790000040000,'granted','id-000009','{"amount_fen":5000,"class":"bound","clock":"trusted","due_ms":null,"given":[{"benefit":"shop","code":9,"issuer":"wulong","local":false,"offer":{"kind":"percent","off_fen":500,"percent_off":10,"to_pay_fen":4500},"version":1}],"heads":1,"intent":"buy","issuer":"wulong","lane":"A","offline":false,"outcome":"GRANT","reasons":["ok"],"scene":"shop","site":"park","subject":"7169616e2d2d2d2d2d2d2d2d2d2d2d2d","sums":[{"fen":500,"key":"a|wulong/shop|subject:wulong:7169616e2d2d2d2d2d2d2d2d2d2d2d2d|2026-09","max":1000}],"token":"7169616e2d2d2d2d","uses":[]}',X'BF2239B24E12EE092BD5B7B4EFFCC400950EFDD372884DB48BE534E4B7F8208D');
INSERT INTO "journal" VALUES(7,'id-000012',1790000050000,'granted','id-000011','{"class":"bound","clock":"trusted","due_ms":null,"given":[{"benefit":"first","code":7,"issuer":"wulong","local":false,"offer":{"kind":"free"},"version":1}],"heads":1,"intent":"enter","issuer":"wulong","lane":"A","offline":false,"outcome":"GRANT","reasons":["ok"],"scene":"gate","site":"park","subject":"77616e672d2d2d2d2d2d2d2d2d2d2d2d","sums":[],"token":"77616e672d2d2d2d","uses":[{"key":"u|wulong/first|subject:wulong:77616e672d2d2d2d2d2d2d2d2d2d2d2d|window:2026-01-02","max":2,"n":1}]}',X'59274B4F9AFCEB395570DD9C9AFF83E2C5541CB6E92A8DD75BCAB00EC2BEB229');
CREATE TABLE list_chain (
    role    TEXT NOT NULL CHECK (role IN ('root', 'timestamp', 'snapshot', 'targets')),
    version INTEGER NOT NULL CHECK (version >= 1),
    body    BLOB NOT NULL,
    PRIMARY KEY (role, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE list_document (
    path   TEXT PRIMARY KEY,                            -- <kind>/<city>/<name>
    role   TEXT NOT NULL REFERENCES list_role (role) ON DELETE CASCADE,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    size   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE list_floor (
    role    TEXT NOT NULL,
    keys    TEXT NOT NULL,                              -- key ids, sorted, joined by spaces
    version INTEGER NOT NULL CHECK (version >= 1),
    PRIMARY KEY (role, keys)
) STRICT, WITHOUT ROWID;
CREATE TABLE list_killed (
    issuer TEXT NOT NULL,
    kid    BLOB NOT NULL CHECK (length(kid) = 8),
    PRIMARY KEY (issuer, kid)
) STRICT, WITHOUT ROWID;
CREATE TABLE list_problem (
    role  TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    text  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE list_role (
    role         TEXT PRIMARY KEY,                      -- issuers.<city>, lists.<city>, rules.<city>
    version      INTEGER NOT NULL CHECK (version >= 1),
    body         BLOB NOT NULL,
    issued_ms    INTEGER NOT NULL,                      -- when the city signed it
    confirmed_ms INTEGER NOT NULL                       -- the newest timestamp under which it was the newest
) STRICT, WITHOUT ROWID;
CREATE TABLE list_time (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    newest_ms INTEGER NOT NULL
) STRICT;
INSERT INTO "list_time" VALUES(1,0);
CREATE TABLE nonces (
    issuer   TEXT NOT NULL,
    token    BLOB NOT NULL,
    nonce    BLOB NOT NULL,
    terminal TEXT NOT NULL,
    lane     TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (issuer, token, nonce)
) STRICT, WITHOUT ROWID;
INSERT INTO "nonces" VALUES('wulong',X'6C692D2D2D2D2D2D',X'6E32','gate1','A',1790000020000,1790086420000);
INSERT INTO "nonces" VALUES('wulong',X'7169616E2D2D2D2D',X'6E34','gate1','A',1790000040000,1790086440000);
INSERT INTO "nonces" VALUES('wulong',X'77616E672D2D2D2D',X'6E31','gate1','A',1790000000000,1790086400000);
INSERT INTO "nonces" VALUES('wulong',X'77616E672D2D2D2D',X'6E35','gate1','A',1790000050000,1790086450000);
INSERT INTO "nonces" VALUES('wulong',X'7A68616F2D2D2D2D',X'6E33','gate1','A',1790000030000,1790086430000);
CREATE TABLE offer_changes (
    number   INTEGER PRIMARY KEY,
    offer    INTEGER NOT NULL CHECK (offer >= 1),
    change   TEXT NOT NULL CHECK (change IN ('created', 'edited', 'withdrawn', 'undone')),
    in_force INTEGER NOT NULL CHECK (in_force IN (0, 1)),
    version  INTEGER NOT NULL CHECK (version >= 1),
    stock    INTEGER CHECK (stock >= 0),
    lane     TEXT NOT NULL,
    terms    TEXT NOT NULL,
    by       TEXT NOT NULL,
    at_ms    INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    action TEXT NOT NULL CHECK (action IN ('suspend', 'resume', 'revoke', 'new_epoch')),
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL
) STRICT;
CREATE TABLE redemptions (
    id             TEXT PRIMARY KEY,
    at_ms          INTEGER NOT NULL,
    terminal       TEXT NOT NULL,
    site           TEXT NOT NULL,
    scene          TEXT NOT NULL,
    lane           TEXT NOT NULL,
    issuer         TEXT NOT NULL,                       -- the token's issuer, for settlement
    subject        BLOB NOT NULL,
    token_id       BLOB NOT NULL,
    intent         TEXT NOT NULL,
    amount_fen     INTEGER CHECK (amount_fen >= 0),
    heads          INTEGER NOT NULL CHECK (heads >= 1),
    asset          TEXT,
    benefit        TEXT NOT NULL,                       -- the first benefit given
    answer         TEXT NOT NULL,                       -- the whole answer, as shown (credit.answers)
    state          TEXT NOT NULL,                       -- credit.lifecycle.State, derived from the facts
    due_ms         INTEGER,
    on_overdue     TEXT NOT NULL DEFAULT 'flag',
    reversal_until_ms INTEGER,
    gives_back     INTEGER NOT NULL CHECK (gives_back IN (0, 1)),
    pass_of        TEXT,                                -- benefit key of the pass it belongs to
    pass_root      TEXT,                                -- first redemption of that pass, null for the first itself
    grace_until_ms INTEGER NOT NULL,
    actuated_ms    INTEGER,
    passed_ms      INTEGER,
    ended_ms       INTEGER,                             -- annulled, closed, claimed or wholly reversed
    left_ms        INTEGER,                             -- its people have gone out (exit)
    claimed_fen    INTEGER CHECK (claimed_fen >= 0),
    returned_fen   INTEGER NOT NULL DEFAULT 0 CHECK (returned_fen >= 0),
    returned_heads INTEGER NOT NULL DEFAULT 0 CHECK (returned_heads >= 0 AND returned_heads <= heads),
    seq            INTEGER                              -- its first journal record
) STRICT;
INSERT INTO "redemptions" VALUES('id-000001',1790000000000,'gate1','park','gate','A','wulong',X'77616E672D2D2D2D2D2D2D2D2D2D2D2D',X'77616E672D2D2D2D','enter',NULL,1,NULL,'first','{"outcome":"GRANT","benefit":"first","benefits":["first"],"offer":{"kind":"free"},"offers":[{"benefit":"first","issuer":"wulong","code":7,"version":1,"offer":{"kind":"free"},"local":false,"title":{"zh":"first"}}],"obligations":{"open_gate":true},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["first"]}],"offline":false,"clock":"trusted","left":{"first":1}}','passed',NULL,'flag',NULL,1,NULL,NULL,1790000010000,NULL,1790000001000,NULL,NULL,NULL,0,0,1);
INSERT INTO "redemptions" VALUES('id-000004',1790000020000,'gate1','park','gate','A','wulong',X'6C692D2D2D2D2D2D2D2D2D2D2D2D2D2D',X'6C692D2D2D2D2D2D','enter',NULL,1,NULL,'first','{"outcome":"GRANT","benefit":"first","benefits":["first"],"offer":{"kind":"free"},"offers":[{"benefit":"first","issuer":"wulong","code":7,"version":1,"offer":{"kind":"free"},"local":false,"title":{"zh":"first"}}],"obligations":{"open_gate":true},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["first"]}],"offline":false,"clock":"trusted","left":{"first":1}}','annulled',NULL,'flag',NULL,1,NULL,NULL,1790000030000,NULL,NULL,1790000021000,NULL,NULL,0,0,3);
INSERT INTO "redemptions" VALUES('id-000007',1790000030000,'gate1','park','stand','A','wulong',X'7A68616F2D2D2D2D2D2D2D2D2D2D2D2D',X'7A68616F2D2D2D2D','lend',NULL,1,'U1','umbrella','{"outcome":"GRANT","benefit":"umbrella","benefits":["umbrella"],"offer":{"kind":"deposit_waiver","waived_fen":5000},"offers":[{"benefit":"umbrella","issuer":"wulong","code":8,"version":1,"offer":{"kind":"deposit_waiver","waived_fen":5000},"local":false,"title":{"zh":"umbrella"}}],"obligations":{"due":"2026-09-22T22:13:50+08:00"},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["umbrella"]}],"offline":false,"clock":"trusted"}','open',1790086430000,'flag',NULL,1,NULL,NULL,1790000040000,NULL,NULL,NULL,NULL,NULL,0,0,5);
INSERT INTO "redemptions" VALUES('id-000009',1790000040000,'gate1','park','shop','A','wulong',X'7169616E2D2D2D2D2D2D2D2D2D2D2D2D',X'7169616E2D2D2D2D','buy',5000,1,NULL,'shop','{"outcome":"GRANT","benefit":"shop","benefits":["shop"],"offer":{"kind":"percent","percent_off":10,"off_fen":500,"to_pay_fen":4500},"offers":[{"benefit":"shop","issuer":"wulong","code":9,"version":1,"offer":{"kind":"percent","percent_off":10,"off_fen":500,"to_pay_fen":4500},"local":false,"title":{"zh":"shop"}}],"obligations":{"to_pay_fen":4500},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["shop"]}],"offline":false,"clock":"trusted"}','granted',NULL,'flag',NULL,1,NULL,NULL,1790000050000,NULL,NULL,NULL,NULL,NULL,0,0,6);
INSERT INTO "redemptions" VALUES('id-000011',1790000050000,'gate1','park','gate','A','wulong',X'77616E672D2D2D2D2D2D2D2D2D2D2D2D',X'77616E672D2D2D2D','enter',NULL,1,NULL,'first','{"outcome":"GRANT","benefit":"first","benefits":["first"],"offer":{"kind":"free"},"offers":[{"benefit":"first","issuer":"wulong","code":7,"version":1,"offer":{"kind":"free"},"local":false,"title":{"zh":"first"}}],"obligations":{"open_gate":true},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["first"]}],"offline":false,"clock":"trusted","left":{"first":1}}','granted',NULL,'flag',NULL,1,NULL,NULL,1790000060000,NULL,NULL,NULL,NULL,NULL,0,0,7);
CREATE TABLE requests (
    lane   TEXT NOT NULL,
    id     TEXT NOT NULL,                               -- the caller's request_id
    asked  BLOB NOT NULL,                               -- SHA-256 of the request: another one under this id is a mistake
    redemption TEXT NOT NULL,
    answer TEXT NOT NULL,                               -- as it was given, JSON
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (lane, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE set_aside (
    seq    INTEGER PRIMARY KEY REFERENCES journal (seq),
    at_ms  INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TABLE sums (
    key            TEXT NOT NULL,
    redemption     TEXT NOT NULL,
    fen            INTEGER NOT NULL CHECK (fen >= 0),
    at_ms          INTEGER NOT NULL,
    given_back_fen INTEGER NOT NULL DEFAULT 0 CHECK (given_back_fen >= 0 AND given_back_fen <= fen),
    PRIMARY KEY (key, redemption)
) STRICT;
INSERT INTO "sums" VALUES('a|wulong/shop|subject:wulong:7169616e2d2d2d2d2d2d2d2d2d2d2d2d|2026-09','id-000009',500,1790000040000,0);
CREATE TABLE switches (
    name  TEXT PRIMARY KEY,
    state INTEGER NOT NULL CHECK (state IN (0, 1)),
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tallies (
    key TEXT PRIMARY KEY,
    n   INTEGER NOT NULL CHECK (n >= 0)
) STRICT, WITHOUT ROWID;
INSERT INTO "tallies" VALUES('a|wulong/shop|subject:wulong:7169616e2d2d2d2d2d2d2d2d2d2d2d2d|2026-09',500);
INSERT INTO "tallies" VALUES('o|wulong/umbrella|subject:wulong:7a68616f2d2d2d2d2d2d2d2d2d2d2d2d|once',1);
INSERT INTO "tallies" VALUES('u|wulong/first|subject:wulong:6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d|window:2026-01-01',0);
INSERT INTO "tallies" VALUES('u|wulong/first|subject:wulong:77616e672d2d2d2d2d2d2d2d2d2d2d2d|window:2026-01-01',1);
INSERT INTO "tallies" VALUES('u|wulong/first|subject:wulong:77616e672d2d2d2d2d2d2d2d2d2d2d2d|window:2026-01-02',1);
CREATE TABLE unverified (
    lane   TEXT NOT NULL,
    minute INTEGER NOT NULL,
    reason TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (lane, minute, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE uses (
    key           TEXT NOT NULL,
    ordinal       INTEGER NOT NULL CHECK (ordinal >= 1),
    redemption    TEXT NOT NULL,
    at_ms         INTEGER NOT NULL,
    given_back_by TEXT
) STRICT;
INSERT INTO "uses" VALUES('u|wulong/first|subject:wulong:77616e672d2d2d2d2d2d2d2d2d2d2d2d|window:2026-01-01',1,'id-000001',1790000000000,NULL);
INSERT INTO "uses" VALUES('u|wulong/first|subject:wulong:6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d|window:2026-01-01',1,'id-000004',1790000020000,'id-000006');
INSERT INTO "uses" VALUES('o|wulong/umbrella|subject:wulong:7a68616f2d2d2d2d2d2d2d2d2d2d2d2d|once',1,'id-000007',1790000030000,NULL);
INSERT INTO "uses" VALUES('u|wulong/first|subject:wulong:77616e672d2d2d2d2d2d2d2d2d2d2d2d|window:2026-01-02',1,'id-000011',1790000050000,NULL);
CREATE INDEX journal_redemption ON journal (redemption) WHERE redemption IS NOT NULL;
CREATE INDEX journal_kind ON journal (kind, seq);
CREATE INDEX redemptions_recent ON redemptions (at_ms);
CREATE INDEX redemptions_subject ON redemptions (issuer, subject, at_ms);
CREATE INDEX redemptions_open ON redemptions (issuer, subject) WHERE state IN ('open', 'overdue');
CREATE INDEX redemptions_asset ON redemptions (asset) WHERE state IN ('open', 'overdue') AND asset IS NOT NULL;
CREATE INDEX redemptions_due ON redemptions (due_ms) WHERE state = 'open' AND due_ms IS NOT NULL;
CREATE INDEX redemptions_pass ON redemptions (pass_root) WHERE pass_root IS NOT NULL;
CREATE INDEX graces_redemption ON graces (redemption);
CREATE INDEX graces_until ON graces (until_ms);
CREATE UNIQUE INDEX uses_taken ON uses (key, ordinal) WHERE given_back_by IS NULL;
CREATE INDEX uses_newest ON uses (key, at_ms) WHERE given_back_by IS NULL;
CREATE INDEX uses_redemption ON uses (redemption);
CREATE INDEX sums_newest ON sums (key, at_ms);
CREATE INDEX sums_redemption ON sums (redemption);
CREATE TRIGGER uses_counted AFTER INSERT ON uses BEGIN
    INSERT INTO tallies (key, n) VALUES (NEW.key, 1) ON CONFLICT (key) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER uses_given_back AFTER UPDATE OF given_back_by ON uses
WHEN OLD.given_back_by IS NULL AND NEW.given_back_by IS NOT NULL BEGIN
    UPDATE tallies SET n = n - 1 WHERE key = NEW.key;
END;
CREATE TRIGGER uses_once_given_back BEFORE UPDATE OF given_back_by ON uses
WHEN OLD.given_back_by IS NOT NULL BEGIN
    SELECT raise(ABORT, 'a use is given back only once');
END;
CREATE TRIGGER sums_counted AFTER INSERT ON sums BEGIN
    INSERT INTO tallies (key, n) VALUES (NEW.key, NEW.fen) ON CONFLICT (key) DO UPDATE SET n = n + NEW.fen;
END;
CREATE TRIGGER sums_given_back AFTER UPDATE OF given_back_fen ON sums BEGIN
    UPDATE tallies SET n = n - (NEW.given_back_fen - OLD.given_back_fen) WHERE key = NEW.key;
END;
CREATE INDEX nonces_until ON nonces (until_ms);
CREATE INDEX requests_old ON requests (at_ms);
CREATE INDEX offer_changes_of ON offer_changes (offer, number);
COMMIT;
PRAGMA user_version = 6;
