import random

import pytest

from scanner.handheld.framing import MAX_BYTES, Framer
from scanner.handheld.hid import EVENT_32, EVENT_64, LAYOUT_TEST, US, Keyboard

GAP = 0.15


def framer(suffix=None):
    return Framer(suffix, GAP)


@pytest.mark.parametrize(("suffix", "end"), [(None, b"\r"), (None, b"\r\n"), (b"\r\n", b"\r\n"), (b"\t", b"\t")])
def test_codes_are_whole_however_their_bytes_arrive(suffix, end):
    stream = b"".join(code + end for code in (b"XG1:ONE", b"TWO", b"XG1:THREE"))
    dice = random.Random(2)
    for _ in range(50):
        reader, texts, at = framer(suffix), [], 0
        while at < len(stream):
            step = dice.randint(1, 9)
            texts += reader.feed(stream[at : at + step], 1.0)
            at += step
        assert texts == ["XG1:ONE", "TWO", "XG1:THREE"]
        assert not reader.waiting


def test_two_codes_glued_by_a_suffix_are_two():
    assert framer().feed(b"A\rB\r", 0.0) == ["A", "B"]


def test_without_a_suffix_the_gap_ends_a_code():
    reader = framer(b"")
    assert reader.feed(b"HALF", 0.0) == []
    assert reader.feed(b"-HALF", 0.1) == []
    assert reader.idle(0.2) == []
    assert reader.idle(0.26) == ["HALF-HALF"]
    assert reader.feed(b"NEXT", 1.0) == []
    assert reader.feed(b"AFTER THE GAP", 2.0) == ["NEXT"]


def test_half_a_code_of_a_scanner_that_sends_suffixes_is_no_code():
    reader = framer(b"\r")
    reader.feed(b"XG1:HAL", 0.0)

    assert reader.feed(b"XG1:WHOLE\r", 5.0) == ["XG1:WHOLE"]
    assert reader.dropped == 1


def test_a_megabyte_without_end_costs_a_kilobyte_and_one_code():
    reader = framer()
    for n in range(256):
        assert reader.feed(b"x" * 4096, n * 0.001) == []
        assert len(reader._held) <= MAX_BYTES

    assert reader.feed(b"tail\rXG1:GOOD\r", 0.3) == ["XG1:GOOD"]
    assert reader.dropped == 1


def test_control_characters_spoil_a_code_and_bytes_that_are_no_text_are_replaced():
    assert framer().feed(b"A\x1b[2J\rB\r\xff\xfe\r", 0.0) == ["B", "\ufffd\ufffd"]


def keys(text, *, event=EVENT_64, lose=(), end=28):
    """Type a text as a US keyboard would; `lose` names key codes whose key-up never comes."""
    find = {char: (code, n) for code, pair in reversed(US.items()) for n, char in enumerate(pair)}
    out = []
    for char in text:
        code, shift = find[char]
        out += [(42, 1)] * shift + [(code, 1), (code, 2)] + [(code, 0)] * (code not in lose)
        out += [(42, 0)] * (shift and 42 not in lose)
    out += [(end, 1), (end, 0)]
    return b"".join(event.pack(0, 0, 1, code, value) + event.pack(0, 0, 0, 0, 0) for code, value in out)


@pytest.mark.parametrize("event", [EVENT_64, EVENT_32])
def test_every_character_of_a_code_can_be_typed(event):
    keyboard = Keyboard(framer(), event)
    data = keys(LAYOUT_TEST, event=event)

    texts = [text for n in range(0, len(data), 7) for text in keyboard.feed(data[n : n + 7], 1.0)]

    assert texts == [LAYOUT_TEST]


def test_a_lost_key_up_harms_no_other_character():
    assert Keyboard(framer()).feed(keys("XG1:ABBA", lose={48}), 0.0) == ["XG1:ABBA"]


def test_a_lost_shift_up_ends_with_the_code():
    keyboard = Keyboard(framer())
    keyboard.feed(keys("A", lose={42}), 0.0)

    assert keyboard.feed(keys("1a"), 1.0) == ["1a"]


def test_a_wrong_layout_shows_in_the_layout_test():
    german = LAYOUT_TEST.translate(str.maketrans("zyZY", "yzYZ"))

    assert Keyboard(framer()).feed(keys(german), 0.0) != [LAYOUT_TEST]


def test_caps_lock_is_seen_in_the_letters():
    keyboard = Keyboard(framer())
    lock = EVENT_64.pack(0, 0, 1, 58, 1) + EVENT_64.pack(0, 0, 1, 58, 0)

    assert keyboard.feed(lock + keys("aB1"), 0.0) == ["Ab1"]


def test_an_unknown_key_spoils_the_code():
    assert Keyboard(framer()).feed(EVENT_64.pack(0, 0, 1, 200, 1) + keys("A"), 0.0) == []


def test_tab_and_keypad_enter_end_a_code():
    keyboard = Keyboard(framer())

    assert keyboard.feed(keys("A", end=15) + keys("B", end=96), 0.0) == ["A", "B"]
