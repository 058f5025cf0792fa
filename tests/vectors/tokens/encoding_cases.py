"""Vectors about text and bytes: steps 1 to 5."""

from kit import (
    CLAIMS,
    GONE,
    HOLDER,
    ISSUER,
    NOW,
    P256_HOLDER,
    SHOWN,
    bad,
    bound_claims,
    credential,
    damaged,
    header,
    message,
    presentation,
    printed_claims,
)

from central.register import minting
from credit.codec import cbor

ID = CLAIMS[7]
PAYLOAD = cbor.encode(printed_claims())
HEADER = cbor.encode(header())


def swapped(old, new, whole=PAYLOAD):
    """Return `whole` with the one place of `old` (hex) replaced by `new` (hex)."""
    old, new = bytes.fromhex(old), bytes.fromhex(new)
    assert whole.count(old) == 1, (old.hex(), whole.hex())
    return whole.replace(old, new)


def text_cases():
    text = minting.to_text(credential())
    for name, wrong in (
        ("empty text", ""), ("only half of the prefix", "XG1"), ("lower-case prefix", "xg1:" + text[4:]),
        ("a later envelope", "XG2:" + text[4:]), ("a payment link", "https://pay.example.cn/XG1:" + text[4:]),
        ("a space before", " " + text), ("a health certificate", "HC1:" + text[4:]), ("digits", "6923450657713"),
        ("601 characters of another kind", "https://example.cn/" + "0" * 582),
    ):
        yield bad(f"not a code: {name}", wrong, "not_a_code", 2)
    long = minting.to_text(credential() + bytes(250))
    yield damaged("601 characters and more", "XG1:" + "0" * 597, 1)
    yield damaged("a good token with much behind it", long, 1)
    for name, wrong in (
        ("lower case", text[:4] + text[4:].lower()), ("a character of no alphabet", text[:40] + "_" + text[41:]),
        ("padded with =", text + "="), ("a newline behind", text + "\n"), ("a space behind", text + " "),
        ("a full-width character", text[:40] + "Ａ" + text[41:]), ("one character lost", text[:50] + text[51:]),
        ("a lone last character", text[:5]), ("a group above 65535", text[:4] + "GGW" + text[7:]),
        ("a last group above 255", "XG1:V5"),
    ):
        yield damaged(f"base45: {name}", wrong, 3)
    yield damaged("prefix and nothing", "XG1:", 4)
    yield damaged("two codes one behind the other", (text + text[4:])[:600], 4)


def strict_cases():
    exp, iat = f"1a{CLAIMS[4]:08x}", f"1a{CLAIMS[6]:08x}"
    for name, payload in (
        ("exp in 8 bytes", swapped(exp, "1b00000000" + exp[2:])),
        ("claim key 4 in two bytes", b"\xa4\x18" + PAYLOAD[1:]),
        ("token id with a long length", swapped("48" + ID.hex(), "5808" + ID.hex())),
        ("claims map with a long head", b"\xb8\x04" + PAYLOAD[1:]),
        ("groups with a long head", swapped("820c", "98020c")),
        ("group code 12 in two bytes", swapped("820c", "82180c")),
        ("credit key in 8 bytes", swapped("3a00010000", "3b0000000000010000")),
        ("claims map of indefinite length", b"\xbf" + PAYLOAD[1:] + b"\xff"),
        ("groups of indefinite length", swapped("820c19012c", "9f0c19012cff")),
        ("token id in chunks", swapped("48" + ID.hex(), "5f48" + ID.hex() + "ff")),
        ("exp before nothing", PAYLOAD[:1]),
        ("iat before exp", swapped("04" + exp + "06" + iat, "06" + iat + "04" + exp)),
        ("exp twice", b"\xa5" + PAYLOAD[1:7] + PAYLOAD[1:]), ("credit before the rest", moved_credit()),
        ("tier twice in credit", swapped("0204", "02040204", PAYLOAD.replace(b"\xa7\x00", b"\xa8\x00"))),
        ("exp as half float", swapped(exp, "f97bff")), ("exp as float", swapped(exp, "fa4ed553ff")),
        ("exp as double", swapped(exp, "fb41daac5fc0000000")),
        ("tier as 4.0", swapped("0204", "02f94400")), ("tier true", swapped("0204", "02f5")),
        ("tier null", swapped("0204", "02f6")),
        ("tier undefined", swapped("0204", "02f7")), ("tier simple 32", swapped("0204", "02f820")),
        ("exp under tag 1", swapped(exp, "c1" + exp)), ("exp as a bignum", swapped(exp, "c244" + exp[2:])),
        ("claims under tag 61", b"\xd8\x3d" + PAYLOAD), ("claims under tag 55799", b"\xd9\xd9\xf7" + PAYLOAD),
        ("a byte behind the claims", PAYLOAD + b"\x00"), ("a second map behind the claims", PAYLOAD + PAYLOAD),
        ("a text key in the claims", swapped("04" + exp, "6134" + exp)),
        ("an empty byte key in credit", swapped("061a0001e240", "40" + "1a0001e240")),
        ("a byte key in the claims", swapped("04" + exp, "4104" + exp)),
        ("a reserved head", swapped("0204", "021c")), ("a lone break", swapped("0204", "02ff")),
        ("a length beyond the end", swapped("48" + ID.hex(), "5bffffffffffffffff" + ID.hex())), ("no claims", b""),
        ("claims that end early", PAYLOAD[:-1]), ("seven levels", deep(5)), ("text that is no UTF-8", site("c328")),
        ("text with an overlong form", site("c0af")), ("text with a surrogate", site("eda080")),
        ("text in chunks", chunked_site()),
        ("text with a long length", site("", "7800")),
        ("23 in two bytes", region("17", "1817")), ("255 in three bytes", region("18ff", "1900ff")),
        ("65535 in five bytes", region("19ffff", "1a0000ffff")),
        ("2^32 - 1 in nine bytes", region("1affffffff", "1b00000000ffffffff")),
        ("23 in three bytes", region("17", "190017")), ("0 in nine bytes", region("00", "1b0000000000000000")),
    ):
        yield damaged(f"claims: {name}", credential(payload), 4)
    kid = ISSUER.kid.hex()
    for name, protected in (
        ("alg in two bytes", swapped("0132", "013812", HEADER)),
        ("typ in four bytes", swapped("19fde9", "1a0000fde9", HEADER)),
        ("kid with a long length", swapped("48" + kid, "5808" + kid, HEADER)),
        ("kid before alg", b"\xa3\x04\x48" + ISSUER.kid + b"\x01\x32\x10\x19\xfd\xe9"),
        ("alg twice", b"\xa4\x01\x32" + HEADER[1:]), ("indefinite length", b"\xbf" + HEADER[1:] + b"\xff"),
        ("a byte behind", HEADER + b"\x00"),
        ("alg as float", swapped("0132", "01f9ccc0", HEADER)), ("nothing", b""),
        ("a text key", swapped("0132", "613132", HEADER)),
    ):
        yield damaged(f"header: {name}", credential(protected=protected), 4)


def moved_credit():
    at = PAYLOAD.index(bytes.fromhex("3a00010000"))
    return PAYLOAD[:1] + PAYLOAD[at:] + PAYLOAD[1:at]


def deep(levels):
    return cbor.encode(printed_claims(credit={40: 0}))[:-1] + b"\x81" * levels + b"\x00"


def region(shortest, longer):
    """Return claims whose region is written in `longer` in place of the `shortest` form (hex)."""
    value = cbor.decode(bytes.fromhex(shortest))
    return swapped("05" + shortest + "061a", "05" + longer + "061a", cbor.encode(printed_claims(credit={5: value})))


def site(body, head=""):
    """Return claims whose reservation's site is this body (hex)."""
    whole = cbor.encode(printed_claims(credit={9: [bytes(8), "ab", 1, 2, 3]}))
    text = bytes.fromhex(head) if head else bytes([0x60 + len(body) // 2]) + bytes.fromhex(body)
    assert whole.count(b"\x62ab") == 1
    return whole.replace(b"\x62ab", text)


def chunked_site():
    return site("", "7f6161ff")


def message_cases():
    good = credential()
    body = good[1:]
    for name, raw in (
        ("empty", b""), ("only the tag", b"\xd2"), ("cut in the signature", good[:-1]),
        ("cut in the header", good[:9]),
        ("a byte behind", good + b"\x00"), ("a second message behind", good + b"\xd2\x80"),
        ("tag 61 before", b"\xd8\x3d" + good),
        ("tag 61 behind tag 18", b"\xd2\xd8\x3d" + body), ("tag 17", b"\xd1" + body), ("tag 98", b"\xd8\x62" + body),
        ("tag 18 in two bytes", b"\xd8\x12" + body), ("tag 55799 before", b"\xd9\xd9\xf7" + good),
        ("array of indefinite length", b"\xd2\x9f" + good[2:] + b"\xff"),
        ("array with a long head", b"\xd2\x98\x04" + good[2:]),
        ("a signature with a long length", good[:-66] + b"\x59\x00\x40" + good[-64:]),
        ("a detached payload", detached(good)),
        ("unprotected of indefinite length", credential(unprotected=b"\xbf\xff")),
    ):
        yield damaged(f"message: {name}", raw, 4)
    for name, raw in (
        ("no tag", body), ("tag 18 twice", b"\xd2" + good), ("a map", b"\xd2\xa0"),
        ("a number under tag 18", b"\xd2\x07"), ("four bytes under tag 18", b"\xd2\x44abcd"),
        ("four letters under tag 18", b"\xd2\x64abcd"),
        ("four pairs under tag 18", b"\xd2\xa4" + bytes.fromhex("0040 01a0 0240 0340")), ("a number", b"\x07"),
        ("text", b"\x63abc"),
        ("three parts", b"\xd2\x83" + good[2:-66]), ("five parts", b"\xd2\x85" + good[2:] + b"\x00"),
        ("protected header as a map", b"\xd2\x84" + HEADER + good[3 + len(HEADER):]),
        ("unprotected header as bytes", credential(unprotected=b"\x41\xa0")),
        ("unprotected header with a kid", credential(unprotected=b"\xa1\x04\x48" + ISSUER.kid)),
        ("unprotected header with alg", credential(unprotected=b"\xa1\x01\x32")),
        ("kid only in the unprotected header", moved(4, b"\xa1\x04\x48" + ISSUER.kid)),
        ("alg only in the unprotected header", moved(1, b"\xa1\x01\x32")),
        ("typ only in the unprotected header", moved(16, b"\xa1\x10\x19\xfd\xe9")),
        ("unprotected header as an array", credential(unprotected=b"\x80")),
        ("payload as text", b"\xd2\x84" + cbor.bstr(HEADER) + b"\xa0\x61a" + good[-66:]),
        ("payload as a map", b"\xd2\x84" + cbor.bstr(HEADER) + b"\xa0" + PAYLOAD + good[-66:]),
        ("a signature of 63 bytes", credential(signature=bytes(63))),
        ("a signature of 65 bytes", credential(signature=bytes(65))), ("no signature", credential(signature=b"")),
        ("a signature in DER", credential(signature=bytes.fromhex("3044022000" + "01" * 31 + "022000" + "01" * 31))),
        ("a signature as text", good[:-66] + b"\x78\x40" + b"a" * 64),
    ):
        yield damaged(f"message: {name}", raw, 5)


def moved(label, unprotected):
    return credential(protected=cbor.encode(header(changes={label: GONE})), unprotected=unprotected)


def detached(raw):
    at = raw.index(cbor.bstr(PAYLOAD))
    return raw[:at] + b"\xf6" + raw[at + len(cbor.bstr(PAYLOAD)) :]


def nested(levels):
    return credential(unprotected=b"\x81" * levels + b"\x00")


def header_cases():
    for name, changes in (
        ("empty", {1: GONE, 4: GONE, 16: GONE}), ("no alg", {1: GONE}), ("no kid", {4: GONE}), ("no typ", {16: GONE}),
        ("alg as text", {1: "Ed25519"}),
        ("kid of 7 bytes", {4: ISSUER.kid[:7]}), ("kid of 9 bytes", {4: ISSUER.kid + b"\0"}),
        ("kid as text", {4: "wulong-1"}), ("typ of a presentation", {16: 294}),
        ("typ of a signed list", {16: 65002}), ("typ as text", {16: "application/xg1"}), ("crit", {2: [16]}),
        ("content type", {3: 61}), ("an IV", {5: bytes(8)}),
        ("a certificate chain", {33: b"x"}), ("a header of private use", {-70000: 1}),
        ("a credential inside a credential", {13: b"x"}),
    ):
        yield damaged(f"header of a credential: {name}", credential(protected=cbor.encode(header(changes=changes))), 5)
    yield damaged("header of a credential: an array", credential(protected=b"\x83\x32\x00\x00"), 5)
    inner = credential(bound_claims())
    alg, typ = b"\x01\x32", b"\x10\x19\x01\x26"
    for name, protected, step in (
        ("kcwt without tag", b"\xa3" + alg + b"\x0d" + inner[1:] + typ, 5),
        ("kcwt as bytes", b"\xa3" + alg + b"\x0d" + cbor.bstr(inner) + typ, 5),
        ("kcwt under tag 61", b"\xa3" + alg + b"\x0d\xd8\x3d" + inner + typ, 4),
        ("a kid too", b"\xa4" + alg + b"\x04\x48" + ISSUER.kid + b"\x0d" + inner + typ, 5),
        ("no typ", b"\xa2" + alg + b"\x0d" + inner, 5),
        ("typ of a credential", b"\xa3" + alg + b"\x0d" + inner + b"\x10\x19\xfd\xe9", 5),
        ("no alg", b"\xa2\x0d" + inner + typ, 5), ("crit", b"\xa4" + alg + b"\x02\x81\x0d\x0d" + inner + typ, 5),
        ("kcwt before alg", b"\xa3\x0d" + inner + alg + typ, 4),
        ("kcwt an array of three", b"\xa3" + alg + b"\x0d\xd2\x83\x40\xa0\x40" + typ, 5),
        ("kcwt a number", b"\xa3" + alg + b"\x0d\x00" + typ, 5),
        ("kcwt with two bytes behind that swallow typ", b"\xa3" + alg + b"\x0d" + inner + b"\x0e\x44" + typ, 5),
        ("seven levels with kcwt's own", b"\xa3" + alg + b"\x0d" + nested(4) + typ, 4),
        ("six levels with kcwt's own", b"\xa3" + alg + b"\x0d" + nested(3) + typ, 5),
        ("kcwt with claims cut short", b"\xa3" + alg + b"\x0d" + credential(PAYLOAD[:-1]) + typ, 4),
    ):
        yield damaged(f"header of a presentation: {name}", presentation(protected=protected), step)
    shown = presentation()
    length = shown[3:4]
    assert shown[2:3] == b"\x58"
    for name, head in (("three bytes", b"\x59\x00"), ("five bytes", b"\x5a\x00\x00\x00")):
        yield damaged(f"header of a presentation: its length in {name}", shown[:2] + head + length + shown[4:], 4)
    groups = {3: list(range(300, 312))}
    long = presentation(credential(bound_claims(holder=P256_HOLDER, credit=groups)), private=P256_HOLDER)
    assert long[2:4] == b"\x59\x01"
    yield damaged("header of a presentation: as text", long[:2] + b"\x79" + long[3:], 4)
    short = credential({4: NOW + 60, 6: NOW, 7: ID, 8: {}, -65537: {}})
    yield damaged("a presentation of a presentation", presentation(presentation(short)), 5)
    yield damaged(
        "a presentation with nothing to present", message(cbor.encode({1: -19, 16: 294}), cbor.encode(SHOWN), HOLDER), 5
    )


def cases():
    yield from text_cases()
    yield from strict_cases()
    yield from message_cases()
    yield from header_cases()
