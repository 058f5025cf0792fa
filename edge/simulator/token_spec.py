"""Tokens in a case file: described in words, or an XG1 code with its keys (contract.md §6).

Rules of this file:

- what is left out takes the defaults of contract.md §6; the same id is the same credential;
- a described token goes through the same checks as a signed one, in the same order (credit.tokens, steps 6 to 14),
  by the clock that the terminal sees; a signed one goes through `open_token` itself;
- a minted code that is not named otherwise is drawn anew once the one before it has run out.
"""

from dataclasses import dataclass, replace
from hashlib import sha256

from credit.claims import Grant, Reservation, SubjectKind, Token, TokenClass
from credit.reasons import Reason
from credit.rules.reading import Node
from credit.rules.terms import MAX_TIER, instant_ms
from credit.tokens import FRESH_S, MINTED_LIFETIME_S, SKEW_S

HOUR_S = 3600
DEFAULT_LIFE_S = 30 * 86_400
ID_BYTES = 8
SUBJECT_BYTES = 16
MAX_HEADS = 100_000

TOKEN = (
    "issuer",
    "subject",
    "id",
    "tier",
    "groups",
    "grants",
    "region",
    "class",
    "max_uses",
    "reservation",
    "kind",
    "issued",
    "expires",
    "shown_at",
    "nonce",
    "audience",
    "challenged",
    "id_check",
    "test",
    "status_index",
    "check",
)


def pseudonym(subject: str) -> bytes:
    """Return the 16 bytes that stand for a subject named in a case file."""
    return sha256(f"subject:{subject}".encode()).digest()[:SUBJECT_BYTES]


def short(*parts: str) -> bytes:
    """Return 8 bytes derived from what names a token, a grant, an order or a nonce."""
    return sha256("\0".join(parts).encode()).digest()[:ID_BYTES]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpec:
    """A described token. Times are seconds UTC, None where the default depends on the step."""

    issuer: str
    subject: str
    id: str | None
    tier: int
    groups: frozenset[int]
    grants: tuple[Grant, ...]
    region: int | None
    token_class: TokenClass
    max_uses: int | None
    reservation: Reservation | None
    kind: SubjectKind
    issued: int | None
    expires: int | None
    shown_at: int | None
    nonce: str | None
    audience: str | None
    challenged: bool
    id_check: bool
    test: bool
    status_index: int | None
    check: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class XgCode:
    """A presented XG1 code, to be opened with the case's keys."""

    text: str


Presented = TokenSpec | XgCode


def read_presented(node: Node, step: Node | None = None) -> Presented:
    """Read `token` (or `second`): an object in words, or an XG1 code. Presentation members may stand at the step."""
    if isinstance(node.value, str):
        return XgCode(text=node.text())
    node.members(*TOKEN)

    def either(name: str) -> Node | None:
        return node.get(name) or (step.get(name) if step else None)

    def whole(name: str, most: int) -> int | None:
        found = node.get(name)
        return found.whole(0, most) if found else None

    def flag(name: str) -> bool:
        found = either(name)
        return found.flag() if found else False

    def seconds(found: Node | None) -> int | None:
        return instant_ms(found) // 1000 if found else None

    groups, grants, kind, class_ = node.get("groups"), node.get("grants"), node.get("kind"), node.get("class")
    nonce, audience, identity, check = either("nonce"), either("audience"), node.get("id"), node.get("check")
    return TokenSpec(
        issuer=node.need("issuer").text(),
        subject=_name(node.need("subject")),
        id=_name(identity) if identity else None,
        tier=whole("tier", MAX_TIER) or 0,
        groups=frozenset(groups.wholes()) if groups else frozenset(),
        grants=tuple(_grant(one) for one in grants.items()) if grants else (),
        region=_region(node.get("region")),
        token_class=class_.choice(TokenClass) if class_ else TokenClass.BOUND,
        max_uses=whole("max_uses", 2**32),
        reservation=_reservation(node.get("reservation")),
        kind=kind.choice(SubjectKind) if kind else SubjectKind.PERSON,
        issued=seconds(node.get("issued")),
        expires=seconds(node.get("expires")),
        shown_at=seconds(either("shown_at")),
        nonce=_name(nonce) if nonce else None,
        audience=audience.text() if audience else None,
        challenged=flag("challenged"),
        id_check=flag("id_check"),
        test=flag("test"),
        status_index=whole("status_index", 2**32),
        check=check.text() if check else None,
    )


def _name(node: Node) -> str:
    return str(node.whole()) if isinstance(node.value, int) else node.text()


def _region(node: Node | None) -> int | None:
    if node is None:
        return None
    if isinstance(node.value, str) and node.value.isascii() and node.value.isdigit():
        return int(node.value)
    return node.whole()


def _grant(node: Node) -> Grant:
    if isinstance(node.value, list):
        parts = node.items()
        if len(parts) != 3:  # noqa: PLR2004 - code, id, uses
            raise node.wrong('a grant is a code, [code, "id", uses] or {"code", "id", "uses"}')
        return Grant(code=parts[0].whole(), grant_id=short("grant", _name(parts[1])), uses=parts[2].whole())
    if isinstance(node.value, dict):
        node.members("code", "id", "uses")
        uses, named = node.get("uses"), node.get("id")
        return Grant(
            code=node.need("code").whole(),
            grant_id=short("grant", _name(named)) if named else (short("grant", "") if uses else None),
            uses=uses.whole() if uses else None,
        )
    return Grant(code=node.whole())


def _reservation(node: Node | None) -> Reservation | None:
    if node is None:
        return None
    node.members("order", "site", "from", "until", "heads")
    heads = node.get("heads")
    return Reservation(
        order=short("order", _name(node.need("order"))),
        site=node.need("site").text(),
        from_s=instant_ms(node.need("from")) // 1000,
        until_s=instant_ms(node.need("until")) // 1000,
        heads=heads.whole(1, MAX_HEADS) if heads else 1,
    )


class Purse:
    """What every subject of a story holds: remembers minted codes that have not run out."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, str], int] = {}

    def token(self, spec: TokenSpec, *, at_s: int, step: int) -> Token:
        """Return the token that `spec` describes, presented at the true time `at_s` in step `step`."""
        issued, named = spec.issued, spec.id or "1"
        if spec.token_class is TokenClass.MINTED:
            issued = issued if issued is not None else self._draw(spec, at_s)
            named = spec.id or f"minted:{issued}:{spec.nonce or ''}"
        issued = at_s - HOUR_S if issued is None else issued
        life = MINTED_LIFETIME_S if spec.token_class is TokenClass.MINTED else DEFAULT_LIFE_S
        token_id = short("token", spec.issuer, spec.subject, named)
        bound = spec.token_class is TokenClass.BOUND
        nonce = short("nonce", spec.nonce or f"step {step}") if bound else None
        shown = at_s if spec.shown_at is None else spec.shown_at
        return Token(
            issuer=spec.issuer,
            kid=short("kid", spec.issuer),
            token_id=token_id,
            token_class=spec.token_class,
            subject=pseudonym(spec.subject),
            tier=spec.tier,
            issued_at=issued,
            expires=spec.expires if spec.expires is not None else self._end(spec, issued, at_s, life),
            groups=spec.groups,
            grants=spec.grants,
            region=spec.region,
            status_index=spec.status_index,
            max_uses=spec.max_uses,
            kind=spec.kind,
            id_check=spec.id_check,
            test=spec.test,
            reservation=spec.reservation,
            nonce=token_id if spec.token_class is TokenClass.MINTED else nonce,
            presented_at=shown if bound else None,
            audience=spec.audience if bound else None,
            challenged=spec.challenged and bound,
        )

    @staticmethod
    def _end(spec: TokenSpec, issued: int, at_s: int, life: int) -> int:
        return issued + life if spec.token_class is TokenClass.MINTED else at_s + life

    def _draw(self, spec: TokenSpec, at_s: int) -> int:
        key = (spec.issuer, spec.subject)
        drawn = self._drawn.get(key)
        if drawn is None or not drawn <= at_s < drawn + MINTED_LIFETIME_S:
            drawn = self._drawn[key] = at_s
        return drawn


SKEW_AHEAD_S = 30  # the default of a profile


def wrong(token: Token, *, now_s: int, site: str, killed: bool, allow_expired: bool, allow_test: bool) -> Reason | None:  # noqa: PLR0911 - one return per numbered check
    """Return why a described token would not open at a terminal that sees `now_s`; None when it would."""
    if killed:  # 6
        return Reason.KEY_REVOKED
    too_long = token.expires - token.issued_at > MINTED_LIFETIME_S
    if token.token_class is TokenClass.MINTED and too_long:  # 8
        return Reason.WRONG_CLASS
    if token.test and not allow_test:  # 10
        return Reason.TEST_TOKEN
    if now_s >= token.expires and not allow_expired:  # 11
        return Reason.EXPIRED
    if now_s + SKEW_S < token.issued_at:  # 11
        return Reason.NOT_YET_VALID
    if token.presented_at is not None:  # 14
        if token.presented_at < now_s - FRESH_S - SKEW_S:
            return Reason.STALE_CODE
        if token.presented_at > now_s + SKEW_AHEAD_S:
            return Reason.NOT_YET_VALID
    return Reason.WRONG_AUDIENCE if token.audience not in (None, site) else None


def fresh_anyway(token: Token, now_s: int) -> Token:
    """Return the token as if shown and issued now: for bringing back at a terminal whose clock cannot judge times."""
    shown = now_s if token.presented_at is not None else None
    return replace(token, presented_at=shown, issued_at=min(token.issued_at, now_s))
