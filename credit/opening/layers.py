"""From text to layers: what a presented code holds, nothing of it proved. Steps 1 to 5 of `credit.tokens`.

Rules of this file:

- cheap things first, in the numbered order; a text that is refused here costs microseconds;
- a usual code is taken apart at one stroke (credit/opening/usual.py), any other item by item;
- the credential inside a presentation is taken apart only when somebody asks: a remembered one need not be;
- a text is decoded once: what a grant keeps as its proof was opened a moment before.
"""

from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from credit.codec import base45, cbor
from credit.codec.cbor import Tagged
from credit.codec.refusals import TokenError
from credit.cose import KCWT, XG1, Envelope
from credit.opening import usual
from credit.reasons import Reason

PREFIX: Final = "XG1:"
MAX_CHARACTERS: Final = 600
DECODED: Final = 256  # texts whose bytes are at hand: of all who can be in hand at once


class Shown(NamedTuple):
    """What a code holds: maybe a presentation, and a credential: its bytes, and as far taken apart as it is by now.

    `whole` is all bytes of the code where the credential was not looked at yet.
    """

    presentation: Envelope | None
    raw: bytes
    credential: Tagged | Envelope | None
    whole: bytes = b""

    @property
    def envelope(self) -> Envelope:
        """The credential, taken apart; raises TokenError (4, 5)."""
        return self.credential if type(self.credential) is Envelope else _envelope_of(self)


def layers_of(text: str) -> Shown:
    """Return what `text` holds, as fast as may be; raise TokenError of steps 1 to 5."""
    raw = bytes_of(text)
    presented = usual.presentation(raw)
    if presented is not None:
        return Shown(presented[0], presented[1], None, raw)
    credential = usual.credential(raw)
    return _item_by_item(raw) if credential is None else Shown(None, raw, credential)


def take_apart(text: str) -> Shown:
    """Return what `text` holds, item by item: for explaining a code, and to hold the fast way against."""
    return _item_by_item(bytes_of(text))


def _refuse(step: int, reason: Reason, detail: str, cause: Exception | None = None) -> NoReturn:
    raise TokenError(reason, detail, step) from cause


def bytes_of(text: str) -> bytes:
    """Return the bytes of a presented text, nothing of them read yet; raise TokenError of steps 1 to 3."""
    ours = isinstance(text, str) and text.startswith(PREFIX)
    if ours and len(text) > MAX_CHARACTERS:
        _refuse(1, Reason.DAMAGED_CODE, f"more than {MAX_CHARACTERS} characters")
    if not ours:
        _refuse(2, Reason.NOT_A_CODE, f"does not begin with {PREFIX}")
    try:
        return _decoded(text)  # 3
    except base45.Base45Error as error:
        _refuse(3, Reason.DAMAGED_CODE, str(error), error)


@lru_cache(maxsize=DECODED)
def _decoded(text: str) -> bytes:
    return base45.decode(text[len(PREFIX) :])


def _item_by_item(raw: bytes) -> Shown:
    try:
        message = cbor.decode(raw)  # 4
        outer = XG1.envelope(message)  # 4, 5
    except cbor.CborError as error:
        _refuse(4, Reason.DAMAGED_CODE, str(error), error)
    if KCWT not in outer.protected:
        return Shown(None, raw, outer)
    credential = outer.protected[KCWT]
    if type(credential) is not Tagged:
        _refuse(5, Reason.DAMAGED_CODE, "kcwt is not a COSE_Sign1 under tag 18")
    return Shown(outer, credential.raw, credential)


def _envelope_of(shown: Shown) -> Envelope:
    """Take a presented credential apart. If it is not usual, the whole code goes item by item.

    The credential's bytes alone do not tell what is wrong: they may hold more than it, or nest too deep where they are.
    """
    if shown.credential is None:
        return usual.credential(shown.raw) or _item_by_item(shown.whole).envelope
    try:
        envelope = XG1.envelope(shown.credential)  # 4, 5
    except cbor.CborError as error:
        _refuse(4, Reason.DAMAGED_CODE, str(error), error)
    if KCWT in envelope.protected:
        _refuse(5, Reason.DAMAGED_CODE, "a presentation in place of a credential")
    return envelope
