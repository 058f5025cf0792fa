"""The office in a real Chromium: a clerk's and a checker's day, every page at two sizes in both languages, and axe."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe

from central.console.app import console_serving
from central.register.accounts import operators
from central.register.accounts.duties import Duty, Role
from central.register.accounts.passwords import hashed
from central.store import sqlite_books

_SPEC = importlib.util.spec_from_file_location("office_town", Path(__file__).parents[1] / "office" / "office_town.py")
sys.modules["office_town"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(sys.modules["office_town"])
from office_town import AUTHORITY, CITY, NOW, WHO, Office  # noqa: E402

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
]
PASSWORD = "马到成功 2026 go"
SIZES = {"desk": (1280, 800), "phone": (390, 844)}
PAGES = (
    "/",
    "/measures",
    "/drafts",
    "/applications",
    "/rules",
    "/registers",
    "/registers/receipts",
    "/money",
    "/fleet",
    "/acts",
)
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest_asyncio.fixture(loop_scope="session")
async def console(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        made, kept = Office(tmp_path / "state", books), hashed(PASSWORD)
        for name in Role:
            roles = Role if name is Role.AUDITOR else (name,)  # the auditor of this test sees every page and form
            duties = tuple(Duty(CITY, role, AUTHORITY) for role in roles)
            title = f"{name.value} 李"
            await books.write(
                lambda tx, name=name, duties=duties, title=title: operators.add(
                    tx, name.value, title=title, password=kept, duties=duties, now_ms=NOW
                )
            )
        async with console_serving(made.desk, host="127.0.0.1", port=0) as url:
            made.url = url
            yield made


@pytest_asyncio.fixture(loop_scope="session")
async def person(chromium, console):
    """Return a function that logs somebody in, in a browser of their own."""
    contexts = []

    async def logged_in(name, size="desk"):
        width, height = SIZES[size]
        context = await chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
        await page.goto(f"{console.url}/login")
        await page.fill("[name=operator]", name)
        await page.fill("[name=password]", PASSWORD)
        await page.click("button.main")
        await page.wait_for_selector("nav")
        return page

    yield logged_in
    for context in contexts:
        await context.close()


async def picture(page, name):
    if folder := os.environ.get("XINGUAN_PICTURES"):
        await page.screenshot(path=f"{folder}/{name}.png", full_page=True)


async def serious(page):
    found = await Axe().run(page)
    return [
        (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]


async def test_a_clerk_drafts_a_typo_is_said_beside_the_form_and_a_checker_approves(console, person):
    clerk = await person("clerk")
    await clerk.goto(f"{console.url}/measures")
    await clerk.fill("form[action='/do/measure'] [name=subject]", "王小名")
    await clerk.select_option("[name=code]", "302")
    await clerk.fill("[name=until]", "2026-12-31")
    await clerk.fill("form[action='/do/measure'] [name=why]", "多次不文明行为")
    await clerk.click("form[action='/do/measure'] button")
    await clerk.wait_for_selector("#said:not([hidden])")
    assert "没有此人" in await clerk.inner_text("#said")
    assert await clerk.input_value("[name=until]") == "2026-12-31"  # nothing that was typed is lost

    await clerk.fill("form[action='/do/measure'] [name=subject]", WHO)
    await clerk.click("form[action='/do/measure'] button")
    await clerk.wait_for_url("**/drafts/1")
    assert "王* 自" in await clerk.inner_text("main")
    assert await clerk.locator("form[action='/do/approve']").count() == 0

    checker = await person("checker")
    await checker.click("a[href='/drafts/1']")
    await picture(checker, "office-draft")
    await checker.fill("form[action='/do/approve'] [name=why]", "核对无误")
    await checker.click("form[action='/do/approve'] button")
    await checker.wait_for_selector("text=已生效")

    assert [one["code"] for one in console.published()["entries"]] == [302]
    assert checker.problems == []
    assert all("400" in one for one in clerk.problems)  # the refusal, as the browser notes it


async def test_a_session_cookie_is_kept_by_a_real_browser_and_read_by_no_script(console, person):
    page = await person("clerk")

    kept = {one["name"]: one for one in await page.context.cookies()}
    seen = await page.evaluate("() => document.cookie")

    assert kept["__Host-xg-session"]["httpOnly"]
    assert kept["__Host-xg-session"]["sameSite"] == "Strict"
    assert "xg-session" not in seen


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_page_fits_and_axe_finds_nothing_serious(console, person, size, lang):
    draft = await console.measure()
    await console.call(console.checker, "approve", draft=draft["number"])
    page = await person("auditor", size)
    if lang == "en":
        await page.click("form[action='/lang'] button")
        await page.wait_for_selector("html[lang=en]")
    found = {}
    for path in (*PAGES, "/drafts/1", "/measures/1"):
        await page.goto(console.url + path)
        await picture(page, f"office-{size}-{lang}{path.replace('/', '-')}")
        too_wide, faults = await page.evaluate(WIDE), await serious(page)
        if too_wide > 0 or faults:
            found[path] = (too_wide, faults)

    assert found == {}
    assert page.problems == []
