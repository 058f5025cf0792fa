"""Which problems a call may say, by their status, for its description."""

from collections.abc import Mapping
from typing import Final

from central.http.problems import CODES

BODY: Final = ("bad_message", "too_slow", "too_large")
ILL: Final = ("store_failed",)


def problems(*codes: str) -> Mapping[int, list[str]]:
    """Return the codes by their status; any call may find the platform ill."""
    found: dict[int, list[str]] = {}
    for code in dict.fromkeys((*codes, *ILL)):
        found.setdefault(CODES[code], []).append(code)
    return found
