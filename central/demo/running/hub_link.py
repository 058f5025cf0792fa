"""The site's hub as the demo sees it: its process, its configuration, its enrolment."""

import ssl
from pathlib import Path
from typing import Final

import aiohttp

from central.demo.running.processes import Child, python, run_once

READY_S: Final = 60.0
OK: Final = 200


class HubLink:
    """A hub's process. It reaches the platform at `platform`, and its gates reach it at `url`."""

    def __init__(self, name: str, folder: Path, port: int, session: aiohttp.ClientSession) -> None:
        self.name = name
        self.port = port
        self.url = f"https://127.0.0.1:{port}"
        self.data = folder / name
        self.config = folder / f"{name}.toml"
        self._log = folder / f"{name}.log"
        self._session = session
        command = python("edge.cli", "hub", "serve", "--config", str(self.config))
        self.process = Child(name, [*command], self._log)

    def configure(self, platform: str, *, poll_s: float = 60.0, host: str = "127.0.0.1") -> None:
        """Write its configuration file; `host` is where its gates reach it."""
        self.config.write_text(
            f'[hub]\ndata = "{self.data}"\nlisten = "127.0.0.1:{self.port}"\nhosts = ["{host}"]\n'
            f'[platform]\nurl = "{platform}"\npoll_s = {poll_s}\n',
            encoding="utf-8",
        )

    @property
    def database(self) -> Path:
        """Its own journal's database."""
        return self.data / "terminal.db"

    async def enrol(self, code: str, *more: str) -> str:
        """Enrol with a one-time code; return what it printed."""
        command = python("edge.cli", "hub", "enrol", "-", "--config", str(self.config), *more)
        return await run_once(f"{self.name}: enrol", command, self._log, given=f"{code}\n")

    async def start(self) -> None:
        """Start the process and wait until it answers."""
        await self.process.start()
        await self.process.until(self.answers, within_s=READY_S)

    async def answers(self) -> bool:
        """Return whether it answers."""
        try:
            async with self._session.get(f"{self.url}/healthz", ssl=_unpinned()) as answer:
                return answer.status == OK
        except aiohttp.ClientError:
            return False


def _unpinned() -> ssl.SSLContext:
    """Return what believes any certificate: whether somebody answers is all that is asked."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
