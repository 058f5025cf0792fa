"""How a grant begins, before anybody has judged it: from its fact alone. Pure."""

from typing import Final, NamedTuple

from central.proofs.judging import Verdict
from credit.records import Record

GIVE_UP_MS: Final = 24 * 3_600_000  # bytes that have not come by then are not waited for; they count when they come
HASH_BYTES: Final = 32
STATIC: Final = frozenset({"printed", "minted"})
DOUBT: Final = (
    "INSERT INTO doubts (terminal, unproved, disproved, apart, excess) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (terminal) DO UPDATE SET unproved = doubts.unproved + excluded.unproved,"
    " disproved = doubts.disproved + excluded.disproved, apart = doubts.apart + excluded.apart,"
    " excess = doubts.excess + excluded.excess"
)


UNPROVED: Final = Verdict.UNPROVED.value
WAITING: Final = Verdict.WAITING.value


class Begins(NamedTuple):
    """How a grant's row begins: its proof, verdict, why, why it stands apart, and when it is due to be judged."""

    proof: bytes | None
    verdict: str
    why: str
    apart: str
    due_ms: int | None


def proof_of(record: Record) -> bytes | None:
    """Return the SHA-256 of what was shown, as a grant's fact bears it; None where it bears none."""
    said = record.body.get("proof")
    if not isinstance(said, str) or len(said) != 2 * HASH_BYTES:
        return None
    try:
        return bytes.fromhex(said)
    except ValueError:
        return None


def first_verdict(record: Record) -> Verdict:
    """Return what a grant is worth before its proof is here."""
    return Verdict.UNPROVED if proof_of(record) is None else Verdict.WAITING


def begins(record: Record, apart: str, received_ms: int) -> Begins:
    """Return how its row begins."""
    proof = proof_of(record)
    if proof is None:
        return Begins(None, UNPROVED, "no_proof", apart, None)
    due_ms = received_ms if record.body.get("class") in STATIC else received_ms + GIVE_UP_MS
    return Begins(proof, WAITING, "", apart, due_ms)
