"""The visitors of the demo: who comes to the gate, what their phone shows, and what the gate should say.

Rules of this file:

- codes are really signed, or really forged; nothing tells a terminal which one it is looking at;
- `KINDS` says for each kind of visitor which outcome and which reason are right; the check compares;
- credentials come from the cities' offices (`central.lists.issuing`), as the register knows them; the phone's key
  is made on the phone and stays there.
"""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.demo.street import town
from central.lists.issuing import Wanted, issue
from central.register.minting import present, to_text

HOUR_S, DAY_S = 3_600, 86_400
VALID_S = 30 * DAY_S
SCREENSHOT_AGE_S = 90
WRONG_CLOCK_S = 180
PAYMENT_CODE: Final = "https://qr.pay.example/c/9F3K-2217-PAY-ME-60-YUAN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a credential on a phone: only the phone holds the key."""

    issuer: str
    subject: bytes
    credential: bytes
    phone: Ed25519PrivateKey

    def code(self, now_s: int, *, challenge: bytes | None = None) -> str:
        """Return what the phone shows when its clock says `now_s`: a fresh presentation.

        `challenge` is what the phone read from the lane's screen, and answers.
        """
        nonce = secrets.token_bytes(8)
        return to_text(present(self.credential, self.phone, iat=now_s, nonce=nonce, challenge=challenge))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visitor at the gate: the text their phone shows, and who they are if they have a credential."""

    kind: str
    text: str
    who: Person | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row of the list of visitors. `reason` None: the gate answers with a notice, not with a decision."""

    zh: str
    en: str
    outcome: str | None
    reason: str
    make: Callable[["Visitors", int], tuple[str, Person | None]]


class Visitors:
    """Makes visitors. `state` is the platform's folder, where the offices keep their register."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._numbers = itertools.count(1)
        self.restricted: Person | None = None
        self.last_granted: Person | None = None

    def person(
        self, now_s: int, *, city: str = town.CITY, tier: int = 3, groups: tuple[int, ...] = (), age_s: int = HOUR_S
    ) -> Person:
        """Return a new holder of a credential that was issued `age_s` ago and is good for VALID_S."""
        phone = Ed25519PrivateKey.generate()
        wanted = Wanted(
            subject=f"visitor-{next(self._numbers)}",
            tier=tier,
            groups=groups,
            valid_s=VALID_S,
            holder_key=phone.public_key(),
            test=True,
        )
        issued = issue(self._state, city, wanted, now_s=now_s, iat=now_s - age_s)
        return Person(issuer=city, subject=issued.subject, credential=issued.raw, phone=phone)

    def resident(self, now_s: int) -> Person:
        """Return a new trusted resident."""
        return self.person(now_s, groups=(town.TRUSTED_GROUP,))

    def next(self, kind: str, now_s: int) -> Visit:
        """Return the next visitor of this kind."""
        text, who = KINDS[kind].make(self, now_s)
        return Visit(kind=kind, text=text, who=who)


def _eligible(visitors: Visitors, now_s: int) -> tuple[str, Person]:
    who = visitors.resident(now_s)
    return who.code(now_s), who


def _not_eligible(visitors: Visitors, now_s: int) -> tuple[str, Person]:
    who = visitors.person(now_s, tier=1)
    return who.code(now_s), who


def _restricted(visitors: Visitors, now_s: int) -> tuple[str, Person]:
    who = visitors.restricted
    if who is None:
        raise LookupError("nobody is restricted")
    return who.code(now_s), who


def _forged(visitors: Visitors, now_s: int) -> tuple[str, None]:
    """Return a credential with the city's key id whose signature is not the city's."""
    who = visitors.resident(now_s)
    at = who.credential.rindex(b"\x58\x40") + 2
    forged = who.credential[:at] + bytes([who.credential[at] ^ 1]) + who.credential[at + 1 :]
    return to_text(present(forged, who.phone, iat=now_s, nonce=secrets.token_bytes(8))), None


def _expired(visitors: Visitors, now_s: int) -> tuple[str, None]:
    who = visitors.person(now_s, groups=(town.TRUSTED_GROUP,), age_s=VALID_S + DAY_S)
    return who.code(now_s), None


def _screenshot(visitors: Visitors, now_s: int) -> tuple[str, Person]:
    who = visitors.resident(now_s)
    return who.code(now_s - SCREENSHOT_AGE_S), who


def _second_try(visitors: Visitors, now_s: int) -> tuple[str, Person]:
    who = visitors.last_granted
    if who is None:
        raise LookupError("nobody was let in yet")
    return who.code(now_s), who


def _wrong_clock(visitors: Visitors, now_s: int) -> tuple[str, Person]:
    who = visitors.resident(now_s)
    return who.code(now_s + WRONG_CLOCK_S), who


def _foreign(visitors: Visitors, now_s: int) -> tuple[str, Person]:
    who = visitors.person(now_s, city=town.PARTNER, tier=town.PARTNER_TIER)
    return who.code(now_s), who


def _payment(_visitors: Visitors, _now_s: int) -> tuple[str, None]:
    return PAYMENT_CODE, None


def _damaged(visitors: Visitors, now_s: int) -> tuple[str, None]:
    """Return a code with its end cut off."""
    return visitors.resident(now_s).code(now_s)[:-24], None


_ROWS: Final = (
    ("eligible", "守信市民", "Eligible resident", "GRANT", "ok", _eligible),
    ("second", "同一人再来一次", "Same visitor, second try", "STANDARD", "limit_used", _second_try),
    ("foreign", "互认城市的游客", "Foreign city's token", "GRANT", "ok", _foreign),
    ("not_eligible", "不在优惠人群", "Not eligible", "STANDARD", "not_eligible", _not_eligible),
    ("restricted", "被限制的游客", "Restricted", "REFUSE", "restricted", _restricted),
    ("forged", "伪造的码", "Forged", "REFUSE", "bad_signature", _forged),
    ("expired", "过期的凭证", "Expired", "STANDARD", "expired", _expired),
    ("screenshot", "旧截图", "Old screenshot", "STANDARD", "stale_code", _screenshot),
    ("wrong_clock", "手机时钟快 3 分钟", "Phone clock 3 min wrong", "STANDARD", "not_yet_valid", _wrong_clock),
    ("payment", "付款码", "A payment code", None, "not_a_code", _payment),
    ("damaged", "残缺的码", "A damaged code", "STANDARD", "damaged_code", _damaged),
)
KINDS: Final[dict[str, Kind]] = {
    name: Kind(zh=zh, en=en, outcome=outcome, reason=reason, make=make) for name, zh, en, outcome, reason, make in _ROWS
}
