"""What a person can do to the demo, by name: the buttons of the page and the words of the console are one table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from central.clock import now_ms
from central.demo.street.visitors import KINDS
from central.demo.world import World, used_elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do: its words, and a function that does it and returns what is worth telling (JSON)."""

    zh: str
    en: str
    do: Callable[[World], Awaitable[Any]]


async def _cut(world: World) -> None:
    world.cut()


async def _restore(world: World) -> None:
    world.restore()


async def _plug(world: World) -> None:
    await world.pull_the_plug()


async def _restrict(world: World) -> int:
    return await world.restrict()


async def _repair(world: World) -> int:
    return await world.repair()


async def _desk(world: World) -> Any:
    return await world.at_desk()


async def _west(world: World) -> Any:
    answer = await world.at_west()
    return used_elsewhere(answer, now_ms=now_ms()) or answer


async def _counter(world: World) -> Any:
    return await world.at_counter()


def _visit(kind: str) -> Callable[[World], Awaitable[Any]]:
    async def come(world: World) -> Any:
        return (await world.visit(kind)).to_json()

    return come


ACTIONS: Final[dict[str, Action]] = {
    "cut": Action(zh="断开网络", en="Cut the network", do=_cut),
    "restore": Action(zh="恢复网络", en="Restore it", do=_restore),
    "plug": Action(zh="拔掉闸机电源", en="Pull the gate's plug", do=_plug),
    "restrict": Action(zh="限制这位游客", en="Restrict this visitor", do=_restrict),
    "repair": Action(zh="信用修复", en="Repair", do=_repair),
    "west": Action(zh="同一位游客到西门", en="The same visitor at the west gate", do=_west),
    "desk": Action(zh="客人到前台入住", en="A guest at the hotel desk", do=_desk),
    "counter": Action(zh="顾客到收银台", en="A customer at the counter", do=_counter),
    **{name: Action(zh=kind.zh, en=kind.en, do=_visit(name)) for name, kind in KINDS.items()},
}
