"""Handheld scanners on real terminals (pty) and pipes."""

import asyncio
import contextlib
import os
import pty
import subprocess
import sys

import pytest

from scanner.handheld.reader import NATIVE_EVENT
from scanner.health import State
from scanner.holder import MAX_NAMED, HeldError, claim, describe, holders
from scanner.sources import open_source


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Cradle:
    """A socket under a by-id name into which pty scanners are plugged."""

    def __init__(self, folder):
        self.path = folder / "usb-scanner-if00"
        self.master = None

    def plug(self):
        self.master, slave = pty.openpty()
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)

    def send(self, data):
        while data:
            data = data[os.write(self.master, data) :]

    def unplug(self):
        os.close(self.master)


@pytest.fixture
def cradle(tmp_path):
    return Cradle(tmp_path)


async def take(source, count=1, seconds=10):
    texts = []
    async with asyncio.timeout(seconds):
        async for presented in source:
            texts.append(presented.text)
            if len(texts) == count:
                break
    return texts


async def test_a_serial_scanner_is_read_and_its_glued_codes_are_two(cradle, clock):
    cradle.plug()
    async with open_source(f"serial:{cradle.path}", clock=clock) as source:
        await until(lambda: source.health.ready)
        cradle.send(b"XG1:ONE\rXG1:TWO\r")
        assert await take(source, 2) == ["XG1:ONE", "XG1:TWO"]


async def test_unplugged_in_the_middle_and_back_under_the_same_name(cradle, clock):
    cradle.plug()
    async with open_source(f"serial:{cradle.path}", clock=clock) as source:
        await until(lambda: source.health.ready)
        cradle.send(b"XG1:HALF OF A CO")
        await until(source._waiting.empty)
        cradle.unplug()
        await until(lambda: source.health.state is State.DOWN)
        cradle.plug()
        await until(lambda: source.health.ready)
        cradle.send(b"XG1:AFTER\r")
        assert await take(source) == ["XG1:AFTER"]
        assert source.health.restarts == 1


async def test_a_megabyte_of_noise_does_not_hide_the_next_code(cradle, clock):
    cradle.plug()
    async with open_source(f"serial:{cradle.path}", clock=clock) as source:
        await until(lambda: source.health.ready)
        await asyncio.to_thread(cradle.send, b"\x02" * 1_000_000 + b"\rXG1:GOOD\r")
        assert await take(source) == ["XG1:GOOD"]


async def test_a_scanner_that_is_not_there_is_down_and_says_so(tmp_path, clock):
    async with open_source(f"serial:{tmp_path}/nothing", clock=clock) as source:
        await until(lambda: source.health.state is State.DOWN)
        assert source.health.note == "No such file or directory"


async def test_a_second_reader_is_told_who_holds_the_scanner(cradle, clock):
    cradle.plug()
    code = (
        "import sys; from scanner.holder import claim; claim(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(  # noqa: ASYNC220 - starts at once
        [sys.executable, "-c", code, str(cradle.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline() == b"held\n"
        assert other.pid in [pid for pid, _ in holders(str(cradle.path))]
        with pytest.raises(HeldError, match=f"process {other.pid}"):
            claim(str(cradle.path))
        async with open_source(f"serial:{cradle.path}", clock=clock) as source:
            await until(lambda: source.health.state is State.DOWN)
            assert f"held by process {other.pid}" in source.health.note
            other.stdin.close()
            other.wait(10)
            await until(lambda: source.health.ready)
    finally:
        other.stdin.close()
        other.stdout.close()
        other.wait(10)


def test_who_holds_a_device_is_named_by_program_alone_and_a_crowd_is_counted(tmp_path):
    device = tmp_path / "device"
    device.touch()
    secret = "import sys; held = open(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", secret, str(device), "--password=hunter2"]
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_NAMED + 2):
            other = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            stack.callback(other.stdin.close)
            assert other.stdout.readline() == b"held\n"

        said = describe(str(device))

    assert said.count("process ") == MAX_NAMED
    assert said.endswith(", 2 more")
    assert "hunter2" not in said


async def test_a_keyboard_scanner_is_read_from_its_events(tmp_path, clock):
    os.mkfifo(tmp_path / "event0")
    press = [(42, 1), (45, 1), (45, 0), (42, 0), (34, 1), (2, 1), (28, 1), (28, 0)]  # Shift+x, g, 1, Enter
    data = b"".join(NATIVE_EVENT.pack(1, 2, 1, code, value) + NATIVE_EVENT.pack(1, 2, 0, 0, 0) for code, value in press)

    async with open_source(f"hid:{tmp_path}/event0", clock=clock) as source:
        await until(lambda: source.health.ready)
        writer = os.open(tmp_path / "event0", os.O_WRONLY)
        os.write(writer, data[:50])
        os.write(writer, data[50:])
        assert await take(source) == ["Xg1"]
        os.close(writer)
        await until(lambda: source.health.state is State.DOWN)
        await until(lambda: source.health.ready)
