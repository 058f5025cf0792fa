"""Every state of every screen: what is on it, how it is reached, and what must be seen there.

Answers are made by the program's own texts (`credit.telling`), with the longest names, sums and lists of reasons we
promise to show; the server they come from is tests/browser/terminal_like.py.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import terminal_like

from credit.decision import Finding
from credit.reasons import Outcome, Reason, outcome_of
from credit.telling.answers import reason_json

SIZES = {
    "wall 1920×1080": (1920, 1080),
    "till 1280×800": (1280, 800),
    "netbook 1024×600": (1024, 600),
    "portrait 1080×1920": (1080, 1920),
    "phone 390×844": (390, 844),
    "narrow 320×640": (320, 640),
    "200 % of 1280×800": (640, 400),
}

MEASURE = {
    "title": {"zh": "恶意拖欠景区损坏赔偿款", "en": "Wilful non-payment for damage in a scenic area"},
    "authority": {
        "zh": "云溪市文化广电和旅游局（市文物局）",
        "en": "Yunxi Bureau of Culture, Broadcasting and Tourism",
    },
    "basis": {"zh": "《云溪市社会信用条例》第二十三条第二款", "en": "Yunxi Social Credit Regulation, article 23 (2)"},
    "until": "2027-12-31",
    "remedy": {"zh": "缴清赔偿款后向认定单位申请信用修复", "en": "Pay what is owed, then ask the authority for repair"},
}
FACTS: dict[Reason, dict[str, Any]] = {
    Reason.RESTRICTED: MEASURE,
    Reason.WITHHELD: MEASURE,
    Reason.LIMIT_USED: {"at": "2026-11-22T09:12:05+08:00", "where": "yunxi-town/gate-east"},
    Reason.REPLAYED: {"at": "2026-11-22T09:12:05+08:00", "where": "yunxi-town/B"},
    Reason.OVERDUE: {"due": "2026-11-21T12:00:00+08:00", "asset": "umbrella-0042"},
    Reason.WRONG_TIME: {"part": "daily", "day": "2026-11-22", "daily": [["08:00", "11:30"]]},
}
LONG_TITLE = {
    "zh": "云溪市守信市民与互认城市来访游客淡季工作日门票优惠",
    "en": "Weekday low-season ticket reduction for trusted citizens and partner-city visitors",
}


def said(reason: Reason) -> dict[str, Any]:
    """Return a reason as the terminal tells it, with its facts."""
    return reason_json(Finding(reason, FACTS.get(reason, {})))


def denial(*reasons: Reason, **more: Any) -> dict[str, Any]:
    """Return an answer that gives nothing, for these reasons."""
    worst = max((outcome_of(one) for one in reasons), key=list(Outcome).index)
    return {
        "outcome": worst.value, "benefit": None, "benefits": [], "offer": None, "offers": [], "obligations": {},
        "reasons": [said(one) for one in reasons], "offline": False, "clock": "trusted", "redemption": None,
        "journal_seq": 3, "repeat": False, "ticket": "adult", "list_price_fen": 6000, "intent": "enter",
        "notice": "q3kX9vQm2sT8bYwZ5uR1cA", **more,
    }  # fmt: skip


def grant(**more: Any) -> dict[str, Any]:
    """Return an answer that gives a reduction under the longest name."""
    return {
        "outcome": "GRANT", "benefit": "yunxi.low-season", "benefits": ["yunxi.low-season"],
        "offer": {"kind": "percent", "off_fen": 3000, "to_pay_fen": 3000},
        "offers": [{"benefit": "yunxi.low-season", "title": LONG_TITLE, "local": False}],
        "obligations": {"open_gate": True}, "reasons": [reason_json(Finding(Reason.OK, {}))], "offline": False,
        "clock": "trusted", "left": {"yunxi.low-season": 2}, "redemption": "0193f2c1-7a", "journal_seq": 9,
        "repeat": False, "ticket": "adult", "list_price_fen": 6000, "amount_fen": None, "intent": "enter", **more,
    }  # fmt: skip


def sale(amount_fen: int, percent: int = 15, **more: Any) -> dict[str, Any]:
    """Return the answer to a sale of so much."""
    off = amount_fen * percent // 100
    offer = {"kind": "percent", "off_fen": off, "to_pay_fen": amount_fen - off}
    return grant(offer=offer, amount_fen=amount_fen, list_price_fen=None, intent="buy", obligations={}, **more)


FREE = {"kind": "free", "off_fen": 6000, "to_pay_fen": 0}
PARTY = {"kind": "percent", "off_fen": 64_000, "to_pay_fen": 64_000}
WAIVER = {"kind": "deposit_waiver", "waived_fen": 30_000, "to_pay_fen": 0}

CUT = {"offline": True, "unsent": 128_400, "clock": "unsure"}

Enter = Callable[[Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class State:
    """One state. `needs` are selectors that must be seen; `codes` how many QR codes are meant; `enter` reaches it."""

    name: str
    page: str
    view: str = "waiting"
    answer: dict[str, Any] | None = None
    needs: tuple[str, ...] = ()
    codes: int = 1
    enter: Enter | None = None
    status: dict[str, Any] = field(default_factory=dict)
    big: bool = False
    token: str = terminal_like.TOKEN
    lane: str | None = None
    reads: str | None = None
    before: Callable[[Any], None] | None = None  # sets what the terminal has, before the page asks


def gate(name: str, answer: dict[str, Any], **more: Any) -> State:
    return State(name, "gate", "answer", answer, (".result h1", *more.pop("needs", ())), **more)


def told(event: str, data: dict[str, Any]) -> Enter:
    async def enter(_page: Any, terminal: Any) -> None:
        terminal.tell(event, {"lane": "A", **data})

    return enter


TWO = denial(Reason.RESTRICTED, Reason.REPLAYED)
THREE = denial(Reason.NOT_ELIGIBLE, Reason.HOLIDAY_EXCLUDED, Reason.LIMIT_USED)
TWO_MEASURES = denial(Reason.RESTRICTED) | {
    "reasons": [said(Reason.RESTRICTED), reason_json(Finding(Reason.RESTRICTED, MEASURE | {
        "title": {"zh": "在文物上刻划", "en": "Scratching protected monuments"},
        "authority": {"zh": "云溪市综合行政执法局", "en": "Yunxi Law Enforcement Bureau"}}))],
}  # fmt: skip
TWICE_THE_SAME = denial(Reason.RESTRICTED) | {"reasons": [said(Reason.RESTRICTED), said(Reason.RESTRICTED)]}

GATE = (
    State("gate waiting", "gate", needs=("#invite h1", "#house .qr")),
    State("gate waiting, big type", "gate", needs=("#invite h1",), big=True),
    State("gate waiting, offline and much unsent", "gate", needs=("#net",), status=CUT),
    State("gate waiting, camera down", "gate", needs=("#camera-note",), status={"lanes": [
        {"id": "A", "scene": "gate", "camera": False}]}),
    gate("gate free", grant(offer=FREE)),
    gate("gate half, repeated and offline", grant(offline=True, repeat=True)),
    gate("gate half, big type", grant(), big=True),
    gate("gate group of twelve", grant(offer=PARTY, list_price_fen=128_000)),
    gate("gate standard, big type", denial(Reason.LIMIT_USED), big=True),
    gate("gate refuse, big type", TWO, big=True),
    gate("gate two reasons", TWO),
    gate("gate three reasons", THREE),
    gate("gate two measures", TWO_MEASURES),
    gate("gate one measure twice", TWICE_THE_SAME, needs=(".reasons li:only-child",)),
    gate("gate needs challenge", denial(Reason.NEEDS_CHALLENGE), reads="XGC1:"),
    State("gate undone", "gate", "undone", enter=told("gate", {"redemption": "r1", "state": "annulled"})),
    *(State(f"gate notice {code}", "gate", "notice", enter=told("notice", {"code": code}))
      for code in ("not_a_code", "two_codes", "damaged_code")),
    State("gate not ready", "gate", "not_ready", status={"ready": False}, codes=0),
    State("gate lost", "gate", "lost", enter=lambda _page, terminal: terminal.close(), codes=0),
    State("gate forbidden", "gate", "forbidden", token="wrong", codes=0),
)  # fmt: skip
REASONS = tuple(gate(f"gate reason {reason.value}", denial(reason)) for reason in Reason if reason is not Reason.OK)


async def _claim(page: Any, _terminal: Any) -> None:
    await page.locator("#stays li").first.get_by_role("button").nth(1).click()


async def _offers(page: Any, _terminal: Any) -> None:
    await page.click("#tab-offers")


async def _offer_form(page: Any, _terminal: Any) -> None:
    await page.click("#tab-offers")
    await page.click("#offer-new")


async def _wrong_amount(page: Any, _terminal: Any) -> None:
    await page.fill("#amount", "12,50")
    await page.press("#amount", "Enter")


def desk(name: str, answer: dict[str, Any], **more: Any) -> State:
    return State(name, "desk", "answer", answer, (".result h1", "#challenge .qr"), **more)


def counter(name: str, answer: dict[str, Any], **more: Any) -> State:
    return State(name, "counter", "answer", answer, (".result h1", ".money .pay b"), codes=0, **more)


OPEN = {"intent": "open", "amount_fen": 30_000, "list_price_fen": None, "obligations": {}}
DESK = (
    State("desk waiting", "desk", needs=("#challenge .qr", "#room", "#deposit"), reads="XGC1:"),
    State("desk waiting, big type", "desk", needs=("#challenge .qr",), big=True),
    desk("desk deposit waived", grant(offer=WAIVER, **OPEN), reads="XGC1:"),
    desk("desk suite, waived in part", grant(**OPEN | {"amount_fen": 12_800_000}, offer={
        "kind": "deposit_waiver", "waived_fen": 10_000_000, "to_pay_fen": 2_800_000})),
    desk("desk standard", denial(Reason.NOT_ELIGIBLE, **OPEN)),
    desk("desk needs challenge", denial(Reason.NEEDS_CHALLENGE, **OPEN), reads="XGC1:"),
    desk("desk refuse", denial(Reason.RESTRICTED, **OPEN)),
    State("desk claim form", "desk", enter=_claim, needs=("#stays form input",)),
    State("desk not ready", "desk", "not_ready", status={"ready": False}),
    State("desk lost", "desk", "lost", enter=lambda _page, terminal: terminal.close(), codes=0),
)  # fmt: skip
COUNTER = (
    State("counter waiting", "counter", needs=("#amount",), codes=0),
    State("counter waiting, big type", "counter", needs=("#amount",), codes=0, big=True),
    counter("counter 128.80", sale(12_880)),
    counter("counter 1280", sale(128_000)),
    counter("counter 12800", sale(1_280_000)),
    counter("counter 128000", sale(12_800_000)),
    counter("counter 128000, big type", sale(12_800_000), big=True),
    counter("counter standard", denial(Reason.LIMIT_USED, intent="buy", amount_fen=12_800_000, list_price_fen=None)),
    counter("counter quote", sale(12_800_000) | {"intent": "quote", "redemption": None}),
    State("counter wrong amount", "counter", enter=_wrong_amount, codes=0, needs=("#amount",)),
    State("counter offers", "counter", enter=_offers, codes=0, needs=("#offers li",)),
    State("counter offer form", "counter", enter=_offer_form, codes=0, needs=("#offer-zh",)),
    State("counter lost", "counter", "lost", enter=lambda _page, terminal: terminal.close(), codes=0),
)


async def _unlock(page: Any, person: str) -> None:
    await page.wait_for_selector("#person option", state="attached")
    await page.select_option("#person", person)
    await page.fill("#pin", terminal_like.PIN)
    await page.press("#pin", "Enter")
    await page.wait_for_selector("#unlocked:not([hidden])")


async def _supervisor(page: Any, _terminal: Any) -> None:
    await _unlock(page, "王芳")


async def _keeper(page: Any, _terminal: Any) -> None:
    await _unlock(page, "李强")


async def _wrong_pin(page: Any, _terminal: Any) -> None:
    await page.wait_for_selector("#person option", state="attached")
    await page.fill("#pin", "111222")
    await page.press("#pin", "Enter")
    await page.wait_for_selector("#pin[aria-invalid]")


async def _slip(page: Any, _terminal: Any) -> None:
    await page.locator("#recent li").first.get_by_role("button").last.click()
    await page.wait_for_selector("dialog.slip[open]")


async def _checks(page: Any, _terminal: Any) -> None:
    await page.wait_for_selector("#checks li")


GATED = {"lanes": [{"id": "A", "scene": "gate", "camera": True, "actuator": True}]}
STAFF = (
    State("staff locked", "staff", needs=("#person", "#pin"), codes=0),
    State("staff wrong pin", "staff", enter=_wrong_pin, needs=("#pin-problem",), codes=0),
    State("staff keeper", "staff", enter=_keeper, needs=("#stop",), codes=0),
    State("staff supervisor", "staff", enter=_supervisor, needs=("#why", "#open-once"), codes=0),
    State("staff supervisor, big type", "staff", enter=_supervisor, codes=0, big=True),
    State(
        "staff grant with its price", "staff", "answer", grant(obligations={}), (".result h1", ".money .pay b"), codes=0
    ),
    State(
        "staff denial with all its facts", "staff", "answer", TWO_MEASURES, (".result h1", ".fact.authority"), codes=0
    ),
    State("staff slip", "staff", enter=_slip, needs=(".slip .paper",)),
    State("service", "service", enter=_checks, needs=("#verdict", "#checks li"), codes=0),
)
FOLLOWING = (
    State("gate opening", "gate", "answer", grant(), (".result h1",), status=GATED, codes=0),
    State("gate rest to pay", "gate", "answer", grant(obligations={"pay_fen": 3000}), (".money .pay b",), codes=0),
    *(State(f"gate {state}", "gate", "stuck", enter=told("gate", {"redemption": "r", "state": state}))
      for state in ("not_actuated", "unknown")),
    State("gate no such lane", "gate", "no_lane", lane="Z", codes=0),
)  # fmt: skip
STATES = (*GATE, *DESK, *COUNTER, *STAFF, *FOLLOWING, *REASONS)
