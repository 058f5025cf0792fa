"""Taking SQLite's log into the database file, on a thread that nobody waits for.

The hard idea: a commit is durable once it stands in the log; the file itself may follow at any time. SQLite does that
by default inside the COMMIT that makes the log long enough, so that every hundredth visitor waits for a thousand pages
of everybody else's. Here a connection of its own does it, PASSIVE: it waits for no reader and holds up no writer.

Rules of this file:

- a checkpoint is due after EVERY_CHANGES rows: hot pages are then written once for many commits;
- one that fails leaves all where it is, in the log, which is durable; the next due one tries again, and what fails is
  told once until one succeeds. Should none ever succeed, the writer's own bound (`sqlite.MAX_LOG_PAGES`) stands;
- without commits the thread sleeps.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import Final

EVERY_CHANGES: Final = 600  # rows; about fifty visitors with what their gates did
CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"

log = logging.getLogger("xinguan.store")


class Checkpoints:
    """Owns the thread. `wrote` is called by the writer; `start` and `stop` by whoever owns the store."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._due = threading.Event()
        self._changes = 0
        self._ending = False
        self._failing = False
        self._thread = threading.Thread(target=self._live, name="store-checkpoints", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the checkpoint in hand and end; closing the last connection takes in the rest."""
        self._ending = True
        self._due.set()
        self._thread.join()

    def wrote(self, changes: int) -> None:
        """Hear how many rows a transaction changed. Never waits."""
        self._changes += changes
        if self._changes >= EVERY_CHANGES:
            self._changes = 0
            self._due.set()

    def _live(self) -> None:
        conn: sqlite3.Connection | None = None
        while self._due.wait() and not self._ending:
            self._due.clear()
            try:
                conn = conn or self._connect()
                conn.execute(CHECKPOINT).fetchone()
            except sqlite3.Error as error:
                self._tell(str(error))
            else:
                self._tell("")
        if conn is not None:
            conn.close()

    def _tell(self, failure: str) -> None:
        if failure and not self._failing:
            log.warning("checkpoint_failed", extra={"detail": failure})
        elif self._failing and not failure:
            log.warning("checkpoint_mended")
        self._failing = bool(failure)
