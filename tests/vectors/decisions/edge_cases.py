# ruff: noqa: E501 - a table of cases reads across
"""Small cases at every edge: equal times, midnight, 29 February, half-open windows, zero, max, who, limits, lists."""

from building import TWO_GATES, at, benefit, case, event, granted, refer, refuse, show, standard, uses


def moments(name, title, when, *steps, **more):
    case(f"when-{name}", title, benefit(when=when, **more),
         [granted(t, f"v{n}") if good is True else standard(t, f"v{n}", good) for n, (t, good) in enumerate(steps)])


W, H = "wrong_time", "holiday_excluded"
moments("from-until-both-included", "起止日都包含", {"from": "2026-06-01", "until": "2026-06-02"},
        ("05-31 23:59:59", W), ("06-01 00:00:00", True), ("06-02 23:59:59", True), ("06-03 00:00:00", W))
moments("instants-half-open", "时刻为半开区间", {"from": at("06-01 10:00"), "until": at("06-01 12:00")},
        ("06-01 09:59:59", W), ("06-01 10:00:00", True), ("06-01 11:59:59", True), ("06-01 12:00:00", W))
moments("daily-half-open", "每日时段半开", {"daily": [["08:00", "12:00"]]},
        ("06-01 07:59:59", W), ("06-01 08:00:00", True), ("06-01 11:59:59", True), ("06-01 12:00:00", W))
moments("daily-two-windows", "一天两段，中午休息", {"daily": [["08:00", "12:00"], ["14:00", "18:00"]]},
        ("06-01 11:59", True), ("06-01 13:00", W), ("06-01 14:00", True))
moments("daily-touching-windows", "相接的两段没有缝", {"daily": [["08:00", "12:00"], ["12:00", "13:00"]]},
        ("06-01 11:59:59", True), ("06-01 12:00:00", True), ("06-01 13:00:00", W))
moments("daily-over-midnight", "跨零点的时段", {"daily": [["22:00", "02:00"]]},
        ("06-01 21:59:59", W), ("06-01 22:00", True), ("06-02 00:00", True), ("06-02 01:59:59", True), ("06-02 02:00", W))
moments("daily-whole-day", "全天", {"daily": [["00:00", "24:00"]]}, ("06-01 00:00", True), ("06-01 23:59:59", True))
moments("daily-beyond-24-is-the-same-business-day", "26:00属于前一营业日：周五夜里到周六凌晨",
        {"daily": [["22:00", "26:00"]], "weekdays": [5]},
        ("06-05 01:00", W), ("06-05 22:00", True), ("06-06 01:59:59", True), ("06-06 02:00", W), ("06-06 22:00", W))
moments("weekdays", "工作日", {"weekdays": [1, 2, 3, 4, 5]},
        ("06-05 23:59:59", True), ("06-06 00:00", W), ("06-07 23:59:59", W), ("06-08 00:00", True))
moments("weekday-of-business-day", "周五营业日到周六四点", {"weekdays": [5], "day_starts": "04:00"},
        ("06-05 03:59:59", W), ("06-05 04:00", True), ("06-06 03:59:59", True), ("06-06 04:00", W))
moments("business-day-bounds", "营业日四点切换的起止日", {"from": "2026-06-01", "until": "2026-06-01", "day_starts": "04:00"},
        ("06-01 03:59:59", W), ("06-01 04:00", True), ("06-02 03:59:59", True), ("06-02 04:00", W))
moments("leap-day", "二月二十九日", {"from": "2028-02-29", "until": "2028-02-29"},
        ("2028-02-28 23:59:59", W), ("2028-02-29 00:00", True), ("2028-02-29 23:59:59", True), ("2028-03-01 00:00", W))
moments("other-zone", "另一时区的一天", {"from": "2026-06-01", "until": "2026-06-01", "zone": "UTC"},
        ("06-01 07:59:59", W), ("06-01 08:00", True), ("06-02 07:59:59", True), ("06-02 08:00", W))
moments("year-end", "跨年", {"from": "2026-12-31", "until": "2027-01-01"},
        ("2026-12-31 23:59:59", True), ("2027-01-01 00:00", True), ("2027-01-02 00:00", W))
case("when-only-calendar", "只在指定日", benefit(when={"only": ["fair"]}),
     [standard("06-01 12:00", why=W), granted("06-02 00:00"), granted("06-02 23:59:59", "b"), standard("06-03 00:00", why=W)],
     calendars={"fair": ["2026-06-02"]})
case("when-except-and-only", "既在活动日又是节假日", benefit(when={"only": ["fair"], "except": ["holidays"]}),
     [standard("06-01 12:00", why=H), granted("06-02 12:00"), standard("06-03 12:00", why=W)],
     calendars={"fair": ["2026-06-01", "2026-06-02"], "holidays": ["2026-06-01"]})
case("when-holiday-of-business-day", "节日按营业日：次日凌晨仍算前一天", benefit(when={"except": ["h"], "day_starts": "04:00"}),
     [granted("10-01 03:59:59"), standard("10-01 04:00", "b", H), standard("10-02 03:59:59", "b", H), granted("10-02 04:00", "b")],
     calendars={"h": ["2026-10-01"]})
case("when-weekdays-untouched-by-make-up", "调休不改变星期", benefit(when={"weekdays": [6]}),
     [granted("10-10 09:00")], calendars={"h": {"dates": [], "make_up_days": ["2026-10-10"]}})
case("when-all-reasons-at-once", "一次性告知：不符合、时间不对、缺预约", benefit(who={"min_tier": 5}, when={"weekdays": [7]}, needs=["reservation"]),
     [standard("06-01 09:00", why=("not_eligible", "wrong_time", "needs_reservation"))])


def periods(name, title, period, *steps, **more):
    case(f"period-{name}", title, benefit(limits=[uses(1, period=period)], **more),
         [granted(t, left=0) if good else standard(t, why="limit_used") for t, good in steps])


periods("ever", "终身一次", "ever", ("05-01 09:00", True), ("2036-05-01 09:00", False))
periods("day", "每天一次", "day", ("05-01 00:00:00", True), ("05-01 23:59:59", False), ("05-02 00:00:00", True))
periods("day-business", "每营业日一次", "day", ("05-01 12:00", True), ("05-02 03:59:59", False), ("05-02 04:00", True),
        when={"day_starts": "04:00"})
periods(
    "week",
    "每周一次，周一起",
    "week",
    ("05-03 23:59:49", True),
    ("05-04 00:00:00", True),
    ("05-10 23:59:59", False),
    ("05-11 00:00", True),
)
periods(
    "week-over-year",
    "跨年的一周",
    "week",
    ("2026-12-31 12:00", True),
    ("2027-01-01 12:00", False),
    ("2027-01-04 00:00", True),
)
periods(
    "month",
    "每月一次",
    "month",
    ("01-31 23:59:49", True),
    ("02-01 00:00", True),
    ("02-28 23:59:59", False),
    ("03-01 00:00", True),
)
periods("month-leap", "闰年二月", "month", ("2028-02-29 12:00", True), ("2028-03-01 00:00", True))
periods(
    "year", "每年一次", "year", ("2026-12-31 23:59:49", True), ("2027-01-01 00:00", True), ("2027-12-31 12:00", False)
)
periods(
    "window",
    "窗口期一次",
    "window",
    ("05-01 09:00", True),
    ("05-31 09:00", False),
    when={"from": "2026-05-01", "until": "2026-05-31"},
)
periods(
    "rolling",
    "滚动24小时：满24小时即可",
    {"rolling_h": 24},
    ("05-01 09:00:00", True),
    ("05-02 08:59:59", False),
    ("05-02 09:00:00", True),
)
case(
    "limit-zero-is-none", "上限为零：一次也没有", benefit(limits=[uses(0)]), [standard("05-01 09:00", why="limit_used")]
)
case("limit-heads", "一次请求消耗人数", benefit(limits=[uses(3)]),
     [standard("05-01 09:00", why="limit_used", heads=4), granted("05-01 09:01", heads=2, left=1),
      standard("05-01 09:10", why="limit_used", heads=2), granted("05-01 09:20", heads=1, left=0)])
case("limit-smallest-remainder", "多个上限取最小剩余", benefit(limits=[uses(5), uses(2, period="day")]),
     [granted("05-01 09:00", left={"b": 1}), granted("05-01 09:10", left={"b": 0}), granted("05-02 09:00", left={"b": 1}),
      granted("05-02 09:10", left={"b": 0}), granted("05-03 09:10", left={"b": 0}), standard("05-04 09:00", why="limit_used")])
case("limit-no-use-limits-no-left", "没有次数上限就没有left", benefit(), [granted("05-01 09:00", more={"left": None})])
case("limit-by-tier", "按等级的上限", benefit(limits=[{"count": "uses", "per": "subject", "max_by_tier": {"3": 1, "5": 2}}]),
     [standard("05-01 09:00", "t2", "not_eligible", token={"tier": 2}), granted("05-01 09:01", "t3", left=0),
      granted("05-01 09:02", "t4", token={"tier": 4}, left=0), granted("05-01 09:03", "t5", token={"tier": 5}, left=1)])
case("limit-by-tier-none-below", "等级低于表中各级：不符合条件，不是名额用完", [benefit("a", 1, limits=[{"max_by_tier": {"3": 1}}]), benefit("b", 2, offer={"kind": "raise_limit", "by_tier": {"4": 2}})],
     [show("05-01 09:00", "t2", token={"tier": 2}, want={"outcome": "STANDARD", "not_reasons": ["limit_used"]}, why="not_eligible")])
case("limit-per-token", "按凭证计次：换一张凭证另计", benefit(limits=[uses(1, per="token")]),
     [granted("05-01 09:00"), standard("05-01 09:10", why="limit_used"), granted("05-01 09:20", token={"id": "second"})])
case("limit-per-subject-not-token", "按人计次：换凭证无用", benefit(limits=[uses(1)]),
     [granted("05-01 09:00"), standard("05-01 09:10", why="limit_used", token={"id": "second"})])
case("limit-per-group", "信用村共享额度", benefit(who={"groups_any": [20, 21]}, limits=[uses(2, per="group")]),
     [granted("05-01 09:00", "a", token={"groups": [20]}), granted("05-01 09:01", "b", token={"groups": [20, 99]}),
      standard("05-01 09:02", "c", "limit_used", token={"groups": [20]}), granted("05-01 09:03", "d", token={"groups": [21]})])
case("limit-per-household", "户按号段认：同属一个年龄群体的两户各有各的额度", benefit(limits=[uses(2, per="group", groups=[5000, 5999])]),
     [granted("05-01 09:00", "a", token={"groups": [12, 5021]}), granted("05-01 09:01", "b", token={"groups": [12, 5021]}),
      standard("05-01 09:02", "c", "limit_used", token={"groups": [12, 5021]}), granted("05-01 09:03", "d", token={"groups": [12, 5022]}),
      granted("05-01 09:04", "e", token={"groups": [12]}, left=1)])
case("limit-per-asset", "按物品计次", benefit(limits=[uses(1, per="asset", period="day")]),
     [granted("05-01 09:00", "a", asset="bike1"), standard("05-01 09:10", "b", "limit_used", asset="bike1"), granted("05-01 09:20", "b", asset="bike2")])
case("limit-per-terminal", "按终端计次", benefit(limits=[uses(1, per="terminal")]),
     [granted("05-01 09:00", "a"), standard("05-01 09:10", "b", "limit_used"), granted("05-01 09:20", "b", terminal="gate2")],
     terminals=TWO_GATES)
case("limit-scope-benefit", "按优惠计次，跨场所共用", benefit(sites=("park", "cave"), limits=[uses(1, scope="benefit")]),
     [granted("05-01 09:00", "a"), granted("05-01 09:20", "b", terminal="cave")],
     terminals={"gate1": {"site": "park", "scene": "gate", "lane": "A"}, "cave": {"site": "cave", "scene": "gate", "lane": "A"}})
case("limit-scope-scene", "按场景分别计次", benefit(scenes=("gate", "shop"), limits=[uses(1, scope="scene")]),
     [granted("05-01 09:00"), granted("05-01 09:10", terminal="shop"), standard("05-01 09:20", why="limit_used", terminal="shop")],
     terminals={"gate1": {"site": "park", "scene": "gate", "lane": "A"}, "shop": {"site": "park", "scene": "shop", "lane": "S"}})
case("limit-scope-programme", "整个计划共用一次", [benefit("a", 1, limits=[uses(1, scope="programme")]), benefit("s", 2, scenes=("shop",), limits=[uses(1, scope="programme")])],
     [granted("05-01 09:00", by="a"), standard("05-01 09:10", why="limit_used", terminal="shop")],
     terminals={"gate1": {"site": "park", "scene": "gate", "lane": "A"}, "shop": {"site": "park", "scene": "shop", "lane": "S"}})
case("limit-scope-site-set", "景区组内一次", benefit(sites=(), where={"site_sets": ["five"]}, limits=[uses(1, scope="site_set")]),
     [granted("05-01 09:00"), standard("05-01 09:10", why="limit_used")], site_sets={"five": ["park", "cave"]})
case("grant-uses", "审批的次数随凭证：用完为止", benefit(code=77, who={"grant": True}),
     [standard("05-01 09:00", why="not_eligible"), granted("05-01 09:01", token={"grants": [[77, "g1", 2]]}),
      granted("05-01 09:20", token={"grants": [[77, "g1", 2]]}), standard("05-01 09:40", why="limit_used", token={"grants": [[77, "g1", 2]]})])
case("grant-of-another-issuer-does-not-count", "外市签发的审批不算", benefit(code=77, who={"grant": True, "issuers": ["wulong", "zibo"]}),
     [standard("05-01 09:00", why="not_eligible", token={"issuer": "zibo", "grants": [77]}), granted("05-01 09:01", token={"grants": [77]})])
case("capacity-day-benefit", "每日名额", benefit(capacity=[{"per": "day", "scope": "benefit", "max": 2}]),
     [granted("05-01 09:00", "a"), granted("05-01 09:01", "b"), standard("05-01 23:59:59", "c", "full"), granted("05-02 00:00", "c")])
case("capacity-day-site", "全园每日名额，两项优惠合计", [benefit("a", 1, capacity=[{"per": "day", "scope": "site", "max": 2}], who={"min_tier": 5}), benefit("b", 2)],
     [granted("05-01 09:00", "t5", token={"tier": 5}, by="a"), granted("05-01 09:01", "t3", by="b"),
      show("05-01 09:02", "u5", token={"tier": 5}, want={"outcome": "GRANT", "benefit": "b"}, why="full")])
case(
    "capacity-zero",
    "名额为零",
    benefit(capacity=[{"per": "day", "scope": "benefit", "max": 0}]),
    [standard("05-01 09:00", why="full")],
)
case("capacity-heads", "名额按人数", benefit(capacity=[{"per": "day", "scope": "benefit", "max": 5}]),
     [granted("05-01 09:00", "a", heads=3), standard("05-01 09:01", "b", "full", heads=3), granted("05-01 09:02", "b", heads=2)])
case("occupancy-given-back-by-annulment", "未转闸即退还在园名额", benefit(capacity=[{"per": "occupancy", "scope": "site", "max": 1}]),
     [granted("05-01 09:00", "a"), refer("05-01 09:01", "b", "full"), event("05-01 09:02", "not_turned", of=1), granted("05-01 09:03", "b")])
case("occupancy-two-gates", "两个闸机合计在园人数", benefit(capacity=[{"per": "occupancy", "scope": "site", "max": 2}]),
     [granted("05-01 09:00", "a"), granted("05-01 09:01", "b", terminal="gate2"), refer("05-01 09:02", "c", "full"),
      granted("05-01 09:03", "a", terminal="gate2", intent="exit"), granted("05-01 09:04", "c")], terminals=TWO_GATES)
case("grace-of-leaving-ends-with-the-next-entry", "十秒内离场、再入、再离场：第二次离场也算数", benefit(
         lifecycle={"pass": {"entries": 9, "reentry_min": 60}}),
     [granted("05-01 09:00:00"), event("05-01 09:00:01", "passed", of="last"), granted("05-01 09:00:02", intent="exit"), granted("05-01 09:00:03", intent="exit", more={"repeat": True}),
      granted("05-01 09:00:04"), granted("05-01 09:00:06", intent="exit"), granted("05-01 09:00:20")])
case("grace-of-bringing-back-ends-with-the-next-loan", "十秒内还、再借、再还：第二次归还也算数", benefit(
         lifecycle="open_close", needs=["asset"]),
     [granted("05-01 09:00:00", intent="lend", asset="U1"), granted("05-01 09:00:02", intent="give_back", asset="U1"),
      granted("05-01 09:00:04", intent="lend", asset="U1"), granted("05-01 09:00:06", intent="give_back", asset="U1"),
      granted("05-01 09:00:08", intent="lend", asset="U2")])
case("occupancy-warn", "在园人数到提醒值时告知工作人员，到上限才停", benefit(capacity=[{"per": "occupancy", "scope": "site", "max": 3, "warn": 2}]),
     [granted("05-01 09:00", "a", more={"obligations": {"open_gate": True}}),
      granted("05-01 09:01", "b", more={"obligations": {"nearly_full": {"used": 2, "max": 3}}}),
      granted("05-01 09:02", "c", more={"obligations": {"nearly_full": {"used": 3, "max": 3}}}), refer("05-01 09:03", "d", "full")])
case("override-settles-what-a-person-can-look-at", "主管放行：第二个码、已在园内、晚到", benefit(
         needs=["second-check:health", "reservation"], slot={}, lifecycle={"pass": {"entries": 3}}),
     [refer("05-01 11:00", why=("needs_second_check", "slot_late"), token={"reservation": {"order": "o1", "site": "park",
            "from": at("05-01 09:00"), "until": at("05-01 10:00"), "heads": 1}}),
      granted("05-01 11:01", token={"reservation": {"order": "o1", "site": "park", "from": at("05-01 09:00"), "until": at("05-01 10:00"),
              "heads": 1}}, override={"by": "sup7", "why": "当面核对"}, more={"obligations": {"override": True}})])
case("override-never-a-measure-or-a-stopped-entry", "主管放行不能越过惩戒措施与停止入园", benefit(needs=["staff-confirm"]),
     [refuse("05-01 09:00", "li", "restricted", override={"by": "sup7", "why": "x"}),
      event("05-01 09:01", "stop_entry", site="park", on=True),
      refer("05-01 09:02", "a", "entry_stopped", override={"by": "sup7", "why": "x"}),
      event("05-01 09:03", "stop_entry", site="park", on=False),
      granted("05-01 09:04", "a", override={"by": "sup7", "why": "x"})],
     measures={"codes": {"302": {"title": {"zh": "限制进入"}, "effect": "restrict"}},
               "entries": [{"issuer": "wulong", "subject": "li", "code": 302, "authority": "文旅局", "until": "2026-12-31"}]})
case("occupancy-of-benefit-is-standard", "优惠自身的在场上限不是现场满员", benefit(capacity=[{"per": "occupancy", "scope": "benefit", "max": 1}]),
     [granted("05-01 09:00", "a"), standard("05-01 09:01", "b", "full")])
case("stop-entry-is-immediate-and-exit-free", "停止入园：立即生效，离场不受阻", benefit(),
     [event("05-01 09:00", "stop_entry", site="park", on=True), refer("05-01 09:00", "a", "entry_stopped"),
      granted("05-01 09:01", "a", intent="exit"), event("05-01 09:02", "stop_entry", site="park", on=False), granted("05-01 09:02", "a")])
case("pass-reentry", "通票：可再入园，未离场不可再入，次数用完为止", benefit(lifecycle={"pass": {"entries": 2, "reentry_min": 60, "anti_pass_back": True}}),
     [granted("05-01 09:00"), refer("05-01 09:10", why="already_inside"), granted("05-01 10:00", intent="exit"), granted("05-01 10:59:59"),
      granted("05-01 11:30", intent="exit"), standard("05-01 11:40", why="limit_used")])
case("pass-reentry-too-late", "再入园时限不含终点", benefit(lifecycle={"pass": {"entries": 5, "reentry_min": 60}}),
     [granted("05-01 09:00"), granted("05-01 10:00", intent="exit"), standard("05-01 11:00:00", why=("limit_used", "too_late"))])
case("pass-one-a-day", "日票：次日可再开一张", benefit(limits=[uses(1, period="day")], lifecycle={"pass": {"entries": 2}}),
     [granted("05-01 09:00"), granted("05-01 10:00", intent="exit"), granted("05-01 11:00"), granted("05-01 12:00", intent="exit"),
      standard("05-01 13:00", why="limit_used"), granted("05-02 09:00")])
case("pass-without-anti-pass-back", "不限反潜回", benefit(lifecycle={"pass": {"entries": 3, "anti_pass_back": False}}),
     [granted("05-01 09:00"), granted("05-01 09:10"), granted("05-01 09:20"), standard("05-01 09:30", why="limit_used")])
case("pass-not-turned-gives-the-entry-back", "未转闸退还一次入园", benefit(lifecycle={"pass": {"entries": 2, "anti_pass_back": False}}),
     [granted("05-01 09:00"), granted("05-01 09:10"), event("05-01 09:10:05", "not_turned"), granted("05-01 09:20"), standard("05-01 09:30", why="limit_used")])
case("grace-ends-before-ten-seconds-are-over", "宽限十秒不含终点", benefit(limits=[uses(1)]),
     [granted("05-01 09:00:00"), granted("05-01 09:00:09", more={"repeat": True}), standard("05-01 09:00:10", why="limit_used")])
case("grace-is-not-extended-by-a-repeat", "重复不延长宽限", benefit(limits=[uses(1)]),
     [granted("05-01 09:00:00"), granted("05-01 09:00:08", more={"repeat": True}), standard("05-01 09:00:12", why="limit_used")])
case("grace-ends-at-passed", "通过后宽限结束", benefit(limits=[uses(1)]),
     [granted("05-01 09:00:00"), event("05-01 09:00:03", "passed"), standard("05-01 09:00:05", why="limit_used")])
case("grace-never-outlives-a-restriction", "宽限之内被限制：立即生效", benefit(),
     [granted("05-01 09:00:00"), event("05-01 09:00:03", "restrict", entry={"issuer": "wulong", "subject": "wang", "code": 302}),
      refuse("05-01 09:00:05", why="restricted")], measures={"codes": {"302": {"effect": "restrict", "title": {"zh": "限制"}}}, "entries": []})
case("grace-only-at-that-lane", "宽限只在同一通道", benefit(limits=[uses(1)]),
     [granted("05-01 09:00:00"), standard("05-01 09:00:03", why="limit_used", terminal="gate2")], terminals=TWO_GATES)
case("grace-other-heads-is-another-request", "人数不同不是重复", benefit(limits=[uses(3)]),
     [granted("05-01 09:00:00", heads=1), granted("05-01 09:00:03", heads=2, left=0)])
case("replay-same-nonce-same-lane", "同码同通道：已用", benefit(),
     [granted("05-01 09:00:00", step={"nonce": "n1"}), standard("05-01 09:00:20", why="limit_used", step={"nonce": "n1"})])
case("replay-same-nonce-other-lane", "同码另一通道：重放", benefit(),
     [granted("05-01 09:00:00", step={"nonce": "n1"}), refuse("05-01 09:00:05", why="replayed", terminal="gate2", step={"nonce": "n1"})],
     terminals=TWO_GATES)
case("replay-not-granted-burns-nothing", "未给予不烧码", benefit(who={"min_tier": 5}),
     [standard("05-01 09:00:00", why="not_eligible", step={"nonce": "n1"}), standard("05-01 09:00:20", why="not_eligible", terminal="gate2", step={"nonce": "n1"})],
     terminals=TWO_GATES)
case("replay-minted-is-its-own-nonce", "短时码本身即一次性", benefit(),
     [granted("05-01 09:00:00", token={"class": "minted"}), refuse("05-01 09:00:20", why="replayed", terminal="gate2", token={"class": "minted"}),
      granted("05-01 09:05", terminal="gate2", token={"class": "minted"})], terminals=TWO_GATES)
case("replay-quote-burns-nothing", "询价不消耗", benefit(limits=[uses(1)]),
     [granted("05-01 09:00", intent="quote", left={"b": 1}), granted("05-01 09:01", intent="check", left={"b": 1}), granted("05-01 09:02", left={"b": 0})])
case("not-turned-after-passed-changes-nothing", "通过后的未转闸是错误事实", benefit(limits=[uses(1)]),
     [granted("05-01 09:00"), event("05-01 09:00:02", "passed"), event("05-01 09:00:03", "not_turned", error="too_late"), standard("05-01 09:10", why="limit_used")])
case("not-turned-gives-back-once", "退还只有一次", benefit(limits=[uses(1)]),
     [granted("05-01 09:00"), event("05-01 09:05", "not_turned"), event("05-01 09:06", "not_turned", error="nothing_open"),
      granted("05-01 09:10"), standard("05-01 09:30", why="limit_used")])
case("event-of-a-denied-step", "没有核销可作用", benefit(who={"min_tier": 5}),
     [standard("05-01 09:00"), event("05-01 09:01", "passed", of=1, error="nothing_open"), event("05-01 09:02", "close", error="nothing_open")])
case(
    "place-wrong-site",
    "此处没有优惠，仅此一因",
    benefit(sites=("cave",), who={"min_tier": 9}),
    [standard("05-01 09:00", why="wrong_site")],
)
case("place-wrong-scene", "场景不符", benefit(scenes=("shop",)), [standard("05-01 09:00", why="wrong_site")])
case(
    "place-wrong-lane-is-not-offered",
    "通道不符即不在此提供",
    benefit(where={"lanes": ["Z"]}),
    [standard("05-01 09:00", why="wrong_site")],
)
case("place-lane-benefit", "诚信通道：等级不够请走普通通道", benefit(offer={"kind": "lane", "lane": "A"}, who={"min_tier": 4}),
     [refer("05-01 09:00", why="wrong_lane"), granted("05-01 09:01", token={"tier": 4}, offer={"kind": "lane", "lane": "A"})])
case(
    "place-site-set",
    "景区组",
    benefit(sites=(), where={"site_sets": ["six"]}),
    [granted("05-01 09:00")],
    site_sets={"six": ["park"]},
)
case(
    "who-own-issuer-by-default",
    "未写发码方即本方",
    benefit(),
    [standard("05-01 09:00", why="not_eligible", token={"issuer": "zibo", "tier": 9}), granted("05-01 09:01")],
)
case("who-named-but-not-mapped", "列名而无映射：等级视为没有", [benefit("tier", 1, who={"issuers": ["wulong", "zibo"], "min_tier": 1}), benefit("any", 2, offer={"kind": "percent", "percent_off": 5}, who={"issuers": ["zibo"]})],
     [show("05-01 09:00", token={"issuer": "zibo", "tier": 9}, want={"outcome": "GRANT", "benefit": "any"}, why="not_eligible")])
case("who-mapped-group", "外市群体映射", benefit(who={"issuers": ["zibo"], "groups_all": [12, 13]}),
     [granted("05-01 09:00", token={"issuer": "zibo", "groups": [21, 22]}), standard("05-01 09:01", "b", "not_eligible", token={"issuer": "zibo", "groups": [21, 13]})],
     mapping={"zibo": {"tiers": {}, "groups": {"21": 12, "22": 13}}})
case(
    "who-tier-equal",
    "等级相等即可",
    benefit(who={"min_tier": 3}),
    [granted("05-01 09:00"), standard("05-01 09:01", "b", "not_eligible", token={"tier": 2})],
)
case("who-tier-zero", "零级要求人人满足", benefit(who={"min_tier": 0}), [granted("05-01 09:00", token={"tier": None})])
case("who-residents", "户籍前缀", benefit(who={"residents_of": "3707"}),
     [granted("05-01 09:00", token={"region": 370781}), standard("05-01 09:01", "b", "not_eligible", token={"region": 371702}), standard("05-01 09:02", "c", "not_eligible")])
case(
    "who-kind",
    "只给团体",
    benefit(who={"subject": "group"}),
    [standard("05-01 09:00", why="not_eligible"), granted("05-01 09:01", token={"kind": "group"})],
)
case("who-merchant-tier", "商户等级", benefit(who={"merchant_min_tier": 2}), [standard("05-01 09:00", why="not_eligible"), granted("05-01 09:01", terminal="gold")],
     terminals={"gate1": {"site": "park", "scene": "gate", "lane": "A"}, "gold": {"site": "park", "scene": "gate", "lane": "G", "merchant_tier": 2}})
case(
    "needs-bound",
    "需动态码",
    benefit(needs=["bound-token"]),
    [
        standard("05-01 09:00", why="needs_bound_token", token={"class": "printed", "max_uses": 9}),
        granted("05-01 09:01"),
    ],
)
case(
    "needs-challenge",
    "需应答挑战",
    benefit(needs=["challenge"]),
    [refer("05-01 09:00", why="needs_challenge"), granted("05-01 09:01", step={"challenged": True})],
)
case("needs-staff-and-override", "需人工确认；主管放行留痕", benefit(needs=["staff-confirm", "id-check"]),
     [refer("05-01 09:00", why=("needs_staff", "needs_id_check")), granted("05-01 09:01", override={"by": "sup7", "why": "证件已核"})])
case("override-never-a-limit", "放行不能突破次数、名单", benefit(limits=[uses(1)], needs=["staff-confirm"]),
     [granted("05-01 09:00", confirmed=["staff-confirm"]), standard("05-01 09:10", why=("limit_used",), override={"by": "s", "why": "w"}),
      refuse("05-01 09:11", "li", "restricted", override={"by": "s", "why": "w"})],
     measures={"codes": {"302": {"effect": "restrict", "title": {"zh": "限制"}}}, "entries": [{"issuer": "wulong", "subject": "li", "code": 302}]})
case(
    "needs-pledge",
    "告知承诺",
    benefit(needs=["pledge"]),
    [standard("05-01 09:00", why="needs_pledge"), granted("05-01 09:01", pledge=True)],
)
case(
    "needs-refer-and-standard",
    "人工可办与不可办并存：普通办理",
    benefit(needs=["staff-confirm", "pledge"]),
    [standard("05-01 09:00", why=("needs_staff", "needs_pledge"))],
)
case("refer-if-one-benefit-fails-only-for-refer", "有一项只差人工：请人工", [benefit("a", 1, needs=["staff-confirm"]), benefit("b", 2, who={"min_tier": 9})],
     [refer("05-01 09:00", why=("needs_staff", "not_eligible"))])
SLOT = {
    "reservation": {"order": "o", "site": "park", "from": at("05-01 10:00"), "until": at("05-01 11:00"), "heads": 2}
}
case("slot-exact-edges", "时段边界：含起点不含终点", benefit(needs=["reservation"], slot={"early_min": 0, "late_min": 0}, limits=[]),
     [refer("05-01 09:59:59", "a", "slot_early", token=SLOT), granted("05-01 10:00:00", "a", token=SLOT), granted("05-01 10:59:59", "a", token=SLOT),
      refer("05-01 11:00:00", "b", "slot_late", token={"reservation": {**SLOT["reservation"], "order": "p"}})])
case(
    "slot-other-site",
    "别处的预约不算",
    benefit(needs=["reservation"]),
    [standard("05-01 10:00", why="needs_reservation", token={"reservation": {**SLOT["reservation"], "site": "cave"}})],
)
case("slot-both-limits-and-late", "晚到且已用完：普通办理", benefit(needs=["reservation"], slot={}, limits=[uses(1)]),
     [granted("05-01 10:00", token=SLOT), standard("05-01 11:00", why=("slot_late", "limit_used"), token=SLOT)])
case(
    "stock-gift",
    "赠品有库存",
    benefit(offer={"kind": "gift", "item": "购物袋", "stock": 2}),
    [
        granted("05-01 09:00", "a", offer={"item": "购物袋"}),
        granted("05-01 09:01", "b"),
        standard("05-01 09:02", "c", "out_of_stock"),
    ],
)
case(
    "stock-zero",
    "无库存",
    benefit(offer={"kind": "gift", "item": "x", "stock": 0}),
    [standard("05-01 09:00", why="out_of_stock")],
)
case(
    "local-offer",
    "商户自主优惠：任何持码人，标明本店",
    benefit("own", 1, offer={"kind": "percent", "percent_off": 5}, local=True),
    [granted("05-01 09:00", by="own", token={"issuer": "zibo"}), granted("05-01 09:01", "b", by="own")],
)


def listed(code=301, **more):
    return {"issuer": "wulong", "subject": "li", "code": code, "state": "active", **more}


CODES = {"301": {"title": {"zh": "不享受优惠"}, "effect": "withhold"}, "302": {"title": {"zh": "限制进入"}, "effect": "restrict"},
         "303": {"title": {"zh": "限制购物"}, "effect": "restrict", "scenes": ["shop"]}}


def measured(name, title, entries, *steps, **more):
    case(
        f"measure-{name}",
        title,
        more.pop("catalogue", benefit()),
        list(steps),
        measures={"codes": CODES, "entries": entries},
        **more,
    )


measured("withhold-is-standard", "暂不享受优惠：普通办理", [listed()], standard("05-01 09:00", "li", "withheld"))
measured("restrict-is-refuse", "限制此场景：不予办理", [listed(302)], refuse("05-01 09:00", "li", "restricted"))
measured("both", "既限制又停优惠：限制独断", [listed(), listed(302)], refuse("05-01 09:00", "li", "restricted"))
measured("other-scene", "别的场景的措施不影响", [listed(303)], granted("05-01 09:00", "li"))
measured(
    "entry-scenes-override-code",
    "条目场景覆盖代码场景",
    [listed(303, scenes=["gate"])],
    refuse("05-01 09:00", "li", "restricted"),
)
measured("unknown-code-ignored", "未公布的代码不生效", [listed(999)], granted("05-01 09:00", "li"))
measured("days-inclusive", "起止日都包含", [listed(302, **{"from": "2026-05-02", "until": "2026-05-03"})],
         granted("05-01 23:59:59", "li"), refuse("05-02 00:00:00", "li", "restricted"), refuse("05-03 23:59:59", "li", "restricted"), granted("05-04 00:00:00", "li"))
measured("disputed-has-no-effect", "异议中不生效", [listed(302, state="disputed")], granted("05-01 09:00", "li"))
measured(
    "other-issuer-same-subject",
    "别市同名不受影响",
    [listed(302)],
    standard("05-01 09:00", "li", "not_eligible", token={"issuer": "zibo"}),
)
measured("withheld-and-other-reasons", "停优惠且不符合：两个原因都告知", [listed()], standard("05-01 09:00", "li", ("withheld", "not_eligible"), token={"tier": 1}),
         catalogue=benefit(who={"min_tier": 3}))
measured("bring-back-whatever-is-listed", "被限制者仍可归还", [], granted("05-01 09:00", "li", intent="lend", asset="U"),
         event("05-01 09:10", "restrict", entry=listed(302)), refuse("05-01 09:11", "li", "restricted", intent="lend", asset="V"),
         granted("05-01 09:12", "li", intent="give_back", asset="U"), granted("05-01 09:13", "li", intent="exit"),
         catalogue=benefit(offer={"kind": "deposit_waiver", "cap_fen": 1}, lifecycle="open_close"))
measured(
    "repair-unknown-entry",
    "修复不存在的条目：无可作用",
    [],
    event("05-01 09:00", "repair", entry=listed(302), error="nothing_open"),
)
measured("restrict-reaches-a-cut-terminal-late", "断网终端恢复后才生效", [], event("05-01 09:00", "cut_network", terminal="gate1"),
         event("05-01 09:01", "restrict", entry=listed(302)), granted("05-01 09:02", "li"), refuse("05-01 09:03", "li", "restricted", terminal="gate2"),
         event("05-01 09:04", "restore_network", terminal="gate1"), refuse("05-01 09:05", "li", "restricted"), terminals=TWO_GATES)
case("token-expired-at-the-second", "到期时刻即失效；归还不受影响", benefit(offer={"kind": "deposit_waiver", "cap_fen": 1}, lifecycle="open_close"),
     [granted("05-01 08:59:59", token={"expires": at("05-01 09:00")}, intent="open"), standard("05-01 09:00:00", "b", "expired", token={"expires": at("05-01 09:00")}, intent="open"),
      granted("05-01 09:00:10", token={"expires": at("05-01 09:00")}, intent="close")])
case("token-fresh-edges", "动态码35秒内有效（含容差）", benefit(),
     [granted("05-01 09:00:35", "a", step={"shown_at": at("05-01 09:00:00")}), standard("05-01 09:00:36", "b", "stale_code", step={"shown_at": at("05-01 09:00:00")}),
      granted("05-01 09:01:00", "c", step={"shown_at": at("05-01 09:01:05")}), granted("05-01 09:01:00", "d", step={"shown_at": at("05-01 09:01:06")}),
      granted("05-01 09:01:00", "e", step={"shown_at": at("05-01 09:01:30")}), standard("05-01 09:01:00", "f", "not_yet_valid", step={"shown_at": at("05-01 09:01:31")})])
case(
    "token-audience",
    "为别处生成的码",
    benefit(),
    [
        standard("05-01 09:00", why="wrong_audience", step={"audience": "cave"}),
        granted("05-01 09:01", step={"audience": "park"}),
    ],
)
case(
    "token-killed-key",
    "停用密钥后即拒绝",
    benefit(),
    [
        granted("05-01 09:00"),
        event("05-01 09:01", "kill_key", issuer="wulong"),
        refuse("05-01 09:01:01", why="key_revoked"),
    ],
)
case("token-test", "测试码", benefit(), [refuse("05-01 09:00", why="test_token", token={"test": True})])
case(
    "token-not-a-code",
    "不是信用码",
    benefit(),
    [
        {
            "at": at("05-01 09:00"),
            "terminal": "gate1",
            "token": "https://pay.example/1",
            "expect": {"outcome": "STANDARD", "reasons": ["not_a_code"]},
        }
    ],
)
case(
    "token-damaged",
    "残缺的码",
    benefit(),
    [
        {
            "at": at("05-01 09:00"),
            "terminal": "gate1",
            "token": "XG1:ABC",
            "expect": {"outcome": "STANDARD", "reasons": ["damaged_code"]},
        }
    ],
)
case("clock-unsure-serves-paper", "时钟存疑：纸质码照办，动态码请人工", benefit(),
     [event("05-01 09:00", "set_clock", terminal="gate1", offset_s=61), refer("05-01 09:00:10", "a", "clock_not_trusted"), granted("05-01 09:00:20", "b", token={"class": "printed", "max_uses": 3}),
      granted("05-01 09:00:30", "c", step={"challenged": True, "shown_at": at("05-01 09:01:30")})])
case("clock-unsure-blames-nobody-for-time", "时钟存疑：说不准是否过期的码请人工", benefit(),
     [standard("05-01 08:59", "a", "expired", token={"class": "printed", "max_uses": 3, "expires": at("05-01 08:00")}),
      event("05-01 09:00", "set_clock", terminal="gate1", offset_s=86400),
      refer("05-01 09:00:10", "a", "clock_not_trusted", token={"class": "printed", "max_uses": 3, "expires": at("05-01 08:00")})])
case(
    "clock-small-step",
    "六十秒以内的跳变仍可信",
    benefit(),
    [
        event("05-01 09:00", "set_clock", terminal="gate1", offset_s=30),
        granted("05-01 09:00:10", "a", token={"class": "printed", "max_uses": 3}, more={"clock": "trusted"}),
    ],
)
case("clock-an-hour-of-trusted-time", "可信时间一小时后恢复", benefit(),
     [event("05-01 09:00", "set_clock", terminal="gate1", offset_s=600), refer("05-01 09:59:59", "a", "clock_not_trusted"), granted("05-01 10:00:00", "a", more={"clock": "trusted"})])
OFF = {"allow": True, "max_list_age_h": 72, "max_uses": 2}
case("offline-list-age", "名单过旧：72小时整仍可，超过请人工，14天后普通办理", benefit(offline=OFF),
     [event("05-01 09:00", "cut_network", terminal="gate1"), granted("05-04 09:00:00", "a"), refer("05-04 09:00:01", "b", "list_too_old"),
      refer("05-15 09:00:00", "b", "list_too_old"), standard("05-15 09:00:01", "b", "list_too_old")])
AGES = {"24": {}, "72": {"max_fen": {"deposit_waiver": 20000}}, "720": {"offers": ["lane", "deposit_waiver"], "max_fen": {"deposit_waiver": 0}}}
case("offline-signed-ages", "名单时效由签名文件规定：24小时内照办，72小时内免押限额，30天内仅通道，再久普通办理",
     [benefit(), benefit("lane", 2, scenes=("lane",), offer={"kind": "lane", "lane": "A"}),
      benefit("stay", 3, scenes=("hotel",), offer={"kind": "deposit_waiver", "cap_fen": 50000}, lifecycle="open_close")],
     [event("05-01 09:00", "cut_network", terminal="all"), granted("05-02 09:00:00", "a"),
      granted("05-02 09:00:00", "c", terminal="desk", intent="open", amount_fen=30000),
      refer("05-02 09:00:01", "d", "list_too_old", terminal="desk", intent="open", amount_fen=20001),
      granted("05-02 09:00:02", "e", terminal="desk", intent="open", amount_fen=20000),
      granted("05-04 09:00:00", "b"), refer("05-04 09:00:01", "f", "list_too_old"), granted("05-04 09:00:02", "g", terminal="fast"),
      refer("05-04 09:00:03", "h", "list_too_old", terminal="desk", intent="open", amount_fen=1),
      granted("05-31 09:00:00", "i", terminal="fast"), standard("05-31 09:00:01", "j", "list_too_old", terminal="fast"),
      standard("05-31 09:00:02", "k", "list_too_old")],
     terminals={"gate1": {"site": "park", "scene": "gate", "lane": "A"}, "fast": {"site": "park", "scene": "lane", "lane": "A"},
                "desk": {"site": "park", "scene": "hotel", "lane": "A"}}, ages=AGES)
case("offline-uses", "离线次数上限，恢复后重新计", benefit(offline=OFF),
     [event("05-01 09:00", "cut_network", terminal="gate1"), granted("05-01 09:01", "a"), granted("05-01 09:02", "b"), refer("05-01 09:03", "c", "offline_limit"),
      event("05-01 09:04", "restore_network", terminal="gate1", conflicts=[]), granted("05-01 09:05", "c"), event("05-01 09:06", "cut_network", terminal="gate1"), granted("05-01 09:07", "d")])
case(
    "offline-not-allowed",
    "不允许离线；按规定普通办理",
    benefit(offline={"allow": False, "on_limit": "standard"}),
    [event("05-01 09:00", "cut_network", terminal="all"), standard("05-01 09:01", why="offline_limit")],
)
case(
    "offline-zero",
    "离线上限为零",
    benefit(offline={"allow": True, "max_uses": 0}),
    [
        granted("05-01 09:00", "a"),
        event("05-01 09:00:01", "cut_network", terminal="all"),
        refer("05-01 09:01", "b", "offline_limit"),
    ],
)
case("offline-two-gates-conflict", "断网闸机独自计数，恢复时报冲突", benefit(limits=[uses(1, scope="site")]),
     [event("05-01 09:00", "cut_network", terminal="gate2"), granted("05-01 09:01"), granted("05-01 09:05", terminal="gate2"), standard("05-01 09:06", why="limit_used", terminal="gate2"),
      event("05-01 09:10", "restore_network", terminal="gate2", conflicts=[{"steps": [2, 3], "benefit": "b", "kind": "limit_used"}]), standard("05-01 09:11", why="limit_used", terminal="gate2")],
     terminals=TWO_GATES)
case("offline-return-crosses-terminals", "甲处借、乙处还", benefit(scenes=("stand",), offer={"kind": "deposit_waiver", "cap_fen": 1}, lifecycle="open_close"),
     [granted("05-01 09:00", terminal="s1", intent="lend", asset="U"), granted("05-01 10:00", terminal="s2", intent="give_back", asset="U"), granted("05-01 10:01", terminal="s1", intent="lend", asset="V")],
     terminals={"s1": {"site": "park", "scene": "stand", "lane": "1"}, "s2": {"site": "park", "scene": "stand", "lane": "2"}})
case("offline-return-without-code-crosses-terminals", "甲处借、乙处凭编码还", benefit(scenes=("stand",), offer={"kind": "deposit_waiver", "cap_fen": 1}, lifecycle="open_close"),
     [granted("05-01 09:00", terminal="s1", intent="lend", asset="U"), {"at": at("05-01 10:00"), "terminal": "s2", "request": {"intent": "give_back", "asset": "U"}, "expect": {"outcome": "GRANT"}},
      granted("05-01 10:01", terminal="s1", intent="lend", asset="V")],
     terminals={"s1": {"site": "park", "scene": "stand", "lane": "1"}, "s2": {"site": "park", "scene": "stand", "lane": "2"}})
case("offline-conflict-of-open-things", "断网期间重复借出：恢复时报冲突", benefit(scenes=("stand",), offer={"kind": "deposit_waiver", "cap_fen": 1}, lifecycle="open_close"),
     [event("05-01 09:00", "cut_network", terminal="s2"), granted("05-01 09:01", terminal="s1", intent="lend", asset="U"), granted("05-01 09:20", terminal="s2", intent="lend", asset="V"),
      event("05-01 09:30", "restore_network", terminal="all", conflicts=[{"steps": [2, 3], "benefit": "b", "kind": "already_open"}])],
     terminals={"s1": {"site": "park", "scene": "stand", "lane": "1"}, "s2": {"site": "park", "scene": "stand", "lane": "2"}})
case("offline-cut-terminal-knows-only-its-own", "断网前在别处用过：断网闸机不知道，恢复时报冲突", benefit(limits=[uses(1)]),
     [granted("05-01 09:00"), event("05-01 09:05", "cut_network", terminal="gate2"), granted("05-01 09:10", terminal="gate2"),
      event("05-01 09:20", "restore_network", terminal="all", conflicts=[{"steps": [1, 3], "benefit": "b", "kind": "limit_used"}])], terminals=TWO_GATES)
case("offline-not-turned-meanwhile-is-no-conflict", "断网期间已撤销的不算冲突", benefit(limits=[uses(1)]),
     [event("05-01 09:00", "cut_network", terminal="gate2"), granted("05-01 09:01"), event("05-01 09:02", "not_turned", of=2), granted("05-01 09:03", terminal="gate2"),
      event("05-01 09:04", "restore_network", terminal="all", conflicts=[])], terminals=TWO_GATES)
case(
    "suspended-terminal",
    "被暂停的终端：普通办理，但可归还可离场",
    benefit(),
    [
        event("05-01 09:00", "suspend", terminal="gate1", on=True),
        standard("05-01 09:01", why="terminal_suspended"),
        granted("05-01 09:02", intent="exit"),
    ],
)
case(
    "publish-reaches-only-some",
    "分批发布",
    benefit("old", 1),
    [
        event("05-01 09:00", "publish", reach=["gate1"], catalogue=[benefit("new", 2)]),
        granted("05-01 09:01", "a", by="new"),
        granted("05-01 09:01", "b", by="old", terminal="gate2"),
    ],
    terminals=TWO_GATES,
)
case("publish-withdraws", "撤下优惠后仍可结束已开的", benefit("stay", 1, offer={"kind": "deposit_waiver", "cap_fen": 1}, lifecycle="open_close"),
     [granted("05-01 09:00", intent="open"), event("05-01 09:30", "publish", catalogue=[benefit("other", 2, scenes=("x",))]), standard("05-01 09:31", "b", "wrong_site", intent="open"), granted("05-01 09:32", intent="close", by="stay")])
case(
    "intent-opens-only-open-close",
    "入园意图不适用借还类优惠",
    benefit(lifecycle="open_close"),
    [standard("05-01 09:00", why="wrong_site")],
)
case("intent-close-without-code", "凭物品编码归还，无需出码", benefit(offer={"kind": "deposit_waiver", "cap_fen": 1}, needs=["asset"], lifecycle="open_close"),
     [granted("05-01 09:00", intent="lend", asset="U7"), {"at": at("05-01 10:00"), "terminal": "gate1", "request": {"intent": "give_back", "asset": "U7"}, "expect": {"outcome": "GRANT", "benefit": "b"}},
      event("05-01 10:01", "close", of=1, error="nothing_open")])
case("due-clock-next-day", "23:40入住，中午12点退房", benefit(offer={"kind": "deposit_waiver", "cap_fen": 1}, lifecycle={"open_close": {"due": "12:00"}}),
     [granted("05-01 23:40", "a", intent="open", more={"obligations": {"due": at("05-02 12:00")}}), granted("05-02 11:59", "b", intent="open", more={"obligations": {"due": at("05-02 12:00")}}),
      granted("05-02 12:00", "c", intent="open", more={"obligations": {"due": at("05-03 12:00")}})])
case("due-flag-does-not-bar", "逾期仅标记：不妨碍另借", benefit(offer={"kind": "deposit_waiver", "cap_fen": 1}, lifecycle={"open_close": {"due": "PT1H"}}, limits=[{"count": "open", "per": "subject", "max": 2}]),
     [granted("05-01 09:00", intent="lend", asset="U1"), granted("05-01 11:00", intent="lend", asset="U2"), show("05-01 11:30", intent="give_back", asset="U1", want="GRANT", why="overdue")])
