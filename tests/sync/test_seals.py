import base64
import gzip
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.records import Record, chain_next, chain_start, encode
from sync.wire.jws import JwsError, kid_of, open_jws, public_hex, public_key, sign_jws
from sync.wire.messages import AuthClaims, Command, EnrolRequest, Receipt, Seal, SignedTime, WireError, digest
from sync.wire.seals import (
    AUTH,
    COMMAND,
    RECEIPT,
    TIME,
    check_proof,
    open_auth,
    open_batch,
    open_command,
    open_receipt,
    open_record,
    open_time,
    prove,
    seal_batch,
    sign,
)

KEY = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
KEYS = {"k": KEY.public_key()}


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forge(header, payload, key=KEY):
    start = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    return f"{start}.{b64(key.sign(start.encode()))}"


def records(many=3, first=1):
    return [
        encode(
            Record(seq=seq, id=f"id-{seq}", at_ms=seq, kind="granted", redemption=f"r{seq}", body={"benefit": "免票"})
        )
        for seq in range(first, first + many)
    ]


def sealed(raws, *, first=1, terminal="gate-a", key=KEY, epoch="e1", **lies):
    start = chain_start(terminal, epoch)
    head = start
    for raw in raws:
        head = chain_next(head, raw)
    fields = {
        "terminal": terminal,
        "epoch": epoch,
        "first": first,
        "last": first + len(raws) - 1,
        "count": len(raws),
        "prev_hash": start.hex(),
        "head_hash": head.hex(),
    }
    return gzip.decompress(seal_batch(Seal(**fields | lies), raws, key))


def opened(plain, terminal="gate-a"):
    return open_batch(plain, terminal=terminal, key=KEY.public_key())


class TestJws:
    def test_what_was_signed_is_read_back(self):
        text = sign_jws(b"\x00any bytes", KEY, typ="a+jwt", kid="k")

        assert open_jws(text, typ="a+jwt", key_of=lambda kid: KEYS[kid]).payload == b"\x00any bytes"

    @pytest.mark.parametrize(
        "header",
        [
            {"alg": "none", "typ": "t", "kid": "k"},
            {"alg": "HS256", "typ": "t", "kid": "k"},
            {"alg": "EdDSA", "typ": "other", "kid": "k"},
            {"alg": "EdDSA", "kid": "k"},
            {"alg": "EdDSA", "typ": "t", "kid": "k", "crit": ["b64"], "b64": False},
            {"alg": "EdDSA", "typ": "t", "kid": "k", "jwk": {}},
            {"alg": "EdDSA", "typ": "t", "kid": 7},
            {"alg": "EdDSA", "typ": "t", "kid": ["k"]},
        ],
    )
    def test_any_other_header_is_refused(self, header):
        with pytest.raises(JwsError):
            open_jws(forge(header, b"{}"), typ="t", key_of=lambda _kid: KEY.public_key())

    def test_another_key_does_not_hold(self):
        with pytest.raises(JwsError, match="signature"):
            open_jws(sign_jws(b"{}", OTHER, typ="t", kid="k"), typ="t", key_of=lambda _kid: KEY.public_key())

    @pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "e30.e30.e30", "x" * 20_000, "e30.e30"])
    def test_garbage_is_refused(self, text):
        with pytest.raises(JwsError):
            open_jws(text, typ="t", key_of=lambda _kid: KEY.public_key())

    @given(st.text(max_size=400))
    @settings(max_examples=300, deadline=None)
    def test_no_text_does_anything_but_raise(self, text):
        with pytest.raises(JwsError):
            open_jws(text, typ="t", key_of=lambda _kid: KEY.public_key())

    @given(position=st.integers(0, 10_000), replacement=st.sampled_from("AB_-9.z"))
    @settings(max_examples=300, deadline=None)
    def test_no_changed_character_changes_what_is_read(self, position, replacement):
        text = sign_jws(b'{"through":7}', KEY, typ="t", kid="k")
        position %= len(text)
        changed = text[:position] + replacement + text[position + 1 :]

        try:
            payload = open_jws(changed, typ="t", key_of=lambda kid: KEYS["k"]).payload
        except JwsError:
            payload = None

        assert payload in (None, b'{"through":7}')


class TestKeys:
    @pytest.mark.parametrize(
        "hexed",
        [
            "00" * 32,
            "01" + "00" * 31,
            "ec" + "ff" * 30 + "7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "ed" + "ff" * 30 + "7f",
            "ee" + "ff" * 30 + "7f",
            "ff" * 32,
            "AB" * 32,
            "ab" * 31,
            "zz" * 32,
            "",
        ],
    )
    def test_small_order_non_canonical_and_misspelt_keys_are_refused(self, hexed):
        with pytest.raises(JwsError):
            public_key(hexed)

    def test_an_honest_key_is_taken(self):
        assert public_key(public_hex(KEY)) == KEY.public_key()
        assert len(kid_of(public_hex(KEY))) == 16


class TestForms:
    def test_one_form_is_never_taken_for_another(self):
        receipt = sign(Receipt(terminal="a", epoch="e", acked_through=1, head_hash="0" * 64), KEY, typ=RECEIPT, kid="k")
        time = sign(SignedTime(nonce="12345678", time=1), KEY, typ=TIME, kid="k")
        order = sign(Command(terminal="a", number=1, action="suspend"), KEY, typ=COMMAND, kid="k")

        for text in (time, order):
            with pytest.raises(WireError, match="no JWS of type"):
                open_receipt(text, KEYS)
        with pytest.raises(WireError, match="no JWS of type"):
            open_time(receipt, KEYS, nonce="12345678")
        with pytest.raises(WireError, match="another terminal"):
            open_command(order, KEYS, terminal="b")

    def test_a_member_too_many_is_refused_in_what_is_signed(self):
        text = sign_jws(b'{"nonce":"12345678","time":1,"more":1}', KEY, typ=TIME, kid="k")

        with pytest.raises(WireError, match="unknown field"):
            open_time(text, KEYS, nonce="12345678")

    @pytest.mark.parametrize(
        ("claims", "detail"),
        [
            ({"aud": "elsewhere"}, "another platform"),
            ({"body": "0" * 64}, "not the one that was signed"),
            ({"exp": 1061}, "at most 60 s"),
            ({"exp": 1000}, "at most 60 s"),
        ],
    )
    def test_a_request_token_speaks_for_one_body_one_platform_one_minute(self, claims, detail):
        fields = {"iss": "k", "aud": "p", "iat": 1000, "exp": 1060, "jti": "12345678", "body": digest(b"body")}
        text = sign(AuthClaims(**fields | claims), KEY, typ=AUTH, kid="k")

        with pytest.raises(WireError, match=detail):
            open_auth(text, KEYS, audiences=frozenset({"p"}), body=b"body")

    def test_a_proof_is_for_one_code_and_one_key(self):
        good = EnrolRequest(code="ABCD", public_key=public_hex(KEY), proof=prove("ABCD", KEY))
        check_proof(good)

        for bad in (
            msgspec.structs.replace(good, code="ABCE"),
            msgspec.structs.replace(good, public_key=public_hex(OTHER)),
            msgspec.structs.replace(good, proof=sign_jws(b"ABCD", KEY, typ="xg-enrol+jwt", kid="k")),
            msgspec.structs.replace(good, public_key="00" * 32),
        ):
            with pytest.raises(WireError) as error:
                check_proof(bad)
            assert error.value.code == "bad_proof"


class TestBatch:
    def test_record_bytes_arrive_as_they_were_written(self):
        raws = records()

        batch = opened(sealed(raws))

        assert [link.raw for link in batch.links] == raws
        assert batch.links[-1].hash.hex() == batch.seal.head_hash
        assert open_record(batch.links[0]).body == {"benefit": "免票"}

    def test_the_same_batch_gives_the_same_bytes(self):
        zero = "0" * 64
        seal = Seal(terminal="a", epoch="e", first=1, last=1, count=1, prev_hash=zero, head_hash=zero)

        assert seal_batch(seal, [b"{}"], KEY) == seal_batch(seal, [b"{}"], KEY)

    @pytest.mark.parametrize(
        "lie",
        [
            {"terminal": "gate-b"},
            {"count": 2},
            {"last": 9},
            {"head_hash": "0" * 64},
            {"prev_hash": "0" * 64},
        ],
    )
    def test_a_seal_that_says_something_else_does_not_hold(self, lie):
        with pytest.raises(WireError) as error:
            opened(sealed(records(), **lie))

        assert error.value.code == "bad_seal"

    def test_a_seal_by_another_key_does_not_hold(self):
        with pytest.raises(WireError, match="signature"):
            opened(sealed(records(), key=OTHER))

    def test_a_record_changed_on_the_way_breaks_the_chain(self):
        plain = sealed(records()).replace(b'"at_ms":2', b'"at_ms":3')

        with pytest.raises(WireError, match="do not lead to"):
            opened(plain)

    def test_more_than_five_hundred_are_no_batch(self):
        with pytest.raises(WireError) as error:
            opened(sealed(records(501), count=500))

        assert error.value.code == "bad_message"

    def test_an_unreadable_record_is_still_a_link(self):
        raws = [
            *records(1),
            b'{"seq":2}',
            b"17",
            b'{"at_ms":1.5,"body":{},"id":"x","kind":"k","redemption":null,"seq":4}',
        ]
        raws.append(records(1, first=5)[0].replace(b'"at_ms":5,"body"', b'"body"')[:-1] + b',"at_ms":5}')

        batch = opened(sealed(raws))

        assert open_record(batch.links[0]).seq == 1
        for link in batch.links[1:]:
            with pytest.raises(WireError) as error:
                open_record(link)
            assert error.value.code == "bad_record"

    @pytest.mark.parametrize("as_text", [json.dumps, lambda said: json.dumps(said, indent=1)])
    def test_an_envelope_of_another_hand_holds_as_well(self, as_text):
        raws = records()
        said = json.loads(sealed(raws))
        plain = as_text(dict(reversed(said.items())) | {"records": ["@"]})
        plain = plain.replace('"@"', ",".join(raw.decode() for raw in raws)).encode()

        assert [link.raw for link in opened(plain).links] == raws

    @pytest.mark.parametrize("where", [b'{"epoch":"e1",', b'"body":{"benefit":"x",', b'"kind":"granted",'])
    def test_a_member_that_is_said_twice_is_refused_wherever_it_stands(self, where):
        once = records()
        twice = [raw.replace(b'"body":{', where, 1) if b"body" in where else raw for raw in once]
        twice = [raw.replace(where, where * 2, 1) if b"kind" in where else raw for raw in twice]
        plain = sealed(twice)
        plain = where + plain[1:] if where.startswith(b"{") else plain

        with pytest.raises(WireError, match="twice"):
            opened(plain)

    def test_a_record_in_the_place_of_another_is_unreadable(self):
        batch = opened(sealed(records(2)[1:]))

        with pytest.raises(WireError, match="calls itself 2"):
            open_record(batch.links[0])

    @given(st.binary(max_size=200))
    @settings(max_examples=300, deadline=None)
    def test_no_bytes_do_anything_but_raise(self, raw):
        with pytest.raises(WireError):
            opened(raw)

    @given(position=st.integers(0, 10_000), byte=st.integers(0, 255))
    @settings(max_examples=400, deadline=None)
    def test_no_changed_byte_gets_a_changed_record_in(self, position, byte):
        plain = bytearray(sealed(records()))
        plain[position % len(plain)] = byte

        try:
            links = opened(bytes(plain)).links
        except WireError:
            return

        assert [link.raw for link in links] == records()

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
            max_leaves=20,
        )
    )
    @settings(max_examples=300, deadline=None)
    def test_any_json_in_the_place_of_a_record_is_judged_and_never_breaks(self, value):
        batch = opened(sealed([json.dumps(value).encode()]))

        with pytest.raises(WireError):
            open_record(batch.links[0])
