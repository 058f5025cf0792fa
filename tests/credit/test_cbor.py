import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.codec.cbor import MAX_DEPTH, CborError, Tagged, decode, encode, head

ITEMS = st.recursive(
    st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=30) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(-(2**64), 2**64 - 1), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("encoded", "item"),
    [
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("18ff", 255),
        ("190100", 256),
        ("19ffff", 65535),
        ("1a00010000", 65536),
        ("1affffffff", 2**32 - 1),
        ("1b0000000100000000", 2**32),
        ("1bffffffffffffffff", 2**64 - 1),
        ("20", -1),
        ("3863", -100),
        ("3bffffffffffffffff", -(2**64)),
        ("40", b""),
        ("4401020304", b"\1\2\3\4"),
        ("60", ""),
        ("62c3bc", "ü"),
        ("80", []),
        ("83010203", [1, 2, 3]),
        ("a0", {}),
        ("a201022003", {1: 2, -1: 3}),
        ("a13700", {-24: 0}),
        ("a1381800", {-25: 0}),
        ("a21b8000000000000005002000", {2**63 + 5: 0, -1: 0}),
        ("5818" + "00" * 24, bytes(24)),
    ],
)
def test_items_of_rfc_8949_appendix_a(encoded, item):
    assert decode(bytes.fromhex(encoded)) == item
    assert encode(item).hex() == encoded


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("", "cut short"),
        ("18", "cut short"),
        ("19ff", "cut short"),
        ("42ff", "cut short"),
        ("8101ff", "after"),
        ("82 01", "cut short"),
        ("a1 01", "cut short"),
        ("d2", "cut short"),
        ("1b00000001000000", "cut short"),
        ("1817", "shortest"),
        ("1900ff", "shortest"),
        ("1a0000ffff", "shortest"),
        ("1b00000000ffffffff", "shortest"),
        ("3817", "shortest"),
        ("5817" + "00" * 23, "shortest"),
        ("7800", "shortest"),
        ("9800", "shortest"),
        ("b800", "shortest"),
        ("d81240", "shortest"),
        ("1c", "reserved"),
        ("5f41ff", "indefinite"),
        ("9fff", "indefinite"),
        ("bfff", "indefinite"),
        ("7fff", "indefinite"),
        ("ff", "indefinite"),
        ("a2 02 00 01 00", "unsorted"),
        ("a2 01 00 01 00", "unsorted"),
        ("a2 20 00 01 00", "unsorted"),
        ("a2 1818 00 01 00", "unsorted"),
        ("a1 40 00", "not an integer"),
        ("a1 41 00 00", "not an integer"),
        ("a2 20 00 1b8000000000000005 00", "unsorted"),
        ("a1 61 61 00", "not an integer"),
        ("a1 80 00", "not an integer"),
        ("a1 d2 00 00", "not an integer"),
        ("61ff", "UTF-8"),
        ("62c328", "UTF-8"),
        ("63eda080", "UTF-8"),
        ("62c080", "UTF-8"),
        ("f4", "simple"),
        ("f5", "simple"),
        ("f6", "simple"),
        ("f7", "simple"),
        ("e0", "simple"),
        ("f820", "simple"),
        ("f93c00", "simple"),
        ("fa47c35000", "simple"),
        ("fb3ff199999999999a", "simple"),
        ("c0 00", "tag"),
        ("c2 41 01", "tag"),
        ("d1 80", "tag"),
        ("d3 80", "tag"),
        ("d8 3d d2 80", "tag"),
        ("d9 d9f7 00", "tag"),
        ("00 00", "1 bytes after"),
        ("9bffffffffffffffff", "cut short"),
        ("5bffffffffffffffff", "cut short"),
        ("bbffffffffffffffff", "cut short"),
    ],
)
def test_everything_else_is_refused(encoded, why):
    with pytest.raises(CborError, match=why):
        decode(bytes.fromhex(encoded))


def test_six_levels_nest_and_seven_do_not():
    assert decode(bytes.fromhex("81" * 6 + "00")) == [[[[[[0]]]]]]
    with pytest.raises(CborError, match="nested"):
        decode(bytes.fromhex("81" * 7 + "00"))
    with pytest.raises(CborError, match="nested"):
        decode(bytes.fromhex("a100" * 7 + "00"))
    with pytest.raises(CborError, match="nested"):
        decode(bytes.fromhex("d2" * 7 + "00"))
    decode(bytes.fromhex("a100" * 6 + "00"))
    decode(bytes.fromhex("d2" * 6 + "00"))


def test_a_tag_18_keeps_the_bytes_it_was_read_from():
    assert decode(bytes.fromhex("82 00 d2 81 01")) == [0, Tagged([1], bytes.fromhex("d28101"))]


def depth(item):
    if isinstance(item, (list, dict)):
        return 1 + max(map(depth, item.values() if isinstance(item, dict) else item), default=0)
    return 0


@given(ITEMS)
def test_every_item_comes_back_or_is_too_deep(item):
    if depth(item) > MAX_DEPTH:
        with pytest.raises(CborError, match="nested"):
            decode(encode(item))
    else:
        assert decode(encode(item)) == item


@given(st.binary(max_size=60))
def test_what_decodes_is_exactly_what_encode_writes(raw):
    try:
        item = decode(raw)
    except CborError:
        return
    assert encode(item) == raw


@pytest.mark.parametrize("value", [True, None, 1.5, object(), {1: None}])
def test_values_outside_the_subset_are_not_written(value):
    with pytest.raises(CborError, match="outside"):
        encode(value)


def test_integers_beyond_64_bits_are_not_written():
    with pytest.raises(CborError, match="64 bits"):
        head(0, 2**64)
