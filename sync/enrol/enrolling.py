"""`xinguan enrol CODE`: a new terminal makes its key, shows a one-time code, and learns who it is.

CODE is either the bare code (`K7QD-…`, then the platform's address is needed too) or the text of the enrolment QR:

    xinguan-enrol:https://platform.example#code=K7QD-…&root=<SHA-256 of the trust root, hex>

Rules of this file:

- the key is on disk before the code is sent: an answer lost on the way is asked for again with the same code and key;
- the trust root must hash to what the QR announces; nothing of the answer is kept otherwise;
- a terminal that runs is not enrolled again beside itself: it would go on under its old name;
- a terminal with unsent facts is not enrolled again: its facts would have nobody to speak for them.
"""

import argparse
import asyncio
import hashlib
import re
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urldefrag

import aiohttp
import msgspec

from cache.ids import uuid7
from cache.journal.chain import JournalError, begin_epoch, current_epoch, unsent
from cache.journal.orders import serve_again
from cache.memory.lives import doubt
from cache.pen import Pen
from credit.inputs import Now
from storage.jobs import StoreFailedError
from storage.only_one import AlreadyRunningError, only_one
from storage.sqlite import Store
from sync.enrol.identity import (
    ENROLMENT_FILE,
    Identity,
    IdentityError,
    check_answer,
    keep_enrolment,
    load_identity,
    load_or_make_key,
    make_folder,
    make_next_key,
    platform_url,
)
from sync.transport import RefusedError, UnreachableError, exchange, open_session
from sync.wire.jws import public_hex
from sync.wire.messages import EnrolAnswer, EnrolRequest, HubOffer, WireError, decode
from sync.wire.seals import prove

QR_PREFIX = "xinguan-enrol:"
DATABASE_FILE = "terminal.db"
CODE_FORM = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{9,40}")
HASH_FORM = re.compile(r"[0-9a-f]{64}")
EX_WRONG, EX_UNAVAILABLE, EX_REFUSED = 2, 69, 1


@dataclass(frozen=True, slots=True)
class Ticket:
    """What somebody holds who may enrol a terminal. `root_sha256` is None for a bare code."""

    code: str
    platform: str
    root_sha256: str | None


def read_ticket(text: str, *, platform: str | None = None) -> Ticket:
    """Return the ticket in a QR text, or of a bare code for `platform`; raise IdentityError with the mend."""
    text = text.strip()
    if not text.startswith(QR_PREFIX):
        if not CODE_FORM.fullmatch(text):
            raise IdentityError("this is no enrolment code. Ask the platform for one: xinguan central codes")
        if platform is None:
            raise IdentityError("a bare code does not say where the platform is. Add --platform https://host[:port]")
        return Ticket(text, platform_url(platform), None)
    url, fragment = urldefrag(text.removeprefix(QR_PREFIX))
    fields = parse_qs(fragment)
    code, root = fields.get("code", [""])[0], fields.get("root", [""])[0]
    if not CODE_FORM.fullmatch(code) or not HASH_FORM.fullmatch(root):
        raise IdentityError("this enrolment QR is incomplete. Ask the platform for a new one")
    return Ticket(code, platform_url(platform or url), root)


async def enrol(
    ticket: Ticket,
    *,
    folder: Path,
    session: aiohttp.ClientSession,
    now_ms: int,
    again: bool = False,
    hub: HubOffer | None = None,
) -> Identity:
    """Enrol this terminal and return who it is. `hub`: where it answers, when it is the hub of a site.

    Raises IdentityError, UnreachableError, RefusedError, WireError, StoreFailedError, and AlreadyRunningError
    beside a running terminal.
    """
    if (folder / ENROLMENT_FILE).exists() and not again:
        raise IdentityError(f"{folder / ENROLMENT_FILE}: this terminal is enrolled already. Add --again if you mean it")
    with only_one(make_folder(folder)):
        key = make_next_key(folder) if again and (folder / ENROLMENT_FILE).exists() else load_or_make_key(folder)
        request = EnrolRequest(code=ticket.code, public_key=public_hex(key), proof=prove(ticket.code, key), hub=hub)
        return await _enrol_alone(ticket, request, folder=folder, session=session, now_ms=now_ms, again=again)


async def _enrol_alone(
    ticket: Ticket,
    request: EnrolRequest,
    *,
    folder: Path,
    session: aiohttp.ClientSession,
    now_ms: int,
    again: bool,
) -> Identity:
    async with Store(folder / DATABASE_FILE) as store:
        waiting = await store.read(unsent)
        if again and waiting.count:
            raise IdentityError(f"{waiting.count} facts wait for the platform. Send them first: xinguan sync now")
        headers = {"Content-Type": "application/json"}
        body = msgspec.json.encode(request)
        raw = await exchange(session, "POST", f"{ticket.platform}/v1/enrol", headers=headers, body=body)
        answer = decode(raw, EnrolAnswer)
        check_answer(answer, root_sha256=ticket.root_sha256)
        elsewhere = again and _is_elsewhere(answer, load_identity(folder))
        keep_enrolment(folder, platform=ticket.platform, public_key=request.public_key, answer=answer)
        await store.write(lambda conn: _begin(conn, answer, now_ms=now_ms, elsewhere=elsewhere))
    return load_identity(folder)


def _is_elsewhere(answer: EnrolAnswer, before: Identity) -> bool:
    """Tell whether another platform answered than the one before, whatever key it signs with by now."""
    return before.platform_keys.keys().isdisjoint(one.kid for one in (*answer.platform_keys, *answer.former))


def _begin(conn: sqlite3.Connection, answer: EnrolAnswer, *, now_ms: int, elsewhere: bool) -> None:
    """Begin to serve under what was enrolled: another platform has nothing that our chain could hang on to.

    A name that has given before is not this box's memory: until that has come, it is lost.
    """
    serve_again(conn, at_ms=now_ms)
    if elsewhere:
        begin_epoch(conn, epoch=uuid7(now_ms), terminal=answer.terminal, reason="enrolled elsewhere")
    ensure_epoch(conn, terminal=answer.terminal, now_ms=now_ms)
    if answer.known:
        doubt(Pen(conn, Now(utc_ms=now_ms), uuid7))


def ensure_epoch(conn: sqlite3.Connection, *, terminal: str, now_ms: int) -> None:
    """Begin the journal's epoch unless this terminal has one. Asked at every start: a power cut may fall in between."""
    try:
        if current_epoch(conn).terminal == terminal:
            return
    except JournalError:
        pass  # no epoch yet: the case this is for
    begin_epoch(conn, epoch=uuid7(now_ms), terminal=terminal, reason="enrolled")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `xinguan enrol`."""
    parser.add_argument("code", metavar="CODE", help="one-time code or the enrolment QR's text; - reads it from stdin")
    parser.add_argument("--data", type=Path, default=Path("/var/lib/xinguan"), help="the terminal's data folder")
    parser.add_argument("--platform", metavar="URL", help="the platform's address (a QR text names it itself)")
    parser.add_argument("--ca", type=Path, help="PEM file of the private CA that signs the platform's certificate")
    parser.add_argument("--again", action="store_true", help="enrol although this terminal is enrolled already")


async def _run(args: argparse.Namespace, *, now_ms: int) -> Identity:
    code = sys.stdin.readline() if args.code == "-" else args.code
    ticket = read_ticket(code, platform=args.platform)
    async with open_session(args.ca) as session:
        return await enrol(ticket, folder=args.data, session=session, now_ms=now_ms, again=args.again)


def run(args: argparse.Namespace, *, now_ms: int) -> int:
    """Run `xinguan enrol` and return the exit code: 0 enrolled, 1 refused, 2 wrong argument, 69 nobody answered."""
    try:
        identity = asyncio.run(_run(args, now_ms=now_ms))
    except IdentityError as error:
        sys.stderr.write(f"{error}\n")
        return EX_WRONG
    except UnreachableError as error:
        sys.stderr.write(f"the platform does not answer: {error}\nTry again; the same code stays good.\n")
        return EX_UNAVAILABLE
    except (RefusedError, WireError, StoreFailedError, AlreadyRunningError) as error:
        sys.stderr.write(f"not enrolled: {error}\n")
        return EX_REFUSED
    sys.stdout.write(f"enrolled: {identity.terminal} at {identity.site} · platform {identity.platform}\n")
    fingerprint = hashlib.sha256(identity.trust_root).hexdigest()
    sys.stdout.write(f"trust root SHA-256 {fingerprint} · after a bare code, compare it with the platform's\n")
    return 0
