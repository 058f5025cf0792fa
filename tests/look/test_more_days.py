"""A gate keeper's, a receptionist's and a technician's day at a real terminal in a real browser: forty visitors each.

What happens in them says day.py. Nobody is left without a next step: each answer is green, or says what to do.
"""

import pytest
import pytest_asyncio
from day import (
    AHEAD,
    AHEAD_S,
    JAM,
    MENDED,
    OUTCOMES,
    VISITORS,
    opened,
    shown,
    somebody_at_the_gate,
    started_town,
    trouble,
)
from playwright.async_api import TimeoutError as PatienceError

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.xdist_group("days"),  # one town
    pytest.mark.timeout(900),
    pytest.mark.asyncio(loop_scope="session"),
]

PIN = "271828"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory):
    lanes = [{"id": "C", "scene": "shop"}, {"id": "D", "scene": "hotel"}]
    async with started_town(tmp_path_factory.mktemp("days"), lanes=lanes) as built:
        await built.gate.start()
        yield built


def at_the_gate(town, number, known):
    """Return the code of the visitor of this number."""
    visitors, now = town.visitors, town.now_s
    kind = number % 8
    if number == AHEAD:
        return visitors.resident(now()).code(now() + AHEAD_S)
    if kind in (0, 1, 2):
        return visitors.resident(now()).code(now())
    if kind == 3:
        return visitors.person(now(), tier=0).code(now())
    if kind == 4:
        return known.code(now())  # every day's first visit was long ago
    if kind == 5:
        return visitors.resident(now()).code(now() - 90)
    return visitors.next({6: "expired", 7: "forged"}[kind] if number > 8 else "damaged", now()).text


async def test_a_keeper_s_day_of_forty_visitors(chromium, town):
    page = await opened(chromium, town, "gate?lane=A", "desk")
    known, outcomes = town.visitors.resident(town.now_s()), set()
    for number in range(1, VISITORS + 1):
        await trouble(town, number)
        said = await shown(page, at_the_gate(town, number, known), number)
        outcomes.add(said["outcome"] or "stuck")
        if number == MENDED - 1:  # somebody with a right before a jammed gate
            await page.wait_for_selector(".message.stuck")
            assert "工作人员" in await page.locator(".message.stuck").inner_text()
    assert outcomes >= OUTCOMES
    assert page.wrong == []
    await page.close()


async def test_a_keeper_at_the_staff_screen_undoes_takes_money_overrides_and_lets_in_who_has_no_phone(chromium, town):
    head = {"Authorization": f"Bearer {town.gate.tokens['service']}"}
    body = {"person": "王芳", "role": "supervisor", "pin": PIN}
    async with town.gate._session.post(f"{town.gate.url}/v1/staff", json=body, headers=head) as answer:
        assert answer.status == 201
    page = await opened(chromium, town, "staff?lane=A", "desk")
    await page.wait_for_selector("#person option", state="attached")
    await page.fill("#pin", PIN)
    await page.press("#pin", "Enter")
    await page.wait_for_selector("#unlocked:visible")

    owing = town.visitors.person(town.now_s(), city="nanshan", tier=7)
    asked = await town.gate.present(owing.code(town.now_s()), intent="enter")
    await page.wait_for_selector("#due li .main")
    await twice(page, "#due li .main")
    await town.until(lambda: asked["redemption"] in opened_for(town))

    granted = town.visitors.resident(town.now_s())
    await page.fill("#why", "当面核对了证件")
    await page.fill("#override-code", granted.code(town.now_s()))
    await page.press("#override-code", "Enter")
    await page.wait_for_selector('#stage .result[data-outcome="GRANT"]')
    await town.until(lambda: "override" in town.kinds())

    passed = await town.gate.present(town.visitors.resident(town.now_s()).code(town.now_s()), intent="enter")
    await town.gate.step(passed["redemption"], "passed")
    row = f'#recent li[data-key="{passed["redemption"]}"]'
    await page.fill("#why", "游客当场退回")
    await page.wait_for_selector(row)
    await twice(page, f"{row} .acts button:first-child")
    await town.until(lambda: state_is(town, passed["redemption"], "reversed"))

    short = await short_code(town)
    await page.fill("#short", short.lower())
    await page.press("#short", "Enter")
    await page.wait_for_function("() => document.querySelector('#short').value === ''")  # it was answered
    await page.fill("#short", "00000000")
    await page.press("#short", "Enter")
    await page.wait_for_function("() => document.querySelector('#short-problem').textContent.length > 4")
    assert page.wrong == []
    await page.close()


async def test_a_receptionist_s_day_of_forty_guests(chromium, town):
    page = await opened(chromium, town, "desk?lane=D", "desk")
    outcomes = []
    for number in range(1, VISITORS + 1):
        await trouble(town, number)
        if number == JAM:
            await somebody_at_the_gate(town)  # is no matter of this desk
        await page.wait_for_selector('body:not([data-view="lost"]):not([data-view="connecting"])')
        await page.wait_for_selector("#challenge svg")
        await page.fill("#room", f"{100 + number}")
        outcomes.append((await shown(page, await guest(town, number), number))["outcome"])
        assert await page.locator("#challenge").is_visible()  # the next guest's phone can answer at once
        await page.click("#next")
        if number % 10 == 5:
            before = await page.locator("#stays li").count()
            await twice(page, "#stays li .main")
            await page.wait_for_function("(n) => document.querySelectorAll('#stays li').length < n", arg=before)
    assert outcomes.count("GRANT") >= 12
    assert set(outcomes) == OUTCOMES
    assert page.wrong == []
    await page.close()


async def test_a_technician_s_day_of_forty_codes(chromium, town):
    """Visitors who were not let in come to the technician: their codes are looked at, and what is ill is mended."""
    page = await opened(chromium, town, "service", "service")
    await page.wait_for_selector("#verdict.GRANT")
    known, outcomes = town.visitors.resident(town.now_s()), set()
    for number in range(1, VISITORS + 1):
        await trouble(town, number)
        if number == JAM:
            await jammed(page, town)
        if number == MENDED:
            await somebody_at_the_gate(town)
            await page.wait_for_selector("#verdict.GRANT")
        before = await page.evaluate("Number(document.body.dataset.answers ?? 0)")
        said = await shown(page, at_the_gate(town, number, known), before + 1)
        assert said["outcome"], said  # a check opens nothing, so nothing can be stuck
        outcomes.add(said["outcome"])
        if number == 12:  # the line is cut
            line = page.locator("#checks li", has=page.locator(".chip.REFER, .chip.REFUSE")).first
            assert (await line.locator(".mend").inner_text()).strip()
        if number == 21:
            await page.wait_for_selector("#verdict.GRANT")
    await page.click("#sync")
    await page.wait_for_function("() => document.querySelector('#toast').textContent.trim().length > 0")
    assert (await page.locator("#bundle").get_attribute("href")).startswith("data:")
    assert outcomes == OUTCOMES
    assert page.wrong == []
    await page.close()


async def jammed(page, town):
    """Three visitors with a right before a jammed gate: it is the gate, and the page says what to do about it."""
    before = await page.evaluate("Number(document.body.dataset.answers ?? 0)")
    for _ in range(3):
        await somebody_at_the_gate(town)
    await page.wait_for_selector("#verdict.REFUSE")
    bad = page.locator("#checks li", has=page.locator(".chip.REFUSE")).first
    assert "控制器" in await bad.locator(".mend").inner_text()
    await page.wait_for_function("(n) => Number(document.body.dataset.answers ?? 0) >= n", arg=before + 3)


async def twice(page, selector):
    """Press a button that asks once more, and again as soon as it listens; a list drawn anew in between asks anew."""
    for _ in range(10):
        await page.locator(selector).first.click()
        try:
            await page.locator(selector).and_(page.locator(".armed")).first.click(timeout=3_000)
        except PatienceError:
            continue
        return
    raise AssertionError(selector)


def opened_for(town):
    path = town.folder / "openings"
    return path.read_text() if path.is_file() else ""


async def state_is(town, redemption, wanted):
    return await town.gate.state_of(redemption) == wanted


async def short_code(town):
    token = (town.platform.state / "operator-token").read_text().strip()
    body = {"city": "yunxi", "subject": "granny-li", "tier": 5, "test": True}
    head = {"Authorization": f"Bearer {token}"}
    async with town.gate._session.post(f"{town.platform.url}/v1/admin/short", json=body, headers=head) as answer:
        return (await answer.json())["short"]


async def guest(town, number):
    """Return the code of a guest: most answer the challenge, some do not, some have no right, some are late."""
    visitors, now = town.visitors, town.now_s
    if number % 8 == 3:
        return visitors.person(now(), tier=4).code(now())
    if number % 8 == 6:
        return visitors.next("forged", now()).text
    challenge = bytes.fromhex((await town.gate._call("GET", "/v1/lanes/D"))["challenge"])
    if number % 8 == 5:
        return visitors.person(now(), tier=0).code(now(), challenge=challenge)
    if number % 8 == 7:
        return visitors.next("expired", now()).text
    return visitors.person(now(), tier=4).code(now(), challenge=challenge)
