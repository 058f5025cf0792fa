"""A real Chromium, and a server that speaks the terminal's API with answers of the test's choosing."""

import importlib.util
import shutil
import sys
import time
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import async_playwright

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"]

spec = importlib.util.spec_from_file_location("terminal_like", HERE / "terminal_like.py")
terminal_like = importlib.util.module_from_spec(spec)
sys.modules["terminal_like"] = terminal_like
spec.loader.exec_module(terminal_like)


async def started_chromium():
    """Yield a browser."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


async def started_terminal():
    """Yield the look-alike: `.url(page)`, `.tell(event, data)`, `.state` and what was posted in `.posted`."""
    look = terminal_like.LookAlike()
    async with TestServer(look.app) as server:
        look.base = str(server.make_url("")).rstrip("/")
        yield look
        await look.close()


async def screens(chromium, terminal):
    """Return a function that opens a page of the terminal; on a `still` one no time passes but by `page.clock`."""

    pages = []

    async def opened(name, *, lang="zh", width=1280, height=800, token=terminal_like.TOKEN, still=False):
        page = await chromium.new_page(viewport={"width": width, "height": height})
        problems = []
        page.on("pageerror", lambda error: problems.append(error))  # noqa: PLW0108 - playwright marks the function
        page.problems = problems
        page.set_default_timeout(8_000)
        if still:
            await page.clock.install()
            await page.clock.pause_at(time.time() + 1)
        await page.goto(f"{terminal.base}/{name}?lang={lang}#token={token}")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        await page.close()


chromium = pytest_asyncio.fixture(scope="module", loop_scope="module", name="chromium")(started_chromium)
terminal = pytest_asyncio.fixture(loop_scope="module", name="terminal")(started_terminal)
open_screen = pytest_asyncio.fixture(loop_scope="module", name="open_screen")(screens)
