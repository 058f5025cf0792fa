# ruff: noqa: E501 - a table of cases reads across
"""Money: rounding, caps, every offer kind, choice, stacking, amounts and returns. All in fen."""

from building import benefit, case, event, granted, show, standard, uses

BUY = {"intent": "buy"}


def priced(name, offer, amount, expected, title="", **request):
    case(f"money-{name}", title or name, benefit(offer=offer),
         [granted("05-01 09:00", offer=expected, intent="quote", amount_fen=amount, **request)])


def percent(off, cap=None):
    offer = {"kind": "percent", "percent_off": off}
    return offer if cap is None else {**offer, "cap_fen": cap}


priced("percent-half-rounds-up", percent(5), 1010, {"off_fen": 51, "to_pay_fen": 959})
priced("percent-below-half-rounds-down", percent(5), 1009, {"off_fen": 50, "to_pay_fen": 959})
priced("percent-of-one-fen", percent(50), 1, {"off_fen": 1, "to_pay_fen": 0})
priced("percent-49-of-one-fen", percent(49), 1, {"off_fen": 0, "to_pay_fen": 1})
priced("percent-zero", percent(0), 1000, {"off_fen": 0, "to_pay_fen": 1000})
priced("percent-hundred", percent(100), 999, {"off_fen": 999, "to_pay_fen": 0})
priced("percent-of-nothing", percent(30), 0, {"off_fen": 0, "to_pay_fen": 0})
priced("percent-cap-reached", percent(50, 300), 1000, {"off_fen": 300, "to_pay_fen": 700})
priced("percent-cap-equal", percent(50, 500), 1000, {"off_fen": 500, "to_pay_fen": 500})
priced("percent-cap-zero", percent(50, 0), 1000, {"off_fen": 0, "to_pay_fen": 1000})
priced("percent-largest-amount", percent(33), 10**12, {"off_fen": 330_000_000_000, "to_pay_fen": 670_000_000_000})
priced("amount-more-than-price", {"kind": "amount", "off_fen": 500}, 300, {"off_fen": 300, "to_pay_fen": 0})
priced("amount-equal", {"kind": "amount", "off_fen": 300}, 300, {"off_fen": 300, "to_pay_fen": 0})
priced("amount-zero", {"kind": "amount", "off_fen": 0}, 300, {"off_fen": 0, "to_pay_fen": 300})
priced("fixed-price", {"kind": "fixed_price", "price_fen": 1000}, 6000, {"off_fen": 5000, "to_pay_fen": 1000})
priced("fixed-price-heads", {"kind": "fixed_price", "price_fen": 1000}, 6000, {"to_pay_fen": 3000}, heads=3)
priced("fixed-price-above-amount", {"kind": "fixed_price", "price_fen": 1000}, 600, {"off_fen": 0, "to_pay_fen": 600})
priced("fixed-price-no-amount", {"kind": "fixed_price", "price_fen": 1000}, None, {"to_pay_fen": 2000}, heads=2)
priced("free-with-amount", {"kind": "free"}, 6000, {"kind": "free", "off_fen": 6000, "to_pay_fen": 0})
priced("pay-later-above-cap", {"kind": "pay_later", "cap_fen": 500}, 800, {"to_pay_fen": 300})
priced("pay-later-at-cap", {"kind": "pay_later", "cap_fen": 500}, 500, {"to_pay_fen": 0})
priced("multiplier", {"kind": "multiplier", "times": 2}, 800, {"multiplier": 2})
priced("extend-minutes", {"kind": "extend_time", "minutes": 15}, None, {"minutes": 15})
priced("extend-days-capped", {"kind": "extend_time", "days": 60, "cap": 45}, None, {"days": 45})
priced("service", {"kind": "service", "item": "guide"}, None, {"item": "guide"})
priced("hold-midnight", {"kind": "hold", "until": "24:00"}, None, {"until": "2026-05-02T00:00:00+08:00"})
priced("hold-past-midnight", {"kind": "hold", "until": "26:00"}, None, {"until": "2026-05-02T02:00:00+08:00"})
case("money-no-amount-no-fen", "没有金额就没有金额成员", benefit(offer=percent(10)),
     [granted("05-01 09:00", offer={"kind": "percent", "percent_off": 10}, intent="quote")])
case("money-min-spend", "最低消费：等于即满足", benefit(offer={"kind": "amount", "off_fen": 100, "min_spend_fen": 1000}),
     [standard("05-01 09:00", why="below_min_spend", intent="buy", amount_fen=999),
      granted("05-01 09:01", intent="buy", amount_fen=1000, offer={"off_fen": 100, "to_pay_fen": 900})])
case("money-deposit-cap-is-waived-without-amount", "未报金额：免押额即上限",
     benefit(offer={"kind": "deposit_waiver", "cap_fen": 500}, lifecycle="open_close"),
     [granted("05-01 09:00", intent="open", offer={"waived_fen": 500})])
case("money-hold-business-day", "营业日四点切换：凌晨一点的保留到当日24:00即已过去的零点",
     benefit(offer={"kind": "hold", "until": "28:00"}, when={"day_starts": "04:00"}),
     [granted("05-02 01:00", offer={"until": "2026-05-02T04:00:00+08:00"})])

HALF = benefit(offer=percent(50), limits=[uses(1)])
ENTER = {"intent": "enter", "amount_fen": 6000}
DUE = {"obligations": {"pay_fen": 3000}}
OPEN = {"obligations": {"open_gate": True}}
case("gate-a-rest-is-paid-before-it-opens", "有余款先付款：不开闸；付清即开", HALF,
     [granted("05-01 09:00", more=DUE, **ENTER), event("05-01 09:01", "paid", amount_fen=3000, order="o1"),
      event("05-01 09:02", "passed"), standard("05-01 09:03", why="limit_used", **ENTER)])
case("gate-nothing-left-to-pay-opens", "无余款：直接开闸", [benefit("free", 1, offer={"kind": "free"}), benefit("all", 2, offer=percent(100))],
     [granted("05-01 09:00", more=OPEN, **ENTER), granted("05-01 09:01", "li", more=OPEN, intent="enter")])
case("gate-another-amount-pays-nothing", "少付、多付都不算", HALF,
     [granted("05-01 09:00", more=DUE, **ENTER), event("05-01 09:01", "paid", amount_fen=2999, order="o1", error="wrong_amount"),
      event("05-01 09:01", "passed", error="nothing_open"), event("05-01 09:02", "paid", amount_fen=3000, order="o1")])
case("gate-told-twice-is-paid-once", "同一订单报两次只算一次；别的订单不再收", HALF,
     [granted("05-01 09:00", more=DUE, **ENTER), event("05-01 09:01", "paid", amount_fen=3000, order="o1"),
      event("05-01 09:01", "paid", amount_fen=3000, order="o1"), event("05-01 09:02", "paid", amount_fen=3000, order="o2", error="nothing_open")])
case("gate-an-order-pays-once", "一张订单只能付一笔", HALF,
     [granted("05-01 09:00", more=DUE, **ENTER), event("05-01 09:01", "paid", amount_fen=3000, order="o1"),
      granted("05-01 09:02", "li", more=DUE, **ENTER), event("05-01 09:03", "paid", amount_fen=3000, order="o1", error="order_used")])
case("gate-unpaid-gives-the-use-back", "超时未付：次数退回", HALF,
     [granted("05-01 09:00", more=DUE, **ENTER), event("05-01 09:02", "unpaid"), granted("05-01 09:03", more=DUE, **ENTER)])
case("gate-paid-late-and-still-free", "超时后付款，名额仍在：仍可入", HALF,
     [granted("05-01 09:00", more=DUE, **ENTER), event("05-01 09:02", "unpaid"), event("05-01 09:03", "paid", amount_fen=3000, order="o1"),
      event("05-01 09:04", "passed"), standard("05-01 09:05", why="limit_used", **ENTER)])
case("gate-paid-late-and-gone", "超时后付款，名额已用：退款", HALF,
     [granted("05-01 09:00", more=DUE, **ENTER), event("05-01 09:02", "unpaid"), granted("05-01 09:03", more=DUE, **ENTER),
      event("05-01 09:04", "paid", of=1, amount_fen=3000, order="o1", error="too_late")])
case("gate-annulled-by-staff-is-not-paid-for", "工作人员撤销后付款：退款", HALF,
     [granted("05-01 09:00", more=DUE, **ENTER), event("05-01 09:01", "not_turned"),
      event("05-01 09:02", "paid", amount_fen=3000, order="o1", error="too_late")])
case("gate-without-a-price-staff-see-to-the-rest", "闸口不知票价：减价须工作人员确认", HALF,
     [granted("05-01 09:00", more={"obligations": {"confirm_by_staff": True}}, intent="enter"),
      granted("05-01 09:01", "li", more=OPEN, intent="enter", confirmed=["staff-confirm"])])
case("gate-leaving-never-costs", "离开不收钱", HALF, [granted("05-01 09:00", more={"obligations": {"open_gate": True}}, intent="exit", amount_fen=6000)])

A = {"intent": "buy", "amount_fen": 1000}
case("choice-more-money-wins", "减得多者得", [benefit("ten", 1, offer=percent(10)), benefit("off", 2, offer={"kind": "amount", "off_fen": 101})],
     [granted("05-01 09:00", by="off", **A), granted("05-01 09:01", "b", by="ten", intent="buy", amount_fen=2000)])
case("choice-tie-by-kind", "同额按种类次序", [benefit("fixed", 1, offer={"kind": "fixed_price", "price_fen": 900}), benefit("ten", 2, offer=percent(10))],
     [granted("05-01 09:00", by="ten", **A)])
case("choice-tie-by-code", "同额同类按编码", [benefit("late", 9, offer=percent(10)), benefit("early", 3, offer=percent(10))],
     [granted("05-01 09:00", by="early", **A)])
case("choice-tie-by-issuer", "同额同类按发布方", [
    benefit("w", 1, issuer="wulong", offer=percent(10), who={"issuers": ["wulong"]}),
    benefit("c", 9, issuer="chongqing", offer=percent(10), who={"issuers": ["wulong"]})],
    [granted("05-01 09:00", by="c", **A)])
case("choice-free-is-the-whole-amount", "免费按全额比较", [benefit("dep", 1, offer={"kind": "amount", "off_fen": 1000}), benefit("free", 2)],
     [granted("05-01 09:00", by="free", **A)])
case("choice-free-without-amount", "未报金额时免费仍最优", [benefit("half", 1, offer=percent(50)), benefit("free", 2)],
     [granted("05-01 09:00", by="free")])
case("choice-not-the-unobtainable", "用完的不再参选", [benefit("free", 1, limits=[uses(1)]), benefit("ten", 2, offer=percent(10))],
     [granted("05-01 09:00", by="free", **A),
      show("05-01 09:10", want={"outcome": "GRANT", "benefit": "ten"}, why=("ok", "limit_used"), **A)])
case("stack-percent-after-percent", "两折先后相乘，按编码次序", [
    benefit("b20", 2, offer=percent(20), stacks="y"), benefit("a10", 1, offer=percent(10), stacks="x")],
    [granted("05-01 09:00", by="a10", offer={"off_fen": 280, "to_pay_fen": 720}, more={"benefits": ["a10", "b20"]}, **A)])
case("stack-one-per-group", "同组只取其一", [
    benefit("a10", 1, offer=percent(10), stacks="x"), benefit("a30", 2, offer=percent(30), stacks="x"),
    benefit("bonus", 3, offer={"kind": "multiplier", "times": 2}, stacks="points")],
    [granted("05-01 09:00", offer={"off_fen": 300, "multiplier": 2}, more={"benefits": ["a30", "bonus"]}, **A)])
case("stack-null-competes-with-set", "不叠加者与组合比较", [
    benefit("a10", 1, offer=percent(10), stacks="x"), benefit("b10", 2, offer=percent(10), stacks="y"),
    benefit("alone", 3, offer=percent(20))],
    [granted("05-01 09:00", by="alone", offer={"off_fen": 200}, more={"benefits": ["alone"]}, **A)])
case("stack-set-beats-null", "组合胜过单项", [
    benefit("a10", 1, offer=percent(10), stacks="x"), benefit("b10", 2, offer=percent(10), stacks="y"),
    benefit("alone", 3, offer=percent(18))],
    [granted("05-01 09:00", offer={"off_fen": 190, "to_pay_fen": 810}, more={"benefits": ["a10", "b10"]}, **A)])
case("stack-amount-then-percent", "先减额后打折（编码次序）", [
    benefit("minus", 1, offer={"kind": "amount", "off_fen": 100}, stacks="x"), benefit("half", 2, offer=percent(50), stacks="y")],
    [granted("05-01 09:00", offer={"off_fen": 550, "to_pay_fen": 450}, **A)])
case("stack-percent-then-amount", "先打折后减额（编码次序）", [
    benefit("minus", 2, offer={"kind": "amount", "off_fen": 100}, stacks="x"), benefit("half", 1, offer=percent(50), stacks="y")],
    [granted("05-01 09:00", offer={"off_fen": 600, "to_pay_fen": 400}, **A)])
case("stack-shared-programme-use", "叠加的两项共用一次额度", [
    benefit("a", 1, offer=percent(10), stacks="x", limits=[uses(1, scope="programme")]),
    benefit("b", 2, offer=percent(10), stacks="y", limits=[uses(1, scope="programme")])],
    [granted("05-01 09:00", more={"benefits": ["a", "b"]}, **A), standard("05-01 09:10", why="limit_used", **A)])
case("stack-every-part-to-nothing", "减到零为止", [
    benefit("a", 1, stacks="x"), benefit("b", 2, offer={"kind": "amount", "off_fen": 500}, stacks="y")],
    [granted("05-01 09:00", offer={"off_fen": 1000, "to_pay_fen": 0}, **A)])

MONTH = [{"count": "amount", "per": "subject", "period": "month", "max": 1000}]
case("amount-limit-equal-is-allowed", "金额上限：恰好用满", benefit(offer=percent(10), limits=MONTH),
     [granted("05-01 09:00", intent="buy", amount_fen=10000), standard("05-01 09:10", why="limit_used", intent="buy", amount_fen=5),
      granted("06-01 00:00", intent="buy", amount_fen=10000)])
case("amount-limit-one-fen-over", "超出一分即不可", benefit(offer=percent(10), limits=MONTH),
     [standard("05-01 09:00", why="limit_used", intent="buy", amount_fen=10005),
      granted("05-01 09:01", intent="buy", amount_fen=10004)])
case("return-part-and-rest", "部分退货按比例退回金额额度", benefit(offer=percent(10), limits=MONTH),
     [granted("05-01 09:00", intent="buy", amount_fen=10000), granted("05-01 09:10", intent="return", amount_fen=2500),
      standard("05-01 09:20", why="limit_used", intent="buy", amount_fen=2505),
      granted("05-01 09:30", intent="buy", amount_fen=2500)])
case("return-more-than-bought", "退得比买得多：没有可退的", benefit(offer=percent(10)),
     [granted("05-01 09:00", intent="buy", amount_fen=1000),
      standard("05-01 09:10", why="nothing_open", intent="return", amount_fen=1001),
      granted("05-01 09:11", intent="return", amount_fen=1000), standard("05-01 09:22", why="nothing_open", intent="return")])
case("return-window-half-open", "退货期限不含终点", benefit(offer=percent(10), reversal={"within_h": 1}),
     [granted("05-01 09:00", intent="buy", amount_fen=1000), granted("05-01 09:59:59", intent="return", amount_fen=1),
      standard("05-01 10:00:00", why="too_late", intent="return", amount_fen=2)])
case("return-window-zero", "期限为零：不可退", benefit(offer=percent(10), reversal={"within_h": 0}),
     [granted("05-01 09:00", intent="buy", amount_fen=1000), standard("05-01 09:00:01", why="too_late", intent="return")])
case("return-without-giving-back", "退货但不退次数", benefit(offer=percent(10), limits=[uses(1)], reversal={"gives_back": False}),
     [granted("05-01 09:00", intent="buy", amount_fen=1000), granted("05-01 09:01", intent="return"),
      standard("05-01 09:30", why="limit_used", intent="buy", amount_fen=1000)])
case("reverse-heads-in-parts", "按人数冲正", benefit(limits=[uses(5)]),
     [granted("05-01 09:00", heads=5, left={"b": 0}), event("05-01 09:01", "reverse", of="last", heads=2),
      granted("05-01 09:20", heads=2, left=0), event("05-01 09:21", "reverse", of=1, heads=4, error="nothing_open"),
      event("05-01 09:22", "reverse", of=1), granted("05-01 09:40", heads=3, left=0)])
case("reverse-after-annulment", "撤销后不可再冲正", benefit(limits=[uses(1)]),
     [granted("05-01 09:00"), event("05-01 09:00:05", "not_turned"), event("05-01 09:00:06", "reverse", error="nothing_open"),
      granted("05-01 09:10", left=0)])
case("grant-burns-by-amount", "同一秒不同金额是另一笔", benefit(offer=percent(10)),
     [granted("05-01 09:00", intent="buy", amount_fen=1000), granted("05-01 09:00:01", intent="buy", amount_fen=2000, offer={"off_fen": 200}),
      granted("05-01 09:00:02", intent="buy", amount_fen=2000, more={"repeat": None})])
