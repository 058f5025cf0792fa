"""Every screen by the keyboard alone: Tab comes to all that can be pressed, is seen where it is, and is never lost."""

import pytest
from eyes import Eyes
from states import STATES

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
]

WALKED = (
    "gate waiting",
    "gate three reasons",
    "desk waiting",
    "desk deposit waived",
    "desk claim form",
    "counter 1280",
    "counter offers",
    "counter offer form",
    "staff locked",
    "staff supervisor",
    "staff slip",
    "service",
)
NAME = """const named = (n) => n === document.body ? ""
    : n.id || `${n.localName}.${n.className} ${n.textContent.trim().slice(0, 30)}`;"""
STOPS = f"""() => {{
  {NAME}
  const within = document.querySelector("dialog[open]") ?? document;
  return [...within.querySelectorAll("a[href], button, input, select, textarea, [tabindex]")]
    .filter((n) => n.tabIndex >= 0 && !n.disabled && !n.closest("[inert]"))
    .filter((n) => n.checkVisibility({{ checkVisibilityCSS: true }}))
    .map(named);
}}"""
STOP = f"""() => {{
  {NAME}
  const node = document.activeElement;
  const style = getComputedStyle(node);
  const target = node.type === "checkbox" ? node.closest("label") ?? node : node;
  const box = target.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return {{
    name: named(node),
    ring: style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2,
    seen: Boolean(top) && (top === target || target.contains(top) || top.contains(target)),
  }};
}}"""
MOST = 90  # stops on one screen


async def walked(eyes, terminal):
    """Press Tab until every stop was made; return what was wrong, and the stops made."""
    problems, made = [], set()
    wanted = set(await eyes.page.evaluate(STOPS))
    for _ in range(MOST):
        await eyes.page.keyboard.press("Tab")
        stop = await eyes.page.evaluate(STOP)
        if stop["name"]:
            problems += [f"{stop['name']}: {wrong}" for wrong in ("ring", "seen") if not stop[wrong]]
        made.add(stop["name"])
        if wanted <= made:
            break
    problems += [f"{name}: Tab never comes there" for name in wanted - made]
    return sorted(set(problems))


@pytest.mark.parametrize("size", ["till 1280×800", "narrow 320×640"])
async def test_tab_comes_everywhere_and_is_seen(chromium, terminal, size):
    eyes, found = await Eyes.open(chromium, terminal), {}
    for state in (one for one in STATES if one.name in WALKED):
        await eyes.reach(state, "zh")
        await eyes.resize(size)
        if problems := await walked(eyes, terminal):
            await eyes.keep("keys", state.name, size)
            found[state.name] = problems
    await eyes.page.close()

    assert found == {}


FOCUS = "() => document.activeElement !== document.body && document.activeElement.checkVisibility()"


async def test_arrows_go_from_tab_to_tab_and_tab_leaves_them(open_screen):
    page = await open_screen("counter")
    await page.wait_for_selector('body[data-view="waiting"]')
    await page.focus("#tab-recent")

    await page.keyboard.press("ArrowRight")
    assert await page.evaluate("document.activeElement.id") == "tab-offers"
    assert await page.get_attribute("#tab-offers", "aria-selected") == "true"
    await page.keyboard.press("Tab")

    assert await page.evaluate("document.activeElement.id") == "offer-new"


class TestTheFocusStays:
    async def test_when_an_offer_s_form_is_left(self, open_screen):
        page = await open_screen("counter")
        await page.wait_for_selector('body[data-view="waiting"]')
        await page.click("#tab-offers")
        await page.focus("#offer-new")
        await page.keyboard.press("Enter")

        await page.focus("#offer-cancel")
        await page.keyboard.press("Enter")

        assert await page.evaluate("document.activeElement.id") == "offer-new"

    async def test_when_a_claim_is_left(self, open_screen):
        page = await open_screen("desk")
        await page.wait_for_selector("#stays li >> nth=2")
        await page.locator("#stays li").first.get_by_role("button").nth(1).focus()
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "claim"

        await page.locator("#stays form").get_by_role("button", name="取消").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#stays form", state="detached")

        assert await page.evaluate(FOCUS)

    async def test_when_a_return_is_left_the_next_sum_can_be_typed(self, open_screen):
        page = await open_screen("counter")
        await page.locator("#recent li button").first.focus()
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "returned"

        await page.locator("#recent form").get_by_role("button", name="取消").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#recent form", state="detached")

        assert await page.evaluate("document.activeElement.id") == "amount"

    async def test_when_the_last_one_is_undone(self, open_screen, terminal):
        page = await open_screen("gate")
        await page.wait_for_selector('body[data-view="waiting"]')
        terminal.show("grant")
        await page.focus("#undo:not(:disabled)")
        await page.keyboard.press("Enter")

        await page.wait_for_selector("#undo.armed")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#undo:disabled")

        assert await page.evaluate(FOCUS)

    async def test_when_a_slip_is_closed_whose_row_was_drawn_anew(self, open_screen, terminal):
        page = await open_screen("staff")
        await page.wait_for_selector("#recent li")
        await page.locator("#recent li").first.get_by_role("button").last.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_selector("dialog.slip[open]")
        await page.evaluate("document.querySelector('#recent').replaceChildren()")

        await page.keyboard.press("Escape")
        await page.wait_for_selector("dialog.slip", state="detached")

        assert await page.evaluate(FOCUS)

    async def test_when_a_visitor_comes_while_a_keeper_is_in_the_list(self, open_screen, terminal):
        page = await open_screen("staff")
        await page.wait_for_selector("#recent li")
        await page.locator("#recent li").first.get_by_role("button").last.focus()
        before = await page.evaluate("document.activeElement.textContent")

        terminal.show("standard", "staff")
        await page.wait_for_selector("#recent li >> nth=3")

        assert await page.evaluate("document.activeElement.textContent") == before
