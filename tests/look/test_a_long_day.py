"""Twelve hours of a gate's page, compressed: ten thousand answers, fifty restarts of its terminal, one heap.

What moves on the page costs four times as much as the answer itself: most answers come to a page that was asked for
reduced motion, the last ones to one that moves.
"""

import pytest
import terminal_like
from states import THREE, denial, grant

from credit.reasons import Reason

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.asyncio(loop_scope="session"),
]

ANSWERS = 10_000
BATCH = 100
WARM = 1_000  # answers until the page has made everything it keeps
MOVING = 400  # answers at the end that move
AHEAD_MS = 600_000  # a page that is slower than its terminal drops what is too old to be shown: these never are
RESTARTS = 50
MOST_GROWTH = 10 * 2**20  # bytes


async def heap(page):
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    return (await session.send("Runtime.getHeapUsage"))["usedSize"]


async def test_ten_thousand_answers_leave_the_heap_as_it_was(open_screen, terminal):
    page = await open_screen("gate")
    await page.emulate_media(reduced_motion="reduce")
    await page.wait_for_selector('body[data-view="waiting"]')
    kinds = (grant(obligations={}), THREE, denial(Reason.RESTRICTED), denial(Reason.STALE_CODE))
    before = 0
    for sent in range(1, ANSWERS + 1):
        at_ms = terminal_like.now_ms() + AHEAD_MS
        terminal.tell("decision", kinds[sent % len(kinds)] | {"journal_seq": sent, "lane": "A", "at_ms": at_ms})
        if sent % BATCH == 0:
            await page.wait_for_selector(f'body[data-answers="{sent}"]')
        if sent == WARM:
            before = await heap(page)
        if sent == ANSWERS - MOVING:
            await page.emulate_media(reduced_motion="no-preference")

    growth = await heap(page) - before
    print(f"heap growth over {ANSWERS - WARM} answers: {growth / 2**20:.2f} MiB")
    assert growth <= MOST_GROWTH
    assert page.problems == []


async def test_after_each_of_fifty_restarts_the_next_answer_is_shown(open_screen, terminal):
    page = await open_screen("gate")
    for number in range(1, RESTARTS + 1):
        while terminal.connections < number:
            await terminal.beat()
        at_ms = terminal_like.now_ms() + AHEAD_MS
        answer = denial(Reason.RESTRICTED, journal_seq=number, lane="A", at_ms=at_ms)
        terminal.tell("decision", answer)
        await page.wait_for_selector(f'body[data-answers="{number}"] .result.REFUSE')
        await terminal.close()

    assert page.problems == []
