"""Vectors about the issuer's key and signature: steps 6 to 9, and what comes first when several things are wrong."""

from kit import (
    BOUND_ONLY,
    CLAIMS,
    DAY,
    GONE,
    HOUR,
    ISSUER,
    KILLED,
    MINTED_ONLY,
    NOW,
    P256_ISSUER,
    RETIRED,
    STRANGER,
    WINDOW,
    bad,
    bound_claims,
    credential,
    damaged,
    forged,
    good,
    header,
    message,
    minted_claims,
    presentation,
    printed_claims,
    zibo,
)

from central.register import minting
from credit.codec import cbor
from credit.cose import to_be_signed

L = 2**252 + 27742317777372353535851937790883648493  # the order of Ed25519's base point
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # the order of P-256


def key_cases():
    unknown = minting.issuer_key("nobody", b"\x77" * 32)
    yield bad("key: nobody's", credential(key=unknown), "unknown_key", 6)
    yield bad("key: no keys at all", credential(), "unknown_key", 6, keyring="empty")
    yield bad("key: killed", credential(key=KILLED), "key_revoked", 6)
    yield bad("key: killed, and the signature is bad", credential(key=KILLED, signature=bytes(64)), "key_revoked", 6)
    yield bad("key: killed, shown bound", presentation(credential(bound_claims(), KILLED)), "key_revoked", 6)
    for alg, name in (
        (-9, "ESP256"),
        (-8, "EdDSA"),
        (-7, "ES256"),
        (-37, "PS256"),
        (-65601, "SM2"),
        (0, "0"),
        (5, "an HMAC"),
    ):
        protected = cbor.encode(header(changes={1: alg}))
        yield forged(f"key: an Ed25519 key under alg {name}", credential(protected=protected), 7)
    protected = cbor.encode(header(P256_ISSUER, {1: -19}))
    yield forged("key: a P-256 key under alg Ed25519", credential(key=P256_ISSUER, protected=protected), 7)
    in_window = {"says": {"issuer": "qingzhou", "kid": WINDOW.kid.hex()}}
    raw = credential(key=WINDOW)
    yield good("key: at the start of its window", raw, "printed", now=NOW - 60, **in_window)
    yield good("key: in the last second of its window", raw, "printed", now=NOW + 59, **in_window)
    yield bad("key: before its window, by a second", raw, "not_yet_valid", 8, now=NOW - 61)
    yield bad("key: at the end of its window", raw, "expired", 8, now=NOW + 60)
    yield good("key: after its window, when giving back", raw, "printed", now=NOW + 60, allow_expired=True, **in_window)
    retired = {"issuer": "zhangye", "kid": RETIRED.kid.hex()}
    yield good("key: issued in the last second of issuing", credential(key=RETIRED), "printed", says=retired)
    late = credential(printed_claims({6: NOW - HOUR + 1}), RETIRED)
    yield bad("key: issued a second after the last one", late, "key_revoked", 8)


def class_cases():
    bound_only = {"issuer": "changji", "kid": BOUND_ONLY.kid.hex()}
    minted_only = {"issuer": "ganzhou", "kid": MINTED_ONLY.kid.hex()}
    yield good("class: bound", presentation(), "bound")
    yield good("class: minted", credential(minted_claims()), "minted")
    yield good("class: printed", credential(), "printed")
    yield good(
        "class: bound by a key for bound",
        presentation(credential(bound_claims(), BOUND_ONLY)),
        "bound",
        says=bound_only,
    )
    yield bad("class: minted by a key for bound", credential(minted_claims(), BOUND_ONLY), "wrong_class", 8)
    yield bad("class: printed by a key for bound", credential(key=BOUND_ONLY), "wrong_class", 8)
    yield bad(
        "class: bound by a key for minted", presentation(credential(bound_claims(), MINTED_ONLY)), "wrong_class", 8
    )
    yield bad("class: printed by a key for minted", credential(key=MINTED_ONLY), "wrong_class", 8)
    limited = credential(minted_claims(credit={7: 1}), MINTED_ONLY)
    yield good(
        "class: 120 s and a use limit by a key for minted", limited, "minted", says={**minted_only, "max_uses": 1}
    )
    yield good("class: 120 s and a use limit by a key for all", credential(minted_claims(credit={7: 1})), "printed",
               says={"issued_at": NOW - 60, "expires": NOW + 60, "max_uses": 1})
    yield bad("class: 121 s without use limit", credential(minted_claims({4: NOW + 61})), "wrong_class", 8)
    first_second = credential(printed_claims({6: 0}, {7: GONE}))
    yield bad("class: issued in 1970 without use limit", first_second, "wrong_class", 8)
    yield bad("class: a month without use limit", credential(printed_claims(credit={7: GONE})), "wrong_class", 8)
    yield good(
        "class: bound with a use limit",
        presentation(credential(bound_claims(credit={7: 2}))),
        "bound",
        says={"max_uses": 2},
    )
    yield good(
        "two issuers, one key: the second may print",
        credential(),
        "printed",
        keyring="two issuers, one key",
        says={"issuer": "zibo"},
    )
    yield good(
        "two issuers, one key: the first may mint",
        credential(minted_claims()),
        "minted",
        keyring="two issuers, one key",
    )
    yield good(
        "two issuers, one key: killed by the first",
        credential(),
        "printed",
        keyring="killed by one of two",
        says={"issuer": "zibo"},
    )
    yield bad(
        "two issuers, one key: the first one's reason is told",
        credential(signature=bytes(64)),
        "wrong_class",
        8,
        keyring="two issuers, one key",
    )

    yield bad(
        "three issuers, one key: the third is not asked",
        credential(),
        "wrong_class",
        8,
        keyring="three issuers, one key",
    )


def untyped_cases():
    """Step 8 reads what nobody has proved; if it has not its types, step 10 refuses."""
    for name, changes in (
        ("minted with iat as text", {6: "now"}), ("minted with exp as text", {4: "soon"}),
        ("minted with iat as bytes", {6: b"\x00"}), ("minted with exp as an array", {4: [NOW + 60]}),
        ("without use limit, exp of 2^53", {4: 2**53}), ("without use limit, iat negative", {6: -1}),
        ("without use limit, exp negative", {4: -1, 6: NOW}), ("without use limit, iat of 2^53", {6: 2**53}),
        ("minted without exp", {4: GONE}), ("minted without iat", {6: GONE}),
        ("minted with credit as text", {-65537: "credit"}), ("minted with credit as an array", {-65537: [7]}),
    ):
        yield damaged(f"untyped: {name}", credential(minted_claims(changes)), 10)
        yield forged(f"untyped: {name}, badly signed", credential(minted_claims(changes), signature=bytes(64)), 9)
    yield damaged("untyped: a retired key and iat as text", credential(printed_claims({6: "now"}), RETIRED), 10)
    yield damaged("untyped: a retired key and no iat", credential(printed_claims({6: GONE}), RETIRED), 10)
    for name, changes in (("exp as text", {4: "soon"}), ("iat as text", {6: "now"}), ("no exp", {4: GONE})):
        shaped = credential(bound_claims(changes), MINTED_ONLY)
        yield damaged(f"untyped: bound-shaped under a key for minted, {name}", presentation(shaped), 10)
    yield damaged("untyped: a key for minted and no credit", credential(minted_claims({-65537: GONE}), MINTED_ONLY), 10)


def signature_cases():
    raw, protected, payload = credential(), cbor.encode(header()), cbor.encode(printed_claims())
    real = raw[-64:]
    r, s = real[:32], int.from_bytes(real[32:], "little")
    assert s + L < 2**256
    identity = b"\x01" + bytes(31)
    other_context = to_be_signed(protected, payload).replace(b"\x6aSignature1", b"\x69Signature")
    for name, signature in (
        ("all zero", bytes(64)), ("all ones", b"\xff" * 64), ("first bit flipped", bytes([real[0] ^ 1]) + real[1:]),
        ("last bit flipped", real[:-1] + bytes([real[-1] ^ 0x80])), ("s + L", r + (s + L).to_bytes(32, "little")),
        ("s = L", r + L.to_bytes(32, "little")), ("R the identity and s = 0", identity + bytes(32)),
        ("halves swapped", real[32:] + real[:32]),
        ("by a stranger", minting.sign(STRANGER, to_be_signed(protected, payload))),
        ("over other claims", credential(printed_claims({6: NOW - HOUR - 1}))[-64:]),
        ("over another header", minting.sign(ISSUER.private, to_be_signed(protected + b"\0", payload))),
        ("over external data", minting.sign(ISSUER.private, to_be_signed(protected, payload, b"x"))),
        ("over the claims alone", minting.sign(ISSUER.private, payload)),
        ("over a COSE_Signature", minting.sign(ISSUER.private, other_context)),
    ):
        yield forged(f"signature: {name}", credential(signature=signature), 9)
    yield forged("signature: tier raised after signing", credential(printed_claims(credit={2: 9}), signature=real), 9)
    yield forged(
        "signature: the kid of another known issuer",
        credential(protected=cbor.encode(header(BOUND_ONLY)), members=bound_claims()),
        9,
    )
    forged_zibo = credential(key=P256_ISSUER)
    r, s = int.from_bytes(forged_zibo[-64:-32], "big"), int.from_bytes(forged_zibo[-32:], "big")
    yield good("signature: P-256", forged_zibo, "printed", says=zibo())
    yield good(
        "signature: P-256 with n - s, the same token",
        forged_zibo[:-32] + (N - s).to_bytes(32, "big"),
        "printed",
        says=zibo(),
    )
    for name, pair in (
        ("r = 0", (0, s)),
        ("s = 0", (r, 0)),
        ("r = n", (N, s)),
        ("s = n", (r, N)),
        ("r and s swapped", (s, r)),
        ("all zero", (0, 0)),
    ):
        signature = b"".join(part.to_bytes(32, "big") for part in pair)
        yield forged(f"signature: P-256 with {name}", credential(key=P256_ISSUER, signature=signature), 9)
    yield forged("signature: Ed25519 bytes under a P-256 key", message(cbor.encode(header(P256_ISSUER)), payload), 9)


def order_cases():
    zero = {"signature": bytes(64)}
    yield bad(
        "order: key window before class",
        credential(minted_claims({4: NOW + HOUR, 6: NOW - HOUR}), WINDOW),
        "expired",
        8,
        now=NOW + 60,
    )
    yield bad("order: class before signature", credential(key=BOUND_ONLY, **zero), "wrong_class", 8)
    yield forged(
        "order: alg before key window", credential(protected=cbor.encode(header(WINDOW, {1: -9}))), 7, now=NOW + 60
    )
    yield forged("order: signature before claim types", credential(printed_claims({4: "soon"}), **zero), 9)
    yield forged("order: signature before times", credential(minted_claims({4: NOW - 1}), **zero), 9)
    yield bad(
        "order: claim types before times", credential(minted_claims({4: NOW - 1}, {2: "gold"})), "damaged_code", 10
    )
    yield bad("order: test flag before times", credential(minted_claims({4: NOW - 1}, {8: 2})), "test_token", 10)
    yield bad("order: times before a bare bound token", credential(bound_claims({4: NOW - 1})), "expired", 11)
    weak = {1: {1: 1, -1: 6, -2: b"\x01" + bytes(31)}}
    yield bad(
        "order: times before the holder key",
        presentation(credential(bound_claims({4: NOW - 1, 8: weak}))),
        "expired",
        11,
    )
    yield forged(
        "order: holder signature before freshness", presentation(members={6: NOW - DAY, 7: bytes(8)}, **zero), 13
    )
    yield bad(
        "order: freshness before audience",
        presentation(members={3: "tiankeng", 6: NOW - DAY, 7: bytes(8)}),
        "stale_code",
        14,
    )
    both = presentation(members={3: "tiankeng", 6: NOW, 7: bytes(8), 39: b"old"})
    yield bad("order: audience before challenge", both, "wrong_audience", 14, challenge=b"new")


def cases():
    assert len(CLAIMS[7]) == 8
    yield from key_cases()
    yield from class_cases()
    yield from untyped_cases()
    yield from signature_cases()
    yield from order_cases()
