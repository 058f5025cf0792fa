# ruff: noqa: E501 - a table of cases reads across
"""What contract.md §10 adds: annulment, sales, campaigns, calendars, grants, reversal, wide keys, a living hub."""

from building import TWO_GATES, at, benefit, case, event, granted, refer, refuse, standard, uses

SHOP = {"till": {"site": "mall", "scene": "shop", "lane": "T1"}, "till2": {"site": "mall", "scene": "shop", "lane": "T2"}}
PERCENT = {"kind": "percent", "percent_off": 10}
STAND = {"stand": {"site": "park", "scene": "stand", "lane": "S"}}
CITY = {
    "east": {"site": "east", "scene": "gate", "lane": "A"}, "east2": {"site": "east", "scene": "gate", "lane": "B"},
    "west": {"site": "west", "scene": "gate", "lane": "A"},
}


def buy(when, *, want=None, why=None, repeat=False, **rest):
    request = {"intent": "buy", "amount_fen": 1000, "terminal": "till", **rest}
    if why:
        return standard(when, why=why, **request)
    return granted(when, more={"repeat": True if repeat else None}, **request)


case("annulled-code-is-decided-afresh", "闸门未转动后，同一个码重新判定", benefit(limits=[uses(1)]),
     [granted("05-01 09:00", step={"nonce": "n1"}, left=0), event("05-01 09:00:05", "not_turned"),
      granted("05-01 09:00:06", step={"nonce": "n1"}, left=0, more={"repeat": None}),
      standard("05-01 09:01", why="limit_used", step={"nonce": "n1"})])
case("annulled-code-at-the-next-gate", "撤销后，同场所另一道闸也认这个码", benefit(limits=[uses(1)]),
     [granted("05-01 09:00", step={"nonce": "n1"}), event("05-01 09:00:05", "not_turned"),
      granted("05-01 09:00:06", terminal="gate2", step={"nonce": "n1"}),
      refuse("05-01 09:01", why="replayed", step={"nonce": "n1"})], terminals=TWO_GATES)
case("annulled-then-passed-has-used-it", "撤销后仍通过：次数照算", benefit(limits=[uses(1)]),
     [granted("05-01 09:00"), event("05-01 09:00:05", "not_turned"), event("05-01 09:00:06", "passed"),
      standard("05-01 09:01", why="limit_used"), event("05-01 09:02", "not_turned", of=1, error="too_late")])
case("annulled-then-passed-beyond-the-bound", "撤销后名额已给别人，本人仍通过：超出部分照记", benefit(limits=[uses(1)]),
     [granted("05-01 09:00"), event("05-01 09:00:05", "not_turned"), granted("05-01 09:00:06"),
      event("05-01 09:00:07", "passed", of=1), event("05-01 09:00:08", "not_turned", of=3),
      standard("05-01 09:01", why="limit_used")])

case("sale-is-repeated-by-its-request-id-only", "同一请求编号只卖一次，新的编号是新的一笔", benefit(offer=PERCENT, sites=("mall",), scenes=("shop",), limits=[uses(3)]),
     [buy("05-01 09:00", request_id="a"), buy("05-01 09:00:02", request_id="a", repeat=True),
      buy("05-01 09:00:04", request_id="b"), buy("05-01 09:00:06", request_id="c"), buy("05-01 09:00:08", request_id="d", why="limit_used")], terminals=SHOP)
case("sale-same-code-under-another-request-id", "同一个码换请求编号：已用过", benefit(offer=PERCENT, sites=("mall",), scenes=("shop",)),
     [buy("05-01 09:00", request_id="a", step={"nonce": "n"}), buy("05-01 09:00:02", request_id="b", step={"nonce": "n"}, why="limit_used"),
      refuse("05-01 09:00:03", why="replayed", terminal="till2", step={"nonce": "n"}, intent="buy", amount_fen=1000, request_id="c")], terminals=SHOP)
case("sale-code-seen-twice-by-the-counter", "柜台扫码器30秒内读到同一个码：显示同一答复，不再卖", benefit(offer=PERCENT, sites=("mall",), scenes=("shop",), limits=[uses(3)]),
     [buy("05-01 09:00", step={"nonce": "n"}), buy("05-01 09:00:29", step={"nonce": "n"}, repeat=True),
      buy("05-01 09:00:30", step={"nonce": "n"}, why="limit_used"), buy("05-01 09:00:31"), buy("05-01 09:00:32")], terminals=SHOP)
case("loan-has-no-grace", "借出没有宽限：新码是新的一笔", benefit(offer={"kind": "deposit_waiver", "cap_fen": 5000}, scenes=("stand",), needs=["asset"], lifecycle="open_close"),
     [granted("05-01 09:00", terminal="stand", intent="lend", asset="U1"),
      standard("05-01 09:00:02", why="already_open", terminal="stand", intent="lend", asset="U1")], terminals=STAND)

campaign = benefit("first", when={"from": "2026-05-01", "until": "2026-06-30"}, limits=[uses(1, period="window")])
case("window-corrected-date-gives-no-second-visit", "更正活动日期不再送一次首游", campaign,
     [granted("05-02 09:00", left=0),
      event("05-03 09:00", "publish", catalogue=[{**campaign, "when": {"from": "2026-05-02", "until": "2026-06-30"}}]),
      standard("05-03 09:01", why="limit_used"),
      event("05-04 09:00", "publish", catalogue=[{**campaign, "when": {"from": "2026-05-04", "until": "2026-06-30", "window": "二期"}}]),
      granted("05-04 09:01", left=0)])

case("calendar-ended-is-referred", "日历已到期：请工作人员", [benefit(when={"except": ["holidays"]})],
     [granted("2026-12-31 09:00"), refer("2027-01-01 09:00", why="calendar_ended")], calendars={"holidays": ["2026-10-01"]})
case("calendar-ended-for-days-named", "只在指定日的优惠，日历到期后也请工作人员", [benefit(when={"only": ["fair"]})],
     [standard("2026-06-30 09:00", why="wrong_time"), refer("2026-07-01 09:00", why="calendar_ended")],
     calendars={"fair": {"dates": ["2026-06-02"], "covers_until": "2026-06-30"}})
case("calendar-of-weekdays-never-ends", "只按星期的日历没有尽头", [benefit(when={"except": ["sundays"]})],
     [granted("2036-06-02 09:00"), standard("2036-06-01 09:00", "b", "holiday_excluded")][::-1], calendars={"sundays": {"weekdays": [7]}})
case("calendar-ended-beside-another-benefit", "另一项优惠不受影响", [benefit("a", 1, when={"except": ["h"]}), benefit("b", 2)],
     [granted("2027-01-01 09:00", by="b")], calendars={"h": ["2026-10-01"]})

case("grant-uses-are-told-in-left", "授权次数计入剩余次数", benefit(who={"grant": True}),
     [granted("05-01 09:00", token={"grants": [{"code": 1, "id": "aa", "uses": 2}]}, left={"b": 1}),
      granted("05-01 09:20", token={"grants": [{"code": 1, "id": "aa", "uses": 2}]}, left={"b": 0}),
      standard("05-01 09:40", why="limit_used", token={"grants": [{"code": 1, "id": "aa", "uses": 2}]})])

case("reversal-absent-sale-until-its-business-day-ends", "没写期限：买卖当个营业日内可退", benefit(offer=PERCENT, sites=("mall",), scenes=("shop",), when={"day_starts": "04:00"}),
     [buy("05-01 22:00"), event("05-02 03:59:59", "reverse", of=1), buy("05-02 09:00"), event("05-03 04:00", "reverse", of=3, error="too_late"),
      event("05-03 04:01", "reverse", of=3, override={"by": "王主管", "why": "顾客次日来退"})], terminals=SHOP)
case("reversal-absent-entry-until-passed", "没写期限：入场在通过之前可退", benefit(limits=[uses(2)]),
     [granted("05-01 09:00"), event("05-01 18:00", "reverse", of=1), granted("05-01 19:00", left=1), event("05-01 19:00:05", "passed"),
      event("05-01 19:01", "reverse", of=3, error="too_late")])
case("reversal-absent-loan-until-closed", "没写期限：借出在归还之前可退", benefit(offer={"kind": "deposit_waiver", "cap_fen": 5000}, scenes=("stand",), needs=["asset"], lifecycle="open_close"),
     [granted("05-01 09:00", terminal="stand", intent="lend", asset="U1"), event("05-09 09:00", "reverse", of=1),
      granted("05-09 09:01", terminal="stand", intent="lend", asset="U2"), event("05-09 10:00", "close"), event("05-09 10:01", "reverse", of=3, error="nothing_open")], terminals=STAND)
case("claim-above-the-waived-sum", "扣赔超过免押额须主管说明理由", benefit(offer={"kind": "deposit_waiver", "cap_fen": 5000}, scenes=("stand",), needs=["asset"], lifecycle="open_close"),
     [granted("05-01 09:00", terminal="stand", intent="lend", asset="U1"), event("05-01 10:00", "claim", amount_fen=5001, error="needs_staff"),
      event("05-01 10:01", "claim", amount_fen=5001, override={"by": "王主管", "why": "伞骨全断"})], terminals=STAND)

case("wide-key-is-shared-by-the-whole-town", "全城一次：两处景区同时在线", benefit(sites=("east", "west"), limits=[uses(1)]),
     [granted("05-01 09:00", terminal="east", left=0), standard("05-01 09:20", why="limit_used", terminal="west")], terminals=CITY)
case("site-key-stays-in-its-site", "每处一次：互不相干", benefit(sites=("east", "west"), limits=[uses(1, scope="site")]),
     [granted("05-01 09:00", terminal="east"), standard("05-01 09:20", why="limit_used", terminal="east2"), granted("05-01 09:21", terminal="west")], terminals=CITY)
case("hub-still-answers-while-the-platform-is-away", "外网断开，本处主机仍在：两道闸仍共同计数", [
        benefit("here", 1, sites=("east",), limits=[uses(1)], offline={"allow": False}),
        benefit("town", 2, sites=("east", "west"), limits=[uses(1)], offline={"allow": False}, stacks=None)],
     [event("05-01 08:00", "cut_network", terminal=["east", "east2"], **{"from": "platform"}),
      granted("05-01 09:00", terminal="east", by="here", more={"offline": False}),
      refer("05-01 09:20", why=("offline_limit", "limit_used"), terminal="east2")], terminals=CITY)
case("platform-away-wide-key-counts-in-the-site", "外网断开：全城的次数先按本处计", benefit(sites=("east", "west"), limits=[uses(1)]),
     [event("05-01 08:00", "cut_network", terminal=["east", "east2"], **{"from": "platform"}),
      granted("05-01 09:00", terminal="east", more={"offline": True}), standard("05-01 09:20", why="limit_used", terminal="east2"),
      granted("05-01 09:30", terminal="west"),
      event("05-01 10:00", "restore_network", terminal=["east", "east2"], conflicts=[{"steps": [2, 4], "benefit": "b", "kind": "limit_used"}]),
      standard("05-01 10:01", why="limit_used", terminal="east2")], terminals=CITY)

case("phone-clock-ahead", "手机时钟快：问过全场所才算数，断网时请扫屏幕验证码", benefit(),
     [granted("05-01 09:00:00", "a", step={"shown_at": at("05-01 09:00:20")}),
      event("05-01 09:01:00", "cut_network", terminal="gate1"),
      granted("05-01 09:02:00", "b", step={"shown_at": at("05-01 09:02:05")}),
      refer("05-01 09:03:00", "c", why="needs_challenge", step={"shown_at": at("05-01 09:03:06")}),
      granted("05-01 09:04:00", "d", step={"shown_at": at("05-01 09:04:06"), "challenged": True})])
