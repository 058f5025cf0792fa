"""What a grant's fact says it used up, and what a step of it gives back. Pure.

A terminal's fact lists `uses: [{key, n, max}]` (cache.ledger.settle). The key names everything the count depends on,
so equal keys of two terminals mean one and the same bound. Keys start with what they count (credit.weighing.demands):
"u" uses, "a" amounts in fen, "p" entries of a pass, "o" open things, "i" heads inside, which an exit at any gate of the
site gives back (central.books.elsewhere.leaving). A code drawn by the platform ("minted") is good for one grant
anywhere: it counts under a key of its own, "n".

Rules of this file:

- whatever a fact says is bounded here: a count beyond MAX_N is no use and the fact is named as a finding;
- a give-back is bound to its redemption, whichever terminal tells it, and may come before the grant.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from credit.records import Record
from credit.rules.offers import share
from credit.rules.periods import undated

COUNTED: Final = frozenset({"u", "p", "o", "i"})
COUNTED_HEADS: Final = frozenset(head for one in COUNTED for head in (one, f"{one}|"))  # how such a key begins
AMOUNT: Final = "a|"
OWN_OUTAGE: Final = "offline:"  # counts since a terminal's last contact are its own business
ROLLING: Final = re.compile(r"\|([0-9]{1,5})h\Z")  # the period of a key that counts over the last n hours
BURNT: Final = frozenset({"bound", "minted"})  # classes of which a code is good for one grant
HOUR_MS: Final = 3_600_000
MAX_N: Final = 10_000  # heads of one grant (schema: uses.n)
MAX_USES: Final = 64  # keys of one grant
MAX_KEY: Final = 512  # characters
MAX_BOUND: Final = 2**53 - 1
GRANTING: Final = frozenset({"granted", "opened"})
WHOLE: Final = frozenset({"annulled", "reversed"})  # states in which nothing of a grant stands
UNDONE: Final = WHOLE
GIVING_BACK: Final = frozenset({"annulled", "reversed", "closed"})


HOLDER: Final = re.compile(r"[a-z][a-z0-9-]{0,31}:[0-9a-f]{32}")  # a city, and a pseudonym of its


class UnbookableError(Exception):
    """A fact's figures are beyond what anybody could have used. It is stored, not counted, and named as a finding."""


def holder_of(body: Mapping[str, Any]) -> str | None:
    """Return whose redemption a granting fact tells of, "issuer:pseudonym"; None where it names nobody who could be.

    >>> holder_of({"issuer": "wulong", "subject": "0a" * 16})
    'wulong:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a'
    >>> holder_of({"issuer": "wulong", "subject": "Li Lei"}) is None
    True
    """
    issuer, subject = body.get("issuer"), body.get("subject")
    if not (isinstance(issuer, str) and isinstance(subject, str)):
        return None
    named = f"{issuer}:{subject}"
    return named if HOLDER.fullmatch(named) else None


class Use(NamedTuple):
    """`n` uses under `key`; `bound` is what the terminal says is allowed (None: counted, not bounded)."""

    key: str
    n: int
    bound: int | None


class Returned(NamedTuple):
    """What of a redemption came back in all: of its amount, or of its heads where it has none."""

    fen: int = 0
    amount_fen: int = 0
    heads: int = 0
    of_heads: int = 0


class Back(NamedTuple):
    """What a step gives back: the uses whose key starts with `part`, at most `heads` under each; of amounts a share."""

    part: str
    heads: int
    state: str
    returned: Returned = Returned()


def figure(value: Any) -> int | None:
    """Return a whole number from 0 on, None for anything else."""
    return value if type(value) is int and value >= 0 else None


def uses_of(record: Record, *, nonces: bool = False) -> list[Use]:
    """Return the uses a granting fact tells of; what is not of that form is no use. Raises UnbookableError.

    `nonces`: the code that was shown counts as well, as it does at the hub of a site (claims.md 11), under the key by
    which a gate claims it. A fact without a nonce says that the token's id was it, unless it is of paper.
    """
    found: dict[str, Use] = {}
    body = record.body
    listed = body.get("uses")
    for entry in listed if isinstance(listed, list) else ():
        if not isinstance(entry, dict):
            continue
        key, n, said = entry.get("key"), entry.get("n"), entry.get("max")
        if type(n) is int and n > 0 and isinstance(key, str) and key[:2] in COUNTED_HEADS:
            if n > MAX_N or len(key) > MAX_KEY:
                raise UnbookableError(f"{n} uses under a key of {len(key)} characters")
            key = undated(key)
            found[key] = Use(key, n, min(said, MAX_BOUND) if type(said) is int and said >= 0 else None)
    if "sums" in body:
        found |= _sums_of(record)
    if body.get("class") == "minted" and isinstance(body.get("token"), str):
        key = f"n|{body.get('issuer')}:{body['token']}"[:MAX_KEY]
        found[key] = Use(key, 1, 1)
    if nonces:
        drawn_with = body.get("nonce", body.get("token") if body.get("class") in BURNT else None)
        shown = [body.get("issuer"), body.get("token"), drawn_with]
        if all(isinstance(one, str) and one for one in shown):
            key = f"n|{':'.join(map(str, shown))}"[:MAX_KEY]
            found[key] = Use(key, 1, 1)
    if len(found) > MAX_USES:
        raise UnbookableError(f"{len(found)} keys in one grant")
    return [found[key] for key in sorted(found)]


def _sums_of(record: Record) -> dict[str, Use]:
    """Return the amounts that a granting fact tells of, as uses of so many fen."""
    found: dict[str, Use] = {}
    listed = record.body.get("sums")
    for entry in listed if isinstance(listed, list) else ():
        key, fen = (entry.get("key"), figure(entry.get("fen"))) if isinstance(entry, dict) else (None, None)
        if isinstance(key, str) and key.startswith(AMOUNT) and OWN_OUTAGE not in key and fen:
            if fen > MAX_BOUND or len(key) > MAX_KEY:
                raise UnbookableError(f"{fen} fen under a key of {len(key)} characters")
            said, key = figure(entry.get("max")), undated(key)
            found[key] = Use(key, fen, None if said is None else min(said, MAX_BOUND))
    return found


def freed_in_all(key: str, n: int, before: int, back: Back) -> int:
    """Return how much of `n` under `key` is given back after a step, `before` of it already.

    A whole gives all back. Of an amount a part that comes back takes its share, of what was moved as of what was paid.

    >>> part = Back("", 0, "", Returned(fen=4_000, amount_fen=10_000, heads=0, of_heads=1))
    >>> [freed_in_all(key, 5_000, 0, part) for key in ("a|x", "u|x")]
    [2000, 0]
    """
    if not key.startswith(AMOUNT):
        return min(n, before + back.heads)
    if back.heads >= MAX_N:
        return n
    told = back.returned
    part, of = (told.fen, told.amount_fen) if told.amount_fen else (told.heads, told.of_heads)
    return max(before, share(n, part, of)) if of else before


def back_of(record: Record) -> Back | None:
    """Return what a step of a redemption gives back: the whole, some heads, the open things; None for nothing."""
    if record.kind not in GIVING_BACK:
        return None
    step = state_after(record)
    if record.kind == "annulled" or (record.kind == "reversed" and record.body.get("whole", True)):
        return Back("", MAX_N, step)
    if record.kind == "reversed":
        return Back("", min(figure(record.body.get("heads")) or 0, MAX_N), step)
    return Back("o|", MAX_N, step)


def ends_whole(record: Record) -> bool:
    """Return whether nothing of a redemption stands after this fact: a claim of it, whoever holds it, is over."""
    back = back_of(record)
    return record.redemption is not None and back is not None and back.part == "" and back.heads == MAX_N


def freed_by(back: Back, body: Mapping[str, Any]) -> Back:
    """Return what a give-back frees of a grant: a benefit may say that what is returned stays used (`gives_back`)."""
    if body.get("gives_back") is not False or back.part or back.state == "annulled":
        return back
    return Back("o|", back.heads if back.state else 0, back.state)


LIFECYCLE: Final = frozenset({"granted", "opened", "paid", "passed", "annulled", "reversed", "closed", "overdue"})
REACHED: Final = {"paid": "granted"}  # where a step leads to a state of another name


def state_after(record: Record) -> str:
    """Return the state a redemption is in after this fact; empty when the fact does not change it."""
    if record.kind not in LIFECYCLE:
        return ""
    step = record.body.get("step", record.kind)
    if step == "reversed_part" or not isinstance(step, str):
        return ""
    if record.kind in GRANTING and record.body.get("awaiting") is True:
        return "awaiting"
    return REACHED.get(step, step)[:32]


def window(key: str, at_ms: int) -> tuple[int, int] | None:
    """Return the open interval of times whose uses count together with one at `at_ms`; None: all of them."""
    rolling = ROLLING.search(key)
    if rolling is None:
        return None
    hours_ms = int(rolling[1]) * HOUR_MS
    return at_ms - hours_ms, at_ms + hours_ms


def keys_of(body: Mapping[str, Any]) -> list[str]:
    """Return the keys that a grant's fact names."""
    listed = body.get("uses")
    named = [one.get("key") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [undated(key) for key in named if isinstance(key, str) and "|" in key]


def given_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the benefits a grant gave; one without a name for a grant of another form."""
    listed = body.get("given")
    found: list[Mapping[str, Any]] = []
    if isinstance(listed, list):
        found += [one for one in listed if isinstance(one, dict)]
    return found[:MAX_USES] or [{}]
