"""The journal record and its hash chain (contract.md §8), shared by terminal and platform.

Rules of this file:

- a record is RFC 8785 JSON of exactly {at_ms, body, id, kind, redemption, seq}; bodies nest, numbers are integers;
- hash(0) = SHA-256("xinguan-journal-1" 00 terminal 00 epoch), each next = SHA-256(previous 32 bytes, record bytes);
- `seq` starts at 1 and goes on across epochs; an epoch's first record chains to that epoch's hash(0).

RFC 8785 sorts member names by UTF-16 code units. With integers only and names from our own set (ASCII), the
standard encoder with sorted keys, no spaces and no ASCII escaping writes exactly that form. So does msgspec's, in a
quarter of the time; it is given what is nothing but our own plain values, and a test holds the two against each other.
"""

import hashlib
import json
import re
from types import NoneType
from typing import Any, Final

import msgspec

CHAIN_LABEL = b"xinguan-journal-1"
MAX_RECORD_BYTES = 64 * 1024
MAX_SAFE_INTEGER = 2**53 - 1  # RFC 8785 numbers are IEEE doubles; beyond this they would not round-trip
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)  # made once
_PLAIN_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_LEAVES: Final = frozenset({str, bool, NoneType})
_PLAIN_TEXT: Final = re.compile(r"[A-Za-z0-9._:/@|-]*+")  # what JSON writes as it is


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. `at_ms` is milliseconds UTC; `redemption` is an id or None; `body` is a JSON object.

    A struct and no dataclass: a record that was found usual is read straight into it (`sync.wire.canonical`).
    """

    seq: int
    id: str
    at_ms: int
    kind: str
    redemption: str | None
    body: dict[str, Any]


def _check(value: object, path: str) -> None:
    if value is None or isinstance(value, (bool, str)):
        return
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise ValueError(f"{path}: integer beyond 2^53 - 1")
        return
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, str) or not name.isascii():
                raise ValueError(f"{path}: member names are ASCII strings, got {name!r}")
            _check(member, f"{path}.{name}")
        return
    if isinstance(value, (list, tuple)):
        for index, member in enumerate(value):
            _check(member, f"{path}[{index}]")
        return
    raise ValueError(f"{path}: {type(value).__name__} has no place in a record")


def _is_plain(value: Any) -> bool:
    """Return whether a value is made of plain dicts with ASCII names, lists, texts and whole numbers; else look closer.

    Looked at are the kinds of all members at once: member by member took a tenth of what a grant costs.
    """
    kind = type(value)
    if kind is dict:
        if not "".join(value).isascii():
            return False
        members = value.values()
    elif kind is list or kind is tuple:
        members = value
    else:
        return kind in _LEAVES or (kind is int and abs(value) <= MAX_SAFE_INTEGER)
    if _LEAVES.issuperset(map(type, members)):
        return True
    for one in members:
        kind = type(one)
        if kind is int:
            if not -MAX_SAFE_INTEGER <= one <= MAX_SAFE_INTEGER:
                return False
        elif kind not in _LEAVES and not _is_plain(one):
            return False
    return True


def canonical(value: object) -> bytes:
    """Return RFC 8785 bytes of a JSON value without floats; raise ValueError for anything else."""
    try:
        plain = _is_plain(value)
    except TypeError:  # a name that is no text
        plain = False
    if plain:
        return _PLAIN_ENCODER.encode(value)
    _check(value, "$")
    return _ENCODER.encode(value).encode()


def encode(record: Record) -> bytes:
    """Return the canonical bytes of `record`; raise ValueError if it is not a record or above MAX_RECORD_BYTES."""
    return around(record, canonical(record.body))


def around(record: Record, body: bytes) -> bytes:
    """Return `encode` of a record whose canonical body is at hand: `at_ms` sorts before it, the others after."""
    redemption, named = record.redemption, "" if record.redemption is None else record.redemption
    times = type(record.at_ms) is int and type(record.seq) is int and max(abs(record.at_ms), abs(record.seq))
    if times and times <= MAX_SAFE_INTEGER and _PLAIN_TEXT.fullmatch(f"{record.id}{record.kind}{named}"):
        of = b"null" if redemption is None else b'"%b"' % redemption.encode()
        ends = (record.id.encode(), record.kind.encode(), of, record.seq)
        raw = b'{"at_ms":%d,"body":%b,"id":"%b","kind":"%b","redemption":%b,"seq":%d}' % (record.at_ms, body, *ends)
    else:
        others = {"id": record.id, "kind": record.kind, "redemption": redemption, "seq": record.seq}
        raw = b'{"at_ms":%b,"body":%b,%b' % (canonical(record.at_ms), body, canonical(others)[1:])
    if len(raw) > MAX_RECORD_BYTES:
        raise ValueError(f"record of {len(raw)} bytes; the bound is {MAX_RECORD_BYTES}")
    return raw


def chain_start(terminal: str, epoch: str) -> bytes:
    """Return hash(0) of an epoch: 32 bytes."""
    return hashlib.sha256(CHAIN_LABEL + b"\x00" + terminal.encode() + b"\x00" + epoch.encode()).digest()


def chain_next(previous: bytes, raw: bytes) -> bytes:
    """Return the hash after the record bytes `raw`, given the 32 bytes before it."""
    return hashlib.sha256(previous + raw).digest()
