import asyncio
import os
import pty
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from scanner.checks import NUMBERED, judge_latency, judge_layout, look_at, probe, transfer_s, usb_name
from scanner.handheld.layouts import LAYOUT_TEST, LAYOUTS, US, as_typed
from scanner.handheld.reader import NATIVE_EVENT
from scanner.spec import parse_spec


def mends(findings):
    return {finding.name: finding.mend for finding in findings if finding.mend}


def test_a_line_of_9600_baud_is_too_slow_and_one_of_115200_is_not():
    assert transfer_s(115_200) == pytest.approx(0.037, abs=0.001)
    master, slave = pty.openpty()
    slow = mends(look_at(f"serial:{os.ttyname(slave)}#baud=9600"))
    fast = mends(look_at(f"serial:{os.ttyname(slave)}"))
    os.close(master)
    os.close(slave)

    assert "115200" in slow["serial-speed"]
    assert "serial-speed" not in fast
    assert "by-id" in fast["source-name"]


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("/dev/ttyUSB0", True),
        ("/dev/ttyACM1", True),
        ("/dev/video0", True),
        ("/dev/input/event3", True),
        ("/dev/ttyS0", False),  # soldered on: it has no other name
        ("/dev/ttyAMA0", False),
        ("/dev/serial/by-path/pci-0000:00:14.0-usbv2-0:1.2:1.0-port0", False),
        ("/dev/scanner-north", False),
    ],
)
def test_only_a_number_that_another_order_of_plugging_changes_is_advised_against(path, changes):
    assert (NUMBERED.fullmatch(path) is not None) is changes


def test_what_is_missing_or_wrong_is_named_with_its_mend(tmp_path):
    assert "plug it in" in mends(look_at("v4l2:42"))["source"]
    assert "rtsp://" in mends(look_at("camera"))["source"]
    assert mends(look_at(f"folder:{tmp_path}")) == {}
    assert mends(look_at("http://camera/stream")) == {}


def test_the_layout_test_names_what_is_typed_otherwise():
    assert judge_layout(LAYOUT_TEST).mend == ""
    german = judge_layout(LAYOUT_TEST.translate(str.maketrans("zyZY", "yzYZ")))
    assert "Y" in german.en
    assert german.mend
    assert judge_layout("").mend


def test_a_scanner_that_another_program_has_is_named_and_one_of_ours_is_well():
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    wait = "import sys; sys.stdin.read()"
    for words, well in (((wait,), False), ((wait, "xinguan", "run"), True)):
        other = subprocess.Popen([sys.executable, "-c", *words], stdin=subprocess.PIPE, pass_fds=(slave,))
        found = mends(look_at(f"serial:{path}"))
        other.communicate()
        assert ("source" not in found) is well
    os.close(master)
    os.close(slave)


async def test_a_probe_measures_and_advises(tmp_path, draw, clock):
    for n in range(12):
        cv2.imwrite(str(tmp_path / f"{n:02d}.png"), draw("PROBE", size=(480, 640), at=(20 * n, 30 * n)))

    findings = await probe(f"folder:{tmp_path}#fps=30", clock=clock, seconds=30)

    assert "720" in mends(findings)["camera-size"]


async def test_a_probe_of_what_does_not_answer_says_why(clock):
    (finding,) = await probe("http://127.0.0.1:1/#open_s=0.2", clock=clock, seconds=4)

    assert finding.mend
    assert "127.0.0.1" in finding.en


async def test_a_probe_tells_how_late_a_code_arrives(tmp_path, draw, clock):
    for n in range(12):
        cv2.imwrite(str(tmp_path / f"{n:02d}.png"), draw("PROBE", at=(20 * n, 30 * n)))

    findings = await probe(f"folder:{tmp_path}#fps=30", clock=clock, seconds=30, show_s=30)

    assert "latency" in {finding.name for finding in findings}


async def test_a_probe_to_which_nobody_shows_a_code_finds_no_fault_in_that(tmp_path, clock):
    cv2.imwrite(str(tmp_path / "1.png"), np.full((720, 1280), 140, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((720, 1280), 90, np.uint8))

    found = {finding.name: finding for finding in await probe(f"folder:{tmp_path}", clock=clock, show_s=0.2)}

    assert "no code was shown" in found["code"].en
    assert not found["code"].mend


def test_a_camera_that_is_late_is_slow_and_a_serial_scanner_is_judged_by_its_baud_rate():
    assert "720" in judge_latency(101, parse_spec("v4l2:0")).mend
    assert not judge_latency(99, parse_spec("v4l2:0")).mend
    assert judge_latency(5_000, parse_spec("serial:/dev/ttyS0")).mend == ""


@pytest.mark.parametrize(("swapped", "well"), [({}, True), ({"y": "z", "z": "y", "Y": "Z", "Z": "Y"}, False)])
async def test_a_keyboard_scanner_shows_its_layout_to_the_probe(tmp_path, clock, swapped, well):
    os.mkfifo(tmp_path / "event0")
    keys = {typed: (key, shift) for key, pair in US.items() for shift, typed in enumerate(pair) if key < 70}
    writer = os.open(tmp_path / "event0", os.O_RDWR)
    for character in LAYOUT_TEST:
        key, shift = keys[swapped.get(character, character)]
        for code, value in ((42, 1), (key, 1), (key, 0), (42, 0)) if shift else ((key, 1), (key, 0)):
            os.write(writer, NATIVE_EVENT.pack(1, 2, 1, code, value) + NATIVE_EVENT.pack(1, 2, 0, 0, 0))
    os.write(writer, NATIVE_EVENT.pack(1, 2, 1, 28, 1))

    found = {finding.name: finding for finding in await probe(f"hid:{tmp_path}/event0", clock=clock, show_s=10)}
    os.close(writer)

    assert (not found["layout"].mend) is well


async def shown_by_serial(clock, data, options=""):
    master, slave = pty.openpty()
    os.write(master, b"")
    setting = f"serial:{os.ttyname(slave)}{options}"
    loop = asyncio.get_running_loop()
    loop.call_later(0.3, os.write, master, data)
    found = await probe(setting, clock=clock, show_s=2)
    os.close(master)
    os.close(slave)
    return {finding.name: finding for finding in found}


async def test_a_serial_scanner_that_sends_more_than_the_code_is_told_with_its_mend(clock):
    found = await shown_by_serial(clock, b"]Q1XG1:ABC\r")

    assert "AIM" in found["scanner-extras"].mend
    assert not found["code"].mend


async def test_a_serial_scanner_is_judged_by_the_layout_test_code(clock):
    assert not (await shown_by_serial(clock, LAYOUT_TEST.encode() + b"\r"))["layout"].mend
    assert (await shown_by_serial(clock, LAYOUT_TEST.swapcase().encode() + b"\r"))["layout"].mend


async def test_a_scanner_that_sends_what_cannot_be_a_code_is_no_good_scanner(clock):
    found = await shown_by_serial(clock, b"x" * 5000 + b"\r")

    assert "baud" in found["scanner-drops"].mend


async def test_a_suffix_other_than_the_setting_says_is_told(clock):
    found = await shown_by_serial(clock, b"XG1:ABC\r", options="#suffix=lf")

    assert "#suffix=cr" in found["scanner-extras"].mend


def test_a_layout_that_is_known_is_named():
    assert "#layout=de" in judge_layout(as_typed(LAYOUT_TEST, LAYOUTS["de"])).mend


def test_equal_devices_have_one_udev_name_and_others_have_their_own(tmp_path):
    for tty, product, serial in (("ttyACM0", "01", "A7"), ("ttyACM1", "01", "A7"), ("ttyACM2", "02", None)):
        device = tmp_path / "devices" / f"usb-{tty}"
        device.mkdir(parents=True)
        (device / "idVendor").write_text("1a86\n")
        (device / "idProduct").write_text(f"{product}\n")
        if serial:
            (device / "serial").write_text(f"{serial}\n")
        (tmp_path / "class" / "tty" / tty).mkdir(parents=True)
        (tmp_path / "class" / "tty" / tty / "device").symlink_to(device)

    first, second, third, none = (
        usb_name(Path(f"/dev/{tty}"), sys=tmp_path) for tty in ("ttyACM0", "ttyACM1", "ttyACM2", "ttyS0")
    )

    assert first == second == ("1a86", "01", "A7")
    assert third == ("1a86", "02", "")
    assert none is None
