import json
import subprocess
import sys

import cv2
import pytest

from tests.tools.shell import xinguan


def scan(*words):
    return xinguan("scan", *words)


@pytest.fixture
def picture(tmp_path, draw):
    cv2.imwrite(str(tmp_path / "a.png"), draw("XG1:PICTURE"))
    return tmp_path / "a.png"


def test_each_code_of_a_picture_is_one_json_line_and_its_box_is_drawn(picture, tmp_path):
    done = scan(picture, "--show", tmp_path / "boxes.png")

    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert (line["image"], line["text"], line["step"]) == (str(picture), "XG1:PICTURE", "whole")
    boxes = cv2.imread(str(tmp_path / "boxes.png"))
    assert boxes.shape == (720, 1280, 3)
    assert (boxes.max(2) != boxes.min(2)).sum() > 100  # something green on a grey picture


def test_a_picture_without_a_code_is_status_1_and_silence(tmp_path, picture):
    cv2.imwrite(str(tmp_path / "none.png"), cv2.imread(str(picture))[:100, :100])

    done = scan(tmp_path / "none.png")

    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["/nothing.png"], "No such file"),
        (["/dev/null"], "no picture"),
        (["--source", "camera"], "v4l2:0"),
        (["--source", "http://127.0.0.1:1/#read_s=x"], "seconds"),
    ],
)
def test_what_cannot_be_used_is_status_2_with_the_mend(words, mend):
    done = scan(*words)

    assert done.returncode == 2
    assert mend in done.stderr
    assert "Traceback" not in done.stderr


def test_a_source_is_read_as_the_service_reads_it(picture, tmp_path):
    done = scan("--source", f"folder:{picture.parent}", "--once", "--show", tmp_path / "seen.png")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"] == "XG1:PICTURE"


def test_a_picture_bomb_is_refused_by_its_header(tmp_path):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    bomb = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)) + chunk(
        b"IDAT", zlib.compress(bytes(7501) * 600, 9)
    )
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bomb + chunk(b"IEND", b""))

    done = scan(tmp_path / "bomb.png")

    assert done.returncode == 2
    assert "no picture" in done.stderr


def test_a_machine_without_a_decoder_is_told_so_and_gets_no_traceback(picture):
    without = (
        "import ctypes.util, sys; ctypes.util.find_library = lambda name: None\n"
        "from edge.cli import main; sys.exit(main(['scan', sys.argv[1]]))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", without, picture], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith("xinguan scan: 识读库缺失")
    assert "xinguan doctor names the mend" in done.stderr
    assert len(done.stderr.splitlines()) == 1
