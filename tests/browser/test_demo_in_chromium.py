"""The demo as a newcomer meets it: real processes, a phone before a real camera stream, the page in a real browser."""

import asyncio
import json
import re
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

START_S = 120
LONG_MS = 30_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo():
    """Yield (address of the page, folder, process) of a running demo."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "edge.cli",
        "demo",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told = bytearray()

    async def listen():
        while chunk := await process.stderr.read(4096):
            told.extend(chunk)

    listening = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(START_S):
            while not (found := re.search(rb"http://127\S+#key=\S+", line := await process.stdout.readline())):
                assert line, told.decode()
        folder = re.search(rb"state folder: (\S+)", told)[1].decode()
        yield found[0].decode(), Path(folder), process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await process.wait()
        await listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(chromium, demo):
    page = await chromium.new_page(viewport={"width": 1920, "height": 1080})
    page.asked = set()
    page.on("request", lambda request: page.asked.add(urlsplit(request.url).netloc))
    await page.goto(demo[0])
    await page.wait_for_selector("body:not(.starting)")
    await (
        page.frame_locator('iframe[data-screen="gate"]').locator('body[data-view="waiting"]').wait_for(timeout=LONG_MS)
    )
    yield page
    await page.close()


async def visitor(page, kind, outcome):
    """Send a visitor and wait until the gate's own screen shows what it must."""
    await page.click(f'[data-do="{kind}"]')
    gate = page.frame_locator('iframe[data-screen="gate"]')
    await gate.locator(f".result.{outcome}").wait_for(timeout=LONG_MS)
    await page.wait_for_selector(f'[data-do="{kind}"]:not(.busy)', timeout=LONG_MS)
    return gate


async def test_the_gate_screen_grants_says_standard_and_refuses(page):
    gate = await visitor(page, "eligible", "GRANT")
    await visitor(page, "second", "STANDARD")
    await visitor(page, "forged", "REFUSE")

    assert await page.locator("#seen li").count() == 3
    assert await page.locator("#seen .wrong").count() == 0
    assert "拒绝" in await gate.locator("#last").inner_text()


async def test_the_network_is_cut_facts_wait_and_arrive_once_it_is_back(page):
    await page.click('[data-do="cut"]')
    await page.click('[data-do="counter"]')
    await page.locator("section.counter i.state.unsent").wait_for(timeout=LONG_MS)
    for screen in ("gate", "counter"):  # no screen says that it is online meanwhile: at most the site's hub is in reach
        strip = page.frame_locator(f"section.{screen} iframe")
        await strip.locator("#net:not(.on)").wait_for(timeout=LONG_MS)

    await page.click('[data-do="restore"]')
    await page.locator("section.counter i.state.unsent").wait_for(state="detached", timeout=LONG_MS)
    await page.frame_locator("section.gate iframe").locator("#net.on").wait_for(timeout=LONG_MS)

    assert await page.locator("#lost").inner_text() == "0"
    assert await page.locator("#twice").inner_text() == "0"


async def test_the_plug_is_pulled_and_the_gate_comes_back(page):
    gate = page.frame_locator('iframe[data-screen="gate"]')

    await page.click('[data-do="plug"]')
    await gate.locator(".message.lost").wait_for(timeout=LONG_MS)
    await gate.locator('body[data-view="waiting"]').wait_for(timeout=LONG_MS)

    assert await page.locator("#toast.on").count() == 0


async def test_a_visitor_is_restricted_and_repaired(page):
    await visitor(page, "foreign", "GRANT")
    for name in ("restrict", "repair"):
        await page.wait_for_selector(f'[data-do="{name}"]:not(:disabled)')
        await page.click(f'[data-do="{name}"]')
        await page.wait_for_selector(f'[data-do="{name}"]:not(.busy)', timeout=LONG_MS)

    assert await page.locator("#toast").inner_text() == ""
    assert await page.locator("#latency b").count() == 2


async def test_a_guest_checks_in_and_the_desk_lists_the_stay(page):
    desk = page.frame_locator('iframe[data-screen="desk"]')

    await page.click('[data-do="desk"]')
    await desk.locator("#stays li").wait_for(timeout=LONG_MS)
    await desk.locator("#stays li button.main").click()
    await desk.locator("#stays li button.main.armed").click()  # a second click at once is a slip and does nothing

    await desk.locator("#no-stays").wait_for(timeout=LONG_MS)


async def test_in_english_all_three_screens_are_english(page):
    screens = [page.frame_locator(f'iframe[data-screen="{name}"]') for name in ("gate", "desk", "counter")]
    await page.click("#language")
    for screen in screens:
        await screen.locator('html[lang="en"]').wait_for(state="attached", timeout=LONG_MS)
    await screens[0].get_by_text("Please show your credit code").first.wait_for(timeout=LONG_MS)

    await page.click("#language")
    for screen in screens:
        await screen.locator('html[lang="zh-CN"]').wait_for(state="attached", timeout=LONG_MS)


async def test_the_page_and_all_its_screens_come_through_one_port(page, demo):
    assert page.asked == {urlsplit(demo[0]).netloc}


async def test_a_page_without_the_key_learns_nothing(chromium, demo):
    page = await chromium.new_page()
    await page.goto(demo[0].split("#")[0])

    await page.locator("#veil p", has_text="open the address").wait_for()
    assert await page.locator("iframe[src]").count() == 0
    await page.close()


async def test_ctrl_c_ends_every_process_and_removes_the_folder(demo):
    _url, folder, process = demo
    assert processes_of(folder)

    process.send_signal(signal.SIGINT)
    assert await process.wait() == 0

    assert processes_of(folder) == []
    assert not folder.exists()


def processes_of(folder):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(folder).encode() in command:
                found.append(command)
    return found


@pytest.mark.e2e
async def test_the_check_ends_well_with_one_object_and_in_time():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "edge.cli", "demo", "--check", stdout=asyncio.subprocess.PIPE
    )
    out, _err = await process.communicate()

    report = json.loads(out)
    assert process.returncode == 0
    assert list(report) == [
        "scans",
        "granted",
        "standard",
        "refer",
        "refused",
        "journal_records",
        "platform_records",
        "lost",
        "duplicated",
        "unexpected",
        "wall_s",
    ]
    assert report["lost"] == report["duplicated"] == report["unexpected"] == 0
    assert report["scans"] >= 16
    assert report["journal_records"] == report["platform_records"]
