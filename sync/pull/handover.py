"""Handing a list bundle to the running terminal: one file in, one answer out, in the lists' folder.

The command copies the bundle here and wakes the terminal; the terminal verifies it, writes its answer and removes the
bundle. Whichever of the two dies in between, the next start finds a whole bundle or none.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from storage.files import replace_file

BUNDLE = "bundle.zip"
ANSWER = "bundle-answer.json"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a bundle: `error` when nothing of it was taken; else versions and problems by role."""

    error: str | None = None
    versions: Mapping[str, int | None] = {}
    problems: Mapping[str, str] = {}


class Handover:
    """The two files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._bundle = folder / BUNDLE
        self._answer = folder / ANSWER

    def offer(self, bundle: bytes) -> None:
        """Put a bundle down for the terminal; an older answer is gone from then on."""
        self._answer.unlink(missing_ok=True)
        replace_file(self._bundle, bundle)

    def waiting(self) -> Path | None:
        """Return the bundle that waits, None if none does."""
        return self._bundle if self._bundle.exists() else None

    def answer(self, answer: Answer) -> None:
        """Say what became of the bundle, and remove it."""
        replace_file(self._answer, msgspec.json.encode(answer))
        self._bundle.unlink(missing_ok=True)

    def answered(self) -> Answer | None:
        """Return the answer, None while there is none."""
        try:
            return msgspec.json.decode(self._answer.read_bytes(), type=Answer)
        except FileNotFoundError:
            return None
