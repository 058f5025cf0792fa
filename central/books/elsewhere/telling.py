"""What of a grant's fact another gate of the site needs, to end it, to return it, or to let its holder in again. Pure.

Most grants need nothing of the kind and leave nothing here: somebody went in, and that is that. Kept is what was opened
or lent, what can be returned, a pass, and whoever takes room inside until he leaves.

Rules of this file:

- it is found under names: the holder's at the site, and the asset's where there is one;
- only the site where it happened knows it by these names (claims.md: "what the site knows");
- what is kept is a part of the signed fact, and no more than MAX_TOLD characters of it;
- a key that was stolen signs anything: who reads what is kept reads it `tidy`, and nobody else's ask fails by it.

    >>> body = {"issuer": "w", "subject": "01", "asset": "A7", "given": [], "uses": []}
    >>> told_of(Record(seq=1, id="a", at_ms=5, kind="opened", redemption="R", body=body), site="s").names
    ('s|w:01', 's|asset:A7')
    >>> told_of(Record(seq=1, id="a", at_ms=5, kind="granted", redemption="R", body=body), site="s") is None
    True
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from central.books.counts import MAX_N, figure
from credit.records import Record

INSIDE: Final = "i|"
MAX_TOLD: Final = 8_192  # characters of one grant
MAX_NAME: Final = 512
MAX_ID: Final = 64
TEXT: Final = (str,)
WHOLE: Final = (int,)
MEMBERS: Final[Mapping[str, tuple[type, ...]]] = {  # and how terminals write them
    "issuer": TEXT,
    "scene": TEXT,
    "intent": TEXT,
    "asset": TEXT,
    "amount_fen": WHOLE,
    "heads": WHOLE,
    "given": (list,),
    "offer": (dict,),
    "due_ms": WHOLE,
    "on_overdue": TEXT,
    "reversal_until_ms": WHOLE,
    "pass": (dict,),
    "gives_back": (bool,),
}


class Told(NamedTuple):
    """A grant as other gates need it: its names, the JSON text, the first redemption of its pass, heads inside."""

    names: tuple[str, ...]
    text: str
    root: str
    inside: int


def told_of(record: Record, *, site: str) -> Told | None:
    """Return what other gates need of a granting fact, None where they need nothing, or it is beyond all measure."""
    if not needed(record):
        return None
    body, passing = record.body, record.body.get("pass")
    kept = {name: body[name] for name in MEMBERS if name in body}
    text = json.dumps(kept, ensure_ascii=False)
    if len(text) > MAX_TOLD:
        text = json.dumps({name: value for name, value in kept.items() if name not in ("given", "offer")})
    if len(text) > MAX_TOLD:
        return None
    names = [holder(site, body)]
    if isinstance(body.get("asset"), str):
        names.append(named_asset(site, body["asset"]))
    root = (passing.get("root") or record.redemption) if isinstance(passing, dict) else ""
    return Told(tuple(names), text, clean(str(root))[:MAX_ID], _inside(body))


def needed(record: Record) -> bool:
    """Return whether other gates need anything of a granting fact."""
    body = record.body
    asked_for = record.kind == "opened" or "reversal_until_ms" in body or body.get("gives_back") is False
    return asked_for or isinstance(body.get("pass"), dict) or bool(body.get("sums")) or _inside(body) > 0


def tidy(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a kept grant what is of the form in which terminals write it: whatever else a fact says is left out.

    >>> tidy({"heads": "two", "issuer": "w", "given": [{"code": 1}, 7], "offer": None, "due_ms": True})
    {'issuer': 'w', 'given': [{'code': 1}]}
    """
    of_form = {
        name: told[name]
        for name, forms in MEMBERS.items()
        if name in told and isinstance(told[name], forms) and (bool in forms or not isinstance(told[name], bool))
    }
    if "given" in of_form:
        of_form["given"] = [one for one in of_form["given"] if isinstance(one, dict)]
    return of_form


def holder(site: str, body: Mapping[str, Any]) -> str:
    """Return the name of a fact's holder at a site."""
    return clean(f"{site}|{body.get('issuer')}:{body.get('subject')}")


def named_asset(site: str, asset: str) -> str:
    """Return the name of an asset at a site."""
    return clean(f"{site}|asset:{asset}")


def clean(text: str) -> str:
    """Return a name that every database takes."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")[:MAX_NAME]


def _inside(body: Mapping[str, Any]) -> int:
    listed, most = body.get("uses"), 0
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(key := one.get("key"), str) and key.startswith(INSIDE):
            most = max(most, figure(one.get("n")) or 0)
    return min(most, MAX_N)
