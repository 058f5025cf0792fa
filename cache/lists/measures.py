"""Reading a measures list of many entries without stopping the gate (lists.md).

Rules of this file:

- `credit.rules.documents.readable_measures` says what a list means, and names what is wrong with one; it takes 30 µs an
  entry;
- a list is read whole at every change, beside lanes that serve. So the plain shape is read here by msgspec, 20 times
  faster; whatever is not exactly that shape goes to the slow reader, which accepts or refuses it in words;
- both give the same entries for the same list: a property test holds them together;
- an entry that is wrong is set aside by its place in the list; the others are in force.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from credit.rules.documents import readable_measures
from credit.rules.measures import EntryState, MeasureEntry
from credit.rules.reading import MAX_WHOLE

Entries: TypeAlias = Mapping[bytes, tuple[MeasureEntry, ...]]
_Text: TypeAlias = Annotated[str, Meta(min_length=1)]
_STATES = {str(state): state for state in EntryState}


class _Entry(msgspec.Struct, forbid_unknown_fields=True, rename={"from_day": "from", "until_day": "until"}, gc=False):
    key: _Text
    code: Annotated[int, Meta(ge=0, le=MAX_WHOLE)]
    state: Literal["active", "disputed"] = "active"
    authority: _Text | None = None
    basis: _Text | None = None
    scenes: list[_Text] | None = None
    from_day: date | None = None
    until_day: date | None = None


class _List(msgspec.Struct, forbid_unknown_fields=True):
    issuer: _Text
    complete: Literal[True]
    entries: list[_Entry]


_PLAIN = msgspec.json.Decoder(_List)


def read_measures(data: bytes, *, path: str) -> tuple[object, Entries, tuple[str, ...]]:
    """Return the list's issuer, its entries by subject, and what is wrong with those that were set aside.

    Raises CatalogueError or msgspec.MsgspecError where the list as a whole is none.
    """
    plain = _read_plain(data)
    if plain is not None:
        return *plain, ()
    document = msgspec.json.decode(data, type=dict[str, Any])
    found, wrong = readable_measures(document, path=path)
    return document.get("issuer"), found, tuple(map(str, wrong))


def _read_plain(data: bytes) -> tuple[str, Entries] | None:
    """Return what `read_measures` does for a list of the plain shape, None for any other."""
    try:
        found = _PLAIN.decode(data)
        by_key: dict[bytes, tuple[MeasureEntry, ...]] = {}
        for row in found.entries:
            key = bytes.fromhex(row.key)
            by_key[key] = (*by_key.get(key, ()), _entry(found.issuer, row))
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors; the slow reader says what is wrong
        return None
    return found.issuer, by_key


def _entry(issuer: str, row: _Entry) -> MeasureEntry:
    return MeasureEntry(
        issuer=issuer,
        code=row.code,
        state=_STATES[row.state],
        authority=row.authority,
        basis=row.basis,
        scenes=None if row.scenes is None else frozenset(row.scenes),
        from_day=row.from_day,
        until_day=row.until_day,
    )
