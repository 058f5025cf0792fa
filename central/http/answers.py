"""What the platform says to a terminal, as one signed answer (docs/protocol.md, "Answers").

Rules of this file:

- what is told is read in the transaction that took the batch in, and signed after it; nothing else is said unsigned
  but problems;
- everything is bounded: the oldest orders, conflicts and set-asides first, the rest with the next answer;
- `state` changes exactly when there is something new to say (central.http.waking).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from central.books.arriving.told import conflicts_of_each
from central.books.intake import Taken
from central.http.waking import states_of
from central.platform_state import Signer
from central.register.former import FormerKey, former_keys
from central.register.standing import orders_of_each
from storage.jobs import Tx
from sync.wire.messages import (
    MAX_TOLD,
    Answer,
    AuthClaims,
    Command,
    Conflict,
    Held,
    Receipt,
    SetAside,
)
from sync.wire.profiles import SignedProfile

SET_ASIDE_CHARS = 200


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to tell a terminal, not yet signed."""

    state: str
    conflicts: list[Conflict]
    orders: list[Command | SignedProfile]
    lists_version: int | None
    held: tuple[Held, ...] = ()


async def to_tell(tx: Tx, terminal: str, lists: int | None, *, held: tuple[Held, ...] = ()) -> Told:
    """Return what there is to tell `terminal`; `lists` is the newest publication's number."""
    return replace((await to_tell_each(tx, [terminal], lists))[0], held=held)


async def to_tell_each(tx: Tx, terminals: Sequence[str], lists: int | None) -> list[Told]:
    """Return what there is to tell each terminal."""
    conflicts = await conflicts_of_each(tx, terminals)
    states = await states_of(tx, terminals, lists)  # after those: weighing them may make news
    orders = await orders_of_each(tx, terminals)
    return [
        Told(state=state, conflicts=some[:MAX_TOLD], orders=given, lists_version=lists)
        for state, some, given in zip(states, conflicts, orders, strict=True)
    ]


async def to_tell_former(tx: Tx, terminal: str, former: FormerKey, *, held: tuple[Held, ...] = ()) -> Told:
    """Return what there is to tell the box behind a former key: where its journal stands, and that it was replaced."""
    (now,) = [one for one in await former_keys(tx, terminal) if one.public_key == former.public_key] or [former]
    return Told(state=now.state, conflicts=[], orders=[*now.orders(terminal)], lists_version=None, held=held)


def signed_answer(signer: Signer, claims: AuthClaims, told: Told, taken: Taken | None, *, now_ms: int) -> str:
    """Return the answer to the request of `claims`: to the batch that was `taken`, or about the standing."""
    receipt = None if taken is None else taken.receipt
    conflicts = told.conflicts
    if receipt is not None:
        conflicts = [one for one in conflicts if one.seq <= receipt.acked_through]
    answer = Answer(
        terminal=claims.iss,
        epoch=None if receipt is None else receipt.epoch,
        last=None if receipt is None else receipt.acked_through,
        nonce=claims.jti,
        body=claims.body,
        at_ms=now_ms,
        state=told.state,
        receipt=None if receipt is None else signer.receipt(receipt),
        held=[_with_receipt(signer, claims.iss, end) for end in told.held],
        conflicts=conflicts,
        set_aside=[] if taken is None else _short(taken),
        orders=[signer.order(order) for order in told.orders],
        lists_version=told.lists_version,
    )
    return signer.answer(answer)


def _with_receipt(signer: Signer, terminal: str, end: Held) -> Held:
    receipt = Receipt(terminal=terminal, epoch=end.epoch, acked_through=end.acked_through, head_hash=end.head_hash)
    return msgspec.structs.replace(end, receipt=signer.receipt(receipt))


def _short(taken: Taken) -> list[SetAside]:
    return [msgspec.structs.replace(one, detail=one.detail[:SET_ASIDE_CHARS]) for one in taken.set_aside[:MAX_TOLD]]
