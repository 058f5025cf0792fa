"""What a hub and a platform cost beside taking journals in: claims, held polls, unchanged standings, proofs.

A platform and a hub are processes of their own on this machine; this process is their gates. One JSON line each part:

    claims      over TLS to a hub, for a key of the site, and through the hub to the platform; processor time of each
    standings   an unchanged standing, one after the other; its floor is an empty handler, one verify and one sign
    polls       held long polls, plain and TLS: memory of the server for each, and how soon all hear of a publication
    proofs      verified, by one core; its floor is two raw verifies

    python bench/town.py [claims standings polls proofs] [--claims 1000] [--polls 5000]
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import secrets
import sqlite3
import ssl
import tempfile
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.ids import uuid7
from central.demo.running.hub_link import HubLink
from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import Child, free_ports, python
from central.demo.street import town
from central.hub.learning import SETTLE_MS
from central.lists.measure_calls import Measure, restrict
from central.platform_state import open_state
from central.proofs.judging import Case, IssuerRow, Verdict, judge
from central.register import minting
from central.register.registry import pseudonym, register
from central.register.warrants import Warrant
from central.site.certificate import CERTIFICATE, make_certificate
from central.site.certificate import KEY as CERTIFICATE_KEY
from sync.auth import Authenticator
from sync.beyond.asking import AuthorityError
from sync.beyond.authority import NetworkAuthority
from sync.enrol.enrolling import enrol, read_ticket
from sync.enrol.identity import Identity
from sync.transport import open_session
from sync.wire.claims import ClaimKey, ClaimRequest
from sync.wire.jws import public_hex
from sync.wire.messages import AUTH_SECONDS, AuthClaims, WireError, digest
from sync.wire.seals import AUTH, sign

BY_TWO = Warrant.by_two("bench-maker", "bench-approver")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HUB = {"site": town.SITE, "title": {"zh": "枢纽"}, "issuer": town.CITY, "lanes": [], "role": "hub"}
INSTANCE = "A" * 22  # one start of all of them
ROUNDS = 300
PROOFS = 2_000
TOGETHER = 50  # connections that are opened at once
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAUSE_S = 0.05
BUSY_S = 0.3  # of a second's processor time: who has less to do has run its handlers


class Clock:
    """The wall clock."""

    def now_ms(self) -> int:
        """Return now in milliseconds UTC."""
        return time.time_ns() // 1_000_000


def tell(part: str, **figures: float | str) -> None:
    """Print one line."""
    rounded = {name: round(one, 3) if isinstance(one, float) else one for name, one in figures.items()}
    print(json.dumps({"bench": "town", "part": part} | rounded), flush=True)


def cpu_s(pid: int | None) -> float:
    """Return the processor time of a process so far."""
    said = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(said[11]) + int(said[12])) * TICK_S


def memory_kb(pid: int | None) -> int:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def written(pid: int | None) -> int:
    """Return the bytes that a process has had written to disk."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def quantiles(took: list[float]) -> dict[str, float]:
    """Return middle and 99th of a hundred, in milliseconds."""
    took = sorted(took)
    return {"p50_ms": took[len(took) // 2] * 1000, "p99_ms": took[len(took) * 99 // 100] * 1000}


class Place:
    """A platform, and on demand its hub."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        platform, hub = free_ports(2)
        self.folder = folder
        self.platform = PlatformLink(folder, platform, session)
        self.hub = HubLink("hub-1", folder, hub, session)

    async def add_hub(self) -> None:
        """Enrol the hub and wait until it answers."""
        self.hub.configure(self.platform.url)
        await self.hub.enrol(await self.platform.code("hub-1", HUB, platform=self.platform.url))
        await self.hub.start()

    async def gate(self, session: aiohttp.ClientSession) -> Identity:
        """Enrol a gate, here."""
        text = await self.platform.code_for(town.GATE, platform=self.platform.url)
        now_ms = Clock().now_ms()
        return await enrol(read_ticket(text), folder=self.folder / "gate", session=session, now_ms=now_ms)


async def claims(place: Place, many: int) -> None:
    """Claim `many` keys of the site, and as many that are wider."""
    await place.add_hub()
    async with open_session() as session:
        identity = await place.gate(session)
        auth = Authenticator(identity, Clock())
        authority = NetworkAuthority(session, identity, auth, versions=dict, ids=uuid7)

        async def ask(key: ClaimKey) -> str:
            said = authority.asker()
            request = ClaimRequest(
                run=said.run, hub_no=said.hub_no, redemption=uuid7(0), at_ms=Clock().now_ms(), keys=[key]
            )
            try:
                answer = await authority.claim(request)
            except (AuthorityError, WireError):  # nobody answered within the budget of a visit
                return "silent"
            return answer.reach if answer.granted else "no"

        await _until(partial(_says, ask, ClaimKey(key="n|w:first:0", n=1)))
        for part in ("site", "wide"):
            hub_s, platform_s, took, away = cpu_s(place.hub.process.pid), cpu_s(place.platform.process.pid), [], 0
            for number in range(many):
                name = f"{part}-{number}"
                key = ClaimKey(key=f"n|w:{name}:0", n=1)
                if part == "wide":
                    key = ClaimKey(key=f"u|w/x|subject:w:{name}|ever", n=1, bound=1, borne="grant")
                begun = time.perf_counter()
                away += await ask(key) != "all"
                took.append(time.perf_counter() - begun)
            hub_s, platform_s = cpu_s(place.hub.process.pid) - hub_s, cpu_s(place.platform.process.pid) - platform_s
            each = {"hub_cpu_ms": hub_s / many * 1000, "platform_cpu_ms": platform_s / many * 1000}
            tell(f"claims, {part}", claims=many, not_answered_by_all=away, **quantiles(took), **each)
    await place.hub.process.stop()


async def _says(ask: Callable[[ClaimKey], Awaitable[str]], key: ClaimKey) -> bool:
    await asyncio.sleep(PAUSE_S)
    return await ask(key) == "all"


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await true():  # it pauses itself
            pass


class Poller:
    """One terminal's connection. Every terminal has the same key: what is measured is the server."""

    def __init__(self, terminal: str, audience: str, port: int, context: ssl.SSLContext | None = None) -> None:
        self._terminal, self._audience, self._port, self._context = terminal, audience, port, context

    def request(self, query: str) -> bytes:
        """Return the bytes of a standing's request."""
        issued = time.time_ns() // 1_000_000_000 - 1
        jti = secrets.token_hex(16)
        who = AuthClaims(
            iss=self._terminal,
            aud=self._audience,
            iat=issued,
            exp=issued + AUTH_SECONDS,
            jti=jti,
            body=digest(b""),
            instance=INSTANCE,
        )
        token = sign(who, KEY, typ=AUTH, kid=self._terminal)
        path = f"/v1/terminals/{self._terminal}/standing{query}"
        return f"GET {path} HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer {token}\r\n\r\n".encode()

    async def open(self) -> None:
        """Connect."""
        self._reading, self._writing = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._context)

    async def ask(self, query: str = "") -> bytes:
        """Return the body of the answer."""
        self._writing.write(self.request(query))
        head = (await self._reading.readuntil(b"\r\n\r\n")).decode()
        sizes = [line for line in head.split("\r\n") if line.lower().startswith("content-length")]
        body = await self._reading.readexactly(int(sizes[0].split(":")[1]))
        if " 200 " not in head.split("\r\n", 1)[0]:
            raise ConnectionError(body.decode())
        return body

    def close(self) -> None:
        """Close."""
        self._writing.close()


def populate(state: Path, many: int) -> None:
    """Let the platform know so many terminals, all of one key."""
    rows = [(f"t{number}", public_hex(KEY)) for number in range(many)]
    sql = (
        "INSERT INTO terminals (terminal, site, profile, public_key, enrolled_ms)"
        " SELECT ?1, site, profile, ?2, 1 FROM terminals WHERE terminal = 'template' ON CONFLICT DO NOTHING"
    )
    with contextlib.closing(sqlite3.connect(state / "central.db", timeout=30)) as conn, conn:
        conn.executemany(sql, rows)


def audience_of(place: Place) -> str:
    """Return the platform's key id, which request tokens name."""
    return open_state(place.platform.state).signer.public.kid


async def standings(place: Place) -> None:
    """Ask for an unchanged standing, one after the other."""
    one = Poller("t0", audience_of(place), int(place.platform.url.rsplit(":", 1)[1]))
    await one.open()
    await one.ask()
    pid = place.platform.process.pid
    bytes_before, cpu, took, floor = written(pid), cpu_s(pid), [], []
    signature, text = KEY.sign(b"x" * 300), b"x" * 300
    async with aiohttp.ClientSession() as session:
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            await one.ask()
            took.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            async with session.get(f"{place.platform.url}/healthz") as answer:
                await answer.read()
            KEY.public_key().verify(signature, text)
            KEY.sign(text)
            floor.append(time.perf_counter() - begun)
    both = quantiles(took) | {f"floor_{name}": value for name, value in quantiles(floor).items()}
    cpu = (cpu_s(pid) - cpu) / ROUNDS * 1000
    tell("standings", **both, cpu_ms_with_the_floor_s=cpu, written_bytes=written(pid) - bytes_before)
    one.close()


async def polls(place: Place, many: int, port: int, context: ssl.SSLContext | None, pid: int | None) -> None:
    """Hold `many` polls, publish, and see how soon each has heard."""
    await asyncio.sleep(2 * SETTLE_MS / 1000)  # who has just started lets everybody ask again at once
    audience = audience_of(place)
    pollers = [Poller(f"t{number}", audience, port, context) for number in range(many)]
    await pollers[0].open()
    state = json.loads(_payload(await pollers[0].ask()))["state"]
    before, cpu = memory_kb(pid), cpu_s(pid)
    gate, heard = asyncio.Semaphore(TOGETHER), []

    async def hold(one: Poller) -> None:
        async with gate:
            if one is not pollers[0]:
                await one.open()
            waits = asyncio.ensure_future(one.ask(f"?wait=60&state={state}"))
            await asyncio.sleep(0)
        await waits
        heard.append(time.perf_counter())

    waiting = [asyncio.create_task(hold(one)) for one in pollers]
    await _until(partial(_held, pid, many))
    held, cpu = memory_kb(pid), cpu_s(pid) - cpu
    if heard:
        raise RuntimeError(f"{len(heard)} polls were answered before anything was published")
    await asyncio.to_thread(news, place.platform.state)
    published = time.perf_counter()
    await asyncio.gather(*waiting)
    took = sorted(at - published for at in heard)
    name = "polls, TLS" if context else "polls, plain"
    figures = {"kb_each": (held - before) / many, "cpu_ms_to_open_one": cpu / many * 1000}
    tell(name, polls=many, **figures, woken_p99_s=took[many * 99 // 100], woken_last_s=took[-1])
    for one in pollers:
        one.close()


async def polls_with_tls(place: Place, many: int) -> None:
    """Hold them once more over TLS: the same platform, started with a certificate."""
    await place.platform.process.stop()
    folder, (port,) = place.folder / "tls", free_ports(1)
    make_certificate(folder, ["127.0.0.1"])
    files = ["--tls-cert", str(folder / CERTIFICATE), "--tls-key", str(folder / CERTIFICATE_KEY)]
    where = ["--state", str(place.platform.state), "--listen", f"127.0.0.1:{port}"]
    command = python("central", "serve", *where, *files)
    process = await Child("platform-tls", command, place.folder / "platform-tls.log").start()
    try:
        await process.until(partial(_listens, port), within_s=60)
        context = ssl.create_default_context(cafile=folder / CERTIFICATE)
        context.check_hostname = False
        await polls(place, many, port, context, process.pid)
    finally:
        await process.stop()


async def _listens(port: int) -> bool:
    try:
        _reading, writing = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writing.close()
    return True


def news(state: Path) -> None:
    """Publish a measure: everybody who waits is told."""
    subject = secrets.token_hex(16)
    until = datetime.now(tz=UTC).date() + timedelta(days=9)
    measure = Measure(code=town.RESTRICTING, until=until, authority=town.AUTHORITIES[town.CITY])
    with register(state) as conn:
        pseudonym(conn, town.CITY, subject)
    restrict(state, town.CITY, subject, measure, warrant=BY_TWO, now_ms=Clock().now_ms())


async def _held(pid: int | None, many: int) -> bool:
    """Return whether the server has so many connections and has come to rest."""
    sockets = await asyncio.to_thread(_sockets, pid)
    before = cpu_s(pid)
    await asyncio.sleep(1)
    return sockets >= many and cpu_s(pid) - before < BUSY_S


def _sockets(pid: int | None) -> int:
    return sum(1 for one in Path(f"/proc/{pid}/fd").iterdir() if _is_socket(one))


def _is_socket(path: Path) -> bool:
    try:
        return str(path.readlink()).startswith("socket:")
    except OSError:  # it is closed by now
        return False


def _payload(jws: bytes) -> bytes:
    part = jws.split(b".")[1]
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def proofs() -> None:
    """Verify PROOFS presentations, and as many times two raw signatures."""
    now_s = time.time_ns() // 1_000_000_000
    issuer, phone = minting.issuer_key("wulong", b"\x01" * 32), Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
    row = minting.public_entry(issuer, from_s=0, until_s=2 * now_s)
    keys = (IssuerRow("wulong", json.dumps(row), None),)
    cases = list(_cases(issuer, phone, now_s))
    signature = KEY.sign(b"x" * 120)

    def raw() -> None:
        for _ in range(2 * PROOFS):
            KEY.public_key().verify(signature, b"x" * 120)

    def judged() -> None:
        if any(judge(case, keys).verdict is not Verdict.PROVED for case in cases):
            raise RuntimeError("a proof was not taken")

    rates = []
    for work in (raw, judged, raw, judged, raw, judged):
        begun = time.process_time()
        work()
        rates.append(PROOFS / (time.process_time() - begun))
    floor, rate = max(rates[::2]), max(rates[1::2])
    tell("proofs", per_s=rate, floor_per_s=floor, of_the_floor=rate / floor, target=0.8)


def _cases(issuer: minting.IssuerKey, phone: Ed25519PrivateKey, now_s: int) -> Iterator[Case]:
    for number in range(PROOFS):
        said = minting.Credential(
            subject=number.to_bytes(16, "big"),
            tier=3,
            token_id=number.to_bytes(8, "big"),
            iat=now_s - 3600,
            exp=now_s + 3600,
            holder_key=phone.public_key(),
        )
        nonce = number.to_bytes(8, "big")
        shown = minting.present(minting.mint_credential(issuer, said), phone, iat=now_s, nonce=nonce)
        body = {"issuer": "wulong", "token": said.token_id.hex(), "subject": said.subject.hex(), "nonce": nonce.hex()}
        yield Case(at_ms=now_s * 1000, site="park", body=body | {"clock": "trusted", "class": "bound"}, shown=shown)


async def measure(parts: list[str], many_claims: int, many_polls: int) -> None:
    """Measure what is asked for."""
    if "proofs" in parts:
        await asyncio.to_thread(proofs)
    if not {"claims", "standings", "polls"} & set(parts):
        return
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        place = Place(folder, session)
        stack.push_async_callback(place.platform.process.stop)
        await place.platform.start()
        if "claims" in parts:
            stack.push_async_callback(place.hub.process.stop)
            await claims(place, many_claims)
        profile = town.profile(town.GATE, ())
        await place.platform.code("template", profile, platform=place.platform.url)
        populate(place.platform.state, max(1, many_polls))
        if "standings" in parts:
            await standings(place)
        if "polls" in parts:
            port = int(place.platform.url.rsplit(":", 1)[1])
            await polls(place, many_polls, port, None, place.platform.process.pid)
            await polls_with_tls(place, many_polls)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["proofs", "claims", "standings", "polls"])
    parser.add_argument("--claims", type=int, default=1000)
    parser.add_argument("--polls", type=int, default=5000)
    args = parser.parse_args()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(measure(args.parts, args.claims, args.polls))


if __name__ == "__main__":
    main()
