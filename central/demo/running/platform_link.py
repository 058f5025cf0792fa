"""The reference platform of the demo: founded as its offices would, run as a process, asked as an operator asks it."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from central.clock import now_ms
from central.demo.running.processes import Child, free_ports, python, run_once
from central.demo.street import town
from central.demo.street.visitors import Person
from central.lists.cities import enter, found_city
from central.lists.issuing import make_key

READY_S: Final = 30.0
BARRED_FOR: Final = timedelta(days=90)

Json = dict[str, Any]


class PlatformLink:
    """The platform's process, its folder, and the operator's calls."""

    def __init__(self, folder: Path, port: int, session: aiohttp.ClientSession) -> None:
        self.state = folder / "platform"
        self.url = f"http://127.0.0.1:{port}"
        self._offices = folder / "offices"
        self._log = folder / "platform.log"
        self._session = session
        listen = f"127.0.0.1:{port}"
        self.office_url = f"http://127.0.0.1:{free_ports(1)[0]}"
        console = self.office_url.removeprefix("http://")
        command = python("central", "serve", "--state", str(self.state), "--listen", listen, "--console", console)
        self.process = Child("platform", command, self._log)

    async def start(self) -> None:
        """Make the platform, start its process, take both cities in: keys, rules, lists. Returns once it answers."""
        await run_once("platform: init", python("central", "init", "--state", str(self.state)), self._log)
        await self.process.start()
        await asyncio.to_thread(self._found_cities)
        await self.process.until(self._answers, within_s=READY_S)

    def _found_cities(self) -> None:
        for city in (town.CITY, town.PARTNER):
            files = self._offices / city
            files.mkdir(parents=True)
            for name, data in town.office_files(city).items():
                (files / name).write_bytes(data)
            enter(self.state, city)
            make_key(self.state, city, now_s=now_ms() // 1000)
            found_city(self.state, city, files, now_ms=now_ms())

    async def _answers(self) -> bool:
        try:
            async with self._session.get(f"{self.url}/healthz") as answer:
                return answer.status == 200  # noqa: PLR2004 - OK
        except aiohttp.ClientError:
            return False

    @property
    def operator_token(self) -> str:
        """The bearer token of the operator's calls."""
        return (self.state / "operator-token").read_text("ascii").strip()

    async def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        headers = {"Authorization": f"Bearer {self.operator_token}"}
        async with self._session.request(method, self.url + path, json=body, headers=headers) as answer:
            text = await answer.text()
            if not answer.ok:
                raise aiohttp.ClientResponseError(
                    answer.request_info, answer.history, status=answer.status, message=f"{path}: {text[:300]}"
                )
            found: Json = json.loads(text)
            return found

    async def code_for(self, post: town.Post, *, platform: str, lanes: Sequence[Json] = ()) -> str:
        """Return the enrolment QR's text for this terminal; `lanes` are further ones than its own."""
        return await self.code(post.terminal, town.profile(post, lanes), platform=platform)

    async def code(self, terminal: str, profile: Json, *, platform: str) -> str:
        """Return the enrolment QR's text for a terminal, or hub, with this profile."""
        body = {"terminal": terminal, "profile": profile, "platform": platform}
        return str((await self._call("POST", "/v1/admin/codes", body))["qr"])

    async def ledger(self) -> Json:
        """Return what the journals add up to."""
        return await self._call("GET", "/v1/admin/ledger")

    async def restrict(self, who: Person) -> None:
        """Bar somebody from scenic sites; returns once it is published."""
        until = (datetime.now(tz=UTC) + BARRED_FOR).date().isoformat()
        measure = {"code": town.RESTRICTING, "until": until, "authority": town.AUTHORITIES[who.issuer]}
        await self._call("POST", "/v1/admin/restrict", {"city": who.issuer, "subject": who.subject.hex(), **measure})

    async def repair(self, who: Person) -> None:
        """Lift what stands against somebody; returns once it is published."""
        await self._call("POST", "/v1/admin/repair", {"city": who.issuer, "subject": who.subject.hex()})
