"""The usual record, checked at one stroke: that it is in RFC 8785 form and within every bound of a record.

Half of what taking a journal in cost was this check, written as decode, walk, encode, compare in Python. Here a fast
encoder does the same for what nearly every record is, and says nothing of any other.

Rules of this file:

- a record that is found usual is one that `credit.records.encode` would write byte for byte; tests hold the two against
  each other, over every character and over mutated records;
- no find proves nothing: None means "go the long way", never "refused". Left to it: numbers that might be no integers
  or beyond 2^53, names that might not be ASCII, whatever is too long, and everything that is wrong.
"""

import re
from typing import Final, NoReturn

import msgspec

from credit.records import MAX_RECORD_BYTES, Record
from sync.wire.messages import Fact


def _no_integer(text: str) -> NoReturn:
    """Say of a number with a point or an exponent that it is none of ours."""
    raise ValueError(text)


_DECODER: Final = msgspec.json.Decoder(Fact, float_hook=_no_integer)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
read_usual: Final = msgspec.json.Decoder(Record).decode
"""Return the record in bytes that were found usual: what they must be was looked at then."""
_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_MANY_ZEROS: Final = b"0" * 16
# A number of 16 digits and more, all zeros by now; also where a text merely looks like it.
_LONG_NUMBERS: Final = tuple(before + sign + _MANY_ZEROS for before in (b":", b",", b"[") for sign in (b"", b"-"))
# A name that is not ASCII. No step of it is ever taken back: 64 KiB of Chinese are read once, not once for each letter.
_ODD_NAME: Final = re.compile(rb'[{,]"[\x00-\x21\x23-\x7f]*+[^\x00-\x7f][^"]*+":')


def usual(raw: bytes) -> Fact | None:
    """Return the fact of a usual record in canonical form; None: look at it the long way."""
    if len(raw) > MAX_RECORD_BYTES:
        return None
    zeros = raw.translate(_AS_ZEROS)
    if _MANY_ZEROS in zeros and any(number in zeros for number in _LONG_NUMBERS):
        return None
    if not raw.isascii() and (b"\\" in raw or _ODD_NAME.search(raw)):
        return None
    try:
        fact = _DECODER.decode(raw)
        same = _ENCODER.encode(fact) == raw
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return fact if same else None
