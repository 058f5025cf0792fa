"""Cameras, networks and children that fail in every way, on real processes: the source comes back by itself."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scanner.camera.pipe import MAGIC, Stats, pack
from scanner.health import State
from scanner.sources import open_source

SERVER = Path(__file__).with_name("mjpegd.py")
QUICK = "open_s=0.5&read_s=0.5"


async def until(condition, seconds=30):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def take(source, count=1, seconds=30):
    texts = []
    async with asyncio.timeout(seconds):
        async for presented in source:
            texts.append(presented.text)
            if len(texts) == count:
                break
    return texts


@pytest.fixture
def camera(tmp_path, jpeg):
    """Start a camera process; the first pictures shows BIG, the second, of another size, SMALL."""
    (tmp_path / "1.jpg").write_bytes(jpeg("BIG"))
    (tmp_path / "2.jpg").write_bytes(jpeg("SMALL", size=(300, 400), scale=3))
    started = []

    def start(*modes):
        (tmp_path / "port").unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, SERVER, tmp_path, *modes])
        started.append(process)
        while not (tmp_path / "port").exists():
            assert process.poll() is None
            os.sched_yield()
        return process, f"http://127.0.0.1:{(tmp_path / 'port').read_text()}/"

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(10)


def children():
    """The scanner children of this process."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for task in tasks for pid in task.read_text().split()]
    return [pid for pid in pids if b"scanner\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize("mode", ["stall", "silent", "dribble", "close", "error", "noboundary", "huge"])
async def test_a_camera_that_fails_once_is_read_after(camera, clock, mode):
    _, url = camera(mode, "good")

    async with open_source(f"{url}#{QUICK}", clock=clock) as source:
        assert await take(source, 2) == ["BIG"] * 2
        await until(lambda: source.health.reopened == 1)
        assert source.health.restarts == 0


@pytest.mark.parametrize("mode", ["garbage", "nolength"])
async def test_parts_that_are_no_pictures_cost_nothing_else(camera, clock, mode):
    _, url = camera(mode)

    async with open_source(f"{url}#{QUICK}", clock=clock) as source:
        assert await take(source, 2) == ["BIG"] * 2
        assert source.health.reopened == 0


async def test_a_stream_that_changes_its_size_is_read_in_both(camera, clock):
    _, url = camera("grow")

    async with open_source(f"{url}#{QUICK}", clock=clock) as source:
        assert {"BIG", "SMALL"} == set(await take(source, 12))


async def test_a_camera_that_always_stalls_is_stalled_and_says_why(camera, clock):
    _, url = camera("stall")

    async with open_source(f"{url}#{QUICK}", clock=clock) as source:
        await until(lambda: source.health.state is State.STALLED)
        assert "no whole picture" in source.health.note or "timed out" in source.health.note
        assert not source.health.ready


async def test_a_camera_frozen_killed_and_back_is_read_again(camera, clock):
    process, url = camera("grow")

    async with open_source(f"{url}#{QUICK}", clock=clock) as source:
        await take(source, 2)
        process.send_signal(signal.SIGSTOP)
        await until(lambda: source.health.reopened >= 1)
        process.send_signal(signal.SIGCONT)
        await until(lambda: source.health.ready)
        frames = source.health.frames
        await until(lambda: source.health.frames > frames)
        assert source.health.restarts == 0


@pytest.mark.parametrize("blow", [signal.SIGSEGV, signal.SIGKILL, signal.SIGSTOP])
async def test_a_child_that_crashes_or_hangs_is_replaced(camera, clock, blow, monkeypatch):
    monkeypatch.setattr("scanner.camera.parent.SILENCE_S", 1.5)
    _, url = camera("grow")

    async with open_source(url, clock=clock) as source:
        await take(source, 2)
        (child,) = children()
        os.kill(child, blow)
        await until(lambda: source.health.restarts == 1)
        await until(lambda: children() not in ([], [child]))
        await until(lambda: source.health.ready)
        assert child not in children()


async def test_leaving_the_context_leaves_no_process(camera, clock):
    _, url = camera("grow")
    async with open_source(url, clock=clock) as source:
        await take(source)
        (child,) = children()

    assert child not in children()


LEAK = pack(Stats(frames=1, width=1, height=1, fps=1.0, frame_age_s=0.0, reopened=0, rss_bytes=900 << 20))
FAKES = {
    "garbage": "import os\nwhile True: os.write(1, b'corrupted size vs. prev_size')",
    "half a message": f"import os, time\nos.write(1, {MAGIC!r} + bytes(3)); time.sleep(60)",
    "a giant": f"import os\nwhile True: os.write(1, {MAGIC!r} + b'\\x01\\xff\\xff\\xff\\xff' + bytes(65536))",
    "a drip": (
        f"import os, time\nos.write(1, {MAGIC!r} + b'\\x01\\x00\\x01\\x00\\x00')\n"
        "while True: os.write(1, bytes(1)); time.sleep(0.05)"
    ),
    "a leak": f"import os, time\nos.write(1, {LEAK!r}); time.sleep(60)",
    "silence": "import time; time.sleep(60)",
    "an end": "pass",
}


@pytest.mark.parametrize("name", FAKES)
async def test_whatever_comes_out_of_the_pipe_the_parent_starts_again(tmp_path, clock, monkeypatch, name):
    monkeypatch.setattr("scanner.camera.parent.START_S", 0.5)
    monkeypatch.setattr("scanner.camera.parent.SILENCE_S", 0.5)
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\n{FAKES[name]}\n")
    program.chmod(0o755)
    real = sys.executable
    monkeypatch.setattr("scanner.camera.starting.sys.executable", str(program))

    async with open_source(f"folder:{tmp_path}", clock=clock) as source:
        await until(lambda: source.health.restarts >= 2)
        monkeypatch.setattr("scanner.camera.starting.sys.executable", real)
        monkeypatch.setattr("scanner.camera.parent.START_S", 15.0)
        monkeypatch.setattr("scanner.camera.parent.SILENCE_S", 15.0)
        await until(lambda: source.health.rss_bytes > 0 and source.health.state is not State.DOWN)


async def test_a_machine_too_slow_to_start_the_scanner_in_time_gives_it_longer_each_time(tmp_path, clock, monkeypatch):
    figures = pack(Stats(frames=1, width=1, height=1, fps=1.0, frame_age_s=0.0, reopened=0, rss_bytes=5))
    program = tmp_path / "python"
    program.write_text(
        f"#!{sys.executable}\nimport os, time\ntime.sleep(0.6); os.write(1, {figures!r}); time.sleep(60)\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr("scanner.camera.parent.START_S", 0.2)
    monkeypatch.setattr("scanner.camera.starting.sys.executable", str(program))

    async with open_source(f"folder:{tmp_path}", clock=clock) as source:
        await until(lambda: source.health.ready, seconds=10)

    assert source.health.restarts >= 1


async def test_a_scanner_process_that_cannot_be_started_is_down_and_tried_again(tmp_path, clock, monkeypatch):
    real = sys.executable
    monkeypatch.setattr("scanner.camera.starting.sys.executable", str(tmp_path / "no-python-here"))

    async with open_source(f"folder:{tmp_path}", clock=clock) as source:
        await until(lambda: source.health.restarts >= 2)
        assert source.health.state is State.DOWN
        assert "cannot start" in source.health.note
        monkeypatch.setattr("scanner.camera.starting.sys.executable", real)
        await until(lambda: source.health.rss_bytes > 0 and source.health.state is not State.DOWN)


async def test_a_second_terminal_wanting_the_same_camera_is_told_who_has_it(tmp_path, clock):
    (tmp_path / "video0").touch()
    code = (
        "import sys; from scanner.holder import claim; claim(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen(  # noqa: ASYNC220 - starts at once
        [sys.executable, "-c", code, tmp_path / "video0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert first.stdout.readline() == b"held\n"
        async with open_source(f"v4l2:{tmp_path}/video0", clock=clock) as source:
            await until(lambda: f"held by process {first.pid}" in source.health.note)
            assert not source.health.ready
            first.stdin.close()
            first.wait(10)
            await until(lambda: "no camera" in source.health.note)  # ours now, though it is none
    finally:
        first.stdin.close()
        first.stdout.close()
        first.wait(10)


def test_a_memory_bomb_ends_the_child_alone():
    code = (
        "import os\nfrom scanner.child.limits import bound_process\nbefore = os.nice(0)\nbound_process(256, 5)\n"
        "assert os.nice(0) == min(before + 5, 19)\nheld = []\n"
        "try:\n    while True: held.append(bytearray(1 << 24))\n"
        "except MemoryError:\n    raise SystemExit(3 if len(held) < 16 else 4)"
    )

    done = subprocess.run([sys.executable, "-I", "-c", code], timeout=30)

    assert done.returncode == 3


def test_the_child_runs_within_its_limits_and_dies_with_its_parent(tmp_path):
    code = (
        "import subprocess, sys\n"
        "command = [sys.executable, '-I', '-m', 'scanner', '--source', '-']\n"
        "child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        f"child.stdin.write(b'folder:{tmp_path}\\n'); child.stdin.flush()\n"
        "child.stdout.read(1)\nprint(child.pid, flush=True)\nsys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child = int(parent.stdout.readline())
    limits = Path(f"/proc/{child}/limits").read_text()
    bound = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max address space"))
    score = Path(f"/proc/{child}/oom_score_adj").read_text().strip()

    parent.kill()
    parent.wait(10)
    parent.stdin.close()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        os.sched_yield()

    assert (bound, score) == (str(1024 << 20), "800")
    assert not Path(f"/proc/{child}").exists()


async def test_the_preview_shows_boxes_and_costs_nothing_unwatched(camera, clock):
    import cv2
    import numpy as np

    _, url = camera("grow")
    async with open_source(url, clock=clock) as source:
        await take(source)
        assert not source.watched
        async with contextlib.aclosing(source.preview()) as pictures, asyncio.timeout(20):
            picture = cv2.imdecode(np.frombuffer(await anext(pictures), np.uint8), cv2.IMREAD_COLOR)
            await anext(pictures)
            assert source.watched
        assert picture.shape[1] <= 640
        assert (picture.max(2).astype(int) - picture.min(2) > 80).sum() > 50  # the green box
        assert not source.watched


async def test_a_slow_consumer_loses_the_oldest_sights_only(clock):
    async with open_source("serial:/nowhere", clock=clock) as source:
        for n in range(100):
            source.present(str(n))
        texts = await take(source, 32)

    assert texts == [str(n) for n in range(68, 100)]
    assert source.health.dropped == 68


async def test_frames_of_8k_and_of_nothing_are_taken_like_any_other(tmp_path, draw, clock):
    import cv2
    import numpy as np

    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(cv2.imencode(".png", np.zeros((1, 1), np.uint8))[1])
    huge = cv2.resize(draw("HUGE", scale=6), (7680, 4320), interpolation=cv2.INTER_NEAREST)
    (tmp_path / "c.jpg").write_bytes(cv2.imencode(".jpg", huge)[1])
    (tmp_path / "d.png").write_bytes(cv2.imencode(".png", draw("AFTER"))[1])

    async with open_source(f"folder:{tmp_path}", clock=clock) as source:
        assert await take(source, 2) == ["HUGE", "AFTER"]
        assert source.health.restarts == 0
