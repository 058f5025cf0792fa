"""Coverage-guided fuzzing of `open_token`: nothing but TokenError may leave it, and what opens is canonical.

The usual way of reading (credit/opening/usual.py) is held against the long way wherever it reads anything.

Runs by hand with atheris (docs/testing.md says how to get it):

    python tests/fuzz/fuzz_open_token.py -max_total_time=600 /tmp/corpus tests/fuzz/corpus/tokens

The first byte of an input says how deep it goes in: 0 the rest is the text itself; 1 it is the message's bytes; 2 it
is claims, signed here by a trusted issuer; 3 it is claims with a length-prefixed header before them, signed too; 4 it
is a presentation's claims, signed by the holder of a good credential.
"""

import json
import sys

import atheris

with atheris.instrument_imports(include=["credit"]):
    from credit.codec import cbor
    from credit.cose import KCWT, XG1, to_be_signed
    from credit.keys import Keyring
    from credit.opening import usual
    from credit.opening.claim_types import read_credential, read_presentation
    from credit.tokens import TokenError, open_token

from central.register import minting

NOW = 1_790_000_000
ISSUER = minting.issuer_key("wulong", b"\x01" * 32)
HOLDER = minting.issuer_key("holder", b"\x02" * 32).private
KEYRING = Keyring.from_json(json.dumps([minting.public_entry(ISSUER, from_s=0, until_s=2**40)]).encode())
HEADER = cbor.encode({1: ISSUER.alg, 4: ISSUER.kid, 16: 65001})
STEPS = range(1, 15)
SAID = minting.Credential(
    subject=bytes(16), tier=4, token_id=bytes(8), iat=NOW, exp=NOW + 3600, holder_key=HOLDER.public_key()
)
CREDENTIAL = minting.mint_credential(ISSUER, SAID)
PRESENTING = cbor.encode({1: -19, 13: cbor.decode(CREDENTIAL), 16: 294})


def message(header: bytes, claims: bytes, signature: bytes = bytes(64)) -> bytes:
    return b"\xd2\x84" + cbor.bstr(header) + b"\xa0" + cbor.bstr(claims) + cbor.bstr(signature)


def sign1(header: bytes, claims: bytes, private: minting.PrivateKey = ISSUER.private) -> str:
    return minting.to_text(message(header, claims, minting.sign(private, to_be_signed(header, claims))))


def text_of(data: bytes) -> str:
    mode, rest = data[:1], data[1:]
    if mode == b"\x00":
        return rest.decode("utf-8", "surrogateescape")
    if mode == b"\x01":
        return minting.to_text(rest)
    if mode == b"\x02":
        return sign1(HEADER, rest)
    if mode == b"\x03":
        size = rest[0] if rest else 0
        return sign1(rest[1 : 1 + size], rest[1 + size :])
    return sign1(PRESENTING, rest, HOLDER)


def hold_against_the_long_way(raw: bytes) -> None:
    """What the usual way reads, the long way reads as the same; CborError or TokenError here is a finding."""
    usually = usual.credential(raw)
    if usually is not None:
        envelope = XG1.envelope(cbor.decode(raw))
        assert envelope._replace(protected={}, claims=read_credential(envelope.claims)) == usually
    presented = usual.presentation(raw)
    if presented is not None:
        usually, credential = presented
        try:
            envelope = XG1.envelope(cbor.decode(raw))
        except (cbor.CborError, TokenError):
            assert usual.credential(credential) is None  # it was not looked at yet, and is what is wrong
            return
        assert envelope._replace(protected={}, claims=read_presentation(envelope.claims)) == usually
        assert envelope.protected[KCWT].raw == credential


def one_input(data: bytes) -> None:
    text = text_of(data)
    if data[:1] == b"\x01":
        hold_against_the_long_way(data[1:])
    if data[:1] == b"\x02":
        hold_against_the_long_way(message(HEADER, data[1:]))
    if data[:1] >= b"\x04":
        hold_against_the_long_way(message(PRESENTING, data[1:]))
    KEYRING.verified.clear()
    try:
        token = open_token(text, KEYRING, now=NOW, audience="xiannvshan", challenge=b"A7", allow_test=True)
    except TokenError as error:
        if error.step not in STEPS:
            raise
        return
    again = open_token(text, KEYRING, now=NOW, audience="xiannvshan", challenge=b"A7", allow_test=True)
    assert again == token


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
