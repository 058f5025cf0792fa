"""The newest receipt, in a file beside the database (illness.md 4): by it an older database is told at once, offline.

Rules of this file:

- it is written after the receipt is in the database, and fsynced; a power cut in between leaves an older receipt, which
  the journal leads to as well;
- while batch follows on batch it is written once in EVERY_S: each time is two syncs, for which visitors' commits wait.
  Where the way or the program ends in between it is written at once: an older copy is told by it with nobody to ask;
- a file that does not verify says nothing: whoever can edit it can also delete it (THREAT_MODEL.md).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from cache.memory.lives import End
from storage.files import replace_file
from storage.sqlite import Store
from sync.enrol.identity import Identity
from sync.wire.messages import Held, Receipt, WireError
from sync.wire.seals import open_receipt

RECEIPT_FILE: Final = "receipt.jwt"
EVERY_S: Final = 1.0
NEWEST: Final = "SELECT acked_through, receipt FROM cursor"

log = logging.getLogger("xinguan.receipts")


class ReceiptFile:
    """Lays the newest receipt beside the database of one terminal. `now`: seconds that only run forward."""

    def __init__(self, identity: Identity, *, now: Callable[[], float] = time.monotonic) -> None:
        self._identity = identity
        self._now = now
        self._next_s = now()  # before then only the last of several is written
        self._through = 0
        self._keeping = asyncio.Lock()

    async def follow(self, store: Store, *, more: bool = False) -> None:
        """Write the newest receipt down where it moved; a disk that does not take it keeps the one before.

        `more`: another receipt is about to come, and this is called again.
        """
        if more and self._now() < self._next_s:
            return
        async with self._keeping:
            through, text = await store.read(lambda conn: conn.execute(NEWEST).fetchone())
            if text is None or through <= self._through:
                return
            try:
                await asyncio.to_thread(replace_file, self._identity.folder / RECEIPT_FILE, text.encode("ascii"))
            except OSError as error:
                log.warning("receipt_not_kept", extra={"detail": str(error)})
            else:
                self._through, self._next_s = through, self._now() + EVERY_S

    def of(self, end: Held) -> Receipt:
        """Return the receipt for an end of the chain, verified; raise WireError("foreign_receipt")."""
        receipt = open_receipt(end.receipt or "", self._identity.platform_keys)
        said = (self._identity.terminal, end.epoch, end.acked_through, end.head_hash)
        if said != (receipt.terminal, receipt.epoch, receipt.acked_through, receipt.head_hash):
            raise WireError("foreign_receipt", "the receipt is for another end than it stands beside")
        return receipt


def signed_end(identity: Identity, text: str | None) -> End | None:
    """Return the end that a receipt of this terminal names, None when the text is none."""
    if text is None:
        return None
    try:
        receipt = open_receipt(text, identity.platform_keys)
    except WireError as error:
        log.warning("receipt_not_readable", extra={"detail": str(error)})
        return None
    if receipt.terminal != identity.terminal:
        return None
    return End(receipt.epoch, receipt.acked_through, bytes.fromhex(receipt.head_hash))


def kept_end(identity: Identity) -> End | None:
    """Return the end that the file beside the database names, None when there is none."""
    try:
        text = (identity.folder / RECEIPT_FILE).read_bytes().decode("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    return signed_end(identity, text)
