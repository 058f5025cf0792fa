"""The story that `--check` plays without a browser, and the figures it ends with.

Every kind of visitor comes once; one is restricted and repaired; the network is cut, people are served all the same,
the gate's plug is pulled between commit and relay; the network returns. Then the ledgers are laid side by side.
Whatever was not as it must be counts as `unexpected` and is named on stderr.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final

from central.clock import now_ms
from central.demo.at_gate import Seen
from central.demo.audit import Audit
from central.demo.street.visitors import KINDS
from central.demo.world import World, used_elsewhere

DRAIN_S: Final = 60.0  # far more than is needed; it ends as soon as nothing is left
REPAIR_BOUND_MS: Final = 2_000  # issue 2: the gate answers otherwise within 2 s of polling
POLL_S: Final = 0.1


@dataclass(slots=True)
class Story:
    """The story under way. `surprises` collects what was not as it must be."""

    world: World
    surprises: list[str] = field(default_factory=list)
    notices: int = 0
    begun: float = field(default_factory=time.monotonic)

    def wonder(self, what: str) -> None:
        """Note a surprise."""
        self.surprises.append(what)
        self.world.say(f"意外 · UNEXPECTED: {what}")

    async def play(self) -> Audit:
        """Play everything and return the final audit."""
        for kind in KINDS:
            await self._visit(kind)
        await self._measures()
        self.world.cut()
        await self._visit("eligible")
        await self._at_the_other_gate()
        await self._work_offline()
        await self._plug()
        if (await self.world.audit()).unsent == 0:
            self.wonder("nothing was unsent while the network was cut")
        self.world.restore()
        return await self._drain()

    async def _visit(self, kind: str) -> Seen:
        seen = await self.world.visit(kind)
        self.notices += seen.outcome is None and seen.expected
        if not seen.expected:
            self.wonder(f"{kind}: {seen.outcome} {' '.join(seen.reasons)}")
        return seen

    async def _at_the_other_gate(self) -> None:
        """Send the visitor to the second gate: the line is cut, and it knows all the same where he has just been."""
        answer = await self.world.at_west()
        told = used_elsewhere(answer, now_ms=now_ms())
        if answer["outcome"] != "STANDARD" or told is None:
            self.wonder(f"west gate: {answer['outcome']} {[reason['code'] for reason in answer['reasons']]}")

    async def _work_offline(self) -> None:
        stay = await self.world.at_desk()
        sale = await self.world.at_counter()
        for place, answer in (("desk", stay), ("counter", sale)):
            if answer["outcome"] != "GRANT":
                self.wonder(f"{place}: {answer['outcome']} {[reason['code'] for reason in answer['reasons']]}")
        if stay["redemption"]:
            await self.world.desk.step(stay["redemption"], "close")

    async def _plug(self) -> None:
        """Pull the plug while the arm is asked to open; the visitor comes again and is let through once.

        What became of the attempt to open is unknown after such a cut: the arm says that it did not turn, the use is
        given back, and a fresh code is decided afresh. Without an attempt the first redemption still stands.
        """
        first, again = await self.world.visit_through_power_cut()
        if first.outcome != "GRANT":
            self.wonder(f"before the plug: {first.outcome} {' '.join(first.reasons)}")
        if again.outcome != "GRANT":
            self.wonder(f"after the plug: {again.outcome} {' '.join(again.reasons)}")
        await self.world.at_gate.turnstile.settled()
        passages, both = self.world.at_gate.turnstile.passages, {str(first.redemption), str(again.redemption)}
        walked = sum(passages[redemption] for redemption in both)
        if walked != 1:
            self.wonder(f"{walked} people walked through after the plug was pulled")
        if len(both) > 1 and (state := await self.world.gate.state_of(str(first.redemption))) != "annulled":
            self.wonder(f"the visitor has two redemptions, and the first is {state}")

    async def _measures(self) -> None:
        for name, turn in (("restrict", self.world.restrict), ("repair", self.world.repair)):
            took = await turn()
            if took > REPAIR_BOUND_MS and self.world.pace.slow:
                words = self.world.pace.words()
                self.world.say(f"{name}: {took} ms; {words['zh']} · {words['en']}")
            elif took > REPAIR_BOUND_MS:
                self.wonder(f"{name} took {took} ms")

    async def _drain(self) -> Audit:
        """Wait until the platform holds everything, or the time is over."""
        until = time.monotonic() + DRAIN_S
        audit = await self.world.audit()
        while audit.unsent and time.monotonic() < until:
            await asyncio.sleep(POLL_S)
            audit = await self.world.audit()
        if audit.unsent:
            self.wonder(f"{audit.unsent} facts were not sent within {DRAIN_S:g} s")
        return audit

    def report(self, audit: Audit) -> dict[str, Any]:
        """Return the one object of `--check` (issue 2)."""
        outcomes = self.world.at_gate.outcomes
        return {
            "scans": sum(outcomes.values()) + self.notices,
            "granted": outcomes["GRANT"],
            "standard": outcomes["STANDARD"],
            "refer": outcomes["REFER"],
            "refused": outcomes["REFUSE"],
            "journal_records": audit.journal_records,
            "platform_records": audit.platform_records,
            "lost": audit.lost + audit.unsent,
            "duplicated": audit.duplicated,
            "unexpected": len(self.surprises),
            "wall_s": round(time.monotonic() - self.begun, 1),
        }
