"""The reference platform of the demo: founded as its offices would, run as a process, asked as its people ask it.

Codes and the ledger are the operator's; a measure and its repair are the office's, so two people of the demo make them.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from central.clock import now_ms
from central.demo.office import Pair, open_pair
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

    kept_at: tuple[str, ...] = ()  # what `central init` is told of the database, where it is not in the folder

    def __init__(self, folder: Path, port: int, session: aiohttp.ClientSession) -> None:
        self.state = folder / "platform"
        self.url = f"http://127.0.0.1:{port}"
        self._offices = folder / "offices"
        self._log = folder / "platform.log"
        self._session = session
        self._pair = Pair("", "")
        self._entries: dict[bytes, int] = {}
        listen = f"127.0.0.1:{port}"
        self.office_url = f"http://127.0.0.1:{free_ports(1)[0]}"
        console = self.office_url.removeprefix("http://")
        command = python("central", "serve", "--state", str(self.state), "--listen", listen, "--console", console)
        self.process = Child("platform", command, self._log)

    async def start(self) -> None:
        """Make the platform, start its process, take both cities in: keys, rules, lists. Returns once it answers."""
        init = python("central", "init", "--state", str(self.state), *self.kept_at)
        await run_once("platform: init", init, self._log)
        await self.process.start()
        await asyncio.to_thread(self._found_cities)
        self._pair = await asyncio.to_thread(open_pair, self.state)
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
        return await self._exchange(method, self.url + path, self.operator_token, body)

    async def _exchange(self, method: str, url: str, token: str, body: Json | None) -> Json:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            if not answer.ok:
                raise aiohttp.ClientResponseError(
                    answer.request_info, answer.history, status=answer.status, message=f"{url}: {text[:300]}"
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

    async def _by_two(self, name: str, form: Json) -> Json:
        """Draft something as the clerk and approve it as the checker; return what the draft became."""
        why = {"why": "演示 demo"}
        draft = await self._exchange("POST", f"{self.office_url}/v1/office/{name}", self._pair.clerk, form | why)
        about = {"draft": draft["number"]} | why
        done = await self._exchange("POST", f"{self.office_url}/v1/office/approve", self._pair.checker, about)
        became: Json = done["result"]
        return became

    async def restrict(self, who: Person) -> None:
        """Bar somebody from scenic sites; returns once it is published."""
        if who.subject in self._entries:
            raise LookupError("a measure stands against this visitor already; repair it first")
        until = (datetime.now(tz=UTC) + BARRED_FOR).date().isoformat()
        measure = {"code": town.RESTRICTING, "until": until, "authority": town.AUTHORITIES[who.issuer]}
        became = await self._by_two("measure", {"city": who.issuer, "subject": who.subject.hex(), **measure})
        self._entries[who.subject] = became["entry"]

    async def repair(self, who: Person) -> None:
        """Lift what stands against somebody; returns once it is published."""
        if who.subject not in self._entries:
            raise LookupError("no measure stands against this visitor")
        await self._by_two("repair", {"city": who.issuer, "entry": self._entries[who.subject]})
        del self._entries[who.subject]
