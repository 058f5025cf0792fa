"""A city's lists as they are read at the gate: key files opened, deltas laid on, rows turned into what they say.

Rules of this file:

- what is held already is gone on from: one more delta costs that delta, never the base again;
- the view must stand at the root and the count that the signed index names, or nothing of it comes into force;
- a look-up that meets damage raises `ListUnreadableError`: the caller answers REFER `list_too_old`, never an all-clear;
- a row that says nothing of ours is set aside by its key and noted; the subject's other rows count.
"""

import logging
from dataclasses import dataclass, field, replace
from typing import Final

from cache.ledger.visit import ListUnreadableError
from cache.lists.files import DocumentRefusedError, ListFiles
from cache.lists.index import MEASURES, MEMBERS, Index, KeyList, pile_of
from cache.lists.keyfile import beside, layout
from cache.lists.keyfile.base import Base
from cache.lists.keyfile.layout import KeyFileError
from cache.lists.keyfile.view import View
from cache.lists.payloads import (
    MEASURE,
    PAYLOAD_BYTES,
    Membership,
    PayloadError,
    entry_id,
    membership_of,
    unpack_measure,
)
from cache.lists.refusals import BrokenChainError, ContentRefusedError
from cache.lists.values import Document
from credit.rules.listing import LISTS, role_of
from credit.rules.measures import MeasureEntry

MAX_NOTED: Final = 100
KINDS: Final = {MEASURES: layout.MEASURES, MEMBERS: layout.MEMBERS}

log = logging.getLogger("xinguan.lists")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One list in force: its view, and the files that were laid on each other to get there."""

    city: str
    view: View
    pile: tuple[Document, ...]
    signed: KeyList
    authorities: tuple[str, ...] = ()
    aside: dict[bytes, str] = field(default_factory=dict)

    def payloads(self, subject: bytes) -> bytes:
        """Return the payloads of a subject, joined; raise ListUnreadableError."""
        try:
            return self.view.look_up(subject)
        except (KeyFileError, OSError) as error:
            raise ListUnreadableError(role_of(LISTS, self.city), str(error)) from error

    def get(self, subject: bytes, default: tuple[MeasureEntry, ...] = (), /) -> tuple[MeasureEntry, ...]:
        """Return the measures against a subject; raise ListUnreadableError."""
        payloads = self.payloads(subject)
        if not payloads:
            return default
        found = []
        for at in range(0, len(payloads), MEASURE.size):
            payload = payloads[at : at + MEASURE.size]
            try:
                one = unpack_measure(self.city, payload, self.authorities)
                found.append(replace(one, entry=entry_id(self.city, subject, payload)))
            except PayloadError as error:
                self._note(subject, str(error))
        return tuple(found)

    def membership(self, subject: bytes) -> Membership | None:
        """Return tier and groups of a subject where the member list names it; raise ListUnreadableError."""
        return membership_of(self.payloads(subject))

    def _note(self, subject: bytes, text: str) -> None:
        if subject not in self.aside and len(self.aside) < MAX_NOTED:
            self.aside[subject] = text
            log.error("row_set_aside", extra={"city": self.city, "problem": text})


@dataclass(frozen=True, slots=True)
class Shelf:
    """The files of one role as they lie here; `fresh` ones were never taken in before, and are looked at whole."""

    files: ListFiles
    documents: tuple[Document, ...]
    fresh: bool


def open_listed(index: Index, name: str, shelf: Shelf, *, held: Listed | None) -> Listed | None:
    """Return the list `name` as the index signs it, None where there is none.

    Raises BrokenChainError, ContentRefusedError, DocumentRefusedError, OSError.
    """
    wanted: KeyList | None = index.measures if name == MEASURES else index.members
    if wanted is None:
        return None
    city, pile = index.issuer, pile_of(shelf.documents, index.issuer, name)
    if not pile:
        raise ContentRefusedError(f"lists/{city}/{name}: the index names no base")
    laid = _held_part(held, pile)
    if held is not None and laid:
        view = held.view
    else:
        view, laid = View.over(_base(pile[0], KINDS[name], shelf)), 1
    view = _laid(view, pile, laid, shelf.files)
    if view.root.hex() != wanted.root or view.count != wanted.count:
        raise BrokenChainError(f"lists/{city}/{name}: leads to {view.root.hex()[:16]}, signed is {wanted.root[:16]}")
    return Listed(
        city=city,
        view=view,
        pile=pile,
        signed=wanted,
        authorities=index.authorities,
        aside=dict(held.aside) if held else {},
    )


def _held_part(held: Listed | None, pile: tuple[Document, ...]) -> int:
    """Return how many files of the pile are laid already."""
    if held is None or held.pile != pile[: len(held.pile)]:
        return 0
    return len(held.pile)


def _laid(view: View, pile: tuple[Document, ...], laid: int, files: ListFiles) -> View:
    """Lay the rest of a pile on a view to which the first `laid` files of it led."""
    more = [files.read(one.sha256) for one in pile[laid:]]
    until_now, new = ([files.place(one.sha256) for one in part] for part in (pile[1:laid], pile[laid:]))
    try:
        return beside.laid(view, until_now=until_now, more=more, new=new)
    except KeyFileError as error:
        raise BrokenChainError(f"{pile[-1].path}: {error}") from error


def _base(document: Document, kind: int, shelf: Shelf) -> Base:
    files = shelf.files
    path = files.place(document.sha256)
    try:
        base = Base.open(path, root=None, fresh=shelf.fresh)  # where the pile leads is compared with the signed root
    except FileNotFoundError as error:
        raise DocumentRefusedError(f"{document.path}: not on this terminal") from error
    except KeyFileError as error:
        if files.is_whole(document.sha256):
            raise ContentRefusedError(f"{document.path}: {error}") from error
        files.drop(document.sha256)
        raise DocumentRefusedError(f"{document.path}: damaged on disk; removed, and fetched again: {error}") from error
    if (base.layout.kind, base.layout.payload) != (kind, PAYLOAD_BYTES[kind]):
        base.close()
        raise ContentRefusedError(f"{document.path}: a list of another kind, or with other rows")
    return base
