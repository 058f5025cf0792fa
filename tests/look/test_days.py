"""Days at a real terminal in a real browser: a cashier's with the keyboard alone and with a scanner alone, a keeper's.

Nobody is left without a next step: each answer says what to pay, or what to do. In the middle the network is cut, the
plug is pulled, and the gate jams.
"""

import asyncio
import functools
import importlib.util
import itertools
from pathlib import Path

import pytest
import pytest_asyncio

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.xdist_group("cashier"),  # one town
    pytest.mark.timeout(280),
    pytest.mark.asyncio(loop_scope="session"),
]

_SPEC = importlib.util.spec_from_file_location("day_town", Path(__file__).parents[1] / "processes" / "conftest.py")
_TOWN = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_TOWN)
LANES = [{"id": "C", "scene": "shop"}]
CUSTOMERS = 40
KEY_BY_KEY = 8  # customers, one of each kind
LONG_MS = 30_000
BAD = ("forged", "expired", "damaged")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory):
    async with _TOWN.started_town(tmp_path_factory.mktemp("day"), lanes=LANES) as built:
        await built.gate.start()
        yield built


async def opened(chromium, town, page, role):
    tab = await chromium.new_page(viewport={"width": 1280, "height": 800})
    tab.set_default_timeout(LONG_MS)
    tab.wrong = []
    tab.on("pageerror", lambda error: tab.wrong.append(error))  # noqa: PLW0108 - playwright marks the function
    await tab.goto(f"{town.gate.url}/{page}&lang=zh#token={town.gate.tokens[role]}")
    await tab.wait_for_selector('body[data-view="waiting"]')
    return tab


def codes(town):
    """Yield codes without end, each drawn when it is shown: good ones, and all that goes wrong at a counter."""
    visitors, now = town.visitors, town.now_s
    whose = visitors.person(now(), tier=1)
    ways = (
        lambda: visitors.person(now(), tier=1).code(now()),
        lambda: whose.code(now()),
        lambda: whose.code(now()),
        lambda: visitors.person(now(), tier=1).code(now() - 90),
        lambda: visitors.person(now(), tier=1).code(now()).lower(),
        *(functools.partial(lambda kind: visitors.next(kind, now()).text, kind) for kind in BAD),
    )
    for number in itertools.count():
        yield ways[number % len(ways)]()


async def trouble(town, number):
    """Cut the network at the tenth customer, restore it at the twentieth, pull the plug at the twenty-fifth."""
    if number == 10:
        town.network.cut()
    if number == 20:
        town.network.restore()
    if number == 25:
        await town.gate.process.pull_the_plug()
        await town.gate.start()


async def next_step(page):
    """Return what the screen tells to do: a sum to pay, or words; both empty would leave somebody standing."""
    sums = await page.locator("#stage .money .pay b").all_inner_texts()
    words = await page.locator("#stage .next").all_inner_texts()
    return [*sums, *words]


async def served(page, number):
    """Wait for the answer number `number` since the page was opened, and see that it says what comes next."""
    await page.wait_for_selector(f'body[data-answers="{number}"][data-view="answer"]')
    assert await next_step(page)
    assert await page.evaluate("document.activeElement.id") == "amount"


async def scanned(page, text, *, whole):
    """Type as a hand scanner does, nothing waited for in between, Enter at the end.

    To send 350 keys one by one costs a busy machine seconds: where not the `whole` is typed so, it is the first few.
    """
    hands = page.scanner = getattr(page, "scanner", None) or await page.context.new_cdp_session(page)
    single = text if whole else text[:6]
    sent = [hands.send("Input.dispatchKeyEvent", {"type": "keyDown", "key": one, "text": one}) for one in single]
    if rest := text.removeprefix(single):
        sent.append(hands.send("Input.insertText", {"text": rest}))
    sent.append(hands.send("Input.dispatchKeyEvent", {"type": "keyDown", "key": "Enter", "text": "\r"}))
    await asyncio.gather(*sent)


async def test_a_cashier_s_day_with_the_keyboard_alone(chromium, town):
    page = await opened(chromium, town, "counter?lane=C", "desk")
    shown = codes(town)
    for number in range(1, CUSTOMERS + 1):
        await trouble(town, number)
        await page.wait_for_selector('body:not([data-view="lost"]):not([data-view="connecting"])')
        if number % 8 == 0:  # a mistyped sum on the way
            await page.keyboard.type("12,50")
            await page.keyboard.press("Enter")
            await page.wait_for_selector("#amount[aria-invalid]")
            await page.keyboard.press("Control+A")
        await page.keyboard.type(f"{number}8.5")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "code"
        await page.keyboard.insert_text(next(shown))
        await page.keyboard.press("Enter")
        await served(page, number)
    assert page.wrong == []
    await page.close()


async def test_a_cashier_s_day_with_the_scanner_alone(chromium, town):
    """Sums come from a card of bar codes; the scanner types and ends with Enter, whatever has the focus."""
    page = await opened(chromium, town, "counter?lane=C", "desk")
    shown = codes(town)
    for number in range(1, CUSTOMERS + 1):
        await trouble(town, number)
        await page.wait_for_selector('body:not([data-view="lost"]):not([data-view="connecting"])')
        code = next(shown)
        for burst in (f"{number}8.50", code) if number % 2 or "XG1:" not in code else (code, f"{number}8.50"):
            await scanned(page, burst, whole=number <= KEY_BY_KEY)
        await served(page, number)
    assert page.wrong == []
    await page.close()


async def test_a_keeper_s_gate_jams_and_the_screen_says_what_to_do(chromium, town):
    page = await opened(chromium, town, "gate?lane=A", "desk")
    openings = town.folder / "openings"
    who = town.visitors.resident(town.now_s())
    openings.unlink(missing_ok=True)
    openings.mkdir()  # the controller's line cannot be written: the gate is jammed

    await page.keyboard.type(who.code(town.now_s()))
    await page.keyboard.press("Enter")

    await page.wait_for_selector(".message.stuck")
    assert "工作人员" in await page.locator(".message.stuck").inner_text()
    openings.rmdir()
    again = town.visitors.resident(town.now_s())
    await page.keyboard.type(again.code(town.now_s()))
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".result.GRANT")
    assert page.wrong == []
    await page.close()
