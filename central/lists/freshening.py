"""Keeping the lists fresh while the platform serves: entries that begin or end today, and a timestamp in time.

Looking costs the terminals nothing; what is signed, each of them fetches. So a look that finds nothing signs nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from central.lists.cities import publish
from central.lists.metadata_files import PublishingError
from central.lists.publishing import Repository
from central.lists.role_keys import KeyFolderError
from central.register.registry import RegistryError
from storage.jobs import StoreFailedError

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
SIGNER: Final = "signer"
Hold = Callable[[str], Awaitable[bool]]


async def keep_fresh(state: Path, now_ms: Callable[[], int], hold: Hold, *, every_s: float = EVERY_S) -> None:
    """Publish what is due, looking every `every_s` seconds, for ever.

    What fails is logged and tried again: old lists stay valid a while. Of several platform processes
    one signs: the one for which `hold` says so.
    """
    waiting: tuple[str, ...] = ()
    while True:
        await asyncio.sleep(every_s)
        try:
            if not Repository(state).exists() or not await hold(SIGNER):
                continue
            published = await asyncio.to_thread(publish, state, now_ms=now_ms(), only_due=True)
        except (PublishingError, RegistryError, KeyFolderError, StoreFailedError, OSError):
            log.exception("the lists could not be renewed")
        else:
            if published.waiting != waiting:
                waiting = published.waiting
                log.warning("keys that are due are not here: %s", ", ".join(waiting) or "none any more")
            if published.changed:
                log.info("lists published: %s", ", ".join(published.changed))
