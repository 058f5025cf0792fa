BEGIN TRANSACTION;
CREATE TABLE beside (
    seq      INTEGER PRIMARY KEY REFERENCES journal (seq) ON DELETE CASCADE,
    original BLOB NOT NULL
) STRICT;
CREATE TABLE chaining (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    through INTEGER NOT NULL,
    was     BLOB CHECK (was IS NULL OR length(was) = 32)
) STRICT;
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
INSERT INTO "graces" VALUES('gate1','A','wulong',X'6C692D2D2D2D2D2D','enter',-1,1,'','01a0c450-73d0-7000-8000-000000000004','{"outcome":"GRANT","benefit":"first","benefits":["first"],"offer":{"kind":"free"},"offers":[{"benefit":"first","issuer":"wulong","code":7,"version":1,"offer":{"kind":"free"},"local":false,"title":{"zh":"first"}}],"obligations":{"open_gate":true},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["first"]}],"offline":false,"clock":"trusted","left":{"first":0}}',1790000012000);
CREATE TABLE journal (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    at_ms      INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    redemption TEXT,
    body       TEXT NOT NULL,                           -- RFC 8785
    hash       BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
INSERT INTO "journal" VALUES(1,'01a0c450-6c00-7000-8000-000000000002',1790000000000,'granted','01a0c450-6c00-7000-8000-000000000001','{"class":"bound","clock":"trusted","due_ms":null,"given":[{"benefit":"first","code":7,"issuer":"wulong","local":false,"offer":{"kind":"free"},"version":1}],"heads":1,"intent":"enter","issuer":"wulong","lane":"A","nonce":"6e31","offline":false,"outcome":"GRANT","reasons":["ok"],"scene":"gate","site":"park","subject":"77616e672d2d2d2d2d2d2d2d2d2d2d2d","sums":[],"token":"77616e672d2d2d2d","uses":[{"key":"u|wulong/first@site:park|subject:wulong:77616e672d2d2d2d2d2d2d2d2d2d2d2d|ever","max":1,"n":1},{"key":"u|wulong/first|day:2026-09-21","max":100,"n":1}]}',X'8EA0B3F7FC9FADEC1FDED166B2E257F0B5A5AB3D17CC6A7892B2BD34B0AE05F1');
INSERT INTO "journal" VALUES(2,'01a0c450-6fe8-7000-8000-000000000003',1790000001000,'passed','01a0c450-6c00-7000-8000-000000000001','{"step":"passed"}',X'5AFB8BCB41B8123C6298D91C0C4F0D2E5CBCC8FD95665EEE3A19AF94140758DD');
INSERT INTO "journal" VALUES(3,'01a0c450-73d0-7000-8000-000000000005',1790000002000,'granted','01a0c450-73d0-7000-8000-000000000004','{"class":"bound","clock":"trusted","due_ms":null,"given":[{"benefit":"first","code":7,"issuer":"wulong","local":false,"offer":{"kind":"free"},"version":1}],"heads":1,"intent":"enter","issuer":"wulong","lane":"A","nonce":"6e32","offline":false,"outcome":"GRANT","reasons":["ok"],"scene":"gate","site":"park","subject":"6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d","sums":[],"token":"6c692d2d2d2d2d2d","uses":[{"key":"u|wulong/first@site:park|subject:wulong:6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d|ever","max":1,"n":1},{"key":"u|wulong/first|day:2026-09-21","max":100,"n":1}]}',X'D5138C37497B6111D728CBDA5F63801216C8C8060FD5F480BAC26124FF9F0CC8');
INSERT INTO "journal" VALUES(4,'01a0c450-7434-7000-8000-000000000006',1790000002100,'actuating','01a0c450-73d0-7000-8000-000000000004','{"attempt":"01a0c450-73d0-7000-8000-000000000004.1","lane":"A"}',X'C5F5ACF585F859B91CC212FAECDDE33CA7F650C0B5A04F5D3FC803FF6B49B801');
INSERT INTO "journal" VALUES(5,'01a0c450-77b8-7000-8000-000000000008',1790000003000,'granted','01a0c450-77b8-7000-8000-000000000007','{"class":"bound","clock":"trusted","due_ms":null,"given":[{"benefit":"first","code":7,"issuer":"wulong","local":false,"offer":{"kind":"free"},"version":1}],"heads":1,"intent":"enter","issuer":"wulong","lane":"A","nonce":"6e33","offline":false,"outcome":"GRANT","reasons":["ok"],"scene":"gate","site":"park","subject":"7a68616f2d2d2d2d2d2d2d2d2d2d2d2d","sums":[],"token":"7a68616f2d2d2d2d","uses":[{"key":"u|wulong/first@site:park|subject:wulong:7a68616f2d2d2d2d2d2d2d2d2d2d2d2d|ever","max":1,"n":1},{"key":"u|wulong/first|day:2026-09-21","max":100,"n":1}]}',X'F72CDABB766E5AE7068252174E0B4E49162ACCD321845DC3015C6064CF83ECB6');
INSERT INTO "journal" VALUES(6,'01a0c450-79ac-7000-8000-000000000009',1790000003500,'annulled','01a0c450-77b8-7000-8000-000000000007','{"step":"annulled"}',X'F0390ED5593A39DEC0F4C468BA28F29353BC05312837086AF32E520EAC320438');
INSERT INTO "journal" VALUES(7,'01a0c450-7ba0-7000-8000-000000000011',1790000004000,'opened','01a0c450-7ba0-7000-8000-000000000010','{"asset":"u-7","class":"bound","clock":"trusted","due_ms":1790086404000,"given":[{"benefit":"umbrella","code":8,"issuer":"wulong","local":false,"offer":{"kind":"deposit_waiver","waived_fen":5000},"version":1}],"heads":1,"intent":"open","issuer":"wulong","lane":"A","nonce":"6e34","offline":false,"outcome":"GRANT","reasons":["ok"],"scene":"stand","site":"park","subject":"6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d","sums":[],"token":"6c692d2d2d2d2d2d","uses":[{"key":"o|wulong/umbrella|subject:wulong:6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d|once","max":1,"n":1}]}',X'BCA612F683D77ECE57CD1AA221882C725AA9044EA504F3F27E0EC83FC7C6D2B9');
INSERT INTO "journal" VALUES(8,'01a0c450-7f88-7000-8000-000000000013',1790000005000,'granted','01a0c450-7f88-7000-8000-000000000012','{"amount_fen":5000,"class":"bound","clock":"trusted","due_ms":null,"given":[{"benefit":"shop","code":9,"issuer":"wulong","local":false,"offer":{"kind":"percent","off_fen":500,"percent_off":10,"to_pay_fen":4500},"version":1}],"heads":1,"intent":"buy","issuer":"wulong","lane":"A","nonce":"6e35","offline":false,"outcome":"GRANT","reasons":["ok"],"reversal_until_ms":1790086405000,"scene":"shop","site":"park","subject":"73756e2d2d2d2d2d2d2d2d2d2d2d2d2d","sums":[{"fen":500,"key":"a|wulong/shop|subject:wulong:73756e2d2d2d2d2d2d2d2d2d2d2d2d2d|2026-09","max":1000}],"token":"73756e2d2d2d2d2d","uses":[{"key":"u|wulong/shop|subject:wulong:73756e2d2d2d2d2d2d2d2d2d2d2d2d2d|2026-09","max":2,"n":1}]}',X'2D32C00EC510943037B444ABB0F6A4570820818A8F4710EF8566EC336005C1B4');
INSERT INTO "journal" VALUES(9,'01a0c450-8370-7000-8000-000000000014',1790000006000,'not_granted',NULL,'{"class":"bound","clock":"trusted","heads":1,"intent":"enter","issuer":"wulong","lane":"A","offline":false,"outcome":"STANDARD","reasons":["limit_used"],"scene":"gate","site":"park","token_hash":"8941517d5eed0230160a3a8dea3d25dd"}',X'28EE320E7A012ED648035C4306AC7783EDFE9E9DCB9D2EB8FE9D7FC33CB3BC07');
CREATE TABLE list_chain (
    role    TEXT NOT NULL CHECK (role IN ('root', 'timestamp', 'snapshot', 'targets')),
    version INTEGER NOT NULL CHECK (version >= 1),
    body    BLOB NOT NULL,
    PRIMARY KEY (role, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE list_file (
    role   TEXT NOT NULL REFERENCES list_role (role) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 0),
    path   TEXT NOT NULL,                               -- <kind>/<city>/<name>
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    size   INTEGER NOT NULL,
    PRIMARY KEY (role, number)
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
CREATE TABLE lives (
    epoch TEXT NOT NULL,
    seq   INTEGER NOT NULL,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (epoch, seq, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE nonces (
    issuer   TEXT NOT NULL,
    token    BLOB NOT NULL,
    nonce    BLOB NOT NULL,
    terminal TEXT NOT NULL,
    lane     TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    until_ms INTEGER NOT NULL, redemption TEXT, freed INTEGER NOT NULL DEFAULT 0 CHECK (freed IN (0, 1)),
    PRIMARY KEY (issuer, token, nonce)
) STRICT, WITHOUT ROWID;
INSERT INTO "nonces" VALUES('wulong',X'6C692D2D2D2D2D2D',X'6E32','gate1','A',1790000002000,1790086402000,'01a0c450-73d0-7000-8000-000000000004',0);
INSERT INTO "nonces" VALUES('wulong',X'6C692D2D2D2D2D2D',X'6E34','gate1','A',1790000004000,1790086404000,'01a0c450-7ba0-7000-8000-000000000010',0);
INSERT INTO "nonces" VALUES('wulong',X'73756E2D2D2D2D2D',X'6E35','gate1','A',1790000005000,1790086405000,'01a0c450-7f88-7000-8000-000000000012',0);
INSERT INTO "nonces" VALUES('wulong',X'77616E672D2D2D2D',X'6E31','gate1','A',1790000000000,1790086400000,'01a0c450-6c00-7000-8000-000000000001',0);
INSERT INTO "nonces" VALUES('wulong',X'7A68616F2D2D2D2D',X'6E33','gate1','A',1790000003000,1790086403000,'01a0c450-77b8-7000-8000-000000000007',1);
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
CREATE TABLE "orders" (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    action TEXT NOT NULL CHECK (action IN (
        'suspend', 'resume', 'revoke', 'new_epoch', 'replaced', 'profile', 'stop_entry', 'resume_entry', 'twin'
    )),
    reason TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    signed TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE payments (
    "order"    TEXT PRIMARY KEY,
    redemption TEXT NOT NULL,
    fen        INTEGER NOT NULL CHECK (fen >= 0),
    at_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE proofs (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    redemption TEXT NOT NULL UNIQUE,
    seq        INTEGER NOT NULL,                        -- of its fact, which goes first
    shown      BLOB NOT NULL CHECK (length(shown) BETWEEN 1 AND 397)
) STRICT;
INSERT INTO "proofs" VALUES(1,'01a0c450-6c00-7000-8000-000000000001',1,X'73686F776E2062792077616E67');
INSERT INTO "proofs" VALUES(2,'01a0c450-7f88-7000-8000-000000000012',8,X'73686F776E2062792073756E');
CREATE TABLE receipts (
    hour    INTEGER PRIMARY KEY,
    through INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL
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
, annulled_by TEXT) STRICT;
INSERT INTO "redemptions" VALUES('01a0c450-6c00-7000-8000-000000000001',1790000000000,'gate1','park','gate','A','wulong',X'77616E672D2D2D2D2D2D2D2D2D2D2D2D',X'77616E672D2D2D2D','enter',NULL,1,NULL,'first','{"outcome":"GRANT","benefit":"first","benefits":["first"],"offer":{"kind":"free"},"offers":[{"benefit":"first","issuer":"wulong","code":7,"version":1,"offer":{"kind":"free"},"local":false,"title":{"zh":"first"}}],"obligations":{"open_gate":true},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["first"]}],"offline":false,"clock":"trusted","left":{"first":0}}','passed',NULL,'flag',NULL,1,NULL,NULL,1790000010000,NULL,1790000001000,NULL,NULL,NULL,0,0,1,NULL);
INSERT INTO "redemptions" VALUES('01a0c450-73d0-7000-8000-000000000004',1790000002000,'gate1','park','gate','A','wulong',X'6C692D2D2D2D2D2D2D2D2D2D2D2D2D2D',X'6C692D2D2D2D2D2D','enter',NULL,1,NULL,'first','{"outcome":"GRANT","benefit":"first","benefits":["first"],"offer":{"kind":"free"},"offers":[{"benefit":"first","issuer":"wulong","code":7,"version":1,"offer":{"kind":"free"},"local":false,"title":{"zh":"first"}}],"obligations":{"open_gate":true},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["first"]}],"offline":false,"clock":"trusted","left":{"first":0}}','granted',NULL,'flag',NULL,1,NULL,NULL,1790000012000,NULL,NULL,NULL,NULL,NULL,0,0,3,NULL);
INSERT INTO "redemptions" VALUES('01a0c450-77b8-7000-8000-000000000007',1790000003000,'gate1','park','gate','A','wulong',X'7A68616F2D2D2D2D2D2D2D2D2D2D2D2D',X'7A68616F2D2D2D2D','enter',NULL,1,NULL,'first','{"outcome":"GRANT","benefit":"first","benefits":["first"],"offer":{"kind":"free"},"offers":[{"benefit":"first","issuer":"wulong","code":7,"version":1,"offer":{"kind":"free"},"local":false,"title":{"zh":"first"}}],"obligations":{"open_gate":true},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["first"]}],"offline":false,"clock":"trusted","left":{"first":0}}','annulled',NULL,'flag',NULL,1,NULL,NULL,1790000013000,NULL,NULL,1790000003500,NULL,NULL,0,0,5,'01a0c450-79ac-7000-8000-000000000009');
INSERT INTO "redemptions" VALUES('01a0c450-7ba0-7000-8000-000000000010',1790000004000,'gate1','park','stand','A','wulong',X'6C692D2D2D2D2D2D2D2D2D2D2D2D2D2D',X'6C692D2D2D2D2D2D','open',NULL,1,'u-7','umbrella','{"outcome":"GRANT","benefit":"umbrella","benefits":["umbrella"],"offer":{"kind":"deposit_waiver","waived_fen":5000},"offers":[{"benefit":"umbrella","issuer":"wulong","code":8,"version":1,"offer":{"kind":"deposit_waiver","waived_fen":5000},"local":false,"title":{"zh":"umbrella"}}],"obligations":{"due":"2026-09-22T22:13:24+08:00"},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["umbrella"]}],"offline":false,"clock":"trusted"}','open',1790086404000,'flag',NULL,1,NULL,NULL,1790000014000,NULL,NULL,NULL,NULL,NULL,0,0,7,NULL);
INSERT INTO "redemptions" VALUES('01a0c450-7f88-7000-8000-000000000012',1790000005000,'gate1','park','shop','A','wulong',X'73756E2D2D2D2D2D2D2D2D2D2D2D2D2D',X'73756E2D2D2D2D2D','buy',5000,1,NULL,'shop','{"outcome":"GRANT","benefit":"shop","benefits":["shop"],"offer":{"kind":"percent","percent_off":10,"off_fen":500,"to_pay_fen":4500},"offers":[{"benefit":"shop","issuer":"wulong","code":9,"version":1,"offer":{"kind":"percent","percent_off":10,"off_fen":500,"to_pay_fen":4500},"local":false,"title":{"zh":"shop"}}],"obligations":{"to_pay_fen":4500},"reasons":[{"code":"ok","zh":"已核销，请享受优惠","en":"Granted","next":{"zh":"请通行","en":"Please go ahead"},"facts":{},"benefits":["shop"]}],"offline":false,"clock":"trusted","left":{"shop":1}}','granted',NULL,'flag',1790086405000,1,NULL,NULL,1790000015000,NULL,NULL,NULL,NULL,NULL,0,0,8,NULL);
CREATE TABLE remembered (
    id    TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE requests (
    lane   TEXT NOT NULL,
    id     TEXT NOT NULL,                               -- the caller's request_id
    asked  BLOB NOT NULL,                               -- SHA-256 of the request: another one under this id is a mistake
    redemption TEXT NOT NULL,
    answer TEXT NOT NULL,                               -- as it was given, JSON
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (lane, id)
) STRICT, WITHOUT ROWID;
INSERT INTO "requests" VALUES('A','till-1',X'0101010101010101010101010101010101010101010101010101010101010101','01a0c450-73d0-7000-8000-000000000004','{"outcome": "GRANT", "benefit": "first", "benefits": ["first"], "offer": {"kind": "free"}, "offers": [{"benefit": "first", "issuer": "wulong", "code": 7, "version": 1, "offer": {"kind": "free"}, "local": false, "title": {"zh": "first"}}], "obligations": {"open_gate": true}, "reasons": [{"code": "ok", "zh": "已核销，请享受优惠", "en": "Granted", "next": {"zh": "请通行", "en": "Please go ahead"}, "facts": {}, "benefits": ["first"]}], "offline": false, "clock": "trusted", "left": {"first": 0}, "redemption": "01a0c450-73d0-7000-8000-000000000004", "journal_seq": 3, "lane": "A", "at_ms": 1790000002000, "repeat": false, "ticket": null, "list_price_fen": null, "intent": "enter", "amount_fen": null}',1790000002000);
INSERT INTO "requests" VALUES('A','till-2',X'0202020202020202020202020202020202020202020202020202020202020202','01a0c450-7f88-7000-8000-000000000012','{"outcome": "GRANT", "benefit": "shop", "benefits": ["shop"], "offer": {"kind": "percent", "percent_off": 10, "off_fen": 500, "to_pay_fen": 4500}, "offers": [{"benefit": "shop", "issuer": "wulong", "code": 9, "version": 1, "offer": {"kind": "percent", "percent_off": 10, "off_fen": 500, "to_pay_fen": 4500}, "local": false, "title": {"zh": "shop"}}], "obligations": {"to_pay_fen": 4500}, "reasons": [{"code": "ok", "zh": "已核销，请享受优惠", "en": "Granted", "next": {"zh": "请通行", "en": "Please go ahead"}, "facts": {}, "benefits": ["shop"]}], "offline": false, "clock": "trusted", "left": {"shop": 1}, "redemption": "01a0c450-7f88-7000-8000-000000000012", "journal_seq": 8, "lane": "A", "at_ms": 1790000005000, "repeat": false, "ticket": null, "list_price_fen": null, "intent": "buy", "amount_fen": 5000}',1790000005000);
CREATE TABLE schema_opens (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), least INTEGER NOT NULL) STRICT;
INSERT INTO "schema_opens" VALUES(1,22);
CREATE TABLE set_aside (
    seq    INTEGER PRIMARY KEY REFERENCES journal (seq),
    at_ms  INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TABLE staff (
    person          TEXT PRIMARY KEY,
    role            TEXT NOT NULL CHECK (role IN ('keeper', 'supervisor')),
    pin_hash        TEXT NOT NULL,
    failed          INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    locked_until_ms INTEGER NOT NULL DEFAULT 0,
    at_ms           INTEGER NOT NULL
) STRICT;
CREATE TABLE sums (
    key            TEXT NOT NULL,
    redemption     TEXT NOT NULL,
    fen            INTEGER NOT NULL CHECK (fen >= 0),
    at_ms          INTEGER NOT NULL,
    given_back_fen INTEGER NOT NULL DEFAULT 0 CHECK (given_back_fen >= 0 AND given_back_fen <= fen), bound INTEGER CHECK (bound >= 0), since_ms INTEGER, excess INTEGER NOT NULL DEFAULT 0 CHECK (excess IN (0, 1)),
    PRIMARY KEY (key, redemption)
) STRICT;
INSERT INTO "sums" VALUES('a|wulong/shop|subject:wulong:73756e2d2d2d2d2d2d2d2d2d2d2d2d2d|2026-09','01a0c450-7f88-7000-8000-000000000012',500,1790000005000,0,1000,NULL,0);
CREATE TABLE switches (
    name  TEXT PRIMARY KEY,
    state INTEGER NOT NULL CHECK (state IN (0, 1)),
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tallies (
    key TEXT PRIMARY KEY,
    n   INTEGER NOT NULL CHECK (n >= 0)
) STRICT, WITHOUT ROWID;
INSERT INTO "tallies" VALUES('a|wulong/shop|subject:wulong:73756e2d2d2d2d2d2d2d2d2d2d2d2d2d|2026-09',500);
INSERT INTO "tallies" VALUES('o|wulong/umbrella|subject:wulong:6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d|once',1);
INSERT INTO "tallies" VALUES('u|wulong/first@site:park|subject:wulong:6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d|ever',1);
INSERT INTO "tallies" VALUES('u|wulong/first@site:park|subject:wulong:77616e672d2d2d2d2d2d2d2d2d2d2d2d|ever',1);
INSERT INTO "tallies" VALUES('u|wulong/first@site:park|subject:wulong:7a68616f2d2d2d2d2d2d2d2d2d2d2d2d|ever',0);
INSERT INTO "tallies" VALUES('u|wulong/first|day:2026-09-21',2);
INSERT INTO "tallies" VALUES('u|wulong/shop|subject:wulong:73756e2d2d2d2d2d2d2d2d2d2d2d2d2d|2026-09',1);
CREATE TABLE told_conflicts (
    name BLOB PRIMARY KEY CHECK (length(name) = 32),    -- SHA-256 of kind, seq, key and who else
    seq  INTEGER NOT NULL                               -- the fact about it
) STRICT, WITHOUT ROWID;
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
, bound INTEGER CHECK (bound >= 0), since_ms INTEGER, excess INTEGER NOT NULL DEFAULT 0 CHECK (excess IN (0, 1))) STRICT;
INSERT INTO "uses" VALUES('u|wulong/first@site:park|subject:wulong:77616e672d2d2d2d2d2d2d2d2d2d2d2d|ever',1,'01a0c450-6c00-7000-8000-000000000001',1790000000000,NULL,1,NULL,0);
INSERT INTO "uses" VALUES('u|wulong/first|day:2026-09-21',1,'01a0c450-6c00-7000-8000-000000000001',1790000000000,NULL,100,NULL,0);
INSERT INTO "uses" VALUES('u|wulong/first@site:park|subject:wulong:6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d|ever',1,'01a0c450-73d0-7000-8000-000000000004',1790000002000,NULL,1,NULL,0);
INSERT INTO "uses" VALUES('u|wulong/first|day:2026-09-21',2,'01a0c450-73d0-7000-8000-000000000004',1790000002000,NULL,100,NULL,0);
INSERT INTO "uses" VALUES('u|wulong/first@site:park|subject:wulong:7a68616f2d2d2d2d2d2d2d2d2d2d2d2d|ever',1,'01a0c450-77b8-7000-8000-000000000007',1790000003000,'01a0c450-79ac-7000-8000-000000000009',1,NULL,0);
INSERT INTO "uses" VALUES('u|wulong/first|day:2026-09-21',3,'01a0c450-77b8-7000-8000-000000000007',1790000003000,'01a0c450-79ac-7000-8000-000000000009',100,NULL,0);
INSERT INTO "uses" VALUES('o|wulong/umbrella|subject:wulong:6c692d2d2d2d2d2d2d2d2d2d2d2d2d2d|once',1,'01a0c450-7ba0-7000-8000-000000000010',1790000004000,NULL,1,NULL,0);
INSERT INTO "uses" VALUES('u|wulong/shop|subject:wulong:73756e2d2d2d2d2d2d2d2d2d2d2d2d2d|2026-09',1,'01a0c450-7f88-7000-8000-000000000012',1790000005000,NULL,2,NULL,0);
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
CREATE UNIQUE INDEX uses_taken ON uses (key, ordinal) WHERE given_back_by IS NULL;
CREATE TRIGGER uses_within_bound BEFORE INSERT ON uses
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NULL
    AND coalesce((SELECT n FROM tallies WHERE key = NEW.key), 0) >= NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
CREATE TRIGGER uses_within_rolling_bound BEFORE INSERT ON uses
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NOT NULL
    AND (SELECT count(*) FROM uses WHERE key = NEW.key AND at_ms > NEW.since_ms AND given_back_by IS NULL)
        >= NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
CREATE TRIGGER sums_within_bound BEFORE INSERT ON sums
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NULL
    AND coalesce((SELECT n FROM tallies WHERE key = NEW.key), 0) + NEW.fen > NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
CREATE TRIGGER sums_within_rolling_bound BEFORE INSERT ON sums
WHEN NEW.excess = 0 AND NEW.bound IS NOT NULL AND NEW.since_ms IS NOT NULL
    AND (SELECT coalesce(sum(fen - given_back_fen), 0) FROM sums WHERE key = NEW.key AND at_ms > NEW.since_ms)
        + NEW.fen > NEW.bound BEGIN
    SELECT raise(ABORT, 'the bound of this key is reached');
END;
CREATE TRIGGER uses_stay_as_taken BEFORE UPDATE OF key, bound, since_ms, excess ON uses BEGIN
    SELECT raise(ABORT, 'a use is what it was taken as');
END;
CREATE INDEX payments_redemption ON payments (redemption);
CREATE INDEX redemptions_awaiting ON redemptions (lane) WHERE state = 'awaiting';
CREATE INDEX uses_left ON uses (given_back_by) WHERE given_back_by IS NOT NULL AND key >= 'i|' AND key < 'i}';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('proofs',2);
COMMIT;
PRAGMA user_version = 22;
