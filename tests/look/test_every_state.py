"""Every screen in every state, at seven sizes and in both languages, looked at by rules a pair of eyes would use.

What is found is listed whole; a picture of each place where something was found is kept in build/look.
"""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from axe_playwright_python.async_playwright import Axe
from states import SIZES, STATES

pytestmark = [pytest.mark.look, pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]

HERE = Path(__file__).parent
CHECKS = (HERE / "checks.js").read_text()
PICTURES = HERE.parent.parent / "build" / "look"
TILL = "till 1280×800"
LAID_OUT = (
    "() => new Promise((done) => { new ResizeObserver(done).observe(document.body); })"  # after all other watchers
)
SERIOUS = ("serious", "critical")
LANES = {"gate": "A", "desk": "D", "counter": "C", "staff": "A", "service": "A"}


async def reach(chromium, terminal, state, lang):
    """Open a page in the state, with its clock standing still."""
    terminal.status = dict(state.status)
    page = await chromium.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page.set_default_timeout(8_000)
    await page.clock.install()
    await page.clock.pause_at(time.time() + 1)
    lane = f"&lane={state.lane}" if state.lane else ""
    await page.goto(f"{terminal.base}/{state.page}?lang={lang}{lane}#token={state.token}")
    start = state.view if state.view in ("not_ready", "forbidden", "no_lane") else "waiting"
    await page.wait_for_selector(f'body[data-view="{start}"]')
    if state.big:
        await page.click("#big")
    if state.answer is not None:
        terminal.tell("decision", {"lane": LANES[state.page], "at_ms": time.time_ns() // 1_000_000, **state.answer})
    elif state.enter is not None:
        await state.enter(page, terminal)
    await page.wait_for_selector(f'body[data-view="{state.view}"]')
    return page


async def codes_on(page):
    """Read every QR code that a phone would see."""
    picture = cv2.imdecode(np.frombuffer(await page.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    return [one.text for one in zxingcpp.read_barcodes(picture)]


async def axe_says(page):
    """Let axe look; it needs a clock that runs."""
    await page.clock.resume()
    found = await Axe().run(page)
    return [
        f"axe {one['id']}: {one['nodes'][0]['target'][0]} {one['help']}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
    ]


async def looked_at(page, state, size):
    """Return what is wrong at this size; at the till's, a phone reads the codes as well."""
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.evaluate(LAID_OUT)
    problems = await page.evaluate(CHECKS, {"codes": state.codes, "needs": list(state.needs)})
    if size == TILL and state.reads:
        texts = await codes_on(page)
        if len(texts) != 1 or not texts[0].startswith(state.reads):
            problems.append(f"codes: a phone reads {texts}, meant is one {state.reads}…")
    return problems


async def keep(page, *names):
    PICTURES.mkdir(parents=True, exist_ok=True)
    name = "-".join(" ".join(names).split()).replace("%", "percent").replace("×", "x").replace(",", "")
    await page.screenshot(path=PICTURES / f"{name}.png")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
async def test_nothing_is_wrong_to_the_eye(chromium, terminal, state, lang):
    page = await reach(chromium, terminal, state, lang)
    found = []
    for size in sorted(state.sizes, key=lambda size: size == TILL):  # the till last: axe lets the clock run on
        problems = await looked_at(page, state, size)
        if problems:
            await keep(page, state.name, lang, size)
        found += [f"{size}: {problem}" for problem in problems]
    if lang == "zh" or state.name.endswith("waiting"):  # axe looks at structure and colours: they are the same in both
        found += await axe_says(page)
    await page.close()

    assert not found, "\n" + "\n".join(found)
