"""`xinguan demo`: the whole story on this machine, in one command.

Exit codes: 0 done (with --check: nothing lost, nothing twice, nothing unexpected) · 1 something was · 69 a part did
not start.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from central.demo.console import Console
from central.demo.office import open_accounts
from central.demo.page_app import PageApp
from central.demo.running.processes import ChildError
from central.demo.story import Story
from central.demo.view import View
from central.demo.world import World, running

EX_UNAVAILABLE = 69
EX_INTERRUPTED = 130
LINGER_S = 1.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--check", action="store_true", help="play the story without a browser, print one JSON object")
    parser.add_argument("--keep", action="store_true", help="keep the folder with databases and logs")
    parser.add_argument(
        "--port", type=int, default=0, help="port of the page and of all its screens; 0 picks a free one"
    )


def say(line: str) -> None:
    """Tell a person what happens."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
    sys.stderr.flush()


@contextlib.asynccontextmanager
async def _page(page: PageApp, world: World, port: int) -> AsyncIterator[str]:
    runner = web.AppRunner(page.application(world.routes()), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise ChildError(
                f"端口 {port} 用不了，请换一个，例如 --port 0 · "
                f"port {port} cannot be used ({why}); choose another, for example --port 0"
            ) from error
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _check(world: World, begun: float) -> int:
    story = Story(world, begun=begun)
    report = story.report(await story.play())
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()
    return 0 if report["lost"] == report["duplicated"] == report["unexpected"] == 0 else 1


async def _show(world: World, page: PageApp, url: str) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    view = View(world)
    page.show(world, view)
    world.at_gate.linger_s = LINGER_S
    for link in world.terminals.values():
        say(f"{link.post.zh} · {link.post.en}: {url}{link.screen_path}")
    accounts = await asyncio.to_thread(open_accounts, world.platform.state)
    say(f"办公 · office: {world.platform.office_url}  {' '.join(accounts.names)}  密码 password {accounts.password}")
    port = urlsplit(url).port
    sys.stdout.write(
        f"\n  打开 · open   {url}/#key={page.key}\n"
        f"  从另一台电脑看 · from another computer   ssh -L {port}:127.0.0.1:{port} USER@HOST\n"
        "  结束 · to end it   Ctrl-C\n\n"
    )
    sys.stdout.flush()
    await Console(world, view, say).run(stop)
    say("正在结束 · ending every process")
    return 0


async def _run(args: argparse.Namespace, folder: Path) -> int:
    begun = time.monotonic()
    page = PageApp()
    async with aiohttp.ClientSession() as session:
        world = World(folder, session, say)
        async with _page(page, world, args.port) as url, running(world, url):
            return await (_check(world, begun) if args.check else _show(world, page, url))


def _failures(error: BaseException) -> list[ChildError]:
    """Return the failures of child processes in a tree of exceptions, if there is nothing else in it; else none."""
    if isinstance(error, ChildError):
        return [error]
    if isinstance(error, BaseExceptionGroup):
        found = [_failures(one) for one in error.exceptions]
        return [one for several in found for one in several] if all(found) else []
    return []


def run(args: argparse.Namespace) -> int:
    """Run the demo and return the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="xinguan-demo-"))
    say(f"状态目录 · state folder: {folder}")
    try:
        return asyncio.run(_run(args, folder))
    except KeyboardInterrupt:
        return EX_INTERRUPTED
    except (ChildError, BaseExceptionGroup) as error:
        failures = _failures(error)
        if not failures:
            raise
        for failure in failures:
            say(str(failure))
        return EX_UNAVAILABLE
    finally:
        if args.keep:
            say(f"保留 · kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
