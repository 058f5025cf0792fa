import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from central.register import minting
from credit.codec import cbor
from credit.codec.refusals import TokenError
from credit.cose import HCERT, MAX_FOREIGN_BYTES, XG1, to_be_signed, verify_sign1
from credit.keys import CoseKey
from credit.reasons import Reason

ROOT = Path(__file__).parents[2]


def refusal(raw, profile, key, aad=b""):
    with pytest.raises(TokenError) as caught:
        verify_sign1(raw, profile=profile, resolve_key=lambda _kid, _alg: key, aad=aad)
    return caught.value.reason


class TestXG1:
    def test_a_credential_verifies_with_the_key_its_kid_finds(self, world):
        raw = world.credential()
        asked = []

        def resolve(kid, alg):
            asked.append((kid, alg))
            return world.issuer.private.public_key()

        signed = verify_sign1(raw, profile=XG1, resolve_key=resolve)

        assert asked == [(world.issuer.kid, -19)]
        assert (signed.kid, signed.alg, signed.protected[16]) == (world.issuer.kid, -19, 65001)
        assert cbor.decode(signed.payload)[7] == b"token-id"

    def test_a_presentation_verifies_with_the_holders_key_and_has_no_kid(self, world):
        key = CoseKey.of(world.holder.public_key())
        signed = verify_sign1(world.presentation(), profile=XG1, resolve_key=lambda _kid, _alg: key)
        assert (signed.kid, signed.protected[16]) == (b"", 294)

    def test_p256_verifies_too(self, world):
        raw = world.credential(world.p256_issuer)
        key = world.p256_issuer.private.public_key()
        assert verify_sign1(raw, profile=XG1, resolve_key=lambda _kid, _alg: key).alg == -9

    def test_external_data_is_signed(self, world):
        header = cbor.encode({1: -19, 4: world.issuer.kid, 16: 65001})
        signature = minting.sign(world.issuer.private, to_be_signed(header, b"\xa0", b"lane A"))
        raw = b"\xd2" + cbor.encode([header, {}, b"\xa0", signature])
        key = world.issuer.private.public_key()

        assert verify_sign1(raw, profile=XG1, resolve_key=lambda *_: key, aad=b"lane A").payload == b"\xa0"
        assert refusal(raw, XG1, key) is Reason.BAD_SIGNATURE
        assert refusal(raw, XG1, key, b"lane B") is Reason.BAD_SIGNATURE

    def test_a_key_nobody_has(self, world):
        def resolve(kid, _alg):
            raise KeyError(kid)

        with pytest.raises(TokenError) as caught:
            verify_sign1(world.credential(), profile=XG1, resolve_key=resolve)
        assert caught.value.reason is Reason.UNKNOWN_KEY

    def test_forged_with_a_small_order_key(self, world):
        # R = identity, s = 0 verifies for the identity as public key, whatever was signed
        point = b"\x01" + bytes(31)
        key = ed25519.Ed25519PublicKey.from_public_bytes(point)
        key.verify(point + bytes(32), b"anything at all")
        raw = world.credential()[:-64] + point + bytes(32)
        assert refusal(raw, XG1, key) is Reason.BAD_SIGNATURE

    def test_keys_of_other_algorithms_verify_nothing(self, world):
        raw = world.credential()
        for key in (RSA.public_key(), ec.derive_private_key(5, ec.SECP384R1()).public_key(), None, b"key"):
            assert refusal(raw, XG1, key) is Reason.BAD_SIGNATURE
        assert refusal(raw, XG1, world.p256_holder.public_key()) is Reason.BAD_SIGNATURE

    def test_a_foreign_algorithm_is_none_here_even_with_a_loaded_key(self, world):
        header = cbor.encode({1: -7, 4: world.p256_issuer.kid, 16: 65001})
        raw = minting.sign1(world.p256_issuer.private, {1: -7, 4: world.p256_issuer.kid, 16: 65001}, b"\xa0")
        key = CoseKey(-7, CoseKey.of(world.p256_issuer.private.public_key()).public)
        key.public.verify(raw[-64:], to_be_signed(header, b"\xa0"))
        assert refusal(raw, XG1, key) is Reason.BAD_SIGNATURE

    def test_a_foreign_message_is_refused(self):
        assert refusal(EXTERNAL, XG1, EXAMPLE_KEY) is Reason.DAMAGED_CODE
        assert refusal(UNTAGGED, XG1, EXAMPLE_KEY) is Reason.DAMAGED_CODE

    def test_398_bytes_are_too_many(self, world):
        claims = {4: world.now + 60, 6: world.now, 7: b"token-id", -65537: {40: b""}}
        for padding_bytes in (397, 398):
            short = minting.sign1(world.issuer.private, {1: -19, 4: world.issuer.kid, 16: 65001}, cbor.encode(claims))
            claims[-65537][40] = bytes(padding_bytes - len(short) - 3)
            raw = minting.sign1(world.issuer.private, {1: -19, 4: world.issuer.kid, 16: 65001}, cbor.encode(claims))
            claims[-65537][40] = b""
            assert len(raw) == padding_bytes
            if padding_bytes == 397:
                verify_sign1(raw, profile=XG1, resolve_key=lambda *_: world.issuer.private.public_key())
            else:
                assert refusal(raw, XG1, world.issuer.private.public_key()) is Reason.DAMAGED_CODE

    def test_there_is_no_default_profile(self, world):
        with pytest.raises(TypeError):
            verify_sign1(world.credential(), resolve_key=lambda *_: None)

    def test_an_ecdsa_signature_of_another_length_never_reaches_the_curve(self, world):
        from cryptography.exceptions import InvalidSignature

        key = CoseKey.of(world.p256_holder.public_key())
        for size in (0, 63, 65):
            with pytest.raises(InvalidSignature):
                key.public.verify(bytes(size), b"")


# cose-wg/Examples sign1-tests: sign-pass-02 (external data) and sign-pass-03 (no tag), both with kid unprotected
EXTERNAL = bytes.fromhex(
    "D28443A10126A10442313154546869732069732074686520636F6E74656E742E5840EAE868ECC176883766C5DC5BA5B8DCA25DAB3C2E56A551CE"
    "5705B793914348E155388B10C4F1B59A6733EAB416870A945111A4B2FBDBEF33A77234B1DEFF2F9B"
)
UNTAGGED = bytes.fromhex(
    "8443A10126A10442313154546869732069732074686520636F6E74656E742E5840EAE868ECC176883766C5DC5BA5B8DCA25DAB3C2E56A551CE57"
    "05B793914348E19F43D6C6BA654472DA301B645B293C9BA939295B97C4BDB847782BFF384C5794"
)
EXAMPLE_KEY = ec.EllipticCurvePublicNumbers(
    0xBAC5B11CAD8F99F9C72B05CF4B9E26D244DC189F745228255A219A86D6A09EFF,
    0x20138BF82DC1B6D562BE0FA54AB7804A3A64B6D72CCFED6B6FB6ED28BBFC117E,
    ec.SECP256R1(),
).public_key()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def foreign(private, header, payload=b"\xbf\x01\x02\xff", *, before=b"\xd2", unprotected=b"\xa0", aad=b""):
    tbs = to_be_signed(header, payload, aad)
    pss = padding.PSS(padding.MGF1(SHA256()), 32)
    signature = (
        private.sign(tbs, pss, SHA256()) if isinstance(private, rsa.RSAPrivateKey) else minting.sign(private, tbs)
    )
    return before + b"\x84" + cbor.encode(header) + unprotected + cbor.encode(payload) + cbor.encode(signature)


def certificate_of(private):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a document signer")])
    begins = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, begins, begins.replace(year=2028))
    return builder.sign(private, SHA256())


class TestHCERT:
    def test_the_examples_of_the_cose_working_group(self):
        asked = []

        def resolve(kid, alg):
            asked.append((kid, alg))
            return EXAMPLE_KEY

        aad = bytes.fromhex("11aa22bb33cc44dd55006699")
        assert verify_sign1(EXTERNAL, profile=HCERT, resolve_key=resolve, aad=aad).payload == b"This is the content."
        assert verify_sign1(UNTAGGED, profile=HCERT, resolve_key=resolve).payload == b"This is the content."
        assert asked == [(b"11", -7)] * 2
        assert refusal(EXTERNAL, HCERT, EXAMPLE_KEY) is Reason.BAD_SIGNATURE
        assert refusal(UNTAGGED, HCERT, EXAMPLE_KEY, aad) is Reason.BAD_SIGNATURE

    @pytest.mark.parametrize("before", ["", "d2", "d83d", "d83dd2", "d9003dd812"])
    def test_tags_18_and_61_may_be_there(self, world, before):
        raw = foreign(world.p256_holder, bytes.fromhex("a10126"), before=bytes.fromhex(before))
        assert verify_sign1(raw, profile=HCERT, resolve_key=lambda *_: world.p256_holder.public_key()).alg == -7

    @pytest.mark.parametrize("before", ["c1", "d862", "d2d83d", "d2d2", "d83dd83d", "d9d9f7"])
    def test_other_tags_and_other_orders_are_refused(self, world, before):
        raw = foreign(world.p256_holder, bytes.fromhex("a10126"), before=bytes.fromhex(before))
        assert refusal(raw, HCERT, world.p256_holder.public_key()) is Reason.DAMAGED_CODE

    def test_without_kid_it_is_empty(self, world):
        asked = []
        raw = foreign(world.p256_holder, bytes.fromhex("a10126"))
        verify_sign1(
            raw, profile=HCERT, resolve_key=lambda kid, _alg: asked.append(kid) or world.p256_holder.public_key()
        )
        assert asked == [b""]

    def test_a_message_may_have_16_kib_and_its_signature_covers_all(self, world):
        key = world.p256_holder.public_key()
        size = 16 * 1024
        whole = foreign(world.p256_holder, bytes.fromhex("a10126"), bytes(size))
        raw = foreign(world.p256_holder, bytes.fromhex("a10126"), bytes(2 * size - len(whole)))
        assert len(raw) == size
        assert verify_sign1(raw, profile=HCERT, resolve_key=lambda *_: key).payload == bytes(2 * size - len(whole))
        at = size // 2
        assert refusal(raw[:at] + b"\x01" + raw[at + 1 :], HCERT, key) is Reason.BAD_SIGNATURE
        longer = foreign(world.p256_holder, bytes.fromhex("a10126"), bytes(2 * size - len(whole) + 1))
        assert refusal(longer, HCERT, key) is Reason.DAMAGED_CODE

    @pytest.mark.parametrize("kind", ["P-256", "RSA"])
    def test_changed_by_a_bit_it_is_refused(self, world, kind):
        private, alg = (RSA, "013824") if kind == "RSA" else (world.p256_holder, "0126")
        raw = foreign(private, bytes.fromhex("a1" + alg))
        for at in (raw.index(b"\xbf\x01"), len(raw) - 1):
            bad = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            assert refusal(bad, HCERT, private.public_key()) is Reason.BAD_SIGNATURE
        assert refusal(raw, HCERT, private.public_key(), b"external") is Reason.BAD_SIGNATURE

    def test_rsa_verifies_here(self):
        header = bytes.fromhex("a2 04 48 1122334455667788 01 38 24")  # unsorted
        signed = verify_sign1(foreign(RSA, header), profile=HCERT, resolve_key=lambda *_: RSA.public_key())
        assert (signed.kid.hex(), signed.alg) == ("1122334455667788", -37)

    @pytest.mark.parametrize("kind", ["P-256", "RSA"])
    def test_keys_come_out_of_certificates(self, world, kind):
        private = RSA if kind == "RSA" else world.p256_holder
        certificate = certificate_of(private)
        kid = certificate.fingerprint(SHA256())[:8]  # as the European trust lists name their signers
        alg = "013824" if kind == "RSA" else "0126"
        raw = foreign(private, bytes.fromhex(f"a2{alg}0448") + kid)
        found = {kid: certificate.public_key()}

        signed = verify_sign1(raw, profile=HCERT, resolve_key=lambda kid, _alg: found[kid])

        assert (signed.kid, signed.payload) == (kid, b"\xbf\x01\x02\xff")
        with pytest.raises(TokenError) as caught:
            verify_sign1(raw, profile=HCERT, resolve_key=lambda kid, _alg: {}[kid])
        assert caught.value.reason is Reason.UNKNOWN_KEY

    def test_the_protected_kid_wins(self, world):
        unprotected = bytes.fromhex("a1 04 42 6f6f")
        for header, kid in (("a2 01 26 04 42 6b6b", b"kk"), ("a10126", b"oo")):
            raw = foreign(world.p256_holder, bytes.fromhex(header), unprotected=unprotected)
            signed = verify_sign1(raw, profile=HCERT, resolve_key=lambda *_: world.p256_holder.public_key())
            assert signed.kid == kid

    @pytest.mark.parametrize(
        ("header", "unprotected"),
        [
            ("", "a10126"),
            ("a0", "a10126"),
            ("a10126", "80"),
            ("80", "a0"),
            ("a1016126", "a0"),
            ("a2012604616b", "a0"),
            ("a2012602810a", "a0"),
            ("a10126", "a102810a"),
            ("a201260281 0a", "a0"),
            ("a2012601 26", "a0"),
            ("a101", "a0"),
            ("a1012600", "a0"),
        ],
    )
    def test_what_even_this_profile_refuses(self, world, header, unprotected):
        raw = foreign(world.p256_holder, bytes.fromhex(header), unprotected=bytes.fromhex(unprotected))
        assert refusal(raw, HCERT, world.p256_holder.public_key()) is Reason.DAMAGED_CODE

    @pytest.mark.parametrize(
        "raw",
        [
            "",
            "00",
            "d2",
            "d280",
            "d284404040",
            "8440a0f640",
            "d28440a000",
            "c184 40a04040",
            "d284 60a04040",
            "d284 40a06040",
            "d284 43a10126a06040",
            "d284 43a10126a04060",
            "d284 63a10126a04040",
            "d284 00a04040",
            "d284 6161a04040",
            "d285 43a10126a0404040",
        ],
    )
    def test_what_is_no_sign1_is_refused(self, raw):
        assert refusal(bytes.fromhex(raw), HCERT, EXAMPLE_KEY) is Reason.DAMAGED_CODE

    def test_the_key_says_the_algorithm(self, world):
        raw = foreign(world.p256_holder, bytes.fromhex("a1013824"))
        assert refusal(raw, HCERT, world.p256_holder.public_key()) is Reason.BAD_SIGNATURE
        raw = foreign(world.p256_holder, bytes.fromhex("a10126"))
        assert refusal(raw, HCERT, RSA.public_key()) is Reason.BAD_SIGNATURE

    def test_weak_and_other_keys_are_refused_whatever_they_signed(self, world):
        weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - refused for it
        other = ec.derive_private_key(5, ec.SECP256K1())  # its signatures have 64 bytes too
        for private, alg in ((weak, "013824"), (other, "0126")):
            raw = foreign(private, bytes.fromhex("a1" + alg))
            assert refusal(raw, HCERT, private.public_key()) is Reason.BAD_SIGNATURE
        for key in (ec.derive_private_key(5, ec.SECP384R1()).public_key(), world.holder.public_key(), None, b"key"):
            assert refusal(raw, HCERT, key) is Reason.BAD_SIGNATURE

    def test_long_messages_are_refused(self):
        assert refusal(bytes(MAX_FOREIGN_BYTES + 1), HCERT, EXAMPLE_KEY) is Reason.DAMAGED_CODE


def test_only_credit_cose_mentions_the_lenient_profile():
    rooms = ("edge", "scanner", "cache", "sync", "credit", "central", "bench", "docs")
    mentioning = [
        path.relative_to(ROOT).as_posix()
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if "HCERT" in path.read_text(encoding="utf-8")
    ]
    assert mentioning == ["credit/cose.py"]


def test_rsa_exists_in_that_profile_only():
    naming = [path.name for path in (ROOT / "credit").glob("*.py") if "rsa" in path.read_text(encoding="utf-8").split()]
    importing = [path.name for path in (ROOT / "credit").glob("*.py") if ", rsa\n" in path.read_text(encoding="utf-8")]
    assert (naming, importing) == (["cose.py"], ["cose.py"])
