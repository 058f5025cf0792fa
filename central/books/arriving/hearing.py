"""What facts say that is for more than the books: orders that were obeyed, conflicts that were heard, notices."""

import logging
from collections.abc import Sequence
from typing import Final

from central.books.arriving.told import hear
from central.books.booking import find
from central.books.planned import Incoming
from central.register import notices
from central.register.standing import hear_obeyed
from credit.records import Record
from storage.jobs import StoreFailedError, Tx

log = logging.getLogger("central.books")

SAYING: Final = frozenset({"order", "notice"})  # members of a body that are for more than the books


async def hear_all(tx: Tx, incoming: Incoming, records: Sequence[Record]) -> None:
    """Hear what facts say of orders, conflicts and notices; one that cannot be heard is a finding, and stops nobody."""
    speaking = [one for one in records if one.kind == "claim_conflict" or not one.body.keys().isdisjoint(SAYING)]
    if not speaking:
        return
    try:
        async with tx.savepoint():
            for record in speaking:
                await _hear(tx, incoming, record)
    except StoreFailedError:
        raise
    except Exception:  # noqa: BLE001 - it is found again below, with its fact's name
        for record in speaking:
            await _hear_alone(tx, incoming, record)


async def _hear_alone(tx: Tx, incoming: Incoming, record: Record) -> None:
    try:
        async with tx.savepoint():
            await _hear(tx, incoming, record)
    except StoreFailedError:
        raise
    except Exception as error:
        log.exception("fact %s of %s cannot be heard", record.seq, incoming.terminal)
        await find(tx, incoming, record.seq, "unbookable", f"not heard: {type(error).__name__}: {error}")


async def _hear(tx: Tx, incoming: Incoming, record: Record) -> None:
    """Let orders and conflicts that the terminal wrote down be told no more; keep the notice of a denial.

    Under a former key it speaks for itself: who is in its place now was told and obeyed none of it.
    """
    if not incoming.former:
        if record.kind == "claim_conflict" and not incoming.nonces:  # a hub tells of no conflicts (claims.md 7)
            await hear(tx, incoming, record.body)
        await hear_obeyed(tx, incoming.terminal, record.body)
    await notices.keep(tx, incoming.terminal, record, received_ms=incoming.received_ms)
