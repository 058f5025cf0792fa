"""The CBOR subset of XG1: deterministic encoding only (RFC 8949 §4.2.1), both ways.

Rules of this file; what is not listed is refused:

- integers of up to 64 bits, byte strings, text strings, arrays, maps with integer keys, and tag 18 (COSE_Sign1);
- every head in its shortest form (§4.2.1), definite lengths only, map keys strictly ascending in their encoded
  form, which also means no duplicates;
- text is valid UTF-8; arrays, maps and tags nest at most MAX_DEPTH deep; nothing follows the item;
- no floats, no simple values (true, false and null too: Python would take true for the map key 1).

So there is exactly one encoding of each value: decode, then encode, gives the same bytes. A tag 18 keeps the bytes it
was read from, because a signed thing is identified by bytes.
"""

from typing import Final, NamedTuple, TypeAlias

MAX_DEPTH: Final = 6
TAG_SIGN1: Final = 18  # RFC 9052 §2
_ONE_OCTET: Final = 24
_number = int.from_bytes
_UINT64_END: Final = 1 << 64

_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(0, 256, 32)  # first head of each major type
_INLINE: Final = 23  # the largest argument that stands in the head itself, RFC 8949 §3
_WIDTHS: Final = {24: (1, 24), 25: (2, 1 << 8), 26: (4, 1 << 16), 27: (8, 1 << 32)}  # low bits: octets, least value


class CborError(ValueError):
    """The bytes are not one item of the subset in its deterministic encoding."""


class Tagged(NamedTuple):
    """An item under tag 18; `raw` is its encoding, tag included."""

    item: "Item"
    raw: bytes


Item: TypeAlias = int | bytes | str | list["Item"] | dict[int, "Item"] | Tagged


def decode(raw: bytes) -> Item:
    """Return the one item that `raw` encodes; raise CborError for anything outside the subset."""
    try:
        item, end = _item(raw, 0, MAX_DEPTH)
    except IndexError:
        raise CborError("the item is cut short") from None
    if end != len(raw):
        raise CborError(f"{len(raw) - end} bytes after the item")
    return item


def _item(raw: bytes, at: int, depth: int) -> tuple[Item, int]:
    """Return the item at `at` and where it ends; `depth` more containers may open. IndexError: cut short."""
    head = raw[at]
    at += 1
    if head <= _INLINE:
        return head, at
    argument = head & 31
    if argument > _INLINE:
        argument, at = _long_argument(raw, at, argument)
    if head >= _ARRAY:
        return _container(raw, at, head, argument, depth)
    if head < _BYTES:
        return argument if head < _NINT else -1 - argument, at
    end = at + argument
    body = raw[at:end]
    if len(body) != argument:
        raise CborError("a string is cut short")
    return body if head < _TEXT else _text(body), end


def _container(raw: bytes, at: int, head: int, argument: int, depth: int) -> tuple[Item, int]:
    """Return the array, map or tagged item whose head was just read, and where it ends."""
    if not depth:
        raise CborError(f"nested more than {MAX_DEPTH} deep")
    if head < _MAP:
        items = []
        for _ in range(argument):
            item, at = _item(raw, at, depth - 1)
            items.append(item)
        return items, at
    if head < _TAG:
        return _map(raw, at, argument, depth - 1)
    if head != _TAG | TAG_SIGN1:
        raise CborError("a tag other than 18" if head < _SIMPLE else "a float or simple value")
    item, end = _item(raw, at, depth - 1)
    return Tagged(item, raw[at - 1 : end]), end


def _long_argument(raw: bytes, at: int, low: int) -> tuple[int, int]:
    """Return the argument that follows a head with low bits above 23, and where it ends (RFC 8949 §3)."""
    if low == _ONE_OCTET:
        argument, end, least = raw[at], at + 1, _INLINE + 1
    elif low in _WIDTHS:
        octets, least = _WIDTHS[low]
        end = at + octets
        raw[end - 1]  # IndexError here, not a shorter number below
        argument = _number(raw[at:end], "big")
    else:
        raise CborError("an indefinite length or a reserved head")
    if argument < least:
        raise CborError("a number or length not in its shortest form")
    return argument, end


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise CborError("text that is not UTF-8") from error


def _map(raw: bytes, at: int, pairs: int, depth: int) -> tuple[dict[int, Item], int]:
    items: dict[int, Item] = {}
    last = -1
    for _ in range(pairs):
        key = rank = raw[at]
        at += 1
        if key > _INLINE:  # else the key stands in its head, as most do
            key, rank, at = _long_key(raw, at, key)
        if rank <= last:
            raise CborError("map keys unsorted or duplicate")
        last = rank
        items[key], at = _item(raw, at, depth)
    return items, at


def _long_key(raw: bytes, at: int, first: int) -> tuple[int, int, int]:
    """Return the map key whose head is `first`, its rank among encoded keys (§4.2.1), and where it ends."""
    if first >= _BYTES:
        raise CborError("a map key that is not an integer")
    argument = first & 31
    if argument > _INLINE:
        argument, at = _long_argument(raw, at, argument)
    return (argument, argument, at) if first < _NINT else (-1 - argument, _UINT64_END + argument, at)


def encode(item: object) -> bytes:
    """Return the deterministic encoding of `item`; raise CborError for a value outside the subset.

    Maps are written in key order whatever the order given.
    """
    if isinstance(item, int) and not isinstance(item, bool):
        return head(_UINT, item) if item >= 0 else head(_NINT, -1 - item)
    if isinstance(item, bytes):
        return bstr(item)
    if isinstance(item, str):
        body = item.encode()
        return head(_TEXT, len(body)) + body
    if isinstance(item, Tagged):
        return item.raw
    if isinstance(item, list):
        return head(_ARRAY, len(item)) + b"".join(map(encode, item))
    if isinstance(item, dict):
        pairs = sorted((encode(key), encode(value)) for key, value in item.items())
        return head(_MAP, len(pairs)) + b"".join(key + value for key, value in pairs)
    raise CborError(f"{type(item).__name__} is outside the subset")


def head(first: int, argument: int) -> bytes:
    """Return the shortest head (RFC 8949 §3, §4.2.1) for an argument; `first` is the major type's first head."""
    if argument <= _INLINE:
        return bytes([first | argument])
    for low, (octets, _) in _WIDTHS.items():
        if argument < 1 << 8 * octets:
            return bytes([first | low]) + argument.to_bytes(octets, "big")
    raise CborError("an integer beyond 64 bits")


def bstr(body: bytes) -> bytes:
    """Return `body` as an encoded byte string."""
    return head(_BYTES, len(body)) + body


def sign1(message: list[object]) -> bytes:
    """Return a message under tag 18."""
    return head(_TAG, TAG_SIGN1) + encode(message)
