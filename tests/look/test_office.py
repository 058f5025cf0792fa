"""The office in a real Chromium: a clerk's and a checker's day, every page at two sizes in both languages, and axe."""

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from python_calamine import CalamineWorkbook

from central.console.app import build_console, console_serving
from central.console.pages.desk_pages import FILES
from central.office import entries
from central.office.approving.evidence import add_evidence
from central.office.desk import Desk
from central.register.accounts import operators
from central.register.accounts.duties import Duty, Role
from central.register.accounts.passwords import hashed
from central.store import sqlite_books

_SPEC = importlib.util.spec_from_file_location("office_town", Path(__file__).parents[1] / "office" / "office_town.py")
sys.modules["office_town"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(sys.modules["office_town"])
from office_town import AUTHORITY, CITY, NOW, WHO, Office  # noqa: E402

_SPEC = importlib.util.spec_from_file_location("good_forms", Path(__file__).parents[1] / "office" / "good_forms.py")
sys.modules["good_forms"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(sys.modules["good_forms"])
from good_forms import Town, overrun, terminal  # noqa: E402

_SPEC = importlib.util.spec_from_file_location("office_books", Path(__file__).parents[1] / "office" / "conftest.py")
_BOOKS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_BOOKS)
Journal = _BOOKS.Journal

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
]
PASSWORD = "马到成功 2026 go"
SIZES = {"desk": (1280, 800), "phone": (390, 844), "narrow": (320, 640)}
PAGES = (
    "/",
    "/measures",
    f"/measures?subject={WHO}",
    "/measures/1",
    "/letters/measure/1",
    "/letters/case/1",
    "/drafts",
    "/drafts/1",
    "/drafts?state=open",
    "/drafts/99",  # which is not there
    "/applications",
    "/applications/APPLICATION",
    *(f"/rules?file={name}" for name in FILES),
    "/registers",
    "/registers/receipts",
    f"/registers/receipts?subject={WHO}",
    "/money",
    "/money?first=2026-09-01&last=2026-09-30",
    "/fleet",
    "/acts",
)
"""Every page there is (`test_every_page_of_the_console_is_looked_at`), with what it shows when there is something."""
SMALL = """() => [...document.querySelectorAll("main button, main select, main input:not([type=hidden])")]
    .map((one) => [one.name || one.textContent, (one.closest("label.check") || one).getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.height < 24 || box.width < 24)).map(([name]) => name.trim())"""
"""What a finger cannot meet: controls of less than 24 pixels (WCAG 2.2, 2.5.8)."""
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


def test_every_page_of_the_console_is_looked_at(tmp_path):
    app = build_console(Desk(tmp_path, None, lambda: NOW))
    there = {one.resource.canonical for one in app.router.routes() if one.method == "GET"}
    looked_at = {re.sub(r"(?<=/)([0-9]+|APPLICATION)$", "X", path.partition("?")[0]) for path in (*PAGES, "/login")}
    files = {"/applications/{application}/evidence/{sha256}", "/money/report.{kind}"}
    no_pages = {"/healthz", "/v1/office/openapi.json", "/static/"}

    assert {re.sub(r"\{[a-z]+\}$", "X", path) for path in there - files - no_pages if "static" not in path} == looked_at


async def a_year_of_work(console):
    """Let there be something on every page; return the application's name."""
    town = Town(console, CITY)
    draft = await console.measure()
    await console.call(console.checker, "approve", draft=draft["number"])
    await console.measure(code=301)
    await console.call(console.clerk, "dispute", city=CITY, entry=1)
    await overrun(town)
    await terminal(town)
    _wish, about = await town.application()
    await add_evidence(console.desk, console.clerk, about["application"], name="志愿服务证明.pdf", content=b"%PDF-1.7")
    await town.application(approved=True)
    gate = await Journal(console.books, "gate-of-the-eastern-mountain").enrol("yunling-shan")
    offer = {"kind": "percent", "off_fen": 123_456_700, "to_pay_fen": 9_000}
    item = {"benefit": f"{CITY}.gate-half", "code": 2, "issuer": CITY, "offer": offer}
    whose = entries.pseudonym_of(console.folder, CITY, WHO)
    body = {"issuer": CITY, "site": "yunling-shan", "subject": whose, "heads": 1, "given": [item]}
    await gate.bring(("granted", "r1", body))
    return about["application"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_page_fits_and_axe_finds_nothing_serious(console, person, size, lang):
    application = await a_year_of_work(console)
    page = await person("auditor", size)
    if lang == "en":
        await page.click("form[action='/lang'] button")
        await page.wait_for_selector("html[lang=en]")
    found = {}
    for path in ("/login", *PAGES):
        await page.goto(console.url + path.replace("APPLICATION", application))
        await picture(page, f"office-{size}-{lang}{path.replace('/', '-').replace('?', '-')[:60]}")
        too_wide, faults = await page.evaluate(WIDE), [] if size == "narrow" else await serious(page)
        small = await page.evaluate(SMALL)
        if too_wide > 0 or faults or small:
            found[path] = (too_wide, faults, small)

    assert found == {}
    assert [one for one in page.problems if "404" not in one] == []


async def test_a_finance_month_sums_a_conflict_that_is_settled_and_the_report_as_a_spreadsheet(console, person):
    def grant(name, key, **more):
        offer = {"kind": "percent", "off_fen": 1_000, "to_pay_fen": 9_000}
        item = {"benefit": "yunling.gate-half", "code": 2, "issuer": CITY, "offer": offer}
        uses = [{"key": key, "n": 1, "max": 1}]
        body = {"issuer": CITY, "site": "yunling-shan", "heads": 1, "given": [item], "amount_fen": 10_000, "uses": uses}
        return "granted", name, body | more

    key = f"u|{CITY}/first@site:yunling-shan|subject:{CITY}:07|ever"
    part = {"step": "reversed_part", "whole": False, "fen": 4_000, "heads": 0}
    gate, shop = [await Journal(console.books, name).enrol("yunling-shan") for name in ("t1", "t2")]
    await gate.bring(grant("r1", key), grant("r2", "u|x"), ("reversed", "r2", part))
    await shop.bring(grant("r3", key))

    page = await person("finance")
    await page.click("nav a[href='/money']")
    await page.fill("[name=first]", "2026-09-01")
    await page.fill("[name=last]", "2026-09-30")
    async with page.expect_navigation():
        await page.click("form[action='/money'] button")
    told = await page.inner_text("main")
    assert ["26.00" in told, "36.00" in told, key in told] == [True, True, True]  # off, refund, the conflict

    await page.click("details:has(input[value=charged]) > summary")
    form = "form[action='/do/settle-conflict']:has(input[value=charged])"
    await page.check(f"{form} input[value=charged]")
    await page.fill(f"{form} [name=why]", "第二道门未联网，由场所承担")
    async with page.expect_navigation():
        await page.click(f"{form} button")
    assert "第二道门未联网" in await page.inner_text("main")
    await picture(page, "office-finance-month")

    async with page.expect_download() as begun:
        await page.click("a[href='/money/report.xlsx?half=2026H2']")
    path = await (await begun.value).path()
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    assert any(26.0 in row and 36.0 in row for row in rows)
    assert page.problems == []

    clerk = await person("clerk")
    assert await clerk.locator("nav a[href='/money']").count() == 0
    await clerk.goto(f"{console.url}/money")
    assert "36.00" not in await clerk.inner_text("main")
