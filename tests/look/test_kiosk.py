"""A screen that nobody touches for days: it stays alight, sounds, comes back after hours, and trusts no clock long."""

import asyncio
import socket
import time

import pytest
import terminal_like
from aiohttp.test_utils import TestServer
from browser_hands import CHROMIUM
from playwright.async_api import async_playwright
from states import denial

from credit.reasons import Reason
from tests.systemd.kiosk import flags_of_the_page, started

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

HOURS = 6
KNOCKS = 6
MOST_APART_MS = 2_400
PATIENCE_S = 20
LIGHTS = """
window.lights = [];
const asked = navigator.wakeLock.request.bind(navigator.wakeLock);
navigator.wakeLock.request = async (kind) => { const lock = await asked(kind); window.lights.push(lock); return lock; };
"""
ALIGHT = "(count) => window.lights.length === count && !window.lights.at(-1).released"


async def waiting(page):
    await page.wait_for_selector('body[data-view="waiting"]')


async def answered(page, terminal, number, ahead_ms=0):
    """Let the terminal answer somebody; return when the page has shown it."""
    now_ms = terminal_like.now_ms() + ahead_ms
    terminal.tell("decision", denial(Reason.RESTRICTED, journal_seq=number, lane="A", at_ms=now_ms))
    await page.wait_for_selector('.result.REFUSE, body[data-view="lost"]')
    assert await page.locator(".result.REFUSE").count() == 1


class TestLight:
    async def test_the_screen_is_kept_alight_also_after_the_system_took_the_light_back(self, chromium, terminal):
        page = await chromium.new_page()
        await page.add_init_script(LIGHTS)
        await page.goto(f"{terminal.base}/gate#token={terminal_like.TOKEN}")
        await page.wait_for_function(ALIGHT, arg=1)

        await page.evaluate("window.lights[0].release()")

        await page.wait_for_function(ALIGHT, arg=2)
        await page.close()


class TestHours:
    async def test_it_knocks_for_hours_and_reads_all_anew_when_somebody_answers(self, open_screen, terminal):
        page = await open_screen("desk", still=True)
        await page.wait_for_selector("#stays li >> nth=2")
        await page.wait_for_selector("#challenge svg")
        before = await page.inner_html("#challenge")

        terminal.away = True
        await terminal.close()
        await page.wait_for_selector('body[data-view="lost"]')
        for _night in range(2):
            for _ in range(KNOCKS):
                await knocked(page, terminal)
            await page.clock.fast_forward(HOURS * 3_600_000)
        terminal.rooms = (("101", 60_000_000),)
        terminal.challenge = "00112233445566ff"
        terminal.away = False
        await back(page)

        await page.wait_for_function("() => document.querySelectorAll('#stays li').length === 1")
        await page.wait_for_function("(was) => document.querySelector('#challenge').innerHTML !== was", arg=before)
        assert "101" in await page.inner_text("#stays")

    async def test_the_first_answer_after_hours_is_shown(self, open_screen, terminal):
        page = await open_screen("gate", still=True)
        await waiting(page)
        await answered(page, terminal, 1)
        terminal.away = True
        await terminal.close()
        await page.wait_for_selector('body[data-view="lost"]')
        await page.clock.fast_forward(HOURS * 3_600_000)
        terminal.away = False
        await back(page)

        await answered(page, terminal, 2)

    async def test_a_terminal_that_was_updated_meanwhile_brings_its_own_page(self, open_screen, terminal):
        page = await open_screen("gate")
        await waiting(page)
        await page.evaluate("() => { window.ofBefore = true; }")

        terminal.status = {"version": "9.9.9"}
        await terminal.close()

        await page.wait_for_function("() => !window.ofBefore && document.body?.dataset.view === 'waiting'")


async def knocked(page, terminal):
    """Let time pass on the page until it has tried again."""
    before = terminal.knocks
    async with asyncio.timeout(PATIENCE_S):
        while terminal.knocks == before:
            await page.clock.run_for(MOST_APART_MS)  # the try before may still be on its way


async def back(page):
    async with asyncio.timeout(PATIENCE_S):
        while await page.locator('body[data-view="waiting"]').count() == 0:
            await page.clock.run_for(MOST_APART_MS)


class TestClocks:
    @pytest.mark.parametrize("hours", [HOURS, -HOURS])
    async def test_a_kiosk_whose_clock_is_set_right_at_noon_hides_no_answer(self, open_screen, terminal, hours):
        page = await open_screen("gate", still=True)
        await waiting(page)
        await terminal.beat()

        await page.clock.set_system_time(time.time() + hours * 3_600)
        await terminal.beat()

        await answered(page, terminal, 1)

    @pytest.mark.parametrize("ms", [3_600_000, -3_600_000, -6_000])
    async def test_a_terminal_whose_clock_is_set_hides_no_answer(self, open_screen, terminal, ms):
        page = await open_screen("gate", still=True)
        await waiting(page)
        await terminal.beat()

        terminal.status = {"now_ms": terminal_like.now_ms() + ms}
        await terminal.beat()

        await answered(page, terminal, 1, ahead_ms=ms)


class TestSound:
    async def test_with_the_flags_of_the_page_it_sounds_without_a_touch(self, terminal):
        assert "--autoplay-policy=no-user-gesture-required" in flags_of_the_page()
        async with alone(["--no-sandbox", *flags_of_the_page()]) as browser:
            page = await browser.new_page()
            await page.add_init_script(TONES)
            await page.goto(f"{terminal.base}/gate?lang=zh#token={terminal_like.TOKEN}")
            await waiting(page)
            await page.wait_for_selector("#sound[aria-pressed=true]")

            await answered(page, terminal, 1)

            assert await page.evaluate("window.tones") > 0

    async def test_without_them_the_strip_says_so_until_somebody_touches(self, terminal):
        async with alone(["--no-sandbox", "--autoplay-policy=document-user-activation-required"]) as browser:
            page = await browser.new_page()
            await page.goto(f"{terminal.base}/gate?lang=zh#token={terminal_like.TOKEN}")
            await waiting(page)
            assert await page.inner_text("#sound") == "声音关"

            await page.click("#top")

            await page.wait_for_selector("#sound[aria-pressed=true]")


TONES = """
window.tones = 0;
const made = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () { window.tones += 1; return made.call(this); };
"""


class alone:  # noqa: N801 - reads as a word
    """A browser of its own, with these flags."""

    def __init__(self, flags):
        self.flags = flags

    async def __aenter__(self):
        self.playwright = await async_playwright().start()
        self.browser = await self.playwright.chromium.launch(executable_path=CHROMIUM, args=self.flags)
        return self.browser

    async def __aexit__(self, *_):
        await self.browser.close()
        await self.playwright.stop()


class TestStart:
    async def test_a_browser_that_is_there_before_its_terminal_waits_for_it(self, chromium, tmp_path):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        started(tmp_path, "gate?lane=A", port)
        page = await chromium.new_page()
        refused = page.wait_for_event("requestfailed")
        await page.goto(f"file://{tmp_path}/start.html")
        await refused
        assert "正在启动" in await page.inner_text("body")

        async with TestServer(terminal_like.LookAlike().app, port=port):
            await page.wait_for_selector("#top", timeout=20_000)
        await page.close()


VOICES = """
window.spoken = [];
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
const voices = [
  { lang: "zh-CN", localService: false, name: "elsewhere" },
  { lang: "zh-CN", localService: true, name: "here" },
  { lang: "en-GB", localService: true, name: "here too" },
];
Object.defineProperty(window, "speechSynthesis", { value: {
  getVoices: () => voices, cancel: () => {},
  speak: (line) => window.spoken.push([line.text.replaceAll("\\u200b", ""), line.voice.name]),
} });
"""


class TestVoice:
    @pytest.mark.parametrize(
        ("lang", "said"), [("zh", ["请看屏幕提示", "here"]), ("en", ["Please read the screen", "here too"])]
    )
    async def test_the_headline_is_spoken_by_a_voice_of_the_machine_itself(self, chromium, terminal, lang, said):
        page = await chromium.new_page()
        await page.add_init_script(VOICES)
        await page.goto(f"{terminal.base}/gate?lang={lang}&voice=1#token={terminal_like.TOKEN}")
        await page.wait_for_selector("#sound[aria-pressed=true]")
        await waiting(page)

        await answered(page, terminal, 1)

        assert await page.evaluate("window.spoken") == [said]
        await page.close()

    async def test_nobody_is_spoken_to_who_did_not_ask_for_it(self, chromium, terminal):
        page = await chromium.new_page()
        await page.add_init_script(VOICES)
        await page.goto(f"{terminal.base}/gate#token={terminal_like.TOKEN}")
        await page.wait_for_selector("#sound[aria-pressed=true]")
        await waiting(page)

        await answered(page, terminal, 1)

        assert await page.evaluate("window.spoken") == []
        await page.close()
