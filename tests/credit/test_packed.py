"""Packed texts: given back byte for byte, for ever; what a disk made of one is refused as a ValueError."""

import contextlib
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.codec.packed import DICTIONARIES, MAX_BYTES, MAX_NUMBER, is_packed, pack, unpack

TEXT = (
    '{"class":"bound","lane":"A","reasons":["ok"],"subject":"1f99ee812ff7a4bb6f23bd40f17f9ef6",'
    '"title":{"zh":"梧桐公园"}}'
).encode()
PACKED_WITH = {  # number of the dictionary -> TEXT as a terminal of then has it on its disk
    1: "01036615b498440a184c27c25d62986669999a6a61689496669e689294649666649c9462629066689e66999a6606b409b56079b668f9b3"
    "8513801d9ea7b3d7020b1700",
}
HASHES = {1: "8aa08d0fdd5567982ead5de4f4920b8594f964ca5e0a0232d6bd495a5aed8cd5"}


@given(st.one_of(st.binary(max_size=3000), st.text(max_size=1000).map(str.encode)))
def test_any_bytes_come_back_as_they_were(text):
    assert unpack(pack(text)) == text


@pytest.mark.parametrize("number", DICTIONARIES)
def test_what_was_packed_with_a_dictionary_is_read_for_ever(number):
    """A dictionary that changed by one letter would make facts unreadable that lie on every terminal's disk."""
    assert hashlib.sha256(DICTIONARIES[number]).hexdigest() == HASHES[number]
    assert unpack(bytes.fromhex(PACKED_WITH[number])) == TEXT


def test_each_dictionary_has_a_number_that_no_json_text_begins_with():
    assert all(1 <= number <= MAX_NUMBER for number in DICTIONARIES)
    assert not any(is_packed(text) for text in (b"{}", b" {}", b"\t{}", b"\n{}", b"\r{}", b"[1]", b'"x"', b""))
    assert is_packed(pack(b""))
    assert json.loads(b"\t\n\r {}") == {}


@pytest.mark.parametrize("at", range(len(pack(TEXT))))
def test_a_bit_that_turned_over_gives_another_text_or_is_refused(at):
    whole = pack(TEXT)
    for bit in range(8):
        changed = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
        with contextlib.suppress(ValueError):
            assert len(unpack(changed)) <= MAX_BYTES


@pytest.mark.parametrize("length", range(len(pack(TEXT))))
def test_what_was_cut_short_is_refused(length):
    with pytest.raises(ValueError, match="pack"):
        unpack(pack(TEXT)[:length])


def test_what_follows_a_text_or_makes_it_endless_is_refused():
    with pytest.raises(ValueError, match="not whole, or too long"):
        unpack(pack(TEXT) + b"\x00")
    with pytest.raises(ValueError, match="not whole, or too long"):
        unpack(pack(bytes(MAX_BYTES + 1)))
    assert unpack(pack(bytes(MAX_BYTES))) == bytes(MAX_BYTES)
