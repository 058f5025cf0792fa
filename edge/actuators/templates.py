"""What is sent to a gate, written by whoever set it up: text and JSON with {redemption} {attempt} {heads} {lane}. Pure.

Nothing of a token or a visitor can be written into a template: these four are all there is.

>>> filled({"door": 1, "id": "{attempt}", "n": "{heads}"}, Attempt(lane="A", redemption="r", number=2, heads=3))
{'door': 1, 'id': 'r.2', 'n': 3}
>>> member({"data": {"state": ["open"]}}, "data.state.0")
'open'
"""

import re
from typing import Any
from urllib.parse import quote

from edge.actuators.gate import Attempt

PLACE = re.compile(r"\{(\w*)\}")
KNOWN = ("redemption", "attempt", "heads", "lane")
MISSING = object()


def values(attempt: Attempt) -> dict[str, str | int]:
    """Return what the placeholders stand for."""
    return {
        "redemption": attempt.redemption,
        "attempt": attempt.id,
        "heads": attempt.heads,
        "lane": attempt.lane,
    }


def filled(template: Any, attempt: Attempt) -> Any:
    """Return a template with its places filled; a text that is "{heads}" alone becomes the number."""
    if isinstance(template, str):
        if template == "{heads}":
            return attempt.heads
        return PLACE.sub(lambda found: str(values(attempt)[found[1]]), template)
    if isinstance(template, dict):
        return {name: filled(value, attempt) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, attempt) for value in template]
    return template


def filled_url(template: str, attempt: Attempt) -> str:
    """Return an address with its places filled, percent-encoded."""
    return PLACE.sub(lambda found: quote(str(values(attempt)[found[1]]), safe=""), template)


def unknown_places(template: Any) -> set[str]:
    """Return the placeholders of a template that stand for nothing."""
    if isinstance(template, str):
        return {name for name in PLACE.findall(template) if name not in KNOWN}
    if isinstance(template, dict):
        return set().union(*map(unknown_places, template.values()))
    if isinstance(template, list | tuple):
        return set().union(*map(unknown_places, template))
    return set()


def member(document: Any, path: str) -> Any:
    """Return the member that a dotted path names, MISSING if there is none; numbers are places in a list."""
    for name in path.split("."):
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        else:
            return MISSING
    return document
