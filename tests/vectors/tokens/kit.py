"""What the vector files are made with: fixed keys, a credential and a presentation to vary, and hand-made bytes.

Everything is signed for real and deterministically, also what is wrong: a vector about encoding has a good signature
over the wrong encoding, so that nothing but the named rule refuses it.
"""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from central.register import minting
from credit.codec import cbor
from credit.cose import to_be_signed
from credit.keys import cose_map

NOW = 1_790_000_000
HOUR, DAY = 3600, 86_400
SITE = "xiannvshan"
ISSUER = minting.issuer_key("wulong", b"\x01" * 32)
HOLDER = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
P256_ISSUER = minting.IssuerKey("zibo", ec.derive_private_key(0x1003, ec.SECP256R1()))
P256_HOLDER = ec.derive_private_key(0x1004, ec.SECP256R1())
STRANGER = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
KILLED = minting.issuer_key("dazu", b"\x06" * 32)
BOUND_ONLY = minting.issuer_key("changji", b"\x07" * 32)
MINTED_ONLY = minting.issuer_key("ganzhou", b"\x08" * 32)
WINDOW = minting.issuer_key("qingzhou", b"\x09" * 32)
RETIRED = minting.issuer_key("zhangye", b"\x0a" * 32)


def row(key, **changes):
    return minting.public_entry(key, **{"from_s": NOW - 300 * DAY, "until_s": NOW + 300 * DAY, **changes})


KEYRINGS = {
    "usual": [
        row(ISSUER), row(P256_ISSUER), row(KILLED, killed=True), row(BOUND_ONLY, classes=["bound"]),
        row(MINTED_ONLY, classes=["minted"]), row(WINDOW, from_s=NOW - 60, until_s=NOW + 60),
        row(RETIRED, issued_until=NOW - HOUR),
    ],
    "two issuers, one key": [row(ISSUER, classes=["minted"]), {**row(ISSUER), "issuer": "zibo"}],
    "killed by one of two": [row(ISSUER, killed=True), {**row(ISSUER), "issuer": "zibo"}],
    "three issuers, one key": [
        row(ISSUER, classes=["minted"]), {**row(ISSUER, classes=["bound"]), "issuer": "zibo"},
        {**row(ISSUER), "issuer": "dazu"},
    ],
    "empty": [],
}

CREDIT = {0: 1, 1: bytes(range(16)), 2: 4, 3: [12, 300], 4: [], 6: 123456, 7: 5}
CLAIMS = {4: NOW + 30 * DAY, 6: NOW - HOUR, 7: b"\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8", -65537: CREDIT}
SHOWN = {6: NOW - 3, 7: b"\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8"}
GONE = object()


def changed(members, changes):
    """Return a copy with members replaced, or left out where GONE."""
    return {key: value for key, value in {**members, **changes}.items() if value is not GONE}


def printed_claims(changes=None, credit=None):
    return changed(CLAIMS, {-65537: changed(CREDIT, credit or {}), **(changes or {})})


def minted_claims(changes=None, credit=None):
    return printed_claims({4: NOW + 60, 6: NOW - 60, **(changes or {})}, {7: GONE, **(credit or {})})


def bound_claims(changes=None, credit=None, holder=HOLDER):
    cnf = {1: cose_map(holder.public_key())}
    return printed_claims({8: cnf, **(changes or {})}, {7: GONE, **(credit or {})})


def header(key=ISSUER, changes=None):
    return changed({1: key.alg, 4: key.kid, 16: 65001}, changes or {})


def message(protected, payload, private=ISSUER.private, *, signature=None, unprotected=b"\xa0", before=b"\xd2\x84"):
    """Return COSE_Sign1 bytes put together by hand; the parts may be any bytes."""
    signature = minting.sign(private, to_be_signed(protected, payload)) if signature is None else signature
    return before + cbor.bstr(protected) + unprotected + cbor.bstr(payload) + cbor.bstr(signature)


def credential(members=None, key=ISSUER, protected=None, **parts):
    """Return a credential over decoded claims, or over payload bytes as they are."""
    members = printed_claims() if members is None else members
    payload = members if isinstance(members, bytes) else cbor.encode(members)
    return message(cbor.encode(header(key)) if protected is None else protected, payload, key.private, **parts)


def presentation(raw=None, members=None, private=HOLDER, alg=None, protected=None, **parts):
    """Return a presentation of credential bytes, which may be anything that is one CBOR item under tag 18."""
    raw = credential(bound_claims()) if raw is None else raw
    members = SHOWN if members is None else members
    if protected is None:
        alg = (-19 if isinstance(private, ed25519.Ed25519PrivateKey) else -9) if alg is None else alg
        protected = b"\xa3\x01" + cbor.encode(alg) + b"\x0d" + raw + b"\x10" + cbor.encode(294)
    payload = members if isinstance(members, bytes) else cbor.encode(members)
    return message(protected, payload, private, **parts)


def vector(name, raw, *, token=None, reason=None, step=None, **options):
    """Return one vector. `raw` is bytes, or a text as it is; `options` are open_token's, and keyring."""
    text = raw if isinstance(raw, str) else minting.to_text(raw)
    given = {"keyring": "usual", "now": NOW, "audience": SITE, **options}
    if isinstance(given.get("challenge"), bytes):
        given["challenge"] = given["challenge"].hex()
    expect = {"token": token} if token is not None else {"reason": reason, "step": step}
    return {"name": name, "text": text, **given, "expect": expect}


def bad(name, raw, reason, step, **options):
    return vector(name, raw, reason=reason, step=step, **options)


def damaged(name, raw, step, **options):
    return bad(name, raw, "damaged_code", step, **options)


def forged(name, raw, step, **options):
    return bad(name, raw, "bad_signature", step, **options)


def good(name, raw, token_class, **options):
    """Return a vector that must open; `says` gives the members that differ from the usual token."""
    says = options.pop("says", {})
    token = {
        "issuer": "wulong", "kid": ISSUER.kid.hex(), "class": token_class, "token_id": CLAIMS[7].hex(),
        "subject": CREDIT[1].hex(), "tier": 4, "groups": [12, 300], "grants": [], "issued_at": CLAIMS[6],
        "expires": CLAIMS[4], "not_before": None, "region": None, "status_index": 123456, "max_uses": None,
        "kind": "person", "id_check": False, "test": False, "reservation": None, "nonce": None, "presented_at": None,
        "audience": None, "challenged": False,
    }
    usual = {
        "printed": {"max_uses": 5},
        "minted": {"issued_at": NOW - 60, "expires": NOW + 60, "nonce": CLAIMS[7].hex()},
        "bound": {"nonce": SHOWN[7].hex(), "presented_at": NOW - 3},
    }
    return vector(name, raw, token={**token, **usual[token_class], **says}, **options)


def p256(holder):
    return cose_map(holder.public_key())


def zibo(says=None):
    return {"issuer": "zibo", "kid": P256_ISSUER.kid.hex(), **(says or {})}
