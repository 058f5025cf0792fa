"""How many grants a terminal serves over HTTP, how soon, and at what cost: 32 tills that ask one after the other.

A real platform and a real terminal with sixteen lanes are processes of their own; this process is the tills. Each asks
under a request id of its own with a really signed code of a new visitor. The floor is the same exchange with a call
that decides nothing (`/healthz`). Played with sixteen lanes and with one:

    nobody asked       the network is cut: two visitors found out (claims.md 10), and are not counted
    platform asked     the platform counts for the site, and hears of each grant (--asked)

Whoever cannot be answered within ANSWER_S is told so (REFER `store_failed`), gets nothing, and his request is forgotten
(illness.md 6): asked again, it is granted. On a machine with other work it happens: such answers are counted (`late`).

    python bench/served.py [--grants 3000] [--asked] [--folder DIR]      one JSON line a figure
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import free_ports
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town
from central.demo.street.visitors import Person
from central.lists.issuing import Wanted, issue_all
from central.register.registry import pseudonym, register

TILLS = 32
LANES = 16
SILENCES = 4  # visitors who find out that nobody answers
FLOORS = 2_000
ANSWER_S = 0.8  # `[terminal] answer_s`, from arrival to answer
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Till:
    """One connection, kept open."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token

    async def open(self) -> "Till":
        """Connect."""
        self._reading, self._writing = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the body of the answer; raise where it is none."""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._token}\r\n"
        self._writing.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        said = (await self._reading.readuntil(b"\r\n\r\n")).decode()
        size = next(line for line in said.lower().split("\r\n") if line.startswith("content-length"))
        answer = await self._reading.readexactly(int(size.split(":")[1]))
        if " 200 " not in said.split("\r\n", 1)[0]:
            raise ConnectionError(answer.decode())
        return answer

    def close(self) -> None:
        """Close."""
        self._writing.close()


async def presented(till: Till, body: bytes) -> tuple[dict[str, Any], float]:
    """Return the answer to a visitor, and how long it took in seconds."""
    began = time.perf_counter()
    answer: dict[str, Any] = json.loads(await till.ask("POST", "/v1/present", body))
    return answer, time.perf_counter() - began


def _codes(answer: dict[str, Any]) -> list[str]:
    return [one["code"] for one in answer["reasons"]]


def residents(state: Path, many: int) -> Iterator[Person]:
    """Yield new trusted residents, each with a phone."""
    phones = [Ed25519PrivateKey.generate() for _ in range(many)]
    names = [f"till-{number}" for number in range(many)]
    with register(state) as conn:
        for name in names:
            pseudonym(conn, town.CITY, name)
    wanted = [
        Wanted(subject=name, tier=3, groups=(town.TRUSTED_GROUP,), holder_key=phone.public_key(), test=True)
        for name, phone in zip(names, phones, strict=True)
    ]
    issued = issue_all(state, town.CITY, wanted, now_s=int(time.time()) - 60)
    for one, phone in zip(issued, phones, strict=True):
        yield Person(issuer=town.CITY, subject=one.subject, credential=one.raw, phone=phone)


def cpu_s(pid: int | None) -> float:
    """Return the processor time of a process so far."""
    said = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(said[11]) + int(said[12])) * TICK_S


def tell(what: str, **figures: float | str) -> None:
    """Print one line."""
    rounded = {name: round(one, 3) if isinstance(one, float) else one for name, one in figures.items()}
    print(json.dumps({"bench": "served", "what": what} | rounded), flush=True)


class Place:
    """A platform, its terminal with sixteen lanes, and the tills."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        platform, gate = free_ports(2)
        self.platform = PlatformLink(folder, platform, session)
        self.gate = TerminalLink(town.GATE, folder, gate, session)
        self.tills: list[Till] = []

    async def start(self) -> None:
        """Start all of them."""
        await self.platform.start()
        lanes = [{"id": f"L{number}", "scene": town.GATE.scene} for number in range(1, LANES)]
        text = self.gate.configuration(platform=self.platform.url, source=None, actuator=None)
        text = text.replace("presents_per_s = 1000", "presents_per_s = 10000")
        text += "".join(f'[[lanes]]\nid = "{one["id"]}"\nscene = "{one["scene"]}"\n' for one in lanes)
        await asyncio.to_thread(self.gate.config.write_text, text, "utf-8")
        await self.gate.enrol(await self.platform.code_for(town.GATE, platform=self.platform.url, lanes=lanes))
        await self.gate.start()
        token = self.gate.tokens["integrator"]
        self.tills = [await Till(self.gate.port, token).open() for _ in range(TILLS)]

    async def stop(self) -> None:
        """End all of them."""
        for till in self.tills:
            till.close()
        await self.gate.process.stop()
        await self.platform.process.stop()

    async def floor(self) -> None:
        """Measure the exchange with a call that decides nothing."""
        rest = list(range(FLOORS))

        async def asks(till: Till) -> None:
            while rest:
                rest.pop()
                await till.ask("GET", "/healthz")

        used, began = cpu_s(self.gate.process.pid), time.perf_counter()
        await asyncio.gather(*map(asks, self.tills))
        used, spent = cpu_s(self.gate.process.pid) - used, time.perf_counter() - began
        tell("floor: a call that decides nothing", per_s=FLOORS / spent, cpu_ms_each=used / FLOORS * 1e3)

    async def grants(self, what: str, people: list[Person], lanes: int) -> None:
        """Let so many visitors come to so many lanes, and print what it came to."""
        now_s, took, late = int(time.time()), list[float](), list[float]()
        asks = [self._ask(number, one, lanes, now_s) for number, one in enumerate(people)]

        async def serve(till: Till) -> None:
            while asks:
                body = asks.pop()
                answer, spent = await presented(till, body)
                took.append(spent)
                while answer["outcome"] == "REFER" and _codes(answer) == ["store_failed"] and spent >= ANSWER_S:
                    late.append(spent)
                    answer, spent = await presented(till, body)
                if answer["outcome"] != "GRANT" or answer["repeat"]:
                    raise RuntimeError(f"not granted: {answer}")

        pid, many = self.gate.process.pid, len(people)
        used, began = cpu_s(pid), time.perf_counter()
        await asyncio.gather(*map(serve, self.tills))
        used, spent = cpu_s(pid) - used, time.perf_counter() - began
        took.sort()
        figures = {"p50_ms": took[many // 2] * 1e3, "p99_ms": took[many * 99 // 100] * 1e3}
        counted = {"late": len(late)} if late else {}
        tell(what, grants=many, per_s=many / spent, **figures, cpu_ms_each=used / many * 1e3, **counted)

    def _ask(self, number: int, person: Person, lanes: int, now_s: int) -> bytes:
        lane = town.GATE.lane if number % lanes == 0 else f"L{number % lanes}"
        ask = {"code": person.code(now_s), "lane": lane, "ticket": "adult", "request_id": f"{lanes}-{now_s}-{number}"}
        return json.dumps(ask).encode()


async def measure(folder: Path, grants: int, *, asked: bool) -> None:
    """Measure and print."""
    async with aiohttp.ClientSession() as session:
        place = Place(folder, session)
        try:
            await place.start()
            people = await asyncio.to_thread(lambda: list(residents(place.platform.state, 4 * grants + SILENCES)))
            await place.floor()
            if asked:
                for lanes, name in ((LANES, f"{LANES} lanes"), (1, "one lane")):
                    some = [people.pop() for _ in range(grants)]
                    await place.grants(f"{TILLS} tills, {name}, platform asked", some, lanes)
            await place.platform.process.stop()
            for one in [people.pop() for _ in range(SILENCES)]:
                await place.gate.present(one.code(int(time.time())), ticket="adult")
            for lanes, name in ((LANES, f"{LANES} lanes"), (1, "one lane")):
                some = [people.pop() for _ in range(grants)]
                await place.grants(f"{TILLS} tills, {name}, nobody asked", some, lanes)
        finally:
            await place.stop()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grants", type=int, default=3_000)
    parser.add_argument("--asked", action="store_true")
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        asyncio.run(measure(Path(folder), args.grants, asked=args.asked))


if __name__ == "__main__":
    main()
