"""All lanes of a terminal together: their readers, fire and emergency, and the end.

Rules of this file:

- a fire that one lane hears opens and holds every lane; so does whoever presses the button for it;
- opening everything needs no store, no clock and no network: it is written down afterwards (contract.md §3);
- no code ends a lane: the next one is read.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from cache.ledger import paying
from edge.actuators.gate import Done
from edge.lanes.lane import Lane
from edge.watch.alive import Faults
from scanner.source import Source
from storage.sqlite import Store

log = logging.getLogger("xinguan.lanes")

FINISH_S = 3.0


async def read(source: Source, lane: Lane, faults: Faults) -> None:
    """Hand every sight of a code to the lane; ends with a recording. No code ends the lane: the next one is read."""
    source.on_dropped = lane.dropped
    async for presented in source:
        try:
            await lane.seen(presented.text, presented.at_ms, presented.beside, presented.raw)
        except Exception as error:  # noqa: BLE001 - content never kills (illness.md 1)
            faults.met(f"lane {lane.id}", error)


def join(lanes: Iterable[Lane]) -> None:
    """Let a fire that one lane hears be heard by all."""
    every = tuple(lanes)
    for lane in every:
        lane.openings.on_fire = lambda open_: hold(every, open_=open_, by="fire input")


async def hold(lanes: Iterable[Lane], *, open_: bool, by: str) -> dict[str, Done]:
    """Open every lane and keep it open, or end that; return what came of it, by lane."""
    every = [lane for lane in lanes if lane.openings.gated]
    done = await asyncio.gather(*(lane.openings.hold(open_=open_, by=by) for lane in every))
    for lane in every:
        lane.tell_emergency(open_=open_)
    return {lane.id: one for lane, one in zip(every, done, strict=True)}


async def resume(lanes: Mapping[str, Lane], store: Store, done: Callable[[], None] = lambda: None) -> None:
    """After a restart: whoever had not paid has the whole time again. Raises StoreFailedError; `done` hears the end."""
    unpaid = await store.read(paying.awaiting)
    for name, lane in lanes.items():
        lane.payments.resume(redemption for redemption, where in unpaid.items() if where == name)
    done()


async def finish(lanes: Mapping[str, Lane]) -> None:
    """Finish the openings in hand: a fact that is missing would leave it open whether somebody passed."""
    try:
        async with asyncio.timeout(FINISH_S):
            for lane in lanes.values():
                await lane.openings.drain()
                await lane.payments.close()
    except TimeoutError:
        log.error("openings_left", extra={"after_s": FINISH_S})  # noqa: TRY400 - the deadline is the whole story
