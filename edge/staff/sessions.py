"""Who has unlocked a screen: a token of their own for SESSION_S, in this process's memory only.

>>> now = [0.0]
>>> sessions = Sessions(clock=lambda: now[0])
>>> token = sessions.begin("wang", Duty.KEEPER)
>>> sessions.of(token).person
'wang'
>>> now[0] = SESSION_S + 1
>>> sessions.of(token) is None
True
"""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from edge.staff.persons import Duty

SESSION_S: Final = 300.0
MOST: Final = 32  # sessions; the oldest ends when one more begins
TOKEN_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Session:
    """A person at an unlocked screen, until `until` on the clock of `Sessions`."""

    token: str
    person: str
    duty: Duty
    until: float


@dataclass(slots=True)
class Sessions:
    """The sessions of this process."""

    clock: Callable[[], float] = time.monotonic
    _live: list[Session] = field(default_factory=list)

    def begin(self, person: str, duty: Duty) -> str:
        """Begin a session and return its token."""
        session = Session(secrets.token_urlsafe(TOKEN_BYTES), person, duty, self.clock() + SESSION_S)
        self._live = [*self._alive(), session][-MOST:]
        return session.token

    def of(self, token: str) -> Session | None:
        """Return the session of a token, None when there is none or its time is over."""
        found = None
        for session in self._alive():  # no early exit: every comparison takes its time
            if hmac.compare_digest(session.token.encode(), token.encode("utf-8", "surrogateescape")):
                found = session
        return found

    def end(self, token: str) -> None:
        """End a session."""
        self._live = [one for one in self._alive() if one.token != token]

    def dismiss(self, person: str) -> None:
        """End every session of a person: they are struck out, or have a new PIN."""
        self._live = [one for one in self._alive() if one.person != person]

    def _alive(self) -> list[Session]:
        now = self.clock()
        return [one for one in self._live if one.until > now]
