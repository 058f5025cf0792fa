"""From the tables of terminal.toml to what stands beside each lane."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from edge.actuators.lines import Turns
from edge.actuators.paper.escpos import Paper
from edge.actuators.paper.printers import Printed, Printer
from edge.actuators.paper.slips import House
from edge.actuators.signs.lights import Light
from edge.actuators.signs.sounds import Sound
from edge.config import LaneTable
from edge.lanes.beside.signs import Sign, Signs
from edge.lanes.beside.slips import LanePaper
from edge.terms import notices_of
from edge.watch.alive import Errands
from edge.watch.board import Line
from sync.enrol.identity import Identity


class Beside:
    """Everything beside all lanes."""

    def __init__(self, signs: Mapping[str, Signs], papers: Mapping[str, LanePaper]) -> None:
        self.papers = papers
        self._signs = signs

    def heard(self, name: str, told: Mapping[str, Any]) -> None:
        """Take in what the screens are told."""
        for one in self._signs.values():
            one.heard(name, told)
        if name == "decision" and (paper := self.papers.get(told["lane"])) is not None:
            paper.heard(told)

    def lines(self, lane: str) -> tuple[Line, ...]:
        """Return how what stands beside this lane is."""
        found = []
        if (signs := self._signs.get(lane)) is not None:
            for voice in signs.voices:
                kind = "light" if isinstance(voice.sign, Light) else "sound"
                fault = voice.sign.fault
                found.append(Line(f"{kind}:{lane}", f"{kind}.silent" if fault else f"{kind}.well", fault))
        if (paper := self.papers.get(lane)) is not None:
            found.append(Line(f"printer:{lane}", _cause(paper.standing), paper.standing.why))
        return tuple(found)

    @property
    def said(self) -> int:
        """How many cues lights and voices have begun."""
        return sum(voice.said for signs in self._signs.values() for voice in signs.voices)

    async def run(self) -> None:
        """Let lights shine and voices speak."""
        async with asyncio.TaskGroup() as group:
            for signs in self._signs.values():
                for voice in signs.voices:
                    group.create_task(voice.run())
            await asyncio.Event().wait()


def _cause(standing: Printed) -> str:
    if standing.paper is Paper.OUT:
        return "printer.out"
    if not standing.well:
        return "printer.silent"
    return "printer.low" if standing.paper is Paper.LOW else "printer.well"


async def open_beside(
    tables: Iterable[LaneTable], identity: Identity, turns: Turns, stack: AsyncExitStack, *, errands: Errands
) -> Beside:
    """Return what stands beside these lanes; lights are OFF now and when the stack closes."""
    signs, papers = {}, {}
    for table in tables:
        found: list[Sign] = []
        if table.light is not None:
            found.append(await stack.enter_async_context(Light(table.light, turns)))
        if table.sound is not None:
            found.append(Sound(table.sound))
        if found:
            signs[table.id] = Signs(table.id, found, gated=table.actuator is not None)
        if table.printer is not None:
            printer = Printer(table.printer, turns)
            papers[table.id] = LanePaper(table.printer, printer, house_of(identity), errands=errands)
    return Beside(signs, papers)


def house_of(identity: Identity) -> Callable[[int], House]:
    """Return what gives the head of a slip: the profile in force, and the hour by this machine's own zone."""

    def house(at_ms: int) -> House:
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000))
        profile = identity.profile
        return House(title=profile.title, notices=notices_of(profile, identity.platform), clock=clock)

    return house
