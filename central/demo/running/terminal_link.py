"""One terminal of the demo as the demo sees it: its process, its API, and the stream of what happens there."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp

from central.demo.running.processes import Child, python, run_once
from central.demo.street.town import Post

READY_S: Final = 120.0  # a slow machine is no fault; a process that ends is told at once
CALL_S: Final = 30.0
STATUS_S: Final = 5.0
RECONNECT_S: Final = 0.1

PRESENTS_PER_S: Final = 1_000  # a whole day of visitors comes within seconds

Json = dict[str, Any]


def _quoted(text: str) -> str:
    return json.dumps(text)  # a JSON string is a TOML basic string


class TerminalLink:
    """A terminal process and the calls to it. Every method but `present` and `step` is safe while it is down."""

    def __init__(self, post: Post, folder: Path, port: int, session: aiohttp.ClientSession) -> None:
        self.post = post
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.data = folder / post.terminal
        self.config = folder / f"{post.terminal}.toml"
        self._log = folder / f"{post.terminal}.log"
        self._session = session
        self.process = Child(post.terminal, [*python("edge.cli", "run", "--config", str(self.config))], self._log)
        self.tokens: dict[str, str] = {}

    def configuration(self, *, platform: str, source: str | None, actuator: str | None) -> str:
        """Return the text of its configuration file (contract.md §9)."""
        lines = [
            "[terminal]",
            f"data = {_quoted(str(self.data))}",
            "[platform]",
            f"url = {_quoted(platform)}",
            "[api]",
            f'listen = "127.0.0.1:{self.port}"',
            f"presents_per_s = {PRESENTS_PER_S}",
            "[[lanes]]",
            f"id = {_quoted(self.post.lane)}",
            f"scene = {_quoted(self.post.scene)}",
        ]
        lines += [f"source = {_quoted(source)}"] if source else []
        if actuator is not None and actuator.startswith("http"):
            lines += ["[lanes.actuator]", 'kind = "http"', f"url = {_quoted(actuator)}", "[lanes.actuator.status]"]
            lines += [f"url = {_quoted(actuator + '/{redemption}')}", 'open = {path = "opened", equals = true}']
            lines += ['shut = {path = "opened", equals = false}']
        elif actuator is not None:
            lines += [f"actuator = {_quoted(actuator)}"]
        return "\n".join(lines) + "\n"

    @property
    def database(self) -> Path:
        """Its database file."""
        return self.data / "terminal.db"

    async def enrol(self, code: str) -> None:
        """Enrol with a one-time code, through the real call; the code travels on standard input."""
        command = python("edge.cli", "enrol", "-", "--config", str(self.config))
        await run_once(f"{self.post.terminal}: enrol", command, self._log, given=f"{code}\n")

    async def start(self) -> None:
        """Start the process and wait until it could decide."""
        await self.process.start()
        await self.process.until(self.ready, within_s=READY_S)
        self.tokens = json.loads((self.data / "api-tokens.json").read_bytes())

    async def ready(self) -> bool:
        """Return whether it answers and could decide now."""
        try:
            async with self._session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200  # noqa: PLR2004 - OK
        except aiohttp.ClientError:
            return False

    @property
    def screen_path(self) -> str:
        """Where the demo's page has its screen (`running.through`), with a token that may act in the fragment."""
        screen = f"/terminal/{self.post.terminal}/{self.post.screen}"
        return f"{screen}?lane={self.post.lane}#token={self.tokens.get('desk', '')}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['integrator']}"}

    async def _call(self, method: str, path: str, body: Json | None = None, *, within_s: float = CALL_S) -> Json:
        found: Json = await self._ask(method, path, body, within_s=within_s)
        return found

    async def _ask(self, method: str, path: str, body: Json | None = None, *, within_s: float = CALL_S) -> Any:
        timeout = aiohttp.ClientTimeout(total=within_s)
        async with self._session.request(
            method, self.url + path, json=body, headers=self._headers(), timeout=timeout
        ) as answer:
            text = await answer.text()
            if not answer.ok:
                raise aiohttp.ClientResponseError(
                    answer.request_info, answer.history, status=answer.status, message=f"{path}: {text[:300]}"
                )
            return json.loads(text)

    async def status(self) -> Json | None:
        """Return its status; None while it is down."""
        try:
            return await self._call("GET", "/v1/status", within_s=STATUS_S)
        except (aiohttp.ClientError, TimeoutError, KeyError):
            return None

    async def reads(self) -> bool:
        """Return whether its lane would read a code now."""
        status = await self.status() or {}
        return any(lane.get("camera") for lane in status.get("lanes", []))

    async def present(self, code: str, **more: Any) -> Json:
        """Hand it a code as a hand scanner or a till does."""
        return await self._call("POST", "/v1/present", {"code": code, "lane": self.post.lane, **more})

    async def challenge(self) -> bytes:
        """Return what the lane's screen shows for a phone to answer."""
        return bytes.fromhex((await self._call("GET", f"/v1/lanes/{self.post.lane}"))["challenge"])

    async def state_of(self, redemption: str) -> str | None:
        """Return the state of one of its recent redemptions, None for any other."""
        recent = await self._ask("GET", "/v1/redemptions?recent=50")
        return next((str(one["state"]) for one in recent if one["id"] == redemption), None)

    async def step(self, redemption: str, name: str, **more: Any) -> Json:
        """Take a redemption one step."""
        return await self._call("POST", f"/v1/redemptions/{redemption}/{name}", more)

    async def events(self) -> AsyncIterator[tuple[str, Json]]:
        """Yield (name, data) of its event stream until it ends."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CALL_S)
        headers = {**self._headers(), "Accept": "text/event-stream"}
        async with self._session.get(f"{self.url}/v1/events", headers=headers, timeout=timeout) as answer:
            name = ""
            async for line in answer.content:
                text = line.decode().rstrip("\n")
                if text.startswith("event: "):
                    name = text.removeprefix("event: ")
                elif text.startswith("data: "):
                    yield name, json.loads(text.removeprefix("data: "))

    async def follow(self, heard: Callable[[str, Json], None]) -> None:
        """Tell `heard` every event, for ever, through restarts of the terminal."""
        while True:
            try:
                async for name, data in self.events():
                    heard(name, data)
            except (aiohttp.ClientError, TimeoutError, KeyError):
                pass  # it is down: the plug was pulled, or it has not started yet
            await asyncio.sleep(RECONNECT_S)
