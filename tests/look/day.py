"""What the four days have in common: a town, its troubles, and hands at a screen.

In each day the network is cut at the tenth visitor and back at the twentieth, the plug is pulled at the twenty-fifth,
and the gate is jammed from the thirtieth to the thirty-third. At the fifteenth a phone is twenty seconds ahead: with
the line cut nobody can say whether its code was shown elsewhere, so a person has to help.
"""

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("day_town", Path(__file__).parents[1] / "processes" / "conftest.py")
_TOWN = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_TOWN)
started_town = _TOWN.started_town
VISITORS = 40
LONG_MS = 40_000
AHEAD, AHEAD_S = 15, 20
JAM, MENDED = 30, 33
OUTCOMES = {"GRANT", "STANDARD", "REFER", "REFUSE"}
SEEN = """([number]) => {
  const stage = document.querySelector("#stage");
  const text = stage.innerText.trim();
  if (Number(document.body.dataset.answers ?? 0) < number || !text) return null;
  const all = (selector) => [...stage.querySelectorAll(selector)].map((one) => one.innerText.trim()).filter(Boolean);
  const shown = stage.firstElementChild;
  const next = all(".next"), pay = all(".money .pay b");
  return { text, next, pay, shown: shown.className, outcome: shown.dataset.outcome };
}"""


async def opened(chromium, town, page, role, view="waiting"):
    tab = await chromium.new_page(viewport={"width": 1280, "height": 800})
    tab.set_default_timeout(LONG_MS)
    tab.wrong = []
    tab.on("pageerror", lambda error: tab.wrong.append(error))  # noqa: PLW0108 - playwright marks the function
    joint = "&" if "?" in page else "?"
    await tab.goto(f"{town.gate.url}/{page}{joint}lang=zh#token={town.gate.tokens[role]}")
    await tab.wait_for_selector(f'body[data-view="{view}"]')
    return tab


async def told(page, number):
    """Return what the screen says with its answer of this number; somebody who was not let in is told what to do."""
    said = await (await page.wait_for_function(SEEN, arg=[number])).json_value()
    assert said["outcome"] == "GRANT" or said["next"] or "stuck" in said["shown"], said
    return said


async def shown(page, code, number):
    """Put a code into the screen's field, and return what it says then."""
    await page.wait_for_selector('body:not([data-view="lost"]):not([data-view="connecting"])')
    await page.focus("#code")
    await page.keyboard.insert_text(code)
    await page.keyboard.press("Enter")
    return await told(page, number)


async def trouble(town, number):
    """Let happen what happens at this visitor."""
    if number == 10:
        town.network.cut()
    if number == 20:
        town.network.restore()
    if number == 25:
        await town.gate.process.pull_the_plug()
        await town.gate.start()
    if number == JAM:
        jam(town)
    if number == MENDED:
        (town.folder / "openings").rmdir()


def jam(town):
    """Jam the gate: the line of its controller cannot be written."""
    openings = town.folder / "openings"
    if openings.exists():
        openings.rename(town.folder / f"openings.{len(list(town.folder.iterdir()))}")
    openings.mkdir()


async def somebody_at_the_gate(town):
    """Let a visitor with a right stand before the gate, jammed or not."""
    return await town.gate.present(town.visitors.resident(town.now_s()).code(town.now_s()), intent="enter")
