"""The inputs of tests/cases, as real scanners and settings send them, through the real readers."""

import asyncio
import json
import os
import pty
from pathlib import Path

import cv2
import numpy as np
import pytest
import segno

from scanner.checks import look_at
from scanner.decode import Config, read_codes
from scanner.sources import open_source
from scanner.spec import SpecError, parse_spec

CASES = Path(__file__).parent.parent / "cases"
EXPECTED = {name: case["expect"] for name, case in json.loads((CASES / "manifest.json").read_text()).items()}


async def first(source):
    async with asyncio.timeout(10):
        return await anext(aiter(source))


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def serial(clock, *parts, gap_s=0.0, options=""):
    """Send parts down a line, `gap_s` apart; return what is presented first and the health."""
    master, slave = pty.openpty()
    try:
        async with open_source(f"serial:{os.ttyname(slave)}{options}", clock=clock) as source:
            await until(lambda: source.health.ready)
            loop = asyncio.get_running_loop()
            for n, part in enumerate(parts):
                loop.call_later(n * gap_s, os.write, master, part)
            return await first(source), source.health
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize(
    ("name", "taken_off"),
    [
        ("serial-aim-q1.bin", "aim"),
        ("serial-stx-etx.bin", "control"),
        ("serial-eci-000026.bin", "eci"),
        ("serial-nul-padded.bin", "control"),
    ],
)
async def test_a_serial_scanner_as_it_comes_out_of_the_box(name, taken_off, clock):
    presented, health = await serial(clock, (CASES / name).read_bytes())

    assert presented.text == EXPECTED[name]
    assert health.cleaned == {taken_off: 1}
    assert not health.drops


async def test_a_stutter_inside_a_code(clock):
    case = json.loads((CASES / "serial-stutter.json").read_text())
    parts = [bytes.fromhex(part) for part in case["parts_hex"]]

    presented, _ = await serial(clock, *parts, gap_s=case["gap_ms"] / 1000)

    assert presented.text == EXPECTED["serial-stutter.json"]


async def test_a_second_code_in_gbk_keeps_text_and_bytes(clock):
    raw = (CASES / "serial-second-gbk.bin").read_bytes()

    presented, _ = await serial(clock, raw)

    assert presented.text == "渝健0012"
    assert presented.raw == raw.rstrip(b"\r")


async def test_a_second_code_keeps_its_group_separators(clock):
    raw = (CASES / "serial-second-gs1.bin").read_bytes()

    presented, _ = await serial(clock, raw)

    assert presented.text == raw.decode().rstrip("\r")
    assert "\x1d" in presented.text


@pytest.mark.parametrize("name", ["hid-caps-led-on.evt", "hid-stray-caps.evt", "hid-numlock-around.evt"])
async def test_a_keyboard_scanner_under_lock_keys(name, tmp_path, clock):
    os.mkfifo(tmp_path / "event0")
    writer = os.open(tmp_path / "event0", os.O_RDWR)
    try:
        async with open_source(f"hid:{tmp_path}/event0", clock=clock) as source:
            await until(lambda: source.health.ready)
            for _ in range(2):  # the second is read as well as the first
                os.write(writer, (CASES / name).read_bytes())
                assert (await first(source)).text == EXPECTED[name]
    finally:
        os.close(writer)


async def test_what_is_thrown_away_is_told_at_once_and_counted(clock):
    told = []
    master, slave = pty.openpty()
    async with open_source(f"serial:{os.ttyname(slave)}", clock=clock) as source:
        source.on_dropped = told.append
        await until(lambda: source.health.ready)
        os.write(master, b"x" * 3000 + b"\r")
        os.write(master, b"y" * 1500 + b"\r")
        await until(lambda: source.health.missed == {"flood": 1, "long": 1})
        os.write(master, b"XG1:GOOD\r")
        assert (await first(source)).text == "XG1:GOOD"
        assert source.health.drops == {"flood": 1, "long": 1}
        assert source.health.missed == {}  # a code came through since
    os.close(master)
    os.close(slave)
    assert sorted(told) == ["flood", "long"]


def test_a_password_with_a_hash_names_the_mend_and_nothing_of_itself():
    with pytest.raises(SpecError) as refused:
        parse_spec((CASES / "source-rtsp-hash-password.txt").read_text())

    assert "%23" in str(refused.value)
    assert "aa" not in str(refused.value)
    assert "bb" not in str(refused.value)


def test_a_socket_by_its_path_is_a_good_name(tmp_path):
    given = (CASES / "doctor-by-path.txt").read_text().removeprefix("source = ").strip()
    master, slave = pty.openpty()
    port = tmp_path / "by-path" / Path(given).name.replace(":", "_")
    port.parent.mkdir()
    port.symlink_to(os.ttyname(slave))

    names = {finding.name for finding in [*look_at(given), *look_at(f"serial:{port}")]}
    os.close(master)
    os.close(slave)

    assert "source-name" not in names
    assert "serial-speed" in names


def test_a_second_code_in_gbk_without_eci_is_read_as_chinese():
    frame = cv2.imread(str(CASES / "qr-second-gbk-no-eci.png"))

    assert read_codes(frame) == (EXPECTED["qr-second-gbk-no-eci.png"],)


@pytest.mark.parametrize("text", ["[外側QRコード] *ﾀﾞﾌﾞﾙQR*", "<ﾃﾞｻﾞｲﾝQR> ｲﾗｽﾄ入りｶﾗｰQRｺｰﾄﾞ"])
def test_a_second_code_in_japanese_stays_japanese(text):
    symbol = segno.make(text.encode("shift_jis"), mode="byte", error="m")
    side = symbol.symbol_size(scale=8, border=4)[0]
    frame = np.full((side, side), 255, np.uint8)
    for row, modules in enumerate(symbol.matrix_iter(scale=8, border=4)):
        frame[row] = [0 if module else 255 for module in modules]

    assert read_codes(frame) == (text,)


CASCADE = Config(mend=None)  # without the soft decoder, which knows our prefix only


def no_clock():
    return 0.0


def dotted(text, radius, scale, *, round_eyes, background=255):
    """Draw a code whose modules are dots of `radius` modules, as some wallets do."""
    matrix = [list(row) for row in segno.make(text, error="l", micro=False, boost_error=False).matrix]
    size = len(matrix)
    frame = np.full(((size + 8) * scale, (size + 8) * scale), background, np.uint8)
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            if dark and (round_eyes or not in_eye(x, y, size)):
                centre = (round((x + 4.5) * scale * 16), round((y + 4.5) * scale * 16))  # in sixteenths of a pixel
                cv2.circle(frame, centre, round(radius * scale * 16), 20, -1, cv2.LINE_AA, shift=4)
            elif dark:
                frame[(y + 4) * scale : (y + 5) * scale, (x + 4) * scale : (x + 5) * scale] = 20
    return frame


def in_eye(x, y, size):
    return ((x < 7 or x >= size - 7) and y < 7) or (x < 7 and y >= size - 7)


@pytest.mark.parametrize("config", [CASCADE, Config()], ids=["cascade", "with the soft decoder"])
def test_round_dots_are_read_by_a_late_try_on_a_softened_picture(config):
    frame = cv2.imread(str(CASES / "qr-dots-v11.png"), cv2.IMREAD_GRAYSCALE)

    assert read_codes(frame, config=config, cpu_ms=no_clock) == (EXPECTED["qr-dots-v11.png"],)


@pytest.mark.parametrize("round_eyes", [True, False])
@pytest.mark.parametrize("radius", [0.35, 0.38, 0.42])
@pytest.mark.parametrize(("length", "scale"), [(120, 8), (240, 7), (320, 6)])
def test_other_round_dots_are_read_as_well(length, scale, radius, round_eyes):
    text = ("XG1:" + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" * 9)[:length]
    frame = np.full((720, 1280), 200, np.uint8)
    code = dotted(text, radius, scale, round_eyes=round_eyes)
    frame[40 : 40 + code.shape[0], 300 : 300 + code.shape[1]] = code

    assert read_codes(frame, config=CASCADE, cpu_ms=no_clock) == (text,)
