import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.codec.base45 import ALPHABET, Base45Error, decode, encode


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0"), (b"", "")],
)
def test_the_examples_of_rfc_9285(raw, text):
    assert encode(raw) == text
    assert decode(text) == raw


@given(st.binary(max_size=400))
def test_every_byte_string_comes_back(raw):
    assert decode(encode(raw)) == raw


@given(st.text(alphabet=ALPHABET + "aé\n", max_size=40))
def test_what_decodes_is_exactly_what_encode_writes(text):
    try:
        raw = decode(text)
    except Base45Error:
        return
    assert encode(raw) == text


@pytest.mark.parametrize(
    "text",
    ["GGW", "ZZ", ":::", "V5", "A", "ABCD", "bb8", "BB8\n", "BB8=", "BB８", "BB\ud800", "FGW::"],
)
def test_what_no_byte_string_has_as_its_text_is_refused(text):
    with pytest.raises(Base45Error):
        decode(text)


def test_the_largest_groups_are_accepted():
    assert decode("FGW") == b"\xff\xff"
    assert decode("U5") == b"\xff"


def test_a_space_is_a_digit_and_never_stripped():
    assert decode(encode(b"\x06\x54" * 2)) == b"\x06\x54" * 2
    with pytest.raises(Base45Error):
        decode(" BB8")
