"""The demo without a browser: a line of figures when they change, and words to type."""

import asyncio
import sys
from collections.abc import Callable
from typing import Final

import aiohttp

from central.demo.actions import ACTIONS
from central.demo.running.processes import ChildError
from central.demo.view import View
from central.demo.world import World

EVERY_S: Final = 1.0


class Console:
    """Tells the figures by `say` and takes words from standard input when that is a terminal."""

    def __init__(self, world: World, view: View, say: Callable[[str], None]) -> None:
        self._world = world
        self._view = view
        self._say = say

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set."""
        if sys.stdin.isatty():
            self._say("输入动作后回车 · type and press Enter: " + " ".join(ACTIONS))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._tell())]
            if sys.stdin.isatty():
                tasks.append(group.create_task(self._take()))
            await stop.wait()
            for task in tasks:
                task.cancel()

    async def _tell(self) -> None:
        last = ""
        while True:
            line = await self._view.line()
            if line != last:
                self._say(line)
                last = line
            await asyncio.sleep(EVERY_S)

    async def _take(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            word = line.decode("utf-8", "replace").strip()
            if not word:
                continue
            if word not in ACTIONS:
                self._say(f"{word!r}? " + " ".join(ACTIONS))
                continue
            try:
                await ACTIONS[word].do(self._world)
            except (LookupError, RuntimeError, TimeoutError, ChildError, aiohttp.ClientError) as error:
                self._say(f"{word}: {error or type(error).__name__}")
