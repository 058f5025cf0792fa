import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.records import MAX_RECORD_BYTES, Record, canonical, chain_next, chain_start, encode


def record(**changes):
    fields = {"seq": 1, "id": "x", "at_ms": 5, "kind": "note", "redemption": None, "body": {}} | changes
    return Record(**fields)


def test_the_chain_starts_as_the_contract_says():
    expected = hashlib.sha256(b"xinguan-journal-1\x00gate1\x00e1").digest()

    assert chain_start("gate1", "e1") == expected
    assert chain_next(expected, b"raw") == hashlib.sha256(expected + b"raw").digest()


def test_a_record_is_canonical_json_with_chinese_text_unescaped():
    raw = encode(record(body={"z": "首次免票", "a": [1, None, True]}))

    assert (
        raw.decode()
        == '{"at_ms":5,"body":{"a":[1,null,true],"z":"首次免票"},"id":"x","kind":"note","redemption":null,"seq":1}'
    )


NAMES = st.text(st.characters(max_codepoint=127), max_size=8)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(1 - 2**53, 2**53 - 1), st.text(st.characters(codec="utf-8")))
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(NAMES, inner))
)
IDS = st.one_of(NAMES, st.text(st.characters(codec="utf-8"), max_size=8))


def written(value):
    """Return what Python's own encoder writes, by the rules of this form."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@given(VALUES)
def test_a_value_is_written_as_the_standard_encoder_writes_it(value):
    assert canonical(value) == written(value)


@given(IDS, IDS, st.none() | IDS, st.dictionaries(NAMES, LEAVES))
def test_a_record_is_written_as_one_object_whatever_its_ids_are(name, kind, redemption, body):
    whole = {"seq": 1, "id": name, "at_ms": 5, "kind": kind, "redemption": redemption, "body": body}

    assert encode(Record(**whole)) == written(whole)


@pytest.mark.parametrize("value", ["\ud800", {"a": ["x", "\udfff"]}])
def test_half_a_character_is_refused_wherever_it_stands(value):
    with pytest.raises(ValueError, match="surrogate"):
        canonical(value)


@pytest.mark.parametrize("place", [{"seq": 2**53}, {"at_ms": -(2**53)}, {"at_ms": 5.0}, {"seq": True + 0.5}])
def test_a_number_that_no_record_holds_is_refused_beside_the_body_as_well(place):
    with pytest.raises(ValueError, match=r"\$"):
        encode(record(**place))


@pytest.mark.parametrize("value", [1.5, 2**53, {"é": 1}, {1: 2}, b"x", {"a": [float("nan")]}])
def test_what_rfc_8785_could_not_carry_is_refused(value):
    with pytest.raises(ValueError, match=r"\$"):
        canonical(value)


def test_a_record_has_a_bound():
    with pytest.raises(ValueError, match=str(MAX_RECORD_BYTES)):
        encode(record(body={"text": "x" * MAX_RECORD_BYTES}))
