"""The platform's ledger page in a real Chromium: what an operator sees, in both languages."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("town_builder_page", Path(__file__).parents[1] / "sync" / "conftest.py")
_BUILDER = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_BUILDER)
town = _BUILDER.town

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

KEY = "u|wulong/first-visit@site:tiankeng|subject:wulong:07|ever"


def grant(benefit="wulong.first-visit", **more):
    given = [{"benefit": benefit, "issuer": "wulong", "offer": {"kind": "free"}}]
    return {"issuer": "wulong", "class": "bound", "token": "aa", "given": given} | more


@pytest.fixture
async def page(town):
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        opened.problems = []
        opened.on("console", lambda m: opened.problems.append(m.text) if m.type == "error" else None)
        opened.on("pageerror", lambda e: opened.problems.append(str(e)))
        yield opened
        await browser.close()


async def picture(page, name):
    if folder := os.environ.get("XINGUAN_PICTURES"):
        await page.screenshot(path=f"{folder}/{name}.png", full_page=True)


async def test_the_operator_sees_redemptions_arrive_and_conflicts_named(town, page):
    gate, west = await town.terminal("gate-east"), await town.terminal("gate-west")
    uses = [{"key": KEY, "n": 1, "max": 1}]
    await gate.write(redemption="0199f2c5-7a00-7000-8000-0000000000a1", body=grant(uses=uses))
    await gate.write(kind="passed", redemption="0199f2c5-7a00-7000-8000-0000000000a1", body={"step": "passed"})
    await gate.pusher().drain()

    await page.goto(f"{town.url}/#token={town.state.operator_token}")
    await page.locator("#redemptions .mark", has_text="已通过").wait_for()
    await west.write(kind="opened", redemption="0199f2c5-7a00-7000-8000-0000000000b1", body=grant("wulong.umbrella"))
    await west.write(redemption="0199f2c5-7a00-7000-8000-0000000000b2", body=grant(uses=uses))
    await west.pusher().drain()
    await page.locator("#conflicts td", has_text="gate-west #2").wait_for()
    await picture(page, "ledger-zh")
    await page.locator("#language").click()
    await page.locator("h1", has_text="Platform ledger").wait_for()
    await picture(page, "ledger-en")

    assert await page.locator("#terminals tbody tr").count() == 2
    assert await page.locator("#redemptions tbody tr").count() == 3
    assert await page.locator("#sums .bad b").all_inner_texts() == ["1"]
    assert page.problems == []


async def test_without_the_token_nothing_is_shown_and_a_typed_one_opens(town, page):
    await town.terminal("gate-east")
    await page.goto(town.url + "/?lang=en")
    await page.locator("#key").wait_for()
    hidden = await page.locator("main").is_hidden()

    await page.fill("#token", town.state.operator_token)
    await page.locator("#key button").click()
    await page.locator("#terminals td", has_text="gate-east").wait_for()

    assert hidden
    assert await page.locator("#key").is_hidden()


async def test_on_a_phone_the_page_does_not_scroll_sideways(town, page):
    await town.terminal("gate-east")
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.emulate_media(color_scheme="dark")

    await page.goto(f"{town.url}/#token={town.state.operator_token}")
    await page.locator("#terminals td", has_text="gate-east").wait_for()
    await picture(page, "ledger-phone-dark")

    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
