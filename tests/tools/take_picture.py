"""Takes README's picture from the running demo (`make picture`): visitors of every kind, then the page as it stands.

usage: python tests/tools/take_picture.py FILE.png
"""

import asyncio
import re
import shutil
import signal
import sys

from playwright.async_api import async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
LONG_MS = 90_000
START_S = 180
VISITORS = ("eligible", "foreign", "counter", "desk", "not_eligible", "forged", "eligible")


async def address(process):
    """Return the address that the demo prints."""
    while line := await process.stdout.readline():
        if found := re.search(rb"http://127\S+#key=\S+", line):
            return found[0].decode()
    raise SystemExit("the demo ended before it said where it is")


async def take(url, path):
    """Send the visitors and take the picture while the last one is at the gate."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        page.set_default_timeout(LONG_MS)
        await page.goto(url)
        await page.wait_for_selector("body:not(.starting)")
        gate = page.frame_locator('iframe[data-screen="gate"]')
        await gate.locator('body[data-view="waiting"]').wait_for()
        for kind in VISITORS:
            button = page.locator(f'[data-do="{kind}"]')
            if await button.count():
                await button.click()
                await page.wait_for_selector(f'[data-do="{kind}"]:not(.busy)')
        await gate.locator(".result.GRANT").wait_for()
        await page.screenshot(path=path)
        await browser.close()


async def main(path):
    """Start the demo, take its picture, stop it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "edge.cli",
        "demo",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(START_S):
            url = await address(process)
        await take(url, path)
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
