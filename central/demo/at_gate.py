"""The gate of the demo: visitors come one after another, hold up a phone, and hear what the gate says to them.

Rules of this file:

- one visitor stands at the gate at a time, and holds the code up until the gate answers, up to PATIENCE_S: less than a
  code lives, so no answer is `stale_code` because this machine is slow;
- an answer belongs to the visitor whose code it is about (`street.hearing`); one that comes late corrects what was
  noted of that visitor;
- a visitor who waits longer than SLOW_S is told of: the machine is slow;
- a gate that could not write in time refers the visitor to staff ("store_failed") and has given nothing: a visitor of
  the same kind shows a fresh code, as staff would ask, at most TRIES times in all.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from central.clock import now_ms
from central.demo.running.pace import Pace
from central.demo.running.terminal_link import TerminalLink
from central.demo.street.camera import Camera
from central.demo.street.hearing import Hearing, Said, fingerprint
from central.demo.street.turnstile import Turnstile
from central.demo.street.visitors import KINDS, Person, Visit, Visitors

PATIENCE_S: Final = 25.0  # how long a visitor holds the phone up before giving up; a code is good for 30 s
TRIES: Final = 3
SLOW_S: Final = 5.0  # an answer that takes longer is told
READS_S: Final = 120.0  # how long a scanner may take to start
POLL_S: Final = 0.05
NOTICE_EVERY_S: Final = 3.2  # a lane gives its friendly notice at most once in 3 s
UNWRITTEN: Final = ("store_failed",)
MAX_KEPT: Final = 256  # visits whose late answer still finds them

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the gate said to a visitor, and whether that is what it should have said."""

    at_ms: int
    kind: str
    outcome: str | None
    reasons: tuple[str, ...]
    redemption: str | None = None
    repeat: bool = False
    expected: bool = False

    @property
    def why(self) -> str:
        """The reasons of anything but a grant, in one line."""
        return "" if self.outcome == "GRANT" else " ".join(self.reasons)

    @property
    def unanswered(self) -> bool:
        """Whether the gate said nothing (yet)."""
        return self.reasons == ("no_answer",)

    @property
    def slow(self) -> bool:
        """Whether the machine was too slow for an answer about the code."""
        return self.unanswered or self.reasons == UNWRITTEN

    def to_json(self) -> Json:
        """Return it for the page."""
        return {
            "at_ms": self.at_ms,
            "kind": self.kind,
            "outcome": self.outcome,
            "reasons": list(self.reasons),
            "repeat": self.repeat,
            "expected": self.expected,
            "slow": self.slow,
        }


class AtGate:
    """Visitors at the gate `link`. `say` is told one line about each thing that happens."""

    def __init__(self, link: TerminalLink, visitors: Visitors, pace: Pace, say: Callable[[str], None]) -> None:
        self.say = say
        self.linger_s = 0.0  # how long a visitor still holds the phone up after the answer, for people to see
        self.patience_s, self.slow_s = PATIENCE_S, SLOW_S
        self.camera = Camera()
        self.turnstile = Turnstile(lambda redemption: link.step(redemption, "passed"))
        self.hearing = Hearing(self._late)
        self.outcomes: Counter[str] = Counter()
        self.seen: list[Seen] = []
        self.current: Person | None = None
        self._link = link
        self._visitors = visitors
        self._pace = pace
        self._turn = asyncio.Lock()
        self._kept: dict[str, tuple[Visit, int]] = {}  # fingerprint → the visit, and where it stands in `seen`
        self._noticed_s = -NOTICE_EVERY_S

    async def visit(self, kind: str) -> Seen:
        """Let the next visitor of this kind come to the gate; return what the gate said."""
        async with self._turn:
            await self._free()
            return await self._served(lambda now_s: self._visitors.next(kind, now_s))

    async def visit_through_power_cut(self, pull_the_plug: Callable[[], Awaitable[None]]) -> tuple[Seen, Seen]:
        """Pull the plug as soon as a visitor is let in; return what the gate said before and after."""
        async with self._turn:
            await self._free()
            self.turnstile.lose_power()  # the arm goes first, the terminal an instant later: between commit and relay
            first = await self._served(lambda now_s: self._visitors.next("eligible", now_s), linger_s=0.0)
            who = self.current
            await pull_the_plug()
            await self._free()
            if who is None:
                raise LookupError("the gate has said nothing to anybody yet")
            return first, await self._served(lambda now_s: Visit(kind="eligible", text=who.code(now_s), who=who))

    async def _free(self) -> None:
        """Wait until nobody is walking and the gate reads codes; after READS_S the visitor comes all the same."""
        await self.turnstile.settled()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READS_S):
                while not await self._link.reads():  # noqa: ASYNC110 - another process: nothing to wait on
                    await asyncio.sleep(POLL_S)

    async def _served(self, make: Callable[[int], Visit], *, linger_s: float | None = None) -> Seen:
        """Hold up what `make` makes for the second that it is; a gate that could not write in time is asked again."""
        for _ in range(TRIES):
            seen = await self._hold_up(await asyncio.to_thread(make, now_ms() // 1000), linger_s=linger_s)
            if seen.reasons != UNWRITTEN:
                break
            self.say(
                "闸机没能及时写盘，什么也没给；请再出示一次 · the gate could not write in time and gave nothing; again"
            )
        return seen

    async def _hold_up(self, visit: Visit, *, linger_s: float | None = None) -> Seen:
        if KINDS[visit.kind].outcome is None:
            await asyncio.sleep(max(0.0, self._noticed_s + NOTICE_EVERY_S - time.monotonic()))
        with self.hearing.showing(visit.text) as ear:
            await self.camera.show(visit.text)
            said = await ear.within(self.slow_s)
            if said is None:
                self._wait_on()
                said = await ear.within(self.patience_s - self.slow_s)
        if said is not None and said.name == "notice":
            self._noticed_s = time.monotonic()
        seen = self._note(visit, said)
        if said is not None:
            await self._pay(said.data)
        await asyncio.sleep(self.linger_s if linger_s is None else linger_s)
        await self.camera.take_away()
        return seen

    async def _pay(self, answer: Json) -> None:
        """Pay what is due, as a visitor does at the window; the gate opens then."""
        due, redemption = answer.get("obligations", {}).get("pay_fen"), answer.get("redemption")
        if due is None or answer.get("repeat"):
            return
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):  # the terminal is down: nobody can pay
            await self._link.step(str(redemption), "paid", order=f"window-{redemption}", amount_fen=due)
            self.say(f"付款 {due / 100:.2f} 元 · paid at the window")

    def _wait_on(self) -> None:
        words = self._pace.words() if self._pace.slow else {"zh": "闸机还没有答复，再等等", "en": "no answer yet"}
        self.say(f"{self.slow_s:g} s: {words['zh']} · {words['en']}")

    def _note(self, visit: Visit, said: Said | None) -> Seen:
        seen = self._judged(visit, said)
        self._kept[fingerprint(visit.text)] = (visit, len(self.seen))
        while len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self.seen.append(seen)
        self._tell(seen)
        return seen

    def _late(self, mark: str, said: Said) -> None:
        """Correct what was noted of a visitor who had given up."""
        if mark in self._kept:
            visit, at = self._kept[mark]
            self.seen[at] = self._judged(visit, said)
            self._tell(self.seen[at], "迟到的答复 late answer: ")

    def _tell(self, seen: Seen, how: str = "") -> None:
        kind = KINDS[seen.kind]
        self.say(f"{how}{kind.zh} · {kind.en}: {seen.outcome or '—'} {seen.why}")

    def _judged(self, visit: Visit, said: Said | None) -> Seen:
        kind = KINDS[visit.kind]
        if said is None:
            return Seen(at_ms=now_ms(), kind=visit.kind, outcome=None, reasons=("no_answer",))
        if said.name == "notice":
            code = str(said.data["code"])
            right = kind.outcome is None and code == kind.reason
            return Seen(at_ms=now_ms(), kind=visit.kind, outcome=None, reasons=(code,), expected=right)
        return self._decided(visit, said.data)

    def _decided(self, visit: Visit, answer: Json) -> Seen:
        kind, outcome = KINDS[visit.kind], str(answer["outcome"])
        reasons = tuple(str(reason["code"]) for reason in answer["reasons"])
        self.outcomes[outcome] += 1
        if visit.who is not None:
            self.current = visit.who
            if outcome == "GRANT":
                self._visitors.last_granted = visit.who
        return Seen(
            at_ms=int(answer["at_ms"]),
            kind=visit.kind,
            outcome=outcome,
            reasons=reasons,
            redemption=answer.get("redemption"),
            repeat=bool(answer.get("repeat")),
            expected=outcome == kind.outcome and kind.reason in reasons,
        )
