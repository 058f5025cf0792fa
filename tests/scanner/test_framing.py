import random

import pytest

from scanner.cleaning import clean_bytes
from scanner.handheld.framing import ENDS, MAX_BYTES, Framer
from scanner.handheld.hid import EVENT_32, EVENT_64, KEYPAD, Keyboard
from scanner.handheld.layouts import LAYOUT_TEST, LAYOUTS, US, as_typed, layout_of

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
        assert texts == [b"XG1:ONE", b"TWO", b"XG1:THREE"]
        assert not reader.waiting


def test_two_codes_glued_by_a_suffix_are_two():
    assert framer().feed(b"A\rB\r", 0.0) == [b"A", b"B"]


def test_without_a_suffix_the_gap_ends_a_code():
    reader = framer(b"")
    assert reader.feed(b"HALF", 0.0) == []
    assert reader.feed(b"-HALF", 0.1) == []
    assert reader.idle(0.2) == []
    assert reader.idle(0.26) == [b"HALF-HALF"]
    assert reader.feed(b"NEXT", 1.0) == []
    assert reader.feed(b"AFTER THE GAP", 2.0) == [b"NEXT"]


def test_half_a_code_of_a_scanner_that_sends_suffixes_is_no_code():
    reader = framer(b"\r")
    reader.feed(b"XG1:HAL", 0.0)

    assert reader.feed(b"XG1:WHOLE\r", 5.0) == [b"XG1:WHOLE"]
    assert reader.dropped == {"half": 1}


def test_a_megabyte_without_end_costs_a_kilobyte_and_one_code():
    reader = framer()
    for n in range(256):
        assert reader.feed(b"x" * 4096, n * 0.001) == []
        assert len(reader._held) <= MAX_BYTES

    assert reader.feed(b"tail\rXG1:GOOD\r", 0.3) == [b"XG1:GOOD"]
    assert reader.dropped == {"flood": 1}


@pytest.mark.parametrize("suffix", [b"\r\n", b"\n", b"\t", b"\r"])
@pytest.mark.parametrize("sent", [b"\r", b"\n", b"\r\n", b"\t", b"\x03"])
def test_a_scanner_set_to_another_suffix_than_the_setting_is_understood(suffix, sent):
    reader = framer(suffix)
    codes = reader.feed(b"XG1:ONE" + sent + b"XG1:TWO" + sent, 0.0) + reader.idle(GAP)

    assert [clean_bytes(code).text for code in codes] == ["XG1:ONE", "XG1:TWO"]
    assert not reader.dropped


def test_alternating_suffixes_end_a_code_each():
    reader, sent = framer(), b"".join(b"XG1:%d" % n + end for n, end in enumerate([b"\r", b"\n", b"\t", b"\r\n"] * 3))

    assert reader.feed(sent, 0.0) == [b"XG1:%d" % n for n in range(12)]


@pytest.mark.parametrize("pause", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("suffix", [None, b"\r"])
def test_a_stutter_inside_a_code_is_no_end(pause, suffix):
    reader = framer(suffix)
    assert reader.feed(b"XG1:HA", 0.0) == []
    assert reader.idle(pause) == []
    assert reader.feed(b"LF\r", pause) == [b"XG1:HALF"]


def test_a_scanner_known_for_its_suffix_may_stutter_for_long():
    reader = framer()
    reader.feed(b"FIRST\r", 0.0)

    assert reader.feed(b"XG1:HA", 9.0) == []
    assert reader.feed(b"LF\r", 10.0) == [b"XG1:HALF"]


def test_a_gap_that_was_set_is_the_gap():
    reader = Framer(None, 0.1, 0.1)
    reader.feed(b"CODE", 0.0)

    assert reader.idle(0.1) == [b"CODE"]
    assert reader.noticed == {"no-suffix": 1}


def test_unplugged_inside_a_code_is_told():
    reader = framer()
    reader.feed(b"XG1:HAL", 0.0)
    reader.reset()
    reader.reset()

    assert reader.dropped == {"unplugged": 1}
    assert reader.feed(b"XG1:NEXT\r", 0.1) == [b"XG1:NEXT"]


@pytest.mark.parametrize("check", [b"K", b"\x1f", b"A0"])
def test_the_check_behind_an_etx_is_no_half_a_code(check):
    reader = framer()
    at_s = 0.0
    for _ in range(3):
        [code] = reader.feed(b"\x02XG1:GOOD\x03" + check, at_s)
        assert code.endswith(b"XG1:GOOD")
        at_s += 10.0
        assert reader.idle(at_s) == []

    assert not reader.dropped
    assert reader.noticed == {"check": 3}


def test_half_a_code_behind_an_etx_is_half_a_code():
    reader = framer()
    reader.feed(b"\x02XG1:GOOD\x03XG1:HAL", 0.0)
    reader.idle(10.0)

    assert reader.dropped == {"half": 1}


def test_padding_ends_nothing_and_is_no_code_by_itself():
    reader = framer()

    assert reader.feed(b"\0\0\r\n  \r", 0.0) == []
    assert reader.feed(b"A\0\0B\r", 0.0) == [b"A\0\0B"]
    assert not ENDS.search(b"\0")


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

    assert texts == [LAYOUT_TEST.encode()]


def test_a_lost_key_up_harms_no_other_character():
    assert Keyboard(framer()).feed(keys("XG1:ABBA", lose={48}), 0.0) == [b"XG1:ABBA"]


def test_a_lost_shift_up_ends_with_the_code():
    keyboard = Keyboard(framer())
    keyboard.feed(keys("A", lose={42}), 0.0)

    assert keyboard.feed(keys("1a"), 1.0) == [b"1a"]


def test_a_wrong_layout_shows_in_the_layout_test():
    german = LAYOUT_TEST.translate(str.maketrans("zyZY", "yzYZ"))

    assert Keyboard(framer()).feed(keys(german), 0.0) != [LAYOUT_TEST.encode()]


def press(*codes, value=1):
    return b"".join(EVENT_64.pack(0, 0, 1, code, value) for code in codes)


CAPS = press(58) + press(58, value=0)


def test_caps_lock_lasts_as_long_as_the_code_in_which_it_was_pressed():
    keyboard = Keyboard(framer())

    assert keyboard.feed(CAPS + keys("aB1"), 0.0) == [b"Ab1"]
    assert keyboard.feed(keys("aB1"), 0.1) == [b"aB1"]
    keyboard.feed(CAPS, 1.0)  # a stray one, long before the next code
    assert keyboard.feed(keys("aB1"), 5.0) == [b"aB1"]


@pytest.mark.parametrize("around", [(69,), (70,), (88,), (125,), (1,), (102,), (183,), (115,), (143,), (272,)])
def test_keys_without_a_character_are_no_part_of_a_code(around):
    keyboard, noise = Keyboard(framer()), press(*around) + press(*around, value=0)
    sent = keys("XG1:AB")
    middle = len(keys("XG1:A")) - 2 * EVENT_64.size * 2

    assert keyboard.feed(noise + sent[:middle] + noise + sent[middle:] + noise, 0.0) == [b"XG1:AB"]
    assert keyboard.feed(keys("NEXT"), 0.0) == [b"NEXT"]


def test_alt_and_keypad_digits_are_a_character_by_its_number():
    keyboard = Keyboard(framer())
    numbers = {"X": "88", "1": "49", "é": "0233", "信": str(ord("信"))}
    find = {digit: code for code, digit in KEYPAD.items()}
    sent = b"".join(
        press(56) + press(*(find[digit] for digit in number)) + press(56, value=0) for number in numbers.values()
    )

    assert keyboard.feed(sent + press(28), 0.0) == ["X1é信".encode()]


def test_control_and_a_letter_is_a_control_character():
    keyboard = Keyboard(framer())
    stx, gs = press(29, 48) + press(29, value=0), press(29, 27) + press(29, value=0)

    assert keyboard.feed(stx + keys("01", end=58) + gs + keys("21A"), 0.0) == [b"\x0201\x1d21a"]


def test_an_unknown_key_spoils_the_code_rather_than_vanish_from_it():
    (raw,) = Keyboard(framer()).feed(press(200) + keys("A"), 0.0)

    assert clean_bytes(raw).text == "\ufffdA"


def test_tab_and_keypad_enter_end_a_code():
    keyboard = Keyboard(framer())

    assert keyboard.feed(keys("A", end=15) + keys("B", end=96), 0.0) == [b"A", b"B"]


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_each_layout_is_recognised_and_read(name):
    typed = as_typed(LAYOUT_TEST, LAYOUTS[name])
    code = "XG1:0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

    assert layout_of(typed) == name
    keyboard = Keyboard(framer(), layout=LAYOUTS[name])
    assert keyboard.feed(keys(as_typed(code, LAYOUTS[name])), 0.0) == [code.encode()]
