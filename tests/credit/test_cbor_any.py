import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.codec.cbor import CborError
from credit.codec.cbor_any import Opaque, Tag, decode_any


@pytest.mark.parametrize(
    ("encoded", "item"),
    [
        ("1817", 23),
        ("1900ff", 255),
        ("1b0000000000000001", 1),
        ("3900ff", -256),
        ("5f4101420203ff", b"\1\2\3"),
        ("7f6161626263ff", "abc"),
        ("5fff", b""),
        ("9f0102ff", [1, 2]),
        ("bf0102ff", {1: 2}),
        ("a2 02 00 01 00", {2: 0, 1: 0}),
        ("a1 6161 00", {"a": 0}),
        ("c1 00", Tag(1, 0)),
        ("d83d d2 80", Tag(61, Tag(18, []))),
        ("f5", Opaque(b"\xf5")),
        ("f93c00", Opaque(bytes.fromhex("f93c00"))),
        ("a1 f5 01", {Opaque(b"\xf5"): 1}),
        ("80", []),
        ("a0", {}),
    ],
)
def test_what_others_write_is_read(encoded, item):
    assert decode_any(bytes.fromhex(encoded)) == item


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("", "cut short"),
        ("19ff", "cut short"),
        ("43ffff", "cut short"),
        ("5f", "cut short"),
        ("9f01", "cut short"),
        ("1c", "reserved"),
        ("5e", "reserved"),
        ("1f", "indefinite"),
        ("3f", "indefinite"),
        ("df", "indefinite"),
        ("ff", "indefinite"),
        ("5f6161ff", "another kind"),
        ("5f5f4101ffff", "indefinite chunk"),
        ("61ff", "UTF-8"),
        ("a2 01 00 01 00", "duplicate"),
        ("bf 01 ff", "half a pair"),
        ("a1 80 00", "container"),
        ("a1 a0 00", "container"),
        ("a1 c1 00 00", "container"),
        ("00 00", "after"),
        ("81" * 16 + "00", "nested"),
    ],
)
def test_what_depends_on_the_reader_is_refused(encoded, why):
    with pytest.raises(CborError, match=why):
        decode_any(bytes.fromhex(encoded))


NUMBERS = st.integers(-(2**64), 2**64 - 1)
VALUES = st.recursive(
    NUMBERS | st.binary(max_size=9) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NUMBERS | st.text(max_size=3), inner, max_size=3),
    max_leaves=9,
)


@given(VALUES)
def test_it_reads_what_cbor2_writes(value):
    assert decode_any(cbor2.dumps(value)) == value


@given(st.binary(max_size=80))
def test_it_never_raises_anything_else(raw):
    try:
        decode_any(raw)
    except CborError:
        return
