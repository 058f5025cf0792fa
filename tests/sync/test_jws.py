"""A JWS in the form that we write is read by ourselves, any other by PyJWT: both say the same of every text."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from sync.wire import jws
from sync.wire.jws import JwsError, open_jws, sign_jws

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
TYP = "xg-auth+jwt"
NAMES = st.text(st.characters(max_codepoint=0x2FFF), min_size=1, max_size=20) | st.sampled_from(["gate-1", "a+b", "ß"])
KIDS = st.none() | NAMES
PAYLOADS = st.binary(max_size=80)


def key_of(kid):
    if kid in (None, "unknown"):
        raise JwsError("signed by a key that is not known here")
    return KEY.public_key()


def told(text, *, long_way, typ=TYP):
    """What `open_jws` says of a text, as a value."""
    with pytest.MonkeyPatch.context() as patch:
        if long_way:
            patch.setattr(jws, "_usual", lambda _text, _typ: None)
        try:
            return open_jws(text, typ=typ, key_of=key_of)
        except JwsError as error:
            return str(error)


def part(raw):
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header, payload, key=KEY):
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(key.sign(text.encode()))}"


@given(NAMES, KIDS, PAYLOADS)
def test_what_we_sign_is_what_pyjwt_would_have_written(typ, kid, payload):
    headers = {"typ": typ} if kid is None else {"typ": typ, "kid": kid}

    assert sign_jws(payload, KEY, typ=typ, kid=kid) == jwt.PyJWS().encode(payload, KEY, "EdDSA", headers)


@given(KIDS, PAYLOADS, st.sampled_from([KEY, OTHER]))
def test_both_ways_say_the_same_of_what_was_signed(kid, payload, key):
    text = sign_jws(payload, key, typ=TYP, kid=kid)

    assert told(text, long_way=False) == told(text, long_way=True)


@given(st.data(), PAYLOADS)
def test_both_ways_say_the_same_of_a_text_that_was_changed(data, payload):
    text = sign_jws(payload, KEY, typ=TYP, kid="gate-1")
    at = data.draw(st.integers(0, len(text)))
    new = data.draw(st.text("AQgw-_.=+/ é", max_size=3))
    changed = text[:at] + new + text[at + data.draw(st.integers(0, 3)) :]

    assert told(changed, long_way=False) == told(changed, long_way=True)


@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk"]), NAMES | st.none(), max_size=4))
@example({"typ": TYP, "alg": "none", "kid": "gate-1"})
@example({"typ": TYP, "alg": "EdDSA", "kid": "gate-1", "crit": "exp"})
@example({"typ": TYP, "alg": "EdDSA", "kid": "gate-1"})  # in another order
def test_both_ways_say_the_same_of_another_header(header):
    for separators in ((",", ":"), (", ", ": ")):
        text = signed(json.dumps(header, separators=separators).encode(), b"{}")

        assert told(text, long_way=False) == told(text, long_way=True)


@pytest.mark.parametrize("dots", [0, 1, 3])
def test_another_number_of_parts_is_no_jws(dots):
    head = sign_jws(b"{}", KEY, typ=TYP, kid="gate-1").partition(".")[0]
    text = ".".join([head] + ["AAAA"] * dots)

    assert isinstance(told(text, long_way=False), str)


def test_the_short_way_is_the_one_that_our_own_texts_take(monkeypatch):
    def never(_text):
        raise AssertionError("the long way was taken")

    monkeypatch.setattr(jws, "_header", never)
    text = sign_jws(b'{"a":1}', KEY, typ=TYP, kid="gate-1")

    assert open_jws(text, typ=TYP, key_of=key_of).payload == b'{"a":1}'
    with pytest.raises(JwsError, match="does not hold"):
        open_jws(sign_jws(b"{}", OTHER, typ=TYP, kid="gate-1"), typ=TYP, key_of=key_of)
    with pytest.raises(AssertionError):  # of another type: judged the long way
        open_jws(text, typ="xg-seal+jwt", key_of=key_of)


def test_both_ways_say_the_same_of_a_header_that_says_a_member_twice():
    plain = urlsafe_b64decode(sign_jws(b"{}", KEY, typ=TYP, kid="gate-1").partition(".")[0] + "==")
    twice = signed(plain.replace(b'"alg"', b'"alg":"none","alg"'), b"{}")

    assert told(twice, long_way=False) == told(twice, long_way=True)
