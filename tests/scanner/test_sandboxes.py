"""Cameras whose decoders systemd starts: here the socket starts the same command, as Accept=yes does."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scanner.camera.starting import LOCAL, NET, SANDBOXES, sandbox_of
from scanner.child import worker
from scanner.child.limits import HUNG_S
from scanner.health import State
from scanner.sources import open_source
from scanner.spec import parse_spec

SERVER = Path(__file__).with_name("mjpegd.py")
COMMAND = [sys.executable, "-I", "-m", "scanner", "--source", "-"]


async def until(condition, seconds=30):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class Sandboxes:
    """What xinguan-camera.socket and xinguan-camera-net.socket do: a decoder for each connection, which is its pipe."""

    def __init__(self, folder):
        self.folder, self.children = folder, []

    async def accept(self, name):
        self._servers = [*getattr(self, "_servers", ()), await self._listen(name)]

    async def _listen(self, name):
        def connected(reader, writer):
            handle = os.dup(writer.get_extra_info("socket").fileno())
            os.set_blocking(handle, True)
            self.children.append(subprocess.Popen(COMMAND, stdin=handle, stdout=handle))
            os.close(handle)
            writer.transport.pause_reading()  # the child's from here on
            writer.transport.abort()

        return await asyncio.start_unix_server(connected, self.folder / name, start_serving=True)

    async def close(self):
        for server in self._servers:
            server.close()
        for child in self.children:
            child.kill()
            child.wait(10)


@pytest.fixture
async def sandboxes(tmp_path, monkeypatch):
    monkeypatch.setenv(SANDBOXES, str(tmp_path))
    made = Sandboxes(tmp_path)
    await made.accept(NET)
    await made.accept(LOCAL)
    yield made
    await made.close()


@pytest.fixture
def camera(tmp_path, jpeg):
    (tmp_path / "1.jpg").write_bytes(jpeg("BEHIND A SOCKET"))
    process = subprocess.Popen([sys.executable, SERVER, tmp_path, "good"])
    while not (tmp_path / "port").exists():
        assert process.poll() is None
        os.sched_yield()
    yield f"http://127.0.0.1:{(tmp_path / 'port').read_text()}/"
    process.kill()
    process.wait(10)


def own_decoders():
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [pid for task in tasks for pid in task.read_text().split()]
    return [pid for pid in pids if b"scanner\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def test_a_camera_is_read_watched_and_let_go_behind_a_socket(sandboxes, camera, clock):
    async with open_source(camera, clock=clock) as source:
        async with asyncio.timeout(30):
            presented = await anext(aiter(source))
            async with contextlib.aclosing(source.preview()) as preview:
                assert (await anext(aiter(preview))).startswith(b"\xff\xd8")
        (child,) = sandboxes.children
        assert child.poll() is None

    assert presented.text == "BEHIND A SOCKET"
    await until(lambda: child.poll() is not None)  # nobody killed it: its connection ended
    assert child.returncode == 0


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_decoder_that_died_or_hangs_in_its_sandbox_is_replaced(sandboxes, camera, clock, blow, monkeypatch):
    monkeypatch.setattr("scanner.camera.parent.SILENCE_S", 1.5)
    async with open_source(camera, clock=clock) as source:
        await until(lambda: source.health.ready)

        sandboxes.children[0].send_signal(blow)

        await until(lambda: len(sandboxes.children) > 1 and source.health.ready)
        assert source.health.restarts >= 1


async def test_a_camera_of_this_box_is_asked_for_at_the_other_socket(sandboxes, tmp_path, clock):
    async with open_source(f"v4l2:{tmp_path}/video9", clock=clock) as source:
        await until(lambda: f"{tmp_path}/video9" in source.health.note)

    assert len(sandboxes.children) == 1


async def test_no_camera_falls_back_into_the_services_own_user(tmp_path, clock, monkeypatch):
    monkeypatch.setenv(SANDBOXES, str(tmp_path))

    async with open_source("v4l2:0", clock=clock) as source:
        await until(lambda: source.health.state is State.DOWN)
        assert "sudo systemctl start xinguan-camera.socket" in source.health.note
        assert own_decoders() == []


@pytest.mark.parametrize(
    ("source", "socket"),
    [
        ("v4l2:0", LOCAL),
        ("http://c/", NET),
        ("https://c/", NET),
        ("rtsp://c/", NET),
        ("folder:/p", ""),
        ("file:/p", ""),
    ],
)
def test_each_kind_of_camera_has_the_sandbox_that_it_can_work_in(source, socket, monkeypatch):
    monkeypatch.setenv(SANDBOXES, "/run/x")
    assert sandbox_of(parse_spec(source)) == (Path("/run/x", socket) if socket else None)

    monkeypatch.delenv(SANDBOXES)
    assert sandbox_of(parse_spec(source)) is None


def test_a_decoder_that_nobody_may_kill_is_ended_by_its_own_alarm():
    code = "from scanner.child.limits import alive\nalive(0.05)\nwhile True: pass"

    done = subprocess.run([sys.executable, "-I", "-c", code], timeout=30)

    assert done.returncode == -signal.SIGALRM


def test_the_loop_puts_the_alarm_off_with_each_of_its_figures(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)  # the parent is gone: the first figure is the last
    lives = []

    worker.Worker(parse_spec(f"folder:{tmp_path}"), writing, lambda: lives.append(1)).run()

    os.close(writing)
    assert lives == [1]
    assert worker.STATS_EVERY_S < HUNG_S / 2
