import hashlib

import pytest

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


@pytest.mark.parametrize("value", [1.5, 2**53, {"é": 1}, {1: 2}, b"x", {"a": [float("nan")]}])
def test_what_rfc_8785_could_not_carry_is_refused(value):
    with pytest.raises(ValueError, match=r"\$"):
        canonical(value)


def test_a_record_has_a_bound():
    with pytest.raises(ValueError, match=str(MAX_RECORD_BYTES)):
        encode(record(body={"text": "x" * MAX_RECORD_BYTES}))
