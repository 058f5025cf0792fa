"""Only one whole alphanumeric segment with our prefix is a text."""

import numpy as np
import pytest
import segno

from scanner.reading.soft.symbols import blocks, layout, mask
from scanner.reading.soft.texts import CHARACTERS, segment, text_of

OURS = ("XG1:",)


def words_of(code):
    """Return the data words of a drawn code, read from its modules."""
    version, level, number = code.version, code.error, code.mask
    shades = np.where(np.array([list(row) for row in code.matrix], np.uint8), -1, 1) * mask(version, number)
    plan, kit = layout(version), blocks(version, level)
    stream = np.append(np.packbits(shades.ravel()[plan.path] < 0), np.uint8(0))[kit.words]
    return b"".join(
        block[len(block) - kit.checks - data : len(block) - kit.checks].tobytes()
        for block, data in zip(stream, kit.data, strict=True)
    )


def made(text, **how):
    return segno.make(text, **{"error": "m", "mode": "alphanumeric", "boost_error": False, "micro": False, **how})


@pytest.mark.parametrize("length", [0, 1, 2, 3, 150, 151, 200])
@pytest.mark.parametrize("version", [9, 10, 16])
def test_a_text_of_any_length_comes_back(length, version):
    dice = np.random.default_rng([length, version])
    text = "XG1:" + "".join(dice.choice(list(CHARACTERS), length))

    assert text_of(words_of(made(text, version=version)), version=version, prefixes=OURS) == text


def test_a_code_filled_to_the_last_bit_has_no_room_for_a_terminator_and_is_read():
    text = "XG1:" + "A" * (178 - 4)  # all that version 7-M holds

    assert text_of(words_of(made(text, version=7)), version=7, prefixes=OURS) == text


@pytest.mark.parametrize("text", ["HC1:ABC", "XG1", "xg1:abc", "XG2:ABC", "1234567"])
def test_a_text_that_is_not_ours_is_no_text(text):
    mode = "byte" if text.islower() else "numeric" if text.isdigit() else "alphanumeric"

    assert text_of(words_of(made(text, version=8, mode=mode)), version=8, prefixes=OURS) is None


def test_a_second_segment_is_refused_and_never_cut_off():
    code = segno.make("XG1:ABC" + "微信" * 9, error="m", version=8)
    assert segment(words_of(code), version=8) is None

    one = words_of(made("XG1:ABCD", version=8))
    whole = int.from_bytes(one)
    at = 8 * len(one) - 4 - 9 - 4 * 11 - 4  # behind the four pairs
    assert segment((whole | 0b0100 << at).to_bytes(len(one)), version=8) is None
    assert segment(one, version=8) == "XG1:ABCD"


def test_values_that_are_no_characters_and_lengths_beyond_the_words_are_refused():
    def packed(*fields):
        bits = "".join(f"{value:0{size}b}" for value, size in fields).ljust(160, "0")
        return int(bits, 2).to_bytes(20)

    good = packed((2, 4), (3, 9), (45 * 10 + 11, 11), (12, 6))
    assert segment(good, version=7) == "ABC"
    assert segment(packed((2, 4), (3, 9), (2025, 11), (12, 6)), version=7) is None
    assert segment(packed((2, 4), (3, 9), (450, 11), (45, 6)), version=7) is None
    assert segment(packed((2, 4), (200, 9), (450, 11)), version=7) is None
    assert segment(packed((4, 4), (3, 8), (65, 8)), version=7) is None
    assert segment(good, version=6) is None
    assert segment(b"", version=7) is None
