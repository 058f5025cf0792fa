"""A cashier's days at a real terminal in a real browser, forty customers each: one with the keyboard alone, one with a
hand scanner alone. What happens in them says day.py; nobody is left without a sum to pay or a next step.
"""

import asyncio
import functools
import itertools

import pytest
import pytest_asyncio
from day import AHEAD, AHEAD_S, JAM, OUTCOMES, VISITORS, opened, somebody_at_the_gate, started_town, told, trouble

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.xdist_group("cashier"),  # one town
    pytest.mark.timeout(900),
    pytest.mark.asyncio(loop_scope="session"),
]

LANES = [{"id": "C", "scene": "shop"}]
RETURNS = (3, 12, 26)  # after the first sale from here on: at first, while the line is cut, after the power cut
MOST_STOPS = 60  # of Tab on the counter
KEY_BY_KEY = 8  # customers, one of each kind
BAD = ("forged", "expired", "damaged")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory):
    async with started_town(tmp_path_factory.mktemp("day"), lanes=LANES) as built:
        await built.gate.start()
        yield built


def codes(town):
    """Yield codes without end, each drawn when it is shown: good ones, and all that goes wrong at a counter."""
    visitors, now = town.visitors, town.now_s
    whose = visitors.person(now(), tier=3)
    ways = (
        lambda: visitors.person(now(), tier=3).code(now()),  # tier 3: a tenth off
        lambda: whose.code(now()),
        lambda: whose.code(now()),
        lambda: visitors.person(now(), tier=3).code(now() - 90),
        lambda: visitors.person(now(), tier=3).code(now()).lower(),
        *(functools.partial(lambda kind: visitors.next(kind, now()).text, kind) for kind in BAD),
    )
    for number in itertools.count():
        yield ways[number % len(ways)]()


async def customer(town, shown, number):
    """Let happen what happens at this customer, and return their code."""
    await trouble(town, number)
    if number == JAM:
        await somebody_at_the_gate(town)  # is no matter of this counter
    if number == AHEAD:
        return town.visitors.person(town.now_s(), tier=3).code(town.now_s() + AHEAD_S)
    return next(shown)


async def served(page, number):
    """Wait for the answer number `number` since the page was opened; return its outcome."""
    said = await told(page, number)
    assert said["pay"] or said["outcome"] == "REFUSE", said
    assert await page.evaluate("document.activeElement.id") == "amount"
    return said["outcome"]


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


async def gives_back(page):
    """Let the last customer bring a part back: by Tab to the newest sale, its sum typed, asked once more."""
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.matches('#recent li:first-child .acts button')"):
            break
    await page.keyboard.press("Enter")
    await page.wait_for_function("document.activeElement.id === 'returned'")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("5")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#recent form .armed")
    assert "5.00" in await page.inner_text("#recent form .armed")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#recent li:first-child:not(:has(form))")
    assert "5.00" in await page.inner_text("#recent li:first-child")
    await page.wait_for_function("document.activeElement.id === 'amount'")


async def test_a_cashier_s_day_with_the_keyboard_alone(chromium, town):
    page = await opened(chromium, town, "counter?lane=C", "desk")
    shown, outcomes, returning = codes(town), set(), list(RETURNS)
    for number in range(1, VISITORS + 1):
        code = await customer(town, shown, number)
        await page.wait_for_selector('body:not([data-view="lost"]):not([data-view="connecting"])')
        if number % 8 == 0:  # a mistyped sum on the way
            await page.keyboard.type("12,50")
            await page.keyboard.press("Enter")
            await page.wait_for_selector("#amount[aria-invalid]")
            await page.keyboard.press("Control+A")
        await page.keyboard.type(f"{number}8.5")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "code"
        await page.keyboard.insert_text(code)
        await page.keyboard.press("Enter")
        outcomes.add(outcome := await served(page, number))
        if outcome == "GRANT" and returning and number >= returning[0]:
            returning.pop(0)
            await gives_back(page)
    assert outcomes == OUTCOMES
    assert returning == []
    assert page.wrong == []
    await page.close()


async def test_a_cashier_s_day_with_the_scanner_alone(chromium, town):
    """Sums come from a card of bar codes; the scanner types and ends with Enter, whatever has the focus."""
    page = await opened(chromium, town, "counter?lane=C", "desk")
    shown, outcomes = codes(town), set()
    for number in range(1, VISITORS + 1):
        code = await customer(town, shown, number)
        await page.wait_for_selector('body:not([data-view="lost"]):not([data-view="connecting"])')
        for burst in (f"{number}8.50", code) if number % 2 or "XG1:" not in code else (code, f"{number}8.50"):
            await scanned(page, burst, whole=number <= KEY_BY_KEY)
        outcomes.add(await served(page, number))
    assert outcomes == OUTCOMES
    assert page.wrong == []
    await page.close()
