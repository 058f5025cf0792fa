import pytest

from credit.claims import TokenClass
from credit.codec import cbor
from credit.codec.algorithms import ALGORITHMS, KeyRefusedError
from credit.keys import CoseKey, Keyring, KeyringError, cose_map, kid_of

P = 2**255 - 19
ORDER_8 = (
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
)


def ed25519_map(y, sign=0):
    return {1: 1, -1: 6, -2: (y | sign << 255).to_bytes(32, "little")}


class TestCoseKey:
    def test_the_kid_is_the_thumbprint_of_rfc_9679(self):
        # RFC 9679 §6 takes a P-256 key; the digest there is SHA-256 of exactly the canonical map
        x = bytes.fromhex("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d")
        y = bytes.fromhex("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c")
        assert kid_of({1: 2, -1: 1, -2: x, -3: y}).hex() == "496bd8afadf307e5"

    @pytest.mark.parametrize("sign", [0, 1])
    @pytest.mark.parametrize("y", [0, 1, P - 1, *(int.from_bytes(bytes.fromhex(text), "little") for text in ORDER_8)])
    def test_small_order_keys_are_refused(self, y, sign):
        with pytest.raises(KeyRefusedError, match="small order"):
            CoseKey.from_map(ed25519_map(y, sign))

    @pytest.mark.parametrize("y", [P, P + 1, P + 18, 2**255 - 1])
    def test_non_canonical_keys_are_refused(self, y):
        with pytest.raises(KeyRefusedError, match="canonical"):
            CoseKey.from_map(ed25519_map(y))

    @pytest.mark.parametrize("change", [{-3: bytes(32)}, {-2: bytes(31) + b"\x07"}, {-2: b"\xff" * 32}])
    def test_p256_points_off_the_curve_are_refused(self, world, change):
        members = cose_map(world.p256_holder.public_key())
        with pytest.raises(KeyRefusedError, match="not on the curve"):
            CoseKey.from_map({**members, **change})

    @pytest.mark.parametrize(
        "change",
        [
            {-2: bytes(31)},
            {-2: 7},
            {-2: "x" * 32},
            {1: 2},
            {1: 3},
            {-1: 1},
            {-1: 7},
            {3: -19},
            {2: b"k"},
            {-3: bytes(32)},
        ],
    )
    def test_other_maps_are_no_keys(self, world, change):
        with pytest.raises(KeyRefusedError):
            CoseKey.from_map({**cose_map(world.holder.public_key()), **change})

    @pytest.mark.parametrize("value", [None, [], 7, {}, b"", {1: [], -1: 6}, {1: 1, -1: {}, -2: bytes(32)}])
    def test_what_is_no_map_is_no_key(self, value):
        with pytest.raises(KeyRefusedError):
            CoseKey.from_map(value)

    def test_the_points_of_order_8_are_what_they_should_be(self):
        d = -121665 * pow(121666, -1, P) % P
        for text in ORDER_8:  # doubled they have y = 0, which is of order 4
            y = int.from_bytes(bytes.fromhex(text), "little")
            assert (d * y**4 + 2 * y**2 - 1) % P == 0

    def test_keys_of_other_kinds_are_refused(self):
        from cryptography.hazmat.primitives.asymmetric import ec, ed448

        for private in (ec.derive_private_key(5, ec.SECP384R1()), ed448.Ed448PrivateKey.generate()):
            with pytest.raises(KeyRefusedError, match="not an Ed25519 or P-256"):
                CoseKey.of(private.public_key())

    def test_the_table_has_two_rows(self):
        assert {row.name for row in ALGORITHMS.values()} == {"Ed25519", "ESP256"}


class TestKeyFiles:
    def test_a_key_file_gives_each_key_by_kid(self, world):
        keyring = world.keyring(world.row(classes=["bound"], issued_until=9), world.row(world.p256_issuer))
        (key,) = keyring.by_kid[world.issuer.kid]
        assert (key.issuer, key.classes, key.issued_until) == ("wulong", frozenset({TokenClass.BOUND}), 9)
        assert keyring.by_kid[world.p256_issuer.kid][0].key.alg == -9
        assert keyring.killed == frozenset()

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"kid": "00" * 8}, r"\$\[1\].kid: the key's thumbprint begins with"),
            ({"kid": None}, r"\$\[1\].kid"),
            ({"alg": -9}, r"\$\[1\].alg: the key is for -19"),
            ({"alg": -19.0}, r"\$\[1\].alg"),
            ({"issuer": ""}, r"\$\[1\].issuer"),
            ({"issuer": 7}, r"\$\[1\].issuer"),
            ({"classes": []}, r"\$\[1\].classes: at least one"),
            ({"classes": "bound"}, r"\$\[1\].classes: at least one"),
            ({"classes": ["bound", "gold"]}, r"\$\[1\].classes: .*gold"),
            ({"classes": [["bound"]]}, r"\$\[1\].classes"),
            ({"from": "0"}, r"\$\[1\].from"),
            ({"until": 1.5}, r"\$\[1\].until"),
            ({"until": None}, r"\$\[1\].until"),
            ({"issued_until": True}, r"\$\[1\].issued_until"),
            ({"killed": 0}, r"\$\[1\].killed"),
            ({"extra": 1}, r"\$\[1\]: .*extra"),
            ({"key": "zz"}, r"\$\[1\].key"),
            ({"key": None}, r"\$\[1\].key"),
            ({"key": "a3"}, r"\$\[1\].key: the item is cut short"),
            ({"key": cbor.encode(ed25519_map(1)).hex()}, r"\$\[1\].key: .*small order"),
            ({"key": cbor.encode(ed25519_map(P)).hex()}, r"\$\[1\].key: .*canonical"),
            ({"key": cbor.encode(ed25519_map(2)).hex()}, r"\$\[1\].key: .*not on the curve"),
        ],
    )
    def test_one_bad_row_refuses_the_whole_file_and_is_named(self, world, change, why):
        rows = [world.row(world.p256_issuer), {**world.row(), **change}]
        with pytest.raises(KeyringError, match=why):
            world.keyring(*rows)

    @pytest.mark.parametrize(
        ("raw", "why"),
        [
            (b"", "not JSON"),
            (b"\xff", "not JSON"),
            (b"null", "array"),
            (b"[" * 100_000, "not JSON"),
            (b"{}", "array"),
            (b"[7]", "exactly"),
            (b" " * (1 << 20) + b"[]", "at most"),
            (b'[{"issuer": "a", "issuer": "b"}]', "twice"),
        ],
    )
    def test_what_is_no_key_file_is_refused(self, raw, why):
        with pytest.raises(KeyringError, match=why):
            Keyring.from_json(raw)

    def test_a_key_listed_twice_for_one_issuer_is_refused(self, world):
        with pytest.raises(KeyringError, match="listed twice for wulong"):
            world.keyring(world.row(), world.row(killed=True))


class TestMerging:
    def test_two_issuers_of_one_kid_stand_in_the_order_given_and_a_third_is_left_out(self, world):
        rings = [world.keyring({**world.row(), "issuer": name}) for name in ("b", "a", "c")]
        assert [key.issuer for key in Keyring.merged(rings).by_kid[world.issuer.kid]] == ["b", "a"]

    def test_a_killed_kid_stays_killed_when_a_later_file_revives_it(self, world):
        killed = world.keyring(world.row(killed=True)).killed
        assert killed == {("wulong", world.issuer.kid)}
        (key,) = Keyring.merged([world.keyring(world.row())], killed=killed).by_kid[world.issuer.kid]
        assert key.killed

    def test_a_killed_kid_stays_as_a_tombstone_when_a_later_file_forgets_it(self, world):
        killed = frozenset({("wulong", world.issuer.kid)})
        keyring = Keyring.merged([world.keyring(world.row(world.p256_issuer))], killed=killed)
        (key,) = keyring.by_kid[world.issuer.kid]
        assert (key.killed, key.key) == (True, None)
        assert keyring.killed == killed

    def test_killing_one_issuers_key_leaves_another_issuers(self, world):
        other = world.keyring({**world.row(), "issuer": "zibo"})
        keyring = Keyring.merged([world.keyring(world.row()), other], killed=frozenset({("wulong", world.issuer.kid)}))
        assert [key.killed for key in keyring.by_kid[world.issuer.kid]] == [True, False]

    def test_an_empty_keyring_knows_nothing(self):
        assert Keyring.empty().by_kid == {}
