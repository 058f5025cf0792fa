"""A pair of eyes on one page: it is brought from state to state, its clock standing still, and looked at in each.

Rules of this file:

- one page for many states: to lay it out at a size costs milliseconds, to open another costs a second;
- each state is reached from a page loaded anew, so nothing of the state before is on it;
- time stands still on the page (an answer that goes after 3 s waits to be looked at); axe, which needs timers, gets the
  real ones, kept from before;
- the language is switched on the page, as a visitor does; every second state is loaded in English and switched to 中文.
"""

import time
from pathlib import Path

import cv2
import numpy as np
import zxingcpp
from axe_playwright_python.base import AXE_SCRIPT
from states import SIZES

HERE = Path(__file__).parent
PICTURES = HERE.parent.parent / "build" / "look"
LANES = {"gate": "A", "desk": "D", "counter": "C", "staff": "A", "service": "A"}
TILL = "till 1280×800"
AT_ONCE = ("not_ready", "forbidden", "no_lane", "connecting")  # no page waits for a visitor there
CHANGED = ("silent", "refuses", "rooms", "persons", "awaiting", "checks", "locked_out")  # by states, at the terminal
REAL_TIMERS = "window.realTimers = [setTimeout.bind(window), clearTimeout.bind(window)];"
LOOK = f"""async (asked) => {{
  await new Promise((done) => {{ new ResizeObserver(done).observe(document.body); }}); // after all other watchers
  return ({(HERE / "checks.js").read_text()})(asked);
}}"""
AXE = f"""(async (setTimeout, clearTimeout) => {{
  {AXE_SCRIPT};
  const {{ violations }} = await window.axe.run(document, {{ resultTypes: ["violations"] }});
  return violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `axe ${{one.id}}: ${{one.nodes[0].target[0]}} ${{one.help}}`);
}})(...window.realTimers)"""
SWITCH = """() => {
  if (document.querySelector("dialog[open]")) return false; // it keeps every other button out of reach
  document.querySelector("#language").click();
  return true;
}"""


async def serious(page):
    """Return what axe finds serious on a page that was opened with REAL_TIMERS."""
    return await page.evaluate(AXE)


class Eyes:
    """One page of a browser, and what is found on it."""

    def __init__(self, page, terminal):
        self.page = page
        self.terminal = terminal
        self.as_it_was = {name: getattr(terminal, name) for name in CHANGED}
        self.visits = 0

    @classmethod
    async def open(cls, chromium, terminal):
        page = await chromium.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        page.set_default_timeout(20_000)
        await page.add_init_script(REAL_TIMERS)
        await page.clock.install()
        await page.clock.pause_at(time.time() + 1)
        return cls(page, terminal)

    async def reach(self, state, lang):
        """Load the state's page anew and bring it there."""
        page, terminal = self.page, self.terminal
        vars(terminal).update(self.as_it_was | {"status": dict(state.status)})
        if state.before:
            state.before(terminal)
        self.visits += 1
        await self.resize(TILL)
        lane = f"&lane={state.lane}" if state.lane else ""
        await page.goto(f"{terminal.base}/{state.page}?lang={lang}&visit={self.visits}{lane}#token={state.token}")
        start = state.view if state.view in AT_ONCE else "waiting"
        await page.wait_for_selector(f'body[data-view="{start}"]')
        if state.big:
            await page.click("#big")
        if state.answer is not None:
            terminal.tell("decision", {"lane": LANES[state.page], "at_ms": time.time_ns() // 1_000_000, **state.answer})
        elif state.enter is not None:
            await state.enter(page, terminal)
        await page.wait_for_selector(f'body[data-view="{state.view}"]')

    async def switch(self, state, lang):
        """Switch the language as it stands; where a dialog forbids that, reach the state anew."""
        if not await self.page.evaluate(SWITCH):
            await self.reach(state, lang)
        await self.page.wait_for_selector(f'html[lang^="{lang}"]')

    async def resize(self, size):
        width, height = SIZES[size]
        await self.page.set_viewport_size({"width": width, "height": height})

    async def look(self, state, size):
        """Return what is wrong at this size; at the till's, a phone reads the codes as well."""
        await self.resize(size)
        problems = await self.page.evaluate(LOOK, {"codes": state.codes, "needs": list(state.needs)})
        if size == TILL and state.reads:
            texts = await self.codes()
            if len(texts) != 1 or not texts[0].startswith(state.reads):
                problems.append(f"codes: a phone reads {texts}, meant is one {state.reads}…")
        return problems

    async def codes(self):
        """Read every QR code that a phone would see."""
        picture = cv2.imdecode(np.frombuffer(await self.page.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
        return [one.text for one in zxingcpp.read_barcodes(picture)]

    async def axe(self):
        """Return what axe finds serious."""
        return await serious(self.page)

    async def keep(self, *names):
        """Keep a picture of the page as it stands in build/look."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        name = "-".join(" ".join(names).split()).replace("%", "percent").replace("×", "x").replace(",", "")
        await self.page.screenshot(path=PICTURES / f"{name}.png")
