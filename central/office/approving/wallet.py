"""What the city's mini-program asks for a phone: a nonce, a credential for a key that was proved, its renewal.

Names and shapes are those of OpenID for Verifiable Credential Issuance 1.0 where they fit (§7 nonce, §8.2.1 and F.1 the
proof as a JWT). Rules of this file:

- a nonce says when it was made and that we made it, for this city; it is good for NONCE_S and for one credential, which
  the office journal sees to (the form's mark);
- a key is proved by a signature over such a nonce: as a JWT for the first credential, as the phone's own code that
  answers it as a challenge for a renewal, which proves the credential as well;
- a renewal says again what the old credential said, with the grants of today; not for one that was revoked or ended
  more than RENEW_S ago.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from central.lists.cities import signing_keys
from central.office.refusals import RefusedError
from central.platform_state import open_state
from central.register.registry import register
from credit.claims import Token
from credit.codec.refusals import TokenError
from credit.keys import CoseKey, Keyring
from credit.opening.claim_types import read_credential
from credit.opening.layers import take_apart
from credit.tokens import open_token

NONCE_S: Final = 300
TIME_BYTES: Final = 4
OWN_BYTES: Final = 6  # two phones that ask in the same second get nonces of their own
MAC_BYTES: Final = 8  # 2^64 guesses within five minutes, each of them a call with somebody's token
PROOF_TYPE: Final = "openid4vci-proof+jwt"
PROOF_ALGS: Final = ("EdDSA", "ES256")
PROOF_S: Final = 300
RENEW_S: Final = 30 * 86_400
REVOKED: Final = "SELECT revoked_ms FROM credential WHERE city = ? AND token_id = ?"
HolderKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


class Renewing(NamedTuple):
    """A credential that its phone has shown in answer to our nonce, and the phone's key."""

    token: Token
    key: HolderKey


def _mac(folder: Path, city: str, made: bytes) -> bytes:
    key = open_state(folder).signer.key.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    secret = hashlib.sha256(b"xinguan-c-nonce-2" + key).digest()
    return hmac.digest(secret, made + city.encode(), "sha256")[:MAC_BYTES]


def make_nonce(folder: Path, city: str, *, now_s: int) -> str:
    """Return a nonce (base64url, 18 bytes) for a credential of `city`; no two are the same."""
    made = now_s.to_bytes(TIME_BYTES, "big") + secrets.token_bytes(OWN_BYTES)
    return base64.urlsafe_b64encode(made + _mac(folder, city, made)).decode()


def check_nonce(folder: Path, city: str, nonce: str, *, now_s: int) -> bytes:
    """Return the bytes of a nonce that we made lately; raise RefusedError."""
    try:
        raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    made, mac = raw[: TIME_BYTES + OWN_BYTES], raw[TIME_BYTES + OWN_BYTES :]
    age_s = now_s - int.from_bytes(made[:TIME_BYTES], "big")
    if not hmac.compare_digest(mac, _mac(folder, city, made)) or not 0 <= age_s <= NONCE_S:
        raise RefusedError("nonce 无效或已过期，请重新获取 · the nonce is none of ours, or too old: get another")
    return raw


def phone_key(key: object) -> HolderKey:
    """Return a key that a phone may have; raise RefusedError."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise RefusedError("密钥须为 Ed25519 或 P-256 · a holder's key is Ed25519 or P-256")


def proved_key(proof: str, city: str, *, good: Callable[[str], bytes], now_s: int) -> tuple[HolderKey, bytes]:
    """Return the key that a proof proves, and the nonce it was made for; raise RefusedError."""
    try:
        header = jwt.get_unverified_header(proof)
        alg, named = header.get("alg"), header.get("jwk")
        if header.get("typ") != PROOF_TYPE or alg not in PROOF_ALGS or not isinstance(named, dict) or "d" in named:
            raise RefusedError(f"proof 须为 {PROOF_TYPE}，含公钥 jwk · a proof is a {PROOF_TYPE} with its public key")
        key = phone_key(jwt.PyJWK(named, algorithm=alg).key)
        options: Any = {"verify_iat": False, "require": ["aud", "iat", "nonce"]}
        said = jwt.decode(proof, key, algorithms=[alg], audience=f"xinguan:{city}", options=options)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise RefusedError(f"proof 无效 · the proof does not hold: {error}") from error
    if not isinstance(said["iat"], int) or abs(now_s - said["iat"]) > PROOF_S:
        raise RefusedError("手机时间不对，请校准 · the proof was made at another time: set the phone's clock")
    return key, good(str(said["nonce"]))


def renewing(folder: Path, city: str, code: str, *, nonce: bytes, now_s: int) -> Renewing:
    """Return what a phone's code proves that answers `nonce` as its challenge; raise RefusedError."""
    keyring = Keyring.from_json(signing_keys(folder, city))
    try:
        token = open_token(code, keyring, now=now_s, challenge=nonce, allow_expired=True, allow_test=True)
        holder = read_credential(take_apart(code).envelope.claims).holder
    except TokenError as error:
        raise RefusedError(f"旧码无效（{error.reason}）· the old code does not hold: {error.reason}") from error
    if not token.challenged or holder is None:
        raise RefusedError("旧码未回答本次 nonce · the old code does not answer this nonce")
    if now_s > token.expires + RENEW_S:
        raise RefusedError("旧码过期太久，请重新办理 · it ended too long ago: apply anew")
    with register(folder) as conn:
        row = conn.execute(REVOKED, (city, token.token_id)).fetchone()
    if row is None or row[0] is not None:
        raise RefusedError("旧码已吊销或不在登记册 · the old code was revoked, or is not in the register")
    return Renewing(token, phone_key(CoseKey.from_map(holder).public))
