"""The acceptance scenes S1-S15 and S17 of docs/scenes.md as policy cases."""

from building import (
    TWO_GATES,
    at,
    benefit,
    case,
    event,
    granted,
    refer,
    refuse,
    show,
    standard,
    uses,
)

WULONG = benefit(
    "wulong.first-visit", 7, sites=("park", "cave"),
    who={"groups_any": [12, 13, 14, 15, 16, 17, 18], "issuers": ["wulong", "chongqing"], "subject": "person"},
    when={"from": "2022-06-01", "until": "2023-05-31", "day_starts": "04:00", "zone": "Asia/Shanghai"},
    limits=[{"count": "uses", "per": "subject", "scope": "site", "period": "window", "max": 1}],
    needs=["bound-token"], stacks="entrance",
    offline={"allow": True, "max_list_age_h": 72, "max_uses": 200, "max_amount_fen": 0},
    reversal={"within_h": 1, "gives_back": True},
)
SEVEN = range(12, 19)
case(
    "S01-wulong-first-visit", "S1 武隆：七类守信人群首次免票", [WULONG],
    [granted(f"2022-07-01 09:{n:02d}", f"visitor{group}", token={"groups": [group]}, by="wulong.first-visit",
             left={"wulong.first-visit": 0}) for n, group in enumerate(SEVEN)]
    + [event("2022-07-01 10:00", "cut_network", terminal="gate1")]
    + [standard(f"2022-07-01 10:{n:02d}", f"visitor{group}", "limit_used", token={"groups": [group]})
       for n, group in enumerate(SEVEN, start=1)]
    + [standard("2022-07-01 11:00", "teacher", "not_eligible", token={"groups": [19]}),
       event("2022-07-01 11:01", "restore_network", terminal="all", conflicts=[]),
       granted("2022-07-01 11:02", "visitor12", token={"groups": [12]}, terminal="cave", by="wulong.first-visit"),
       granted("2023-06-01 03:59:59", "late", token={"groups": [12]}),
       standard("2023-06-01 04:00", "later", "wrong_time", token={"groups": [12]})],
    terminals={"gate1": {"site": "park", "scene": "gate", "lane": "A"},
               "cave": {"site": "cave", "scene": "gate", "lane": "A"}},
)
case(
    "S01-two-gates-one-site", "S1 同一景区两个闸机，网络正常", [
        benefit("first", 7, limits=[uses(1, scope="site", period="window")]),
    ],
    [granted("10-08 09:00", by="first"),
     standard("10-08 09:05", why="limit_used", terminal="gate2")],
    terminals=TWO_GATES,
)
CALENDARS = {"major-holidays": ["2026-10-01/2026-10-07"]}
QINGZHOU = benefit(
    "qz.free", 1, issuer="qingzhou", sites=("park",), who={"min_tier": 3}, when={"except": ["major-holidays"]}
)
QZ = {"issuer": "qingzhou"}
case(
    "S02-qingzhou-holidays", "S2 青州：除重大节假日外全天候免费，调休上班日照常", [QINGZHOU],
    [granted("09-30 23:59:59", token=QZ, by="qz.free"),
     standard("10-01 00:00:00", "li", "holiday_excluded", token=QZ),
     standard("10-01 00:00:01", "li", "holiday_excluded", token=QZ),
     standard("10-07 23:59:59", "li", "holiday_excluded", token=QZ),
     granted("10-08 00:00:00", "li", token=QZ),
     granted("10-10 10:00", "li", token=QZ)],
    calendars=CALENDARS,
)
case(
    "S02-make-up-day", "S2 周末与节假日除外，调休上班的周六照常免费",
    [benefit("workdays", 1, issuer="qingzhou", when={"except": ["rest-days"]})],
    [standard("10-01 09:00", why="holiday_excluded", token=QZ), granted("10-10 09:00", token=QZ),
     standard("10-11 09:00", why="holiday_excluded", token=QZ), granted("10-12 09:00", token=QZ)],
    calendars={"rest-days": {"weekdays": [6, 7], "dates": ["2026-10-01/2026-10-07"], "make_up_days": ["2026-10-10"]}},
)
DESK = {"desk": {"site": "inn", "scene": "hotel", "lane": "desk"}}
STAY = benefit(
    "inn.no-deposit", 21, offer={"kind": "deposit_waiver", "cap_fen": 50000}, sites=("inn",), scenes=("hotel",),
    who={"min_tier": 3}, lifecycle={"open_close": {"due": "12:00", "on_overdue": "flag"}},
)
case(
    "S03-hotel", "S3 住宿免押金：23:40 入住，次日断网退房", [STAY],
    [granted("09-20 23:40", terminal="desk", intent="open", amount_fen=30000, by="inn.no-deposit",
             offer={"kind": "deposit_waiver", "waived_fen": 30000, "to_pay_fen": 0},
             more={"obligations": {"due": at("09-21 12:00")}}),
     event("09-21 08:00", "cut_network", terminal="desk"),
     standard("09-21 08:30", why="already_open", terminal="desk", intent="open", amount_fen=30000),
     granted("09-21 11:30", terminal="desk", intent="close", by="inn.no-deposit"),
     standard("09-21 11:31", why="nothing_open", terminal="desk", intent="close"),
     event("09-21 12:00", "restore_network", terminal="all", conflicts=[])],
    terminals=DESK,
)
case(
    "S03-hotel-claim", "S3 有损坏：退房时提出索赔", [STAY],
    [granted("09-20 23:40", terminal="desk", intent="open", amount_fen=60000,
             offer={"waived_fen": 50000, "to_pay_fen": 10000}),
     event("09-21 11:00", "claim", of="last", amount_fen=8000),
     event("09-21 11:05", "claim", of="last", amount_fen=1, error="nothing_open"),
     standard("09-21 11:10", why="nothing_open", terminal="desk", intent="close"),
     granted("09-21 11:20", terminal="desk", intent="open", amount_fen=60000)],
    terminals=DESK,
)
STAND = {"stand": {"site": "park", "scene": "umbrella", "lane": "stand"}}
UMBRELLA = benefit(
    "umbrella", 31, offer={"kind": "deposit_waiver", "cap_fen": 3000}, scenes=("umbrella",), needs=["asset"],
    lifecycle={"open_close": {"due": "P1D", "on_overdue": "withhold"}},
)
case(
    "S04-umbrella", "S4 免押金租借雨伞：借、还、逾期、重复借", [UMBRELLA],
    [standard("06-01 08:59", why="needs_asset", terminal="stand", intent="lend"),
     granted("06-01 09:00", terminal="stand", intent="lend", asset="U1", offer={"waived_fen": 3000}),
     standard("06-01 09:30", why="already_open", terminal="stand", intent="lend", asset="U2"),
     standard("06-01 10:00", why="nothing_open", terminal="stand", intent="give_back", asset="U9"),
     granted("06-01 18:00", "friend", terminal="stand", intent="give_back", asset="U1", by="umbrella"),
     granted("06-02 09:00", terminal="stand", intent="lend", asset="U2"),
     standard("06-03 09:00", why=("already_open", "overdue"), terminal="stand", intent="lend", asset="U3"),
     show("06-03 10:00", terminal="stand", intent="give_back", asset="U2", want="GRANT", why=("ok", "overdue")),
     granted("06-03 10:01", terminal="stand", intent="lend", asset="U3")],
    terminals=STAND,
)
LIBRARY = [
    benefit("items", 41, offer={"kind": "raise_limit", "by_tier": {"3": 3, "4": 4, "6": 9}, "cap": 5},
            scenes=("library",), stacks="items"),
    benefit("days", 42, offer={"kind": "extend_time", "by_tier": {"3": 30, "4": 60}, "unit": "days"},
            scenes=("library",), stacks="days"),
]
case(
    "S05-library", "S5 可借图书 3、4 本，上限 5 本；30、60 天", LIBRARY,
    [granted("03-01 09:00", "t3", terminal="lib", token={"tier": 3}, intent="buy",
             offer={"max_items": 3, "days": 30}, more={"benefits": ["items", "days"]}),
     granted("03-01 09:01", "t4", terminal="lib", token={"tier": 4}, intent="buy", offer={"max_items": 4, "days": 60}),
     granted("03-01 09:02", "t5", terminal="lib", token={"tier": 5}, intent="buy", offer={"max_items": 4, "days": 60}),
     granted("03-01 09:03", "t6", terminal="lib", token={"tier": 6}, intent="buy", offer={"max_items": 5, "days": 60}),
     standard("03-01 09:04", "t2", "not_eligible", terminal="lib", token={"tier": 2}, intent="buy")],
    terminals={"lib": {"site": "park", "scene": "library", "lane": "desk"}},
)
case(
    "S05-library-loans", "S5 按等级的在借册数",
    [benefit("loans", 43, offer={"kind": "raise_limit", "by_tier": {"3": 3, "4": 4}, "cap": 5}, scenes=("library",),
             lifecycle={"open_close": {"due": "P30D"}},
             limits=[{"count": "open", "per": "subject", "max_by_tier": {"3": 3, "4": 4}}])],
    [granted("03-01 09:00", terminal="lib", intent="lend", asset="B1"),
     granted("03-01 09:01", terminal="lib", intent="lend", asset="B2"),
     granted("03-01 09:02", terminal="lib", intent="lend", asset="B3"),
     standard("03-01 09:03", why=("limit_used", "already_open"), terminal="lib", intent="lend", asset="B4"),
     granted("03-02 09:00", terminal="lib", intent="give_back", asset="B2"),
     granted("03-02 09:01", terminal="lib", intent="lend", asset="B4")],
    terminals={"lib": {"site": "park", "scene": "library", "lane": "desk"}},
)
SECOND = benefit("two", 51, needs=["second-check:health"])
case(
    "S06-second-check", "S6 信用码加健康码；核验方不在线；只出示一个码就离开", [SECOND],
    [refer("05-01 09:00", why="needs_second_check"),
     granted("05-01 09:00:08", second={"issuer": "wulong", "subject": "wang", "check": "health"}),
     refer("05-01 09:10", "li", "needs_second_check",
           second={"issuer": "wulong", "subject": "li", "check": "health", "expires": at("05-01 09:00")}),
     refer("05-01 09:11", "li", "needs_second_check", second={"check": "health", "result": "down_refer"}),
     standard("05-01 09:12", "li", "needs_second_check", second={"check": "health", "result": "down_refuse"}),
     granted("05-01 09:13", "li", second={"check": "health", "result": "down_pass"})],
)
BOOKED = {"order": "o1", "site": "park", "from": at("05-01 10:00"), "until": at("05-01 11:00"), "heads": 1}


def booking(order="o1", heads=1):
    return {"reservation": {**BOOKED, "order": order, "heads": heads}}


case(
    "S07-slot", "S7 预约时段：早到、按时、晚到",
    [benefit("slot", 61, needs=["reservation"], slot={"early_min": 10, "late_min": 5})],
    [refer("05-01 09:49:59", "a", "slot_early", token=booking()),
     granted("05-01 09:50:00", "a", token=booking()),
     standard("05-01 10:00", "b", "needs_reservation"),
     granted("05-01 11:04:59", "c", token=booking("o3")),
     refer("05-01 11:05:00", "d", "slot_late", token=booking("o4"))],
)
case(
    "S07-capacity", "S7 时段名额、在园人数、停止入园",
    [benefit("slot", 61, slot={}, needs=["reservation"], capacity=[{"per": "slot", "scope": "benefit", "max": 2}]),
     benefit("walk", 62, scenes=("side",), capacity=[{"per": "occupancy", "scope": "site", "max": 2}])],
    [granted("05-01 10:00", "a", token=booking("o1")), granted("05-01 10:01", "b", token=booking("o2")),
     standard("05-01 10:02", "c", "full", token=booking("o3")),
     granted("05-01 10:03", "d", terminal="side"), granted("05-01 10:04", "e", terminal="side"),
     refer("05-01 10:05", "f", "full", terminal="side"),
     granted("05-01 10:06", "d", terminal="side", intent="exit"),
     granted("05-01 10:07", "f", terminal="side"),
     event("05-01 10:08", "stop_entry", site="park", on=True),
     granted("05-01 10:09", "e", terminal="side", intent="exit"),
     refer("05-01 10:10", "g", "entry_stopped", terminal="side"),
     event("05-01 10:11", "stop_entry", site="park", on=False),
     granted("05-01 10:12", "g", terminal="side")],
    terminals={"gate1": {"site": "park", "scene": "gate", "lane": "A"},
               "side": {"site": "park", "scene": "side", "lane": "S"}},
)
CODES = {
    "301": {"title": {"zh": "限制享受优惠"}, "effect": "withhold"},
    "302": {"title": {"zh": "限制进入"}, "effect": "restrict", "remedy": {"zh": "向认定机关申请修复"}},
}


def entry(subject="li", code=302, **more):
    return {"issuer": "wulong", "subject": subject, "code": code, "authority": "文旅局", "until": "2026-12-31", **more}


case(
    "S08-repair", "S8 信用修复：在线数秒内生效；离线靠到期自动生效", [benefit()],
    [refuse("05-01 09:00", "li", "restricted"),
     event("05-01 09:00:10", "repair", entry=entry()),
     granted("05-01 09:00:12", "li"),
     event("05-02 09:00", "restrict", entry=entry("zhao", until="2026-05-03")),
     refuse("05-02 09:01", "zhao", "restricted"),
     event("05-02 09:02", "cut_network", terminal="gate1"),
     event("05-02 09:03", "repair", entry=entry("zhao", until="2026-05-03")),
     refuse("05-03 23:59:59", "zhao", "restricted"),
     granted("05-04 00:00:00", "zhao")],
    measures={"codes": CODES, "entries": [entry()]},
)
case(
    "S09-disputed", "S9 异议期间不生效；异议不成立后恢复", [benefit()],
    [refuse("05-01 09:00", "li", "restricted"),
     event("05-01 09:01", "dispute", entry={"issuer": "wulong", "subject": "li", "code": 302}),
     granted("05-01 09:02", "li"),
     event("05-01 09:03", "undispute", entry={"issuer": "wulong", "subject": "li", "code": 302}),
     refuse("05-01 09:04", "li", "restricted")],
    measures={"codes": CODES, "entries": [entry()]},
)
case(
    "S10-foreign-city", "S10 外市信用等级互认；随后停用其密钥",
    [benefit("mutual", 71, issuer="wulong", who={"issuers": ["wulong", "zibo"], "min_tier": 3})],
    [granted("05-01 09:00", "sun", token={"issuer": "zibo", "tier": 7}, by="mutual"),
     standard("05-01 09:01", "qian", "not_eligible", token={"issuer": "zibo", "tier": 6}),
     standard("05-01 09:02", "wu", "not_eligible", token={"issuer": "jinan", "tier": 9}),
     event("05-01 09:03", "kill_key", issuer="zibo"),
     refuse("05-01 09:03:02", "sun", "key_revoked", token={"issuer": "zibo", "tier": 7}),
     granted("05-01 09:04", "own")],
    mapping={"zibo": {"tiers": {"7": 3}, "groups": {}}},
)
case(
    "S11-plug-pulled", "S11 断电重启后同一通道再次出示：放行，且只算一次", [benefit(limits=[uses(1)])],
    [granted("05-01 09:00:00", left={"b": 0}),
     event("05-01 09:00:02", "restart", terminal="gate1"),
     granted("05-01 09:00:50", more={"repeat": True}, left={"b": 0}),
     standard("05-01 09:01:02", why="limit_used")],
)
SHOP = {"shop": {"site": "street", "scene": "shop", "lane": "till"}}
case(
    "S12-return", "S12 退货退回额度；部分退货；超过期限",
    [benefit("off", 81, offer={"kind": "percent", "percent_off": 10}, sites=("street",), scenes=("shop",),
             limits=[uses(1, period="day")], reversal={"within_h": 168, "gives_back": True})],
    [granted("05-01 09:00", terminal="shop", intent="buy", amount_fen=10000,
             offer={"off_fen": 1000, "to_pay_fen": 9000}, left={"off": 0}),
     granted("05-01 10:00", terminal="shop", intent="return", amount_fen=4000, by="off",
             more={"obligations": {"refund_fen": 3600}}),
     standard("05-01 10:30", why="limit_used", terminal="shop", intent="buy", amount_fen=100),
     granted("05-01 11:00", terminal="shop", intent="return", more={"obligations": {"refund_fen": 5400}}),
     granted("05-01 12:00", terminal="shop", intent="buy", amount_fen=100),
     standard("05-08 12:00", why="too_late", terminal="shop", intent="return"),
     event("05-08 12:01", "reverse", of="last", error="too_late")],
    terminals=SHOP,
)
TOUR = {
    "kind": "group",
    "reservation": {"order": "t1", "site": "park", "from": at("05-01 08:00"), "until": at("05-01 18:00"), "heads": 30},
}
case(
    "S13-tour", "S13 三十人团分两批入园，第三十一人不得入",
    [benefit("tour", 91, who={"subject": "group"}, needs=["reservation"])],
    [granted("05-01 09:00", "tour", token=TOUR, heads=18, more={"left": None}),
     granted("05-01 09:20", "tour", token=TOUR, heads=12),
     standard("05-01 09:30", "tour", "limit_used", token=TOUR, heads=1)],
)
PRINTED = {"class": "printed", "max_uses": 2}
case(
    "S14-printed", "S14 纸质码：复印件受使用次数限制",
    [benefit("paper", 92)],
    [granted("05-01 09:00", "elder", token=PRINTED),
     granted("05-01 09:30", "elder", token=PRINTED),
     standard("05-01 10:00", "elder", "limit_used", token=PRINTED)],
)
LATER = benefit(
    "later", 93, offer={"kind": "pay_later", "cap_fen": 20000}, sites=("street",), scenes=("shop",),
    limits=[{"count": "amount", "per": "subject", "period": "month", "max": 30000}],
    offline={"allow": True, "max_amount_fen": 40000, "max_amount_fen_per_subject": 20000, "on_limit": "standard"},
)
case(
    "S15-pay-later", "S15 先用后付：离线个人与终端限额；随后平台限制该用户", [LATER],
    [event("05-01 08:00", "cut_network", terminal="shop"),
     granted("05-01 09:00", "a", terminal="shop", intent="buy", amount_fen=15000, offer={"to_pay_fen": 0}),
     standard("05-01 09:30", "a", "offline_limit", terminal="shop", intent="buy", amount_fen=5001),
     granted("05-01 09:31", "a", terminal="shop", intent="buy", amount_fen=5000),
     granted("05-01 10:00", "b", terminal="shop", intent="buy", amount_fen=20000),
     standard("05-01 10:01", "c", "offline_limit", terminal="shop", intent="buy", amount_fen=1),
     event("05-01 10:10", "restrict", entry=entry("a", scenes=["shop"])),
     event("05-01 10:11", "restore_network", terminal="all", conflicts=[]),
     refuse("05-01 10:12", "a", "restricted", terminal="shop", intent="buy", amount_fen=1),
     granted("05-01 10:13", "c", terminal="shop", intent="buy", amount_fen=1)],
    terminals=SHOP, measures={"codes": CODES, "entries": []},
)
case(
    "S17-clocks", "S17 手机、发码方、终端的时钟相差数分钟；终端从1970年启动", [benefit()],
    [standard("05-01 09:00", "a", "stale_code", step={"shown_at": at("05-01 08:57")}),
     standard("05-01 09:00:10", "a", "not_yet_valid", step={"shown_at": at("05-01 09:03")}),
     standard("05-01 09:00:20", "a", "not_yet_valid", token={"issued": at("05-01 09:03")}),
     granted("05-01 09:01", "a"),
     event("05-01 09:02", "set_clock", terminal="gate1", offset_s=180),
     refer("05-01 09:02:10", "b", "clock_not_trusted"),
     granted("05-01 09:02:20", "p", token={"class": "printed", "max_uses": 9}, more={"clock": "unsure"}),
     event("05-01 09:03", "restore_network", terminal="gate1"),
     granted("05-01 09:03:10", "b", more={"clock": "trusted"}),
     event("05-01 09:04", "restart", terminal="gate1"),
     event("05-01 09:04", "set_clock", terminal="gate1", offset_s=-1777597440),
     refer("05-01 09:04:10", "c", "clock_not_trusted"),
     refer("05-01 09:04:20", "q", "clock_not_trusted", token={"class": "printed", "max_uses": 9}),
     granted("05-01 09:04:30", "b", intent="exit"),
     event("05-01 09:05", "restore_network", terminal="gate1"),
     granted("05-01 09:05:10", "c")],
)
