"""What every test of a fault is held to, whatever else it asserts: a light that is no lie, and answers in time.

Rules of this file:

- readiness says *ready* exactly while somebody with a right would be let in now: whoever is shown between two equal
  readings is let in, has had it already, or is shown the way in on the screen; while it says *not ready*, nobody is;
- a decision of a well store that found its time over (800 ms) is told apart from an ill one by the time that the
  terminal itself says it took, and by the next visitor, who must meet what readiness says; it is counted as late;
- whoever was being decided when the power went may hear `in_use` until the start was heard of (claims.md 2): a moment,
  counted, after which they are decided;
- whoever leaves is let out, whatever readiness says;
- measured inside the living process (`Server-Timing`), no present takes longer than 1 s and no exit longer than
  300 ms; what was under way while the harness's own beat of 10 ms stalled for more than 100 ms is counted and left out.
"""

import asyncio
import re
import time
from collections import Counter
from typing import NamedTuple

import aiohttp

from central.demo.running.terminal_link import CALL_S, TerminalLink

BEAT_S = 0.01
STALLED_S = 0.1  # the harness's own beat was late by more than this: what was measured meanwhile says nothing
ANSWERED_S, LEFT_S = 1.0, 0.3
LATE_S = 0.75  # a decision gives up after 0.8 s: what is refused earlier was not late but ill
WAYS_IN = frozenset({"clock_not_trusted", "needs_challenge"})  # the screen shows what a phone answers
HAD = frozenset({"limit_used"})
A_MOMENT = ("REFER", "in_use")
COUNTED = Counter()  # over the session: readings, late ones, presents and exits, and what was left out
SLOWEST = {False: 0.0, True: 0.0}  # of presents and of exits, in seconds
MEASURED = []


class Measured(NamedTuple):
    """One answer: whether somebody left, when it was asked for, how long that took here, and inside the terminal."""

    leaving: bool
    began: float
    took_s: float
    inside_s: float


class MeasuredGate(TerminalLink):
    """A gate that is asked once, and of whose answers each is kept with the time that the terminal says it took."""

    async def present(self, code, **more):
        began, asked = time.monotonic(), {"code": code, "lane": self.post.lane, **more}
        timeout = aiohttp.ClientTimeout(total=CALL_S)
        async with self._session.post(
            f"{self.url}/v1/present", json=asked, headers=self._headers(), timeout=timeout
        ) as answer:
            if not answer.ok:
                raise aiohttp.ClientResponseError(
                    answer.request_info, answer.history, status=answer.status, message=await answer.text()
                )
            told, inside_s = await answer.json(), inside(answer.headers)
        MEASURED.append(Measured(more.get("intent") == "exit", began, time.monotonic() - began, inside_s))
        return told


def inside(headers):
    """Return for how many seconds a presentation was with the terminal."""
    return float(re.fullmatch(r"total;dur=([0-9.]+)", headers["Server-Timing"])[1]) / 1000


class Beat:
    """The harness's own pulse: `stalls` are the moments when this process was not scheduled in time."""

    def __init__(self):
        self.stalls = []

    async def __aenter__(self):
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_exc):
        self._task.cancel()

    async def _run(self):
        before = time.monotonic()
        while True:
            await asyncio.sleep(BEAT_S)
            now = time.monotonic()
            if now - before - BEAT_S > STALLED_S:
                self.stalls.append((before, now))
            before = now

    def fair(self, began, took_s):
        """Whether nothing stalled while something was measured."""
        return all(end < began or start > began + took_s for start, end in self.stalls)


def agrees(ready, answer):
    """Return whether readiness says what somebody with a right met."""
    code = answer["reasons"][0]["code"]
    if not ready:
        return answer["outcome"] != "GRANT"
    return answer["outcome"] == "GRANT" or code in HAD or (answer["outcome"] == "REFER" and code in WAYS_IN)


def came_late(ready, answer):
    """Return whether the newest answer is one of a decision that had no time, of a store that may well be well."""
    return ready and answer["reasons"][0]["code"] == "store_failed" and MEASURED[-1].inside_s >= LATE_S


def a_moment(answer):
    """Return whether somebody is told that this right is being decided about at this moment."""
    return (answer["outcome"], answer["reasons"][0]["code"]) == A_MOMENT


def in_time(beat, since):
    """Hold all that was answered since to its bound, once; what the harness cannot judge is counted and left out."""
    answered = MEASURED[since:]
    del MEASURED[since:]
    for one in answered:
        if not beat.fair(one.began, one.took_s):
            COUNTED["left out"] += 1
            continue
        COUNTED["exits" if one.leaving else "presents"] += 1
        SLOWEST[one.leaving] = max(SLOWEST[one.leaving], one.inside_s)
        assert one.inside_s <= (LEFT_S if one.leaving else ANSWERED_S), one


def told():
    """Return in words what the session came to."""
    return (
        f"readiness agreed with {COUNTED['readings']} visitors and {COUNTED['let out']} who left,"
        f" {COUNTED['late']} came late, {COUNTED['a moment']} waited a moment; inside the terminal"
        f" {COUNTED['presents']} presents, slowest {SLOWEST[False]:.3f} s, {COUNTED['exits']} exits, slowest"
        f" {SLOWEST[True]:.3f} s; {COUNTED['left out']} left out for a stalled harness"
    )
