"""Everything that is known of one redemption, as one file that anybody can check (先行赔付, courts, audits).

Rules of this file:

- each fact stands as the bytes that its terminal wrote, with the seal of the batch it came in. A seal signs the
  chain's hash at the batch's end; so the records from the fact to that end come along, and the hash before it;
- the proof of presence is told by its verdict and its hash where they are kept; a live code is never in a file;
- the file is signed by the platform as a whole; `check_evidence` needs Python and `cryptography`, and nothing of ours.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any, Final

from central.platform_state import Signer
from credit.records import chain_next, chain_start
from storage.jobs import Tx

FORMAT: Final = "xinguan-evidence-1"
MAX_FACTS: Final = 200
FACTS: Final = (
    "SELECT terminal, epoch, seq, hash FROM facts WHERE redemption = $1 ORDER BY at_ms, terminal, seq LIMIT 201"
)
BATCHES: Final = (
    "SELECT first, last, seal, received_ms FROM batches"
    " WHERE terminal = $1 AND epoch = $2 AND first <= $3 AND last >= $3 ORDER BY received_ms"
)
SPAN: Final = (
    "SELECT seq, raw, hash FROM facts WHERE terminal = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4 ORDER BY seq"
)
JUDGED: Final = ("terminal", "epoch", "state", "verdict", "why", "apart", "settles")
VERDICT: Final = (
    "SELECT terminal, epoch, state, verdict, why, apart, settles FROM redemptions WHERE redemption = $1"
    " ORDER BY terminal, epoch"
)
TERMINAL: Final = "SELECT site, public_key, enrolled_ms FROM terminals WHERE terminal = $1"


class NoEvidenceError(Exception):
    """Nothing is known of such a redemption here."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Where a fact stands in its terminal's chain."""

    terminal: str
    epoch: str
    seq: int
    hash: bytes


async def gather(tx: Tx, redemption: str) -> dict[str, Any]:
    """Return the evidence about a redemption as JSON values, not yet signed; raise NoEvidenceError."""
    found = [Fact(row[0], row[1], row[2], bytes(row[3])) for row in await tx.rows(FACTS, redemption)][:MAX_FACTS]
    if not found:
        raise NoEvidenceError(f"{redemption}: 没有此核销 · nothing is known of it here")
    terminals = {}
    for name in sorted({one.terminal for one in found}):
        row = await tx.row(TERMINAL, name)
        if row is not None:
            terminals[name] = {"site": row[0], "public_key": row[1], "enrolled_ms": row[2]}
    facts = [await _sealed(tx, one) for one in found]
    verdicts = [dict(zip(JUDGED, row, strict=True)) for row in await tx.rows(VERDICT, redemption)]
    what = {"terminals": terminals, "facts": facts, "verdicts": verdicts}
    return {"format": FORMAT, "redemption": redemption, **what}


async def _sealed(tx: Tx, fact: Fact) -> dict[str, Any]:
    place = (fact.terminal, fact.epoch)
    for _first, last, seal, received_ms in await tx.rows(BATCHES, *place, fact.seq):
        rows = [
            (seq, bytes(raw), bytes(hashed)) for seq, raw, hashed in await tx.rows(SPAN, *place, fact.seq - 1, last)
        ]
        for before in _before(fact, rows):
            records = _walk(before, fact, rows, last)
            if records and _said(seal).get("head_hash") == _head(before, records).hex():
                return {
                    "terminal": fact.terminal,
                    "epoch": fact.epoch,
                    "seq": fact.seq,
                    "received_ms": received_ms,
                    "seal": seal,
                    "before": before.hex(),
                    "records": [base64.b64encode(one).decode() for one in records],
                }
    return {"terminal": fact.terminal, "epoch": fact.epoch, "seq": fact.seq, "seal": None}


def _said(seal: str) -> dict[str, Any]:
    """Return what a stored seal says; it was verified when it came in."""
    payload = seal.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def _before(fact: Fact, rows: list[tuple[int, bytes, bytes]]) -> list[bytes]:
    earlier = [hashed for seq, _raw, hashed in rows if seq == fact.seq - 1]
    return earlier or [chain_start(fact.terminal, fact.epoch)]


def _walk(before: bytes, fact: Fact, rows: list[tuple[int, bytes, bytes]], last: int) -> list[bytes]:
    """Return the records from the fact to the batch's end that hang on to `before`; nothing where they do not."""
    found: list[bytes] = []
    for seq in range(fact.seq, last + 1):
        fits = [(raw, hashed) for at, raw, hashed in rows if at == seq and chain_next(before, raw) == hashed]
        if not fits or (seq == fact.seq and all(hashed != fact.hash for _raw, hashed in fits)):
            return []
        raw, before = fits[0]
        found.append(raw)
    return found


def _head(before: bytes, records: list[bytes]) -> bytes:
    for raw in records:
        before = chain_next(before, raw)
    return before


def signed(gathered: dict[str, Any], signer: Signer, *, now_ms: int, more: dict[str, Any]) -> bytes:
    """Return the file: what was gathered and `more`, signed by the platform."""
    body = gathered | more | {"made_ms": now_ms, "platform": {"kid": signer.public.kid, "key": signer.public.key}}
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    signature = signer.key.sign(b"xinguan-evidence-1\n" + text.encode())
    whole = {"evidence": body, "signature": base64.b64encode(signature).decode()}
    return json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True).encode()
