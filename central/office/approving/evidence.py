"""Evidence of applications: PDF, PNG or JPEG by its own bytes, at most 5 MB and ten files an application.

What somebody uploads is kept as it is, given back as a file to keep, and never shown inside a page of ours.
"""

import hashlib
from typing import Final

from central.office.approving.applications import application_of
from central.office.desk import Desk
from central.office.refusals import NotThereError, RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from storage.jobs import Tx

MAX_FILE: Final = 5 * 1024 * 1024
MAX_FILES: Final = 10
MAX_FILE_NAME: Final = 120
MAGIC: Final = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
EVIDENCE: Final = (
    "INSERT INTO evidence (sha256, application, name, kind, content, by_whom, at_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
)
FILES: Final = (
    "SELECT sha256, name, kind, length(content), by_whom, at_ms FROM evidence"
    " WHERE application = $1 ORDER BY at_ms, name"
)
FILE: Final = "SELECT name, kind, content FROM evidence WHERE application = $1 AND sha256 = $2"
COUNT: Final = "SELECT count(*) FROM evidence WHERE application = $1"


def kind_of(content: bytes) -> str:
    """Return the media type of evidence by its first bytes; raise RefusedError for what is none."""
    for magic, kind in MAGIC.items():
        if content.startswith(magic):
            return kind
    raise RefusedError("证据须为 PDF、PNG 或 JPEG · evidence is PDF, PNG or JPEG, by its content and not by its name")


async def add_evidence(desk: Desk, who: Person, application: str, *, name: str, content: bytes) -> str:
    """Keep a file as evidence and return its SHA-256; raise RefusedError for a kind or a size that is not taken."""
    one = await application_of(desk, who, "application.enter", application)
    if one.state not in ("entered", "asked", "completed"):
        raise RefusedError("申请已办结，不能再加证据 · the application is decided; no more evidence is taken")
    if not 0 < len(content) <= MAX_FILE:
        raise RefusedError("文件为空或超过 5 MB · the file is empty or has more than 5 MB")
    kind, digest = kind_of(content), hashlib.sha256(content).digest()
    shown = "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isprintable())[:MAX_FILE_NAME] or "file"
    after = {"sha256": digest.hex(), "bytes": len(content)}
    act = Act(
        act="application.evidence", city=one.city, subject=one.subject, before={"application": application}, after=after
    )

    async def job(tx: Tx) -> None:
        held = await tx.row(COUNT, application)
        if held is not None and held[0] >= MAX_FILES:
            raise RefusedError(f"最多 {MAX_FILES} 个文件 · at most {MAX_FILES} files")
        await tx.execute(EVIDENCE, digest, application, shown, kind, content, who.operator, desk.now_ms())

    await desk.write(who, act, job)
    return digest.hex()


async def read_evidence(desk: Desk, who: Person, application: str, sha256: str) -> tuple[str, str, bytes]:
    """Return name, kind and bytes of a file, for download; raise NotThereError."""
    await application_of(desk, who, "names.read", application)
    try:
        row = await desk.books.read(lambda tx: tx.row(FILE, application, bytes.fromhex(sha256)))
    except ValueError:
        row = None
    if row is None:
        raise NotThereError("没有此文件 · there is no such file")
    return row[0], row[1], bytes(row[2])
