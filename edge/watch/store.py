"""How the store is: what a failure was, and until when it stands.

Rules of this file:

- one owner: whoever writes tells it (`failed`, `succeeded`), naming the kind of work; the decider, the readiness and
  the metrics only read;
- a failure stands until the *same kind of work* succeeded: a clock that can be written says nothing about a ledger
  whose root page is destroyed;
- damage of the file is latched: no success of one page heals another; it stands until the process starts again;
- before `begin`, nothing may be decided: the start is not journalled yet, or the file is not even open.
"""

import errno
import logging
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storage.jobs import JobWithdrawnError

log = logging.getLogger("xinguan.store")


class Fault(StrEnum):
    """What keeps the store from its work."""

    OPENING = "opening"
    BUSY = "busy"
    FULL = "full"
    READ_ONLY = "read_only"
    IO = "io"
    CORRUPT = "corrupt"
    OTHER = "other"


DECIDE: Final = "decide"
KEEP: Final = "keep"  # clock, notes, what is owed
OPEN: Final = "open"

_BY_NAME: Final = (  # the first letters of SQLite's own names (sqlite3.Error.sqlite_errorname)
    ("SQLITE_CORRUPT", Fault.CORRUPT),
    ("SQLITE_NOTADB", Fault.CORRUPT),
    ("SQLITE_FULL", Fault.FULL),
    ("SQLITE_READONLY", Fault.READ_ONLY),
    ("SQLITE_CANTOPEN", Fault.READ_ONLY),
    ("SQLITE_BUSY", Fault.BUSY),
    ("SQLITE_LOCKED", Fault.BUSY),
    ("SQLITE_IOERR", Fault.IO),
)

_BY_ERRNO: Final = {errno.ENOSPC: Fault.FULL, errno.EDQUOT: Fault.FULL, errno.EROFS: Fault.READ_ONLY}


def fault_of(error: BaseException) -> Fault:
    """Return which fault an error of the store is, by what SQLite called it; a late or withdrawn job is BUSY."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, sqlite3.Error):
            name = getattr(cause, "sqlite_errorname", "") or ""
            return next((fault for prefix, fault in _BY_NAME if name.startswith(prefix)), Fault.OTHER)
        if isinstance(cause, OSError):
            return _BY_ERRNO.get(cause.errno or 0, Fault.IO)
        if isinstance(cause, TimeoutError | JobWithdrawnError):
            return Fault.BUSY
        cause = cause.__cause__
    return Fault.OTHER


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure that stands: its fault and SQLite's words for it."""

    fault: Fault
    detail: str


class StoreHealth:
    """Owns what is known about the store's health."""

    def __init__(self) -> None:
        self._standing: dict[str, Failure] = {}
        self._corrupt: Failure | None = None
        self._begun = False

    @property
    def begun(self) -> bool:
        """Whether the store is open, the start journalled and the graces renewed."""
        return self._begun

    def begin(self) -> None:
        """Note that deciding may begin."""
        self._begun = True
        self.succeeded(OPEN)

    @property
    def standing(self) -> Failure | None:
        """The failure that stands, the worst first; None when the store is well."""
        if self._corrupt is not None:
            return self._corrupt
        if self._standing:
            return max(self._standing.values(), key=lambda one: list(Fault).index(one.fault))
        return None if self._begun else Failure(Fault.OPENING, "")

    def failing(self, work: str) -> bool:
        """Tell whether this kind of work failed and has not succeeded since."""
        return work in self._standing

    def failed(self, work: str, error: Exception) -> None:
        """Note that a kind of work failed; one log line when that is news."""
        failure = Failure(fault_of(error), str(error))
        before, self._standing[work] = self._standing.get(work), failure
        if failure.fault is Fault.CORRUPT:
            self._corrupt = failure
        if before is None or before.fault is not failure.fault:
            extra = {"work": work, "fault": failure.fault.value, "detail": failure.detail}
            log.error("store_failing", extra=extra)

    def succeeded(self, work: str) -> None:
        """Note that a kind of work succeeded."""
        if self._standing.pop(work, None) is not None:
            log.warning("store_mended", extra={"work": work})
