"""Write the vectors of the wire: every signed form as a JWS, good ones and each with something wrong.

usage: python tests/vectors/wire/make.py

`wire.json` is {keys, about, vectors}. `keys` are the public keys that whoever reads trusts, by kid (hex); `about` is
what it expects: its own name, the nonce and body of its request, the platform's audience. A vector is {name, typ,
valid, why, jws, payload}: `why` is the protocol's word for what is wrong, "" where nothing is; `payload` is what a good
one says.
Keys, times and ids are fixed and Ed25519 signs alike each time: the file is the same on every machine.
"""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.wire.hubs import HUB, SITE
from sync.wire.jws import kid_of, public_hex
from sync.wire.memory import MEMORY
from sync.wire.messages import digest
from sync.wire.reasks import REASK
from sync.wire.seals import ANSWER, AUTH, COMMAND, PROFILE, PROOF, RECEIPT, SEAL, TIME

HERE = Path(__file__).parent
T0, S0 = 1_790_000_000_000, 1_790_000_000
TERMINAL, NONCE, BODY = "gate-east", "0123456789abcdef", b'{"the":"body"}'
EPOCH = "0199f2c5-7a00-7000-8000-000000000001"


def private(letter):
    return Ed25519PrivateKey.from_private_bytes(letter * 32)


PLATFORM, GATE, OTHER, HUB_KEY, LISTS = (private(letter) for letter in (b"p", b"t", b"o", b"h", b"l"))
PLATFORM_KID, HUB_KID = kid_of(public_hex(PLATFORM)), kid_of(public_hex(HUB_KEY))
LISTS_KID = digest(b"the id of the issuer's list key in the metadata")
SUBJECT = "0102030405060708090a0b0c0d0e0f10"
HASH = digest(b"head")
RECEIPT_SAID = {"terminal": TERMINAL, "epoch": EPOCH, "acked_through": 2, "head_hash": HASH}
PROFILE_SAID = {
    "site": "tiankeng",
    "title": {"zh": "天坑三桥", "en": "Three Natural Bridges"},
    "issuer": "wulong",
    "lanes": [{"id": "A", "scene": "gate", "intent": "enter", "ticket": "adult", "pay_within_s": 120}],
    "ticket_types": [{"id": "adult", "title": {"zh": "成人票"}, "price_fen": 6000}],
    "texts": {"appeal_url": {"zh": "https://tiankeng.example/appeal"}},
    "skew_ahead_s": 30,
    "rtc_trust_h": 12,
}


def octets(value):
    """Return a payload's octets: no spaces, as it is said."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def text_of(raw):
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def jws(payload, key, header):
    said = f"{text_of(octets(header))}.{text_of(payload)}"
    return f"{said}.{text_of(key.sign(said.encode()))}"


def standing(**more):
    """Return the payload of an answer about the standing."""
    receipt = jws(octets(RECEIPT_SAID), PLATFORM, {"alg": "EdDSA", "typ": RECEIPT, "kid": PLATFORM_KID})
    held = {name: RECEIPT_SAID[name] for name in ("epoch", "acked_through", "head_hash")}
    return {
        "terminal": TERMINAL,
        "epoch": None,
        "last": None,
        "nonce": NONCE,
        "body": digest(BODY),
        "at_ms": T0,
        "state": "1790000000000.0.3",
        "receipt": None,
        "held": [held | {"receipt": receipt}],
        "conflicts": [],
        "set_aside": [],
        "orders": [],
        "lists_version": 3,
    } | more


def batch_answer():
    """Return the payload of an answer to a batch: with a receipt, a conflict, something set aside, and an order."""
    by_platform = {"alg": "EdDSA", "kid": PLATFORM_KID}
    conflict = {"seq": 1, "key": "u|wulong.first-visit|subject:wulong:01|ever", "kind": "limit"}
    other = {"terminal": "gate-west", "redemption": "r-9", "at_ms": T0 - 5000}
    return standing(
        epoch=EPOCH,
        last=2,
        receipt=jws(octets(RECEIPT_SAID), PLATFORM, by_platform | {"typ": RECEIPT}),
        held=[],
        conflicts=[conflict | {"with": [other]}],
        set_aside=[{"seq": 2, "detail": "Fact: no record"}],
        orders=[jws(octets(order("suspend", "盘点")), PLATFORM, by_platform | {"typ": COMMAND})],
    )


def order(action, reason="", number=T0):
    return {"terminal": TERMINAL, "number": number, "action": action, "reason": reason}


def memory(**more):
    raw = {"at_ms": T0, "body": {}, "id": "f-1", "kind": "passed", "redemption": "r-1", "seq": 1}
    end = {"epoch": EPOCH, "acked_through": 2, "head_hash": HASH, "receipt": None}
    return {
        "terminal": TERMINAL,
        "nonce": NONCE,
        "at_ms": T0,
        "page": None,
        "next": {"epoch": EPOCH, "after": 1},
        "facts": [{"seq": 1, "raw": raw}],
        "ended": [{"redemption": "r-2", "state": "closed"}],
        "ends": [end],
        "last_seq": 2,
    } | more


FORMS = {
    # typ: (who signs, kid, what it says, the word for what is wrong)
    RECEIPT: (PLATFORM, PLATFORM_KID, RECEIPT_SAID, "foreign_receipt"),
    TIME: (PLATFORM, PLATFORM_KID, {"nonce": NONCE, "time": T0}, "foreign_time"),
    COMMAND: (PLATFORM, PLATFORM_KID, order("suspend", "盘点"), "foreign_command"),
    PROFILE: (PLATFORM, PLATFORM_KID, {"terminal": TERMINAL, "number": T0, "profile": PROFILE_SAID}, "foreign_profile"),
    ANSWER: (PLATFORM, PLATFORM_KID, standing(), "foreign_answer"),
    MEMORY: (PLATFORM, PLATFORM_KID, memory(), "foreign_memory"),
    AUTH: (
        GATE,
        TERMINAL,
        {"iss": TERMINAL, "aud": PLATFORM_KID, "iat": S0, "exp": S0 + 60, "jti": NONCE, "body": digest(BODY)},
        "bad_token",
    ),
    SEAL: (
        GATE,
        TERMINAL,
        {"terminal": TERMINAL, "epoch": EPOCH, "first": 1, "last": 2, "count": 2, "prev_hash": HASH, "head_hash": HASH},
        "bad_seal",
    ),
    HUB: (
        HUB_KEY,
        HUB_KID,
        {"terminal": TERMINAL, "nonce": NONCE, "at_ms": T0, "hub_no": 1, "stop_entry": False, "lists_version": 3},
        "foreign_answer",
    ),
    SITE: (
        PLATFORM,
        PLATFORM_KID,
        {
            "hub": "hub-1",
            "nonce": NONCE,
            "after": None,
            "ends": [{"terminal": TERMINAL, "epoch": EPOCH, "acked_through": 2, "head_hash": HASH}],
            "redemptions": [
                {
                    "redemption": "r-1",
                    "terminal": TERMINAL,
                    "epoch": EPOCH,
                    "seq": 1,
                    "kind": "granted",
                    "at_ms": T0,
                    "state": "granted",
                    "uses": [{"key": "u|wulong/b|subject:wulong:01|ever", "n": 1, "back": 0, "bound": 1}],
                }
            ],
        },
        "foreign_answer",
    ),
    REASK: (
        LISTS,
        LISTS_KID,
        {
            "issuer": "wulong",
            "subject": SUBJECT,
            "nonce": NONCE,
            "at_ms": T0,
            "entries": [{"code": 302, "until": "2027-04-30", "authority": "武隆区文化和旅游发展委员会"}],
        },
        "bad_reask",
    ),
}
ACTIONS = ("suspend", "resume", "revoke", "new_epoch", "replaced", "stop_entry", "resume_entry", "twin")
ELSEWHERE = "gate-west"


def more_good():
    """Yield (name, typ, payload) of good ones that differ in what they say."""
    yield from ((f"order {action}", COMMAND, order(action, number=T0 + at)) for at, action in enumerate(ACTIONS, 1))
    for at, action in enumerate(("lift", "write_off"), len(ACTIONS) + 1):
        yield f"order {action}, a hub's", COMMAND, order(action, number=T0 + at) | {"about": ELSEWHERE}
    yield "hub that knows of no lists", HUB, FORMS[HUB][2] | {"lists_version": None, "stop_entry": True}
    yield "page of a site that is not the last", SITE, FORMS[SITE][2] | {"after": "r-1", "ends": []}
    yield "nothing stands against them", REASK, FORMS[REASK][2] | {"entries": []}
    disputed = {"code": 302, "state": "disputed", "colour": "red"}
    yield "disputed, with a member from later", REASK, FORMS[REASK][2] | {"entries": [disputed]}
    yield "order without a reason", COMMAND, {name: one for name, one in order("resume").items() if name != "reason"}
    yield "answer to a batch", ANSWER, batch_answer()
    yield "answer with nothing to tell", ANSWER, standing(held=[], lists_version=None)
    yield "profile as short as it may be", PROFILE, FORMS[PROFILE][2] | {
        "profile": {name: PROFILE_SAID[name] for name in ("site", "title", "issuer", "lanes")}
    }
    hub = {"url": "https://10.0.0.2:8490", "cert_sha256": HASH, "public_key": public_hex(OTHER), "no": 4}
    yield "profile of a site with a hub", PROFILE, FORMS[PROFILE][2] | {"profile": PROFILE_SAID | {"hub": hub}}
    yield "profile with a member from later", PROFILE, FORMS[PROFILE][2] | {"profile": PROFILE_SAID | {"colour": "red"}}
    yield "memory, the last page", MEMORY, memory(page={"epoch": EPOCH, "after": 1}, next=None, facts=[], ended=[])
    yield "receipt for a later end", RECEIPT, RECEIPT_SAID | {"acked_through": 2**53 - 1}
    instance = {"instance": "AAAAAAAAAAAAAAAAAAAAAA"}
    yield "request token with its instance", AUTH, FORMS[AUTH][2] | instance


def more_bad():
    """Yield (name, typ, payload) that are wrong in one value."""
    yield "order number 0", COMMAND, order("suspend", number=0)
    yield "order of 2^53", COMMAND, order("suspend", number=2**53)
    yield "order that nobody knows", COMMAND, order("dance")
    yield "order with a long reason", COMMAND, order("suspend", "x" * 501)
    yield "receipt below 0", RECEIPT, RECEIPT_SAID | {"acked_through": -1}
    yield "receipt with a hash in capitals", RECEIPT, RECEIPT_SAID | {"head_hash": HASH.upper()}
    yield "profile without a site", PROFILE, FORMS[PROFILE][2] | {
        "profile": {name: one for name, one in PROFILE_SAID.items() if name != "site"}
    }
    yield "profile with too many lanes", PROFILE, FORMS[PROFILE][2] | {
        "profile": PROFILE_SAID | {"lanes": [{"id": f"L{at}", "scene": "gate"} for at in range(65)]}
    }
    yield "profile that allows phones 121 s ahead", PROFILE, FORMS[PROFILE][2] | {
        "profile": PROFILE_SAID | {"skew_ahead_s": 121}
    }
    yield "answer to another request", ANSWER, standing(nonce="fedcba9876543210")
    yield "answer about another body", ANSWER, standing(body=digest(b"other"))
    yield "answer with 17 orders", ANSWER, standing(orders=["x"] * 17)
    yield "answer whose state has a space", ANSWER, standing(state="a b")
    yield "memory for another request", MEMORY, memory(nonce="fedcba9876543210")
    yield "memory that ends at no place", MEMORY, memory(next={"epoch": EPOCH})
    yield "time for another question", TIME, {"nonce": "fedcba9876543210", "time": T0}
    yield "time as a text", TIME, {"nonce": NONCE, "time": str(T0)}
    yield "request token for another platform", AUTH, FORMS[AUTH][2] | {"aud": "0" * 16}
    yield "request token over another body", AUTH, FORMS[AUTH][2] | {"body": digest(b"other")}
    yield "request token of 61 s", AUTH, FORMS[AUTH][2] | {"exp": S0 + 61}
    yield "hub to another request", HUB, FORMS[HUB][2] | {"nonce": "fedcba9876543210"}
    yield "page for another hub", SITE, FORMS[SITE][2] | {"hub": "hub-2"}
    yield "page to another request", SITE, FORMS[SITE][2] | {"nonce": "fedcba9876543210"}
    yield "about a subject in capitals", REASK, FORMS[REASK][2] | {"subject": SUBJECT.upper()}
    yield "seal of minus one record", SEAL, FORMS[SEAL][2] | {"count": -1}


def of_form(typ):
    """Yield (name, valid, jws) that every form has: one good, and one of each wrong envelope or payload."""
    key, kid, said, _why = FORMS[typ]
    head = {"alg": "EdDSA", "typ": typ, "kid": kid}
    raw = octets(said)
    good = jws(raw, key, head)
    first = next(iter(said))
    yield "good", True, good
    yield "signed by somebody else", False, jws(raw, OTHER, head)
    yield "by a key that nobody knows", False, jws(raw, OTHER, head | {"kid": "f" * 16})
    yield "called another form", False, jws(raw, key, head | {"typ": SEAL if typ != SEAL else RECEIPT})
    yield "with a header too many", False, jws(raw, key, head | {"crit": ["exp"], "exp": 1})
    yield "without a key id", False, jws(raw, key, {"alg": "EdDSA", "typ": typ})
    yield "with no algorithm", False, jws(raw, key, head | {"alg": "none"})
    yield "cut off", False, good[:-2]
    yield "padded", False, f"{good}=="
    yield "in two parts", False, good.rpartition(".")[0]
    yield "with a member too many", False, jws(octets(said | {"more": 1}), key, head)
    less = {name: one for name, one in said.items() if name != first}
    yield "with a member missing", False, jws(octets(less), key, head)
    yield "with a member twice", False, jws(raw[:-1] + b"," + raw[1:], key, head)
    number = next((name for name, one in said.items() if isinstance(one, int)), first)
    yield "with a fraction", False, jws(octets(said | {number: 1.5}), key, head)
    yield "as a list", False, jws(octets([said]), key, head)
    if "terminal" in said:
        yield "for another terminal", False, jws(octets(said | {"terminal": ELSEWHERE}), key, head)


def proofs():
    """Yield (name, valid, jws) of the enrolment proof: its header names no key, its payload is the code."""
    code, head = b"AAAQ-EAYE-AUDA-OCAJ", {"alg": "EdDSA", "typ": PROOF}
    yield "good", True, jws(code, GATE, head)
    yield "for another code", False, jws(b"BBBB-BBBB-BBBB-BBBB", GATE, head)
    yield "by another key", False, jws(code, OTHER, head)
    yield "with a key id", False, jws(code, GATE, head | {"kid": TERMINAL})


def vectors():
    """Return all of them."""
    found = []

    def add(name, typ, text, *, valid, payload=None):
        why = "" if valid else ("bad_proof" if typ == PROOF else FORMS[typ][3])
        whole = f"{typ.removeprefix('xg-').removesuffix('+jwt')}: {name}"
        one = {"name": whole, "typ": typ, "valid": valid, "why": why, "jws": text}
        found.append(one | ({"payload": payload} if valid and payload is not None else {}))

    for typ, (key, kid, said, _why) in FORMS.items():
        for name, valid, text in of_form(typ):
            if not (typ in FOR_ANYBODY and name == "for another terminal"):
                add(name, typ, text, valid=valid, payload=said)
        head = {"alg": "EdDSA", "typ": typ, "kid": kid}
        for valid, more in ((True, more_good()), (False, more_bad())):
            for name, form, payload in more:
                if form == typ:
                    add(name, typ, jws(octets(payload), key, head), valid=valid, payload=payload)
    for name, valid, text in proofs():
        add(name, PROOF, text, valid=valid)
    return found


FOR_ANYBODY = (RECEIPT, SEAL)  # whose they are is compared later, with the journal and the caller


def text():
    """Return the file."""
    about = {
        "terminal": TERMINAL,
        "nonce": NONCE,
        "body": BODY.decode(),
        "audience": PLATFORM_KID,
        "code": "AAAQ-EAYE-AUDA-OCAJ",
        "hub": "hub-1",
        "issuer": "wulong",
        "subject": SUBJECT,
        "now_ms": T0,
    }
    keys = {PLATFORM_KID: public_hex(PLATFORM), TERMINAL: public_hex(GATE)}
    keys |= {HUB_KID: public_hex(HUB_KEY), LISTS_KID: public_hex(LISTS)}
    found = {"keys": keys, "about": about, "vectors": vectors()}
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    (HERE / "wire.json").write_text(text(), "utf-8")
