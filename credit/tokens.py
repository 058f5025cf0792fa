"""Opening a presented code: text in, verified `Token` out, or `TokenError` with the reason. Never anything else.

What must hold, cheap things first; the code carries the same numbers, 1 to 5 in `credit.opening.layers`:

 1. length: at most 600 characters                                             contract.md §7
 2. prefix: "XG1:", exactly                                                    credential.md
 3. base45, nothing stripped                                                   RFC 9285 §4, §6
 4. strict CBOR of the message, its headers and its claims, both layers        RFC 8949 §4.2.1
 5. shape and typ: COSE_Sign1 under tag 18, closed headers                     RFC 9052 §4.2, RFC 9596 §2
 6. kid known; a killed key says so                                            RFC 9052 §3.1, contract.md §7
 7. alg equals the key's alg and selects nothing                               RFC 9052 §3.1
 8. key window, key class, the issuer's issued-at ceiling                      contract.md §7
 9. issuer signature                                                           RFC 9052 §4.4
10. strict claim types, and no test token unless the site is a test            credential.md CDDL, RFC 8392 §3
11. times: exp, nbf, iat                                                       RFC 8392 §3.1.4-3.1.6
12. holder key: there if and only if there is a presentation, and a sound key  RFC 8747 §3.2
13. holder signature; then 10 for the presentation's own claims                 RFC 9052 §4.4, RFC 8747 §5
14. freshness, audience, challenge                                             credential.md "Replay", RFC 8392 §3.1.3

After that, with the store: revocation, measures, nonce, limits (`credit.decide`).

What a credential says is the same each time it is shown, so a keyring remembers credentials that passed 6 to 12, by
their verified bytes. A remembered one still goes through everything that depends on now: the key's window (8), the
times (11), and all of 13 and 14.
"""

from contextlib import suppress
from typing import Final, NamedTuple, NoReturn

from credit.claims import Token, TokenClass
from credit.codec.algorithms import KeyRefusedError
from credit.codec.refusals import TokenError
from credit.cose import Envelope, check_signature
from credit.keys import CoseKey, Keyring, TrustedKey
from credit.opening.claim_types import (
    CredentialClaims,
    PresentationClaims,
    Unproved,
    read_credential,
    read_presentation,
    unproved,
)
from credit.opening.layers import PREFIX, Shown, layers_of, take_apart
from credit.reasons import Reason

__all__ = ["PREFIX", "Rules", "Shown", "TokenError", "check_fresh", "check_standing", "open_token", "take_apart"]

FRESH_S: Final = 30
SKEW_S: Final = 5
MINTED_LIFETIME_S: Final = 120
MAX_REMEMBERED: Final = 1024
_BOUND, _MINTED, _PRINTED = TokenClass.BOUND, TokenClass.MINTED, TokenClass.PRINTED  # Enum look-ups are slow in 3.11


class Rules(NamedTuple):
    """What the caller said that a credential is judged by."""

    now: int
    skew_s: int
    allow_test: bool
    allow_expired: bool


class _Credential(NamedTuple):
    """A credential that passed 4 to 12; `holder` is None if it has no holder key."""

    key: TrustedKey
    token_class: TokenClass
    claims: CredentialClaims
    holder: CoseKey | None


def open_token(  # noqa: PLR0913 - its signature is the contract's (contract.md 7, 10)
    text: str,
    keyring: Keyring,
    *,
    now: int,
    audience: str | None = None,
    challenge: bytes | None = None,
    skew_s: int = SKEW_S,
    ahead_s: int | None = None,
    allow_test: bool = False,
    allow_expired: bool = False,
) -> Token:
    """Return the verified token that `text` is; raise only TokenError, whatever `text` holds.

    `now` is in seconds UTC. `audience` is this site's id: a presentation for any other site is refused, and one that
    names a site is refused if `audience` is None. `challenge` is what the lane shows: `Token.challenged` tells if the
    presentation answers it, another answer is refused. `allow_test` is the site profile's `test`. `allow_expired` is
    for giving back and leaving (contract.md §3): the token's and the key's end no longer matter, all else does.
    `ahead_s` is how far a phone's clock may be ahead of ours (None: `skew_s`); the decision looks at it again.
    """
    shown = layers_of(text)  # 1 to 5
    known = _open_credential(shown, keyring, Rules(now, skew_s, allow_test, allow_expired))  # 4 to 12
    if shown.presentation is None:
        if known.holder is not None:
            _refuse(12, Reason.BARE_BOUND_TOKEN, "a credential with a holder key, shown without presentation")
        return _token(known, None, challenged=False)
    if known.holder is None:
        _refuse(12, Reason.BAD_SIGNATURE, "a presentation of a credential without holder key")
    check_signature(shown.presentation, known.holder, step=13)
    claims = read_presentation(shown.presentation.claims)  # 10
    check_fresh(claims, now=now, skew_s=skew_s, ahead_s=skew_s if ahead_s is None else max(ahead_s, skew_s))  # 14
    if claims.audience is not None and claims.audience != audience:
        _refuse(14, Reason.WRONG_AUDIENCE, "made for another site")
    challenged = claims.challenge is not None and challenge is not None
    if challenged and claims.challenge != challenge:
        _refuse(14, Reason.NEEDS_CHALLENGE, "answers another challenge")
    return _token(known, claims, challenged=challenged)


def _refuse(step: int, reason: Reason, detail: str, cause: Exception | None = None) -> NoReturn:
    raise TokenError(reason, detail, step) from cause


def _open_credential(shown: Shown, keyring: Keyring, rules: Rules) -> _Credential:
    known: _Credential | None = keyring.verified.get(shown.raw)
    if known is not None:
        _check_window(known.key, rules)  # 8
        check_standing(known.claims, rules)  # 10, 11
        return known
    envelope = shown.envelope  # 4, 5
    key, token_class = _issuer_key(envelope, keyring, rules)  # 6 to 9
    claims = read_credential(envelope.claims)  # 10
    check_standing(claims, rules)  # 10, 11
    known = _Credential(key, token_class, claims, _holder_key(claims))  # 12
    _remember(keyring.verified, shown.raw, known)
    return known


def _issuer_key(envelope: Envelope, keyring: Keyring, rules: Rules) -> tuple[TrustedKey, TokenClass]:
    """Return the first key of this kid that the credential satisfies, and its class; else raise what the first said."""
    candidates = keyring.by_kid.get(envelope.kid)
    if not candidates:
        _refuse(6, Reason.UNKNOWN_KEY, "no key of this kid")
    refusals = []
    for key in candidates:
        try:
            return key, _check_issued(envelope, key, rules)
        except TokenError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _check_issued(envelope: Envelope, trusted: TrustedKey, rules: Rules) -> TokenClass:
    """Return the class of a credential that `trusted` signed. If it cannot be told, step 10 refuses, if 9 does not."""
    if trusted.killed or trusted.key is None:
        _refuse(6, Reason.KEY_REVOKED, "the issuer's key was killed")
    if envelope.alg != trusted.key.alg:
        _refuse(7, Reason.BAD_SIGNATURE, "alg is not the key's")
    _check_window(trusted, rules)  # 8
    told = unproved(envelope.claims)
    token_class = _BOUND
    if told is not None:  # 8; else 10 will refuse it
        token_class = _class_of(trusted, told)
        if trusted.issued_until is not None and told.issued_at > trusted.issued_until:
            _refuse(8, Reason.KEY_REVOKED, "issued after the key's last day of issuing")
    check_signature(envelope, trusted.key, step=9)
    return token_class


def _check_window(key: TrustedKey, rules: Rules) -> None:
    if rules.now < key.from_s:
        _refuse(8, Reason.NOT_YET_VALID, "the issuer's key is not in force yet")
    if rules.now >= key.until_s and not rules.allow_expired:
        _refuse(8, Reason.EXPIRED, "the issuer's key is no longer in force")


def _class_of(key: TrustedKey, told: Unproved) -> TokenClass:
    """Return the class (contract.md §7) if `key` may sign it."""
    if told.bound:
        token_class = _BOUND
    elif told.limited and _PRINTED in key.classes:
        token_class = _PRINTED
    elif told.expires - told.issued_at <= MINTED_LIFETIME_S:
        token_class = _MINTED
    else:
        _refuse(8, Reason.WRONG_CLASS, "neither bound, printed nor minted")
    if token_class not in key.classes:
        _refuse(8, Reason.WRONG_CLASS, f"the key may not sign {token_class} tokens")
    return token_class


def check_standing(claims: CredentialClaims, rules: Rules) -> None:
    """Raise TokenError unless a credential with these claims may be shown now: test flag, exp, nbf, iat."""
    if claims.test and not rules.allow_test:
        _refuse(10, Reason.TEST_TOKEN, "a test token")
    if rules.now >= claims.expires and not rules.allow_expired:
        _refuse(11, Reason.EXPIRED, "after exp")
    if rules.now + rules.skew_s < max(claims.issued_at, claims.not_before or 0):
        _refuse(11, Reason.NOT_YET_VALID, "before iat or nbf")


def _holder_key(claims: CredentialClaims) -> CoseKey | None:
    if claims.holder is None:
        return None
    try:
        return CoseKey.from_map(claims.holder)  # 12
    except KeyRefusedError as error:
        _refuse(12, Reason.BAD_SIGNATURE, f"holder key: {error}", error)


def check_fresh(claims: PresentationClaims, *, now: int, skew_s: int, ahead_s: int | None = None) -> None:
    """Raise TokenError unless a presentation was made within the freshness window."""
    if claims.issued_at < now - FRESH_S - skew_s:
        _refuse(14, Reason.STALE_CODE, f"made more than {FRESH_S} s ago")
    if claims.issued_at > now + (skew_s if ahead_s is None else ahead_s):
        _refuse(14, Reason.NOT_YET_VALID, "made in the future")


def _remember(verified: dict[bytes, _Credential], raw: bytes, credential: _Credential) -> None:
    """Keep the newest MAX_REMEMBERED; a dict is ordered, so the first is the oldest."""
    if len(verified) >= MAX_REMEMBERED:
        with suppress(KeyError, RuntimeError):  # another thread forgot one at the same moment
            del verified[next(iter(verified))]
    verified[raw] = credential


def _token(known: _Credential, shown: PresentationClaims | None, *, challenged: bool) -> Token:
    """Return the token. A frozen dataclass sets its fields one by one; at once, it costs a fifth of that."""
    claims = known.claims
    minted = known.token_class is _MINTED
    token = object.__new__(Token)
    fields = {
        "issuer": known.key.issuer,
        "kid": known.key.kid,
        "token_id": claims.token_id,
        "token_class": known.token_class,
        "subject": claims.subject,
        "tier": claims.tier,
        "issued_at": claims.issued_at,
        "expires": claims.expires,
        "not_before": claims.not_before,
        "groups": claims.groups,
        "grants": claims.grants,
        "region": claims.region,
        "status_index": claims.status_index,
        "max_uses": claims.max_uses,
        "kind": claims.kind,
        "id_check": claims.id_check,
        "test": claims.test,
        "reservation": claims.reservation,
        "nonce": shown.nonce if shown else claims.token_id if minted else None,
        "presented_at": shown.issued_at if shown else None,
        "audience": shown.audience if shown else None,
        "challenged": challenged,
    }
    object.__setattr__(token, "__dict__", fields)
    return token
