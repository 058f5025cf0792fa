"""The pipe between a scanner child and its parent: bounded, framed, validated. Pure: bytes in, messages out.

The child is the least trusted part of a terminal: it feeds pictures of strangers to native code. So the parent
believes nothing that it writes:

- one message = MAGIC, kind (1 byte), length (4 bytes, big-endian), CRC-32 (4 bytes), payload;
- each kind has its own bound, checked before a byte of payload is kept;
- JSON payloads are parsed into frozen values here. A number that is out of range or no number, or a text that is too
  long or not printable, is left out, named in `dropped` and counted by the parent: no figure ends a camera's work;
- a fault of the framing or of a message's shape raises `PipeError`, and the parent answers with a kill: there is no
  resynchronising.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from scanner.cleaning import REPLACEMENT, SEPARATORS

MAGIC = b"XgS1"
HEAD = struct.Struct(">4sBII")
MAX_TEXT_CHARS = 1024  # no code of any programme is longer than 600; longer texts arrive cut and are refused for length
MAX_TEXTS = 16  # codes in one frame
MAX_JSON_BYTES = 128 * 1024  # 16 texts of 1024 characters, each escaped at worst to six bytes
MAX_JPEG_BYTES = 512 * 1024
MAX_NAME_CHARS = 200
MAX_COUNT = 2**53
NO_SEPARATORS = str.maketrans(dict.fromkeys(SEPARATORS, ""))

T = TypeVar("T")


class PipeError(Exception):
    """What came out of the pipe is no message of this protocol."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Texts of one frame in reading order; `captured_s` is CLOCK_MONOTONIC, shared by all processes of the machine."""

    KIND: ClassVar[int] = 1
    texts: tuple[str, ...]
    captured_s: float
    dropped: tuple[str, ...] = ()  # without a time the texts are dropped too: nobody knows how old they are


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the child started. `frame_age_s` is None until a frame came; times are CPU milliseconds.

    A figure named in `dropped` was not believed and stands at zero; of a table, only that entry is gone.
    """

    KIND: ClassVar[int] = 2
    frames: int
    width: int
    height: int
    fps: float
    frame_age_s: float | None
    reopened: int
    rss_bytes: int
    looks: int = 0  # of the last minute, at something like a code
    looks_read: int = 0
    decodes: Mapping[str, int] = field(default_factory=dict)
    tries: Mapping[str, int] = field(default_factory=dict)
    step_ms: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The source came to its natural end (a video file)."""

    KIND: ClassVar[int] = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """A preview frame: JPEG bytes."""

    KIND: ClassVar[int] = 4
    jpeg: bytes


Message = Seen | Stats | Ended | Picture
BOUNDS: Mapping[int, int] = {
    Seen.KIND: MAX_JSON_BYTES,
    Stats.KIND: MAX_JSON_BYTES,
    Ended.KIND: 0,
    Picture.KIND: MAX_JPEG_BYTES,
}


def clean(text: str) -> str:
    """Return `text` as the pipe may carry it: cut to the bound, control and unpaired characters replaced.

    Separators stay: they are content of GS1 codes.
    """
    return "".join(c if c.isprintable() or c in SEPARATORS else REPLACEMENT for c in text[:MAX_TEXT_CHARS])


def pack(message: Message) -> bytes:
    """Return the bytes of one message; raise ValueError when it is above its bound."""
    match message:
        case Picture(jpeg):
            payload = jpeg
        case Ended():
            payload = b""
        case Seen(texts, captured_s):
            payload = _json({"texts": texts, "captured_s": captured_s})
        case Stats():
            payload = _json({name: getattr(message, name) for name in Stats.__slots__ if name != "dropped"})
    if len(payload) > BOUNDS[message.KIND]:
        raise ValueError(f"{type(message).__name__} of {len(payload)} bytes; the bound is {BOUNDS[message.KIND]}")
    return HEAD.pack(MAGIC, message.KIND, len(payload), zlib.crc32(payload)) + payload


class Unpacker:
    """Cuts a byte stream into messages; holds at most one message and its head."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield each message completed by `data`; raise PipeError at the first fault."""
        self._held += data
        while len(self._held) >= HEAD.size:
            magic, kind, length, checksum = HEAD.unpack_from(self._held)
            if magic != MAGIC or length > BOUNDS.get(kind, -1):
                raise PipeError(f"no message head: {bytes(self._held[: HEAD.size]).hex()}")
            if len(self._held) < HEAD.size + length:
                return
            payload = bytes(self._held[HEAD.size : HEAD.size + length])
            del self._held[: HEAD.size + length]
            if zlib.crc32(payload) != checksum:
                raise PipeError("checksum differs")
            yield _parse(kind, payload)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _parse(kind: int, payload: bytes) -> Message:
    if kind == Ended.KIND:
        return Ended()
    if kind == Picture.KIND:
        return Picture(payload)
    try:
        body = json.loads(payload)
        return _seen(body) if kind == Seen.KIND else _stats(body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PipeError(f"message of kind {kind}: {error}") from error


class _Sieve:
    """Takes the values of one message, one by one; `dropped` names those that were not believed."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    def take(self, name: str, read: Callable[[object], T], value: object, *, otherwise: T) -> T:
        """Return what `read` makes of the value, `otherwise` if it refuses it."""
        try:
            return read(value)
        except ValueError:
            self.dropped.append(name)
            return otherwise

    def table(self, name: str, read: Callable[[object], T], entries: dict[str, object]) -> dict[str, T]:
        """Return the entries whose name and value are good."""
        found = {}
        for key, value in entries.items():
            try:
                found[_text(key, MAX_NAME_CHARS)] = read(value)
            except ValueError:
                self.dropped.append(name)
        return found


def _seen(body: dict[str, Any]) -> Seen:
    texts = body["texts"]
    if not isinstance(texts, list) or not 0 < len(texts) <= MAX_TEXTS:
        raise ValueError("texts: expected a short list")
    sieve = _Sieve()
    captured_s = sieve.take("captured_s", _number, body["captured_s"], otherwise=-1.0)
    read = [sieve.take("texts", _any_text, text, otherwise="") for text in texts if captured_s >= 0]
    return Seen(tuple(text for text in read if text), max(0.0, captured_s), tuple(sieve.dropped))


def _stats(body: dict[str, Any]) -> Stats:
    sieve, age = _Sieve(), body["frame_age_s"]

    def count(name: str) -> int:
        return sieve.take(name, _count, body[name], otherwise=0)

    return Stats(
        frames=count("frames"),
        width=count("width"),
        height=count("height"),
        fps=sieve.take("fps", _number, body["fps"], otherwise=0.0),
        frame_age_s=None if age is None else sieve.take("frame_age_s", _number, age, otherwise=0.0),
        reopened=count("reopened"),
        rss_bytes=count("rss_bytes"),
        looks=count("looks"),
        looks_read=count("looks_read"),
        decodes=sieve.table("decodes", _count, body["decodes"]),
        tries=sieve.table("tries", _count, body["tries"]),
        step_ms=sieve.table("step_ms", _number, body["step_ms"]),
        note=sieve.take("note", _name, body["note"], otherwise=""),
        dropped=tuple(sieve.dropped),
    )


def _text(value: object, bound: int, *, separators: bool = False) -> str:
    plain = value.translate(NO_SEPARATORS) if separators and isinstance(value, str) else value
    if not isinstance(value, str) or len(value) > bound or not str(plain).isprintable():
        raise ValueError("expected a short printable text")
    return value


def _any_text(value: object) -> str:
    return _text(value, MAX_TEXT_CHARS, separators=True)


def _name(value: object) -> str:
    return _text(value, MAX_NAME_CHARS)


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < MAX_COUNT:
        raise ValueError("expected a count")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= value < MAX_COUNT:  # type: ignore[operator]
        raise ValueError("expected a number")  # NaN fails the comparison too
    return float(value)  # type: ignore[arg-type]
