"""What a year leaves in an office's books and register, made without living it; and batches that come in beside.

Every list of the office's pages is filled far beyond what it shows, so that a page that reads more than it shows is
seen to; one person has receipts, measures with the decisions that rested on them, a grant and a dispute.
"""

import gzip
import hashlib
import itertools
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central import example_town
from central.books.settling.accounts import FIGURES
from central.office.affected import HASHED_ID_BYTES
from central.register.accounts.acts import Act, append
from central.register.accounts.duties import Person
from central.register.enrolment import make_code
from central.register.registry import register
from credit.records import Record, chain_next, encode
from storage.jobs import JobStore, Tx
from sync.wire.messages import Seal, decode
from sync.wire.profiles import Profile
from sync.wire.seals import seal_batch

NOW = 1_790_000_000_000
CITY = example_town.HOME
AUTHORITY = "云岭文化和旅游局"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SITES, BENEFITS, DAYS, BATCH, ACTS = 40, 6, 31, 100, 5_000
PEOPLE, MEASURES, DRAFTS, APPLICATIONS, CASES, OVERRUNS, DENIED = 50_000, 5_000, 5_000, 10_000, 2_000, 5_000, 20_000
DAY_MS = 86_400_000
SOMEBODY = "resident 0"
SUBJECT = hashlib.sha256(SOMEBODY.encode()).digest()[:16]
TOKEN = bytes(8)
APPLICATION, EVIDENCE = "0" * 12, hashlib.sha256(b"%PDF-").digest()

LINE = (
    f"INSERT INTO daily (day, site, issuer, benefit, local, {', '.join(FIGURES)}) VALUES ($1, $2, $3, $4, 0, "  # noqa: S608 - columns of our own
    + ", ".join(f"${n}" for n in range(5, 5 + len(FIGURES)))
    + ")"
)
CHUNK = 20_000  # rows of one statement, which PostgreSQL's driver gives ten seconds
COUNTED = (
    " WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < CAST($2 AS BIGINT))"
    " SELECT "
)


class Rows(NamedTuple):
    """So many rows of a table; each column with its value as SQL, where `i` counts and `$3`, … are what is given."""

    many: int
    table: str
    columns: dict[str, str]
    given: tuple[int | str, ...] = ()

    def sql(self) -> str:
        """Return the statement; `$1` and `$2` are the first and the last."""
        names, values = ", ".join(self.columns), ", ".join(self.columns.values())
        return f"INSERT INTO {self.table} ({names}){COUNTED}{values} FROM n"


AT, MONTH_AGO = "CAST($3 AS BIGINT) + i", NOW - 30 * DAY_MS
WAITS = "CASE WHEN i % 50 = 0 THEN "
WHOSE = hashlib.sha256(CITY.encode() + TOKEN).digest()[:HASHED_ID_BYTES].hex()
DRAFT = {
    "number": "i",
    "city": f"'{CITY}'",
    "kind": "'measure'",
    "authority": f"'{AUTHORITY}'",
    "subject": "'x'",
    "content": "'{}'",
    "base": "''",
    "before_json": "'null'",
    "words": """'[{"zh": "字", "en": "w"}]'""",
    "doubts": "'[]'",
    "maker": "'clerk'",
    "made_ms": AT,
    "why": "'bench'",
    "state": f"{WAITS}'open' ELSE 'in_force' END",
    "from_ms": AT,
    "approver": f"{WAITS}NULL ELSE 'checker' END",
    "decided_ms": AT,
    "decided_why": "'bench'",
}
APPLIED = {
    "application": "'a' || i",
    "city": f"'{CITY}'",
    "subject": f"'{SUBJECT.hex()}'",
    "code": "1",
    "uses": "2",
    "until_s": "2000000000",
    "why": "'bench'",
    "state": f"{WAITS}'entered' ELSE 'approved' END",
    "clerk": "'clerk'",
    "made_ms": AT,
    "due_ms": AT,
}
GRANT = {
    "grant_id": "CAST(1000000000000000 + i AS TEXT)",
    "city": f"'{CITY}'",
    "subject": "'x' || i",
    "code": "1",
    "uses": "2",
    "until_s": "2000000000",
    "state": "'active'",
    "application": "'a' || i",
    "made_ms": AT,
}
CASE = {
    "number": "i",
    "city": f"'{CITY}'",
    "kind": "'dispute'",
    "entry": "i",
    "subject": f"'{SUBJECT.hex()}'",
    "authority": f"'{AUTHORITY}'",
    "state": "CASE WHEN i % 20 = 1 THEN 'open' ELSE 'rejected' END",
    "why": "'bench'",
    "opened_by": "'clerk'",
    "opened_ms": AT,
    "due_ms": AT,
}
OVERRUN = {
    "key": f"'u|{CITY}/first@site:s1|subject:{CITY}:' || i || '|ever'",
    "kind": "'limit'",
    "bound": "1",
    "noticed_ms": AT,
}
DENIAL = {
    "token_hash": f"'{WHOSE}'",
    "terminal": "'t' || (i % 100)",
    "epoch": "'e'",
    "seq": "i",
    "at_ms": AT,
    "site": "'s1'",
    "reason": "'restricted'",
}
REDEMPTION = {
    "redemption": "'r' || i",
    "terminal": "'t' || (i % CAST($4 AS BIGINT))",
    "epoch": "'e'",
    "seq": "i",
    "kind": "'granted'",
    "site": f"'s' || (i % {SITES})",
    "at_ms": "CAST($3 AS BIGINT) - i",
    "received_ms": "CAST($3 AS BIGINT) - i",
    "state": "'passed'",
    "keys": "'[]'",
    "holder": "'c:' || (i % 50000)",
}
REFUSAL = {
    "quarter": f"{NOW // 900_000} - i / {SITES}",
    "site": f"'s' || (i % {SITES})",
    "reason": "CASE WHEN i % 3 = 0 THEN 'limit_used' ELSE 'expired' END",
    "n": "7",
}
WORKED_ON = (
    Rows(96 * DAYS * SITES, "refusals", REFUSAL),
    Rows(DRAFTS, "drafts", DRAFT, (MONTH_AGO,)),
    Rows(APPLICATIONS, "applications", APPLIED, (MONTH_AGO,)),
    Rows(APPLICATIONS, "grants", GRANT, (MONTH_AGO,)),
    Rows(CASES, "cases", CASE, (MONTH_AGO,)),
    Rows(OVERRUNS, "overruns", OVERRUN, (MONTH_AGO,)),
    Rows(DENIED, "denied", DENIAL, (NOW,)),
)
"""What an office worked on for a year."""


def profile(number: int) -> Profile:
    """Return the profile of a terminal."""
    text = {"site": f"s{number % SITES}", "title": {"zh": "z"}, "issuer": CITY, "lanes": [{"id": "A", "scene": "gate"}]}
    return decode(json.dumps(text).encode(), Profile)


async def fill(books: JobStore, redemptions: int, terminals: int) -> None:
    """Put into the books what so many redemptions of so many terminals leave there, and a year of office work."""
    today, each = NOW // DAY_MS, max(1, redemptions // (SITES * BENEFITS * DAYS))

    async def enrol(tx: Tx) -> None:
        for number in range(terminals):
            await make_code(tx, terminal=f"t{number}", profile=profile(number), now_ms=NOW)
            await tx.execute("INSERT INTO journals (terminal, records) VALUES ($1, 1160)", f"t{number}")
            await tx.execute("INSERT INTO epochs VALUES ($1, 'e', 1, 1160, 1160)", f"t{number}")

    async def lines(tx: Tx) -> None:
        for day, site, one in itertools.product(range(today - DAYS, today + 1), range(SITES), range(BENEFITS)):
            await tx.execute(LINE, day, f"s{site}", CITY, f"{CITY}/b{one}", *[each] * len(FIGURES))

    async def acted(tx: Tx) -> None:
        who = Person(operator="clerk", title="x", duties=(), via="page")
        for _ in range(ACTS):
            await append(tx, who, Act(act="credential.issue", city=CITY, why="bench", after={"x": 1}), now_ms=NOW)

    for job in (enrol, lines, acted, worked):
        await books.write(job)
    for rows in (*WORKED_ON, Rows(redemptions, "redemptions", REDEMPTION, (NOW, terminals))):
        await put(books, rows)


async def put(books: JobStore, rows: Rows) -> None:
    """Put rows into their table, so many at a time."""
    for first in range(1, rows.many + 1, CHUNK):
        bounds = first, min(first + CHUNK - 1, rows.many)
        await books.write(lambda tx, bounds=bounds: tx.execute(rows.sql(), *bounds, *rows.given))  # type: ignore[misc]


async def worked(tx: Tx) -> None:
    """Enter one application with a file."""
    named = "application, city, subject, code, uses, until_s, why, state, clerk, made_ms, due_ms"
    one = (APPLICATION, CITY, SUBJECT.hex(), 1, 2, 2_000_000_000, "bench", "entered", "clerk", NOW, NOW)
    places = ", ".join(f"${number}" for number in range(1, len(one) + 1))
    await tx.execute(f"INSERT INTO applications ({named}) VALUES ({places})", *one)  # noqa: S608 - constants
    file = (EVIDENCE, APPLICATION, "x.pdf", "application/pdf", b"%PDF-" + bytes(4_000_000), "clerk", NOW)
    await tx.execute("INSERT INTO evidence VALUES ($1, $2, $3, $4, $5, $6, $7)", *file)


def fill_register(folder: Path) -> None:
    """Put people, codes, measures and imports into a city's register."""
    day = datetime.fromtimestamp(NOW / 1000, tz=UTC).date()
    people = [(CITY, SOMEBODY, SUBJECT)]
    people += [(CITY, f"resident {number}", secrets.token_bytes(16)) for number in range(1, PEOPLE)]
    measures = [
        (number, CITY, people[number // 2][2], 302, str(day), str(day + timedelta(days=90)), AUTHORITY, "x", NOW)
        for number in range(1, MEASURES + 1)
    ]
    put = "INSERT INTO entry (number, city, subject, code, from_day, until_day, authority, basis, recorded_ms)"
    with register(folder) as conn:
        conn.executemany("INSERT INTO subject (city, name, pseudonym) VALUES (?, ?, ?)", people)
        conn.executemany(f"{put} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", measures)
        conn.execute(
            "INSERT INTO credential VALUES (?, ?, ?, 999999, ?, ?, NULL)",
            (TOKEN, CITY, SUBJECT, NOW // 1000, NOW // 1000 + 10**7),
        )


def batch(number: int, prev: bytes, *, subject: str = "") -> bytes:
    """Return a sealed batch of BATCH grants of one terminal; each of another holder unless they are one's."""
    terminal, raw, head = f"t{number}", [], prev
    for seq in range(1, BATCH + 1):
        name = f"{terminal}-{seq:08d}"
        given = [{"benefit": f"{CITY}/b0", "issuer": CITY, "offer": {"kind": "percent", "off_fen": 3000}}]
        uses = [{"key": f"u|{CITY}/b0|subject:{CITY}:{name}|ever", "n": 1, "max": 1}]
        holder = subject or f"{seq:032x}"
        body = {"issuer": CITY, "subject": holder, "class": "bound", "heads": 1, "given": given, "uses": uses}
        raw.append(encode(Record(seq=seq, id=name, at_ms=NOW, kind="granted", redemption=name, body=body)))
        head = chain_next(head, raw[-1])
    seal = Seal(
        terminal=terminal,
        epoch="f",
        first=1,
        last=BATCH,
        count=BATCH,
        prev_hash=prev.hex(),
        head_hash=head.hex(),
    )
    return gzip.decompress(seal_batch(seal, raw, KEY))
