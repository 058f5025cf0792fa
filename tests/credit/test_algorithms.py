"""The seam for further algorithms: one row, and what loads its keys; nothing else of the way from text to token."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from central.register import minting
from credit.codec.algorithms import ALGORITHMS, BY_CURVE, Algorithm, KeyRefusedError
from credit.keys import Keyring
from credit.opening import usual
from credit.reasons import Reason
from credit.tokens import TokenError, open_token, take_apart

SM2_ID = -65601


class Secp256k1Key:
    """Stands in for SM2: 32-byte coordinates, 64-byte signatures, and a curve that XG1 has not."""

    def __init__(self, point):
        self.point = point

    def verify(self, signature, data, /):
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        self.point.verify(encode_dss_signature(r, s), data, ec.ECDSA(SHA256()))


def load(coordinates):
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), b"\x04" + b"".join(coordinates))
    except ValueError as error:
        raise KeyRefusedError("not on the curve") from error
    return Secp256k1Key(point)


def export(public):
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256K1):
        return None
    point = public.public_numbers()
    return point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")


@pytest.fixture
def another_algorithm(monkeypatch):
    row = Algorithm(id=SM2_ID, name="stand-in", kty=2, crv=8, coordinates=2, load=load, export=export)
    monkeypatch.setitem(ALGORITHMS, row.id, row)
    monkeypatch.setitem(BY_CURVE, (row.kty, row.crv), row)


ISSUER = minting.IssuerKey("chongqing", ec.derive_private_key(11, ec.SECP256K1()))
HOLDER = ec.derive_private_key(12, ec.SECP256K1())


@pytest.mark.usefixtures("another_algorithm")
class TestAnotherRow:
    def test_issuers_and_holders_sign_with_it_and_the_usual_way_leaves_it_to_the_long_one(self, world):
        keyring = world.keyring(world.row(ISSUER), world.row())
        assert ISSUER.alg == SM2_ID

        raw = world.credential(ISSUER, holder_key=HOLDER.public_key())
        shown = world.presentation(raw, HOLDER)
        token = open_token(world.text(shown), keyring, now=world.now)

        assert (token.issuer, token.kid, token.token_class) == ("chongqing", ISSUER.kid, "bound")
        assert usual.credential(raw) is None
        assert usual.presentation(shown) is None
        assert take_apart(world.text(shown)).presentation.alg == SM2_ID

    def test_its_signatures_are_checked(self, world):
        keyring = world.keyring(world.row(ISSUER))
        raw = world.credential(ISSUER, holder_key=None, max_uses=1)
        assert open_token(world.text(raw), keyring, now=world.now).max_uses == 1
        with pytest.raises(TokenError) as caught:
            open_token(world.text(raw[:-1] + bytes([raw[-1] ^ 1])), keyring, now=world.now)
        assert (caught.value.reason, caught.value.step) == (Reason.BAD_SIGNATURE, 9)
        assert isinstance(caught.value.__cause__, InvalidSignature)

    def test_an_issuer_of_one_algorithm_and_a_holder_of_another(self, world):
        raw = world.credential(holder_key=HOLDER.public_key())
        text = world.text(world.presentation(raw, HOLDER))
        assert open_token(text, world.keyring(), now=world.now).issuer == "wulong"


def test_without_the_row_its_keys_are_refused_and_so_are_its_tokens(world, monkeypatch):
    with monkeypatch.context() as patch:
        row = Algorithm(id=SM2_ID, name="stand-in", kty=2, crv=8, coordinates=2, load=load, export=export)
        patch.setitem(ALGORITHMS, row.id, row)
        patch.setitem(BY_CURVE, (row.kty, row.crv), row)
        entry, text = world.row(ISSUER), world.text(world.credential(ISSUER, holder_key=None, max_uses=1))
    with pytest.raises(ValueError, match="not a COSE_Key"):
        world.keyring(entry)
    with pytest.raises(TokenError) as caught:
        open_token(text, Keyring.empty(), now=world.now)
    assert caught.value.reason is Reason.UNKNOWN_KEY
