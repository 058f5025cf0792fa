"""A shopkeeper writes own offers at the counter's screen, in a real Chromium, against a real terminal."""

import importlib.util
import os
from pathlib import Path

import pytest
import pytest_asyncio

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

_SPEC = importlib.util.spec_from_file_location("process_town", Path(__file__).parents[1] / "processes" / "conftest.py")
_TOWN = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_TOWN)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory):
    async with _TOWN.started_town(tmp_path_factory.mktemp("counter"), lanes=[{"id": "C", "scene": "shop"}]) as built:
        await built.gate.start()
        yield built


@pytest_asyncio.fixture(loop_scope="module")
async def counter(chromium, shop):
    """Return a function that opens the counter's screen at its offers."""
    pages, problems = [], []

    async def opened(*, lang="zh", role="desk"):
        page = await chromium.new_page(viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: problems.append(error))  # noqa: PLW0108 - playwright marks the function
        await page.goto(f"{shop.gate.url}/counter?lane=C&lang={lang}#token={shop.gate.tokens[role]}")
        await page.wait_for_selector('body[data-view="waiting"]')
        await page.click("#tab-offers")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        await page.close()
    assert problems == []


async def picture(page, name):
    if folder := os.environ.get("XINGUAN_PICTURES"):
        await page.screenshot(path=f"{folder}/{name}.png")


async def write(page, zh, **fields):
    await page.click("#offer-new")
    await page.fill("#offer-zh", zh)
    for name, value in fields.items():
        await (page.select_option if name in ("kind", "period") else page.fill)(f"#offer-{name}", value)
    await page.click("#offer-form button:not([type])")


async def sells(shop, page, amount="30"):
    who = shop.visitors.person(shop.now_s(), tier=1)
    await page.fill("#amount", amount)
    await page.fill("#code", who.code(shop.now_s()))
    await page.press("#code", "Enter")


async def twice(page, selector):
    await page.click(selector)
    await page.click(f"{selector}.armed")


async def test_a_gift_is_written_given_and_counted_and_the_undo_takes_the_withdrawal_back(shop, counter):
    page = await counter()
    await write(page, "赠龙井一杯", en="A cup of tea", kind="gift", value="龙井", stock="2", limit="1")
    row = page.locator("#offers li", has_text="赠龙井一杯")
    await row.get_by_text("剩 2，共 2").wait_for()
    assert "每人每天限 1 次" in await row.inner_text()

    await sells(shop, page)
    await page.wait_for_selector(".result.GRANT")
    assert await page.locator(".result .local").inner_text() == "本店优惠 · This shop's own offer"
    assert await page.locator(".result .item").inner_text() == "龙井"
    await row.get_by_text("剩 1，共 2").wait_for()
    await picture(page, "counter-offers-zh")

    await twice(page, "#offers .acts button:last-child")
    await row.get_by_text("已停用").wait_for()
    await twice(page, "#offer-undo")
    await row.get_by_text("剩 1，共 2").wait_for()
    assert await page.locator("#offer-undo").is_disabled()

    await page.click("#tab-recent")
    assert "本店优惠" in await page.locator("#recent li").first.inner_text()


async def test_a_reduction_is_asked_in_zhe_shown_before_it_is_saved_and_what_is_wrong_is_said_in_plain_words(counter):
    page = await counter()
    await write(page, "全免", kind="percent", value="150")

    problem = page.locator("#offer-problem")
    await problem.get_by_text("例如 8 或 8.5").wait_for()
    assert await page.input_value("#offer-zh") == "全免"
    await page.fill("#offer-value", "80")
    await page.click("#offer-form button:not([type])")
    await problem.get_by_text("例如 8 或 8.5").wait_for()
    await page.fill("#offer-value", "8.5")
    assert await page.locator("#offer-preview").inner_text() == "例如 ¥100.00 → ¥85.00"
    await page.fill("#offer-from", "2026-12-31")
    await page.fill("#offer-until", "2026-12-01")
    await page.click("#offer-form button:not([type])")
    await problem.get_by_text("请对调").wait_for()
    spill = await page.evaluate(
        "() => { const book = document.querySelector('.book'), edge = book.getBoundingClientRect().right;"
        " return [...book.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > edge)"
        ".map((one) => one.id || one.tagName); }"
    )
    assert spill == []
    await picture(page, "counter-offer-form-zh")


async def test_editing_the_title_leaves_the_stock_alone_and_a_new_number_counts_anew(shop, counter):
    page = await counter(lang="en")
    await write(page, "立减五元", en="Five off", kind="amount", value="5", stock="9")
    row = page.locator("#offers li", has_text="Five off")
    await row.get_by_text("9 of 9 left").wait_for()
    await sells(shop, page)
    await row.get_by_text("8 of 9 left").wait_for()

    await row.get_by_text("Edit").click()
    await page.fill("#offer-en", "Five yuan off")
    await page.click("#offer-form button:not([type])")
    row = page.locator("#offers li", has_text="Five yuan off")
    await row.get_by_text("8 of 9 left").wait_for()
    assert "Uses left" not in await page.locator("#stage").inner_text()  # the tea's limit is not this offer's

    await row.get_by_text("Edit").click()
    assert await page.input_value("#offer-stock") == "8"
    await page.fill("#offer-stock", "20")
    await page.click("#offer-form button:not([type])")
    await row.get_by_text("20 of 20 left").wait_for()
    await picture(page, "counter-offers-en")


async def test_another_counter_s_change_shows_by_itself(counter):
    here, there = await counter(), await counter()

    await write(there, "一口价九块九", kind="fixed_price", value="9.9")

    await here.locator("#offers li", has_text="¥9.90").wait_for()


async def test_a_display_shows_the_offers_and_no_button(counter):
    page = await counter(role="display")

    await page.locator("#offers li").first.wait_for()
    assert not await page.locator("#offer-new").is_visible()
    assert not await page.locator("#offers .acts").first.is_visible()
