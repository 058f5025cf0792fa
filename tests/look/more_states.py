"""States of the screens between one answer and the next: forms, mistakes, questions, what waits, what is empty.

They are walked with those of states.py.
"""

from typing import Any

import terminal_like
from states import GATED, OPEN, PARTY, TWO_MEASURES, State, denial, gate, grant, sale, told

from credit.reasons import Reason
from edge.watch.causes import CAUSES
from edge.watch.told.cause import Level

LATE = {"claim": "too_late", "close": "nothing_open", "annul": "too_late"}
FULL = {"lanes": [{"id": "A", "scene": "gate", "camera": True, "notice": "full"}]}
EVERY_LINE = [
    {
        "name": cause,
        "ok": said.level is not Level.BAD,
        "level": said.level.value,
        "since_ms": terminal_like.now_ms(),
        **{name: text.replace("{detail}", "12") for name, text in (("zh", said.zh), ("en", said.en))},
        **({"mend": {"zh": said.mend_zh, "en": said.mend_en}} if said.mend_zh else {}),
    }
    for cause, said in CAUSES.items()
]


def bare(name: str, page: str, view: str = "waiting", **more: Any) -> State:
    """Return a state without a code on the screen, where nothing else is said."""
    return State(name, page, view, **{"codes": 0, **more})


def asks(selector: str) -> Any:
    """Press a button that asks once more."""

    async def enter(page: Any, _terminal: Any) -> None:
        await page.locator(selector).first.click()
        await page.wait_for_selector(".sure")

    return enter


async def _undo_refused(page: Any, terminal: Any) -> None:
    terminal.show("grant")
    await page.wait_for_selector("#undo:not(:disabled)", state="attached")
    await page.evaluate("document.querySelector('#undo').click()")
    await page.clock.run_for(600)
    await page.evaluate("document.querySelector('#undo').click()")
    await page.wait_for_selector("#toast.bad.on")


async def _strip_open(page: Any, _terminal: Any) -> None:
    await page.evaluate("document.querySelector('#more').click()")


async def _claim(page: Any, typed: str) -> None:
    await page.locator("#stays li").first.get_by_role("button").nth(1).click()
    await page.fill("#stays form input", typed)
    await page.locator("#stays form button").first.click()


async def _claim_over(page: Any, _terminal: Any) -> None:
    await _claim(page, "99999")
    await page.wait_for_selector("#stays form [role=alert]:not(:empty)")


async def _claim_asked(page: Any, _terminal: Any) -> None:
    await _claim(page, "300")
    await page.wait_for_selector("#stays form .sure")


async def _wrong_deposit(page: Any, _terminal: Any) -> None:
    await page.fill("#deposit", "300 元整")
    await page.fill("#code", "XG1: A$B")
    await page.press("#code", "Enter")
    await page.wait_for_selector("#deposit[aria-invalid]")


async def _desk_slip(page: Any, terminal: Any) -> None:
    terminal.tell("decision", {"lane": "D", "at_ms": terminal_like.now_ms(), **TWO_MEASURES, **OPEN})
    await page.click("#slip")
    await page.wait_for_selector("dialog.slip[open]")


async def _code_first(page: Any, _terminal: Any) -> None:
    await page.fill("#code", "XG1: A$B")
    await page.press("#code", "Enter")


async def _return(page: Any, _terminal: Any) -> None:
    await page.locator("#recent li button").first.click()
    await page.wait_for_selector("#returned")


async def _return_over(page: Any, terminal: Any) -> None:
    await _return(page, terminal)
    await page.fill("#returned", "99999")
    await page.press("#returned", "Enter")
    await page.wait_for_selector("#returned[aria-invalid]")


async def _offer_wrong(page: Any, _terminal: Any) -> None:
    await page.click("#tab-offers")
    await page.click("#offer-new")
    await page.select_option("#offer-kind", "percent")
    await page.fill("#offer-zh", "八折")
    await page.fill("#offer-value", "80")
    await page.press("#offer-value", "Enter")
    await page.wait_for_selector("#offer-problem:not(:empty)")


async def _unlocked(page: Any, _terminal: Any) -> None:
    await page.wait_for_selector("#person option", state="attached")
    await page.select_option("#person", "王芳")
    await page.fill("#pin", terminal_like.PIN)
    await page.press("#pin", "Enter")
    await page.wait_for_selector("#unlocked:not([hidden])")


async def _wrong_short(page: Any, terminal: Any) -> None:
    await _unlocked(page, terminal)
    await page.fill("#short", "ABCD-EFGH")
    await page.press("#short", "Enter")
    await page.wait_for_selector("#short[aria-invalid]")


async def _no_reason(page: Any, terminal: Any) -> None:
    await _unlocked(page, terminal)
    await page.press("#override-code", "Enter")
    await page.wait_for_selector("#why[aria-invalid]")


async def _locked_out(page: Any, terminal: Any) -> None:
    terminal.locked_out = True
    await page.wait_for_selector("#person option", state="attached")
    await page.fill("#pin", "111222")
    await page.press("#pin", "Enter")
    await page.wait_for_selector("#pin[aria-invalid]")


async def _no_picture(page: Any, _terminal: Any) -> None:
    await page.locator("#lanes button").first.click()
    await page.wait_for_selector("#toast.bad.on")


def having(**more: Any) -> Any:
    """Set what the terminal has, before the page is there."""

    def before(terminal: Any) -> None:
        for name, value in more.items():
            setattr(terminal, name, value)

    return before


MORE = (
    bare("gate connecting", "gate", "connecting", before=having(silent=True)),
    bare("gate waiting, site only", "gate", status={"site_only": True, "unsent": 128_400}, codes=1, needs=("#net",)),
    bare("gate unpaid", "gate", "unpaid", enter=told("gate", {"redemption": "r1", "state": "unpaid"})),
    bare("gate notice scanner", "gate", "notice", enter=told("notice", {"code": "scanner"}), codes=1),
    bare("gate undo refused", "gate", "answer", before=having(refuses=LATE), enter=_undo_refused, codes=1),
    bare("gate strip open", "gate", enter=_strip_open, codes=1, needs=("#language",)),
    bare("gate of a display", "gate", token=terminal_like.DISPLAY, codes=1, needs=("#invite h1",)),
    gate("gate goodbye", grant(intent="exit", obligations={}, list_price_fen=None, offer=None), codes=0),
    gate("gate given back", grant(intent="give_back", obligations={}, list_price_fen=None, offer=None)),
    gate("gate two measures in full", TWO_MEASURES, status=FULL, needs=(".fact.authority",)),
    bare("desk nobody stays", "desk", before=having(rooms=()), codes=1),
    bare("desk check-out asked", "desk", enter=asks("#stays li .main"), codes=1),
    bare("desk claim too much", "desk", enter=_claim_over, codes=1),
    bare("desk claim asked", "desk", enter=_claim_asked, codes=1),
    bare("desk wrong deposit", "desk", enter=_wrong_deposit, needs=("#deposit-problem",), codes=1),
    bare("desk slip", "desk", "answer", enter=_desk_slip, codes=1, needs=(".slip .paper",)),
    bare("desk of a display", "desk", token=terminal_like.DISPLAY, codes=1),
    bare("desk no such lane", "desk", "no_lane", lane="Z"),
    bare("counter code first", "counter", enter=_code_first, needs=("#ask",)),
    bare("counter return form", "counter", enter=_return, needs=("#returned",)),
    bare("counter return too much", "counter", enter=_return_over, needs=("#returned",)),
    bare("counter offer wrong", "counter", enter=_offer_wrong, needs=("#offer-problem",)),
    bare("counter nothing sold", "counter", before=having(rooms=())),
    bare("counter of a display", "counter", token=terminal_like.DISPLAY),
    bare("counter not ready", "counter", "not_ready", status={"ready": False}),
    bare("counter no such lane", "counter", "no_lane", lane="Z"),
    bare("counter free", "counter", "answer", answer=sale(9_900, 100), needs=(".money .pay b",)),
    bare("staff nobody", "staff", before=having(persons=[])),
    bare("staff locked out", "staff", enter=_locked_out, needs=("#pin-problem",)),
    bare("staff payments waiting", "staff", before=having(awaiting=128_000), needs=("#due li",)),
    bare("staff entry stopped", "staff", enter=_unlocked, status={"entry_stopped": True}, needs=("#stop",)),
    bare("staff no reason", "staff", enter=_no_reason, needs=("#why-problem",)),
    bare("staff wrong short code", "staff", enter=_wrong_short, needs=("#short-problem",)),
    bare("staff no such lane", "staff", "no_lane", lane="Z"),
    bare("service every line", "service", before=having(checks=EVERY_LINE), needs=("#verdict",)),
    bare("service no picture", "service", enter=_no_picture),
    bare(
        "service cut", "service", status={"offline": True, "offline_s": 7_300, "unsent": 12, "oldest_unsent_s": 7_200}
    ),
    bare("service forbidden", "service", "forbidden", token="wrong"),
    bare("service code checked", "service", "answer", answer=denial(Reason.RESTRICTED, intent="check")),
    bare(
        "gate rest of a group",
        "gate",
        "answer",
        answer=grant(offer=PARTY, list_price_fen=128_000, obligations={"pay_fen": 64_000}),
        status=GATED,
    ),
)
