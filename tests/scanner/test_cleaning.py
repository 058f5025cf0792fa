"""What stands around codes, and that nothing else is touched."""

import random

import pytest

from credit.codec.base45 import encode
from scanner.cleaning import CHARACTERS, TABLE, TOLD, clean, clean_bytes

CODE = "XG1:" + CHARACTERS + "9"
AROUND = {
    "aim": ("]Q1", "]Q3", "]q0", "]d2"),
    "control": ("\x02", "\0\0", "\x1d", "\x06", "\x16\x02", "\x10\x02", "\x05", "\x11"),
    "bom": ("\ufeff", "\u200b", "\u202d", "\u2068", "\u061c", "\u2028", "\U000e0041"),
    "blank": (" ", "   ", "\u3000", "\u00a0", "\u2009", "\u1680", "\u2800"),
    "eci": ("\\000026", "\\000003"),
    "preamble": (
        "Q",
        "s",
        "ID:",
        "SCANNER-7 ",
        '"',
        "<",
        '{"code":"',
        "2026-11-27 08:00:00 ",
        "No. 000123456789012345 ",
    ),
}


@pytest.mark.parametrize(("name", "put"), [(name, put) for name, puts in AROUND.items() for put in puts])
def test_what_a_scanner_puts_before_a_code_is_taken_off_and_named(name, put):
    assert clean(put + CODE) == (CODE, True, (name,))


@pytest.mark.parametrize(
    "end",
    [
        *("\r\n", "\x03", "\x1d\r", "\0\0", " ", "\ufeff", "\t", "\u2003", "\u202f", "\u202c", "\ufe0f", "\u3164"),
        *("\x03K\r", "\x03~", "\x03\x1f\x7f", "\x04A1F0"),  # a check behind ETX or EOT
    ],
)
def test_what_stands_behind_a_code_is_taken_off(end):
    assert clean(CODE + end).text == CODE


@pytest.mark.parametrize(
    "end", [";", "；", "[CR]", "\\r\\n", "|", ",", "#", '"', '"}', ">", "」", "\ufffd", " ;", "(END)"]
)
def test_what_a_scanner_puts_behind_a_code_is_taken_off_and_named(end):
    cleaned = clean(CODE + end)

    assert cleaned.text == CODE
    assert "postamble" in cleaned.found


def test_a_character_that_is_none_of_ours_in_the_middle_makes_no_other_code_of_one():
    for spoilt in ("XG1:A,BCDEFGH", f"XG1:{'A' * 40},{'B' * 16}"):
        assert clean(spoilt).text == spoilt


def test_marks_inside_a_code_are_taken_out():
    for mark in ("\u202d", "\u180e", "\u034f", "\u2060", "\r\n"):
        assert clean(CODE[:20] + mark + CODE[20:]).text == CODE


def test_everything_at_once():
    wide = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in CODE).replace(" ", "\u3000")
    cleaned = clean("\ufeff\x02 ]Q1\\000026" + wide.lower() + "\x03\r\n")

    assert cleaned.text == CODE
    assert set(cleaned.found) == {"bom", "control", "blank", "aim", "eci", "wide", "case"}


def test_lower_case_and_inverted_case_are_the_code():
    assert clean(CODE.lower()) == (CODE, True, ("case",))
    assert clean("xg1:Ab9").text == "XG1:AB9"
    assert clean("xg1:ıİi").text == "XG1:III"  # a Turkish keyboard


def test_an_input_method_is_undone():
    assert clean("XG1：A。B，￥％＊＋－．／ ：Z").text == "XG1:A.B,$%*+-./ :Z"


@pytest.mark.parametrize(
    ("ours", "typed"),
    [
        ("-", "‒–—―−‐‑﹣➖"),
        ("*", "∗⁎✱✖×﹡"),
        ("/", "、∕⁄÷"),
        (":", "∶꞉ː﹕"),
        ("+", "➕﹢"),
        ("%", "٪﹪"),
        ("$", "￥¥﹩"),
        (".", "。·．｡"),
    ],
)
def test_a_look_alike_with_one_meaning_is_that_character(ours, typed):
    assert {clean(f"XG1:A{one}B").text for one in typed} == {f"XG1:A{ours}B"}


def test_a_code_that_needs_nothing_is_untouched():
    dice = random.Random(5)
    for _ in range(300):
        code = "XG1:" + encode(dice.randbytes(dice.randint(1, 397)))
        assert clean(code) == (code, True, ())


@pytest.mark.parametrize(
    "text",
    [
        "渝健0012",
        "http://a.cn/?q=1#Xg1:x",
        "abcDEF",
        "］ｘ",
        "0106901234567892\x1d21ABC",
        "价格：100",
        "",
        "]]Q",
        "XG2:A",
    ],
)
def test_a_code_of_somebody_else_keeps_its_characters(text):
    assert clean(text) == (text, False, ())


def test_a_code_of_somebody_else_loses_what_scanners_put_around_it():
    assert clean("\x02]Q1\\000026渝健0012\x03\r\n") == ("渝健0012", False, ("control", "aim", "eci"))
    assert clean("\x1d01\x1d21A\x1d").text == "01\x1d21A"
    assert clean("A\x1b[2J").text == "A[2J"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("渝健0012".encode(), "渝健0012"),
        ("渝健0012".encode("gbk"), "渝健0012"),
        ("㐀𠀀".encode("gb18030"), "㐀𠀀"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"A\xff", "A\ufffd"),
        (b"\xef\xbb\xbfXG1:A", "XG1:A"),
    ],
)
def test_bytes_are_utf8_else_gb18030_else_not_guessed(raw, text):
    assert clean_bytes(raw).text == text


@pytest.mark.parametrize("even", [True, False])
def test_a_parity_bit_is_taken_off(even):
    raw = bytes(byte | 0x80 * ((byte.bit_count() % 2 == 1) is even) for byte in CODE.encode())

    assert clean_bytes(raw) == (CODE, True, ("parity",))


def test_a_code_that_needs_nothing_comes_out_of_the_table_as_it_does_beside_it():
    dice = random.Random(7)
    for _ in range(300):
        text = "XG1:" + "".join(dice.choices(CHARACTERS, k=dice.randint(0, 60)))

        assert clean(text).text == clean("\x02" + text).text == text.rstrip(" ")


def test_every_row_tells_its_mend_in_both_languages():
    assert all(row.zh and row.en and row.mend for row in TOLD.values())
    assert len({row.name for row in TABLE}) == len(TABLE)
