"""CBOR as others write it (RFC 8949), for messages that are not ours: any width, any order, any tag.

Rules of this file:

- long heads, indefinite lengths, unsorted keys, tags, floats and simple values are accepted; floats and simple values
  come back as `Opaque`, since nobody here computes with them;
- duplicate keys, keys that are containers, invalid UTF-8, trailing bytes and more than MAX_DEPTH levels are refused:
  what these would mean depends on the reader.

Our own tokens never come here; they are read by `credit.codec.cbor`.
"""

from typing import Final, NamedTuple, TypeAlias

from credit.codec.cbor import CborError

MAX_DEPTH: Final = 16
_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_INLINE, _EIGHT_OCTETS, _INDEFINITE = 23, 27, 31
_BREAK: Final = 0xFF


class Tag(NamedTuple):
    """An item under a tag."""

    number: int
    item: "AnyItem"


class Opaque(NamedTuple):
    """A float or simple value: its encoding."""

    raw: bytes


AnyItem: TypeAlias = int | bytes | str | list["AnyItem"] | dict["AnyItem", "AnyItem"] | Tag | Opaque


def decode_any(raw: bytes) -> AnyItem:
    """Return the one item that `raw` encodes; raise CborError."""
    try:
        item, end = _item(raw, 0, MAX_DEPTH)
    except IndexError:
        raise CborError("the item is cut short") from None
    if end != len(raw):
        raise CborError(f"{len(raw) - end} bytes after the item")
    return item


def _item(raw: bytes, at: int, depth: int) -> tuple[AnyItem, int]:
    if not depth:
        raise CborError(f"nested more than {MAX_DEPTH} deep")
    start, major, low = at, raw[at] >> 5, raw[at] & 31
    argument, at = _argument(raw, at + 1, low)
    if major == _SIMPLE and argument is not None:
        return Opaque(raw[start:at]), at
    if major in (_BYTES, _TEXT):
        return _string(raw, at, argument, major)
    if major in (_ARRAY, _MAP):
        return _container(raw, at, argument, depth, major)
    if argument is None:
        raise CborError("an indefinite length where none can be")
    if major == _TAG:
        item, at = _item(raw, at, depth - 1)
        return Tag(argument, item), at
    return argument if major == _UINT else -1 - argument, at


def _argument(raw: bytes, at: int, low: int) -> tuple[int | None, int]:
    """Return the argument, None for an indefinite length, and where it ends."""
    if low <= _INLINE:
        return low, at
    if low == _INDEFINITE:
        return None, at
    if low > _EIGHT_OCTETS:
        raise CborError("a reserved head")
    end = at + (1 << low - _INLINE - 1)
    raw[end - 1]  # IndexError here, not a shorter number below
    return int.from_bytes(raw[at:end], "big"), end


def _string(raw: bytes, at: int, length: int | None, major: int) -> tuple[bytes | str, int]:
    chunks = []
    if length is None:
        while raw[at] != _BREAK:
            if raw[at] >> 5 != major:
                raise CborError("a chunk of another kind")
            length, at = _argument(raw, at + 1, raw[at] & 31)
            if length is None:
                raise CborError("an indefinite chunk")
            chunks.append(_cut(raw, at, length))
            at += length
        at += 1
    else:
        chunks.append(_cut(raw, at, length))
        at += length
    try:
        return (b"".join(chunks), at) if major == _BYTES else ("".join([chunk.decode() for chunk in chunks]), at)
    except UnicodeDecodeError as error:
        raise CborError("text that is not UTF-8") from error


def _cut(raw: bytes, at: int, length: int) -> bytes:
    chunk = raw[at : at + length]
    if len(chunk) != length:
        raise CborError("a string is cut short")
    return chunk


def _container(raw: bytes, at: int, length: int | None, depth: int, major: int) -> tuple[AnyItem, int]:
    flat: list[AnyItem] = []
    wanted = None if length is None else length * (2 if major == _MAP else 1)
    while len(flat) != wanted:
        if wanted is None and raw[at] == _BREAK:
            at += 1
            break
        item, at = _item(raw, at, depth - 1)
        flat.append(item)
    if major == _ARRAY:
        return flat, at
    if len(flat) % 2 or any(isinstance(key, (list, dict, Tag)) for key in flat[::2]):
        raise CborError("a map of half a pair, or with a container as key")
    items = dict(zip(flat[::2], flat[1::2], strict=True))
    if 2 * len(items) != len(flat):
        raise CborError("duplicate map keys")
    return items, at
