"""The second verifier of a passage: somebody else's check, asked over HTTP, with a written policy for when it is down.

`POST url {"code": …, "lane": …, "raw": …}` (`raw`: the scanner's bytes in hex, where they are known) answered by
`{"passed": true}` or `{"passed": false}` within the timeout. Anything else, in any way, means it is down, and
`when_down` says what follows: pass, refer or refuse (decision.md, scene S6).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import aiohttp
import msgspec

from credit.inputs import SecondCheck, SecondResult
from edge.config import VerifierTable
from sync.wire.messages import WireError, decode

log = logging.getLogger("xinguan.verifier")

MAX_SAID_BYTES = 16 * 1024
WHEN_DOWN = {
    "pass": SecondResult.DOWN_PASS,
    "refer": SecondResult.DOWN_REFER,
    "refuse": SecondResult.DOWN_REFUSE,
}


@dataclass(frozen=True, slots=True)
class Second:
    """A second code: its text, and the bytes that the scanner sent where they are known."""

    text: str
    raw: bytes | None = None


class _Said(msgspec.Struct):
    passed: bool


class Verifiers:
    """The second verifiers of this terminal, by the name that benefits use (`second-check:<name>`)."""

    def __init__(self, tables: tuple[VerifierTable, ...]) -> None:
        self._tables: Mapping[str, VerifierTable] = {table.name: table for table in tables}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())  # it remembers nothing of anybody
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._session.close()

    async def check(self, name: str, code: Second, *, lane: str) -> SecondCheck:
        """Return what the verifier called `name` says of a second code; a name nobody configured is down: refer."""
        table = self._tables.get(name)
        if table is None:
            log.error("verifier_not_configured", extra={"verifier": name})
            return SecondCheck(name=name, result=SecondResult.DOWN_REFER)
        try:
            passed = await self._ask(table, code, lane)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, WireError) as error:
            log.warning("verifier_down", extra={"verifier": name, "detail": str(error) or type(error).__name__})
            return SecondCheck(name=name, result=WHEN_DOWN[table.when_down])
        return SecondCheck(name=name, result=SecondResult.PASSED if passed else SecondResult.FAILED)

    async def _ask(self, table: VerifierTable, code: Second, lane: str) -> bool:
        timeout = aiohttp.ClientTimeout(total=table.timeout_s)
        body = {"code": code.text, "lane": lane}
        if code.raw is not None:
            body["raw"] = code.raw.hex()
        async with self._session.post(table.url, json=body, timeout=timeout, allow_redirects=False) as answer:
            answer.raise_for_status()
            said = bytearray()
            async for piece in answer.content.iter_chunked(MAX_SAID_BYTES):
                said += piece
                if len(said) > MAX_SAID_BYTES:
                    raise WireError("bad_message", "the answer has no end")
            return decode(bytes(said), _Said).passed
