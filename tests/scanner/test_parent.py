"""What the service loads of the scanner, and how it ends the process that reads."""

import asyncio
import subprocess
import sys

import pytest

from scanner.camera.starting import end

PARENT = [
    "sources",
    "camera.parent",
    "camera.pipe",
    "camera.starting",
    "health",
    "seen",
    "spec",
    "command",
    "handheld.reader",
    "handheld.framing",
    "handheld.hid",
    "holder",
]


def test_the_service_side_never_loads_opencv_or_numpy():
    code = (
        f"import sys\nfor name in {PARENT}: __import__('scanner.' + name)\n"
        "assert not {'cv2', 'numpy', 'pyzbar', 'zxingcpp'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-I", "-c", code], check=True)


def test_the_whole_terminal_never_loads_opencv_or_numpy():
    code = (
        "import importlib, pkgutil, sys, edge, edge.commands\n"
        "for room in (edge, edge.commands):\n"
        "    for one in pkgutil.iter_modules(room.__path__, room.__name__ + '.'): importlib.import_module(one.name)\n"
        "assert 'edge.terminal' in sys.modules\n"
        "assert not {'cv2', 'numpy', 'pyzbar', 'zxingcpp'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-I", "-c", code], check=True)


READING = """
import asyncio, os, sys, time
from pathlib import Path
from scanner.sources import open_source

class Wall:
    def now_ms(self):
        return time.time_ns() // 1_000_000

def mapped(pid):
    return "cv2" in Path(f"/proc/{pid}/maps").read_text()

async def main():
    async with open_source(f"folder:{sys.argv[1]}", clock=Wall()) as source, asyncio.timeout(30):
        presented = await anext(aiter(source))
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        assert presented.text == "ONLY THE CHILD SEES"
        assert [mapped(child) for child in children] == [True]
        assert not mapped("self") and "cv2" not in sys.modules

asyncio.run(main())
"""


def test_while_a_camera_reads_opencv_is_mapped_in_the_child_alone(tmp_path, jpeg):
    (tmp_path / "1.jpg").write_bytes(jpeg("ONLY THE CHILD SEES"))

    subprocess.run([sys.executable, "-I", "-c", READING, tmp_path], check=True, timeout=60)


async def test_a_process_is_read_to_its_end_also_where_that_is_cancelled():
    """A source is closed while its process just ended by itself: no pipe may outlive the loop (a traceback at exit)."""
    code = "import sys, time; sys.stdout.write('x' * 200_000); sys.stdout.flush(); time.sleep(60)"
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe, stdout=pipe)
    ending = asyncio.create_task(end(child))
    await asyncio.sleep(0)

    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending

    assert child.returncode is not None
    assert child.stdout.at_eof()
