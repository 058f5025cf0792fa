"""Looking at the camera's picture costs the lane nothing: the scanner goes on, whatever its figures say."""

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanner.camera.pipe import Picture, Seen, Stats, Unpacker, pack
from scanner.child import worker
from scanner.health import State
from scanner.sources import open_source
from scanner.spec import parse_spec

SERVER = Path(__file__).with_name("mjpegd.py")


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def camera(tmp_path, jpeg):
    """Yield the address of a camera that gives 30 pictures a second."""
    (tmp_path / "1.jpg").write_bytes(jpeg("WATCHED"))
    process = subprocess.Popen([sys.executable, SERVER, tmp_path, "good"])
    while not (tmp_path / "port").exists():
        assert process.poll() is None
        os.sched_yield()
    yield f"http://127.0.0.1:{(tmp_path / 'port').read_text()}/"
    process.kill()
    process.wait(10)


@pytest.mark.parametrize("seconds", [2, pytest.param(10, marks=pytest.mark.e2e)])
async def test_a_stream_of_30_frames_a_second_is_read_while_somebody_watches(camera, clock, seconds):
    pictures, states = 0, set()

    async with open_source(camera, clock=clock) as source:
        await until(lambda: source.health.ready)
        began = asyncio.get_running_loop().time()
        async with contextlib.aclosing(source.preview()) as preview, asyncio.timeout(seconds + 10):
            async for _ in preview:
                pictures += 1
                states.add(source.health.state)
                if asyncio.get_running_loop().time() - began > seconds:
                    break

    assert states == {State.LIVE}
    assert (source.health.restarts, source.health.bad_figures) == (0, 0)
    assert pictures >= 2 * seconds


def test_a_frame_that_comes_while_a_picture_is_drawn_makes_no_figure_negative(draw, monkeypatch):
    reading, writing = os.pipe()
    frame = draw("WATCHED")
    monkeypatch.setattr(worker, "start_capture", lambda _spec, _newest: None)
    child = worker.Worker(parse_spec("http://127.0.0.1/"), writing)
    child.preview = True
    child._newest.put(frame)
    real = worker.to_jpeg

    def while_frames_arrive(picture):
        child._newest.put(frame)
        child._newest.end()
        return real(picture)

    monkeypatch.setattr(worker, "to_jpeg", while_frames_arrive)
    child.run()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = list(Unpacker().feed(pipe.read()))

    assert {type(message) for message in told} >= {Seen, Stats, Picture}
    assert [message.dropped for message in told if isinstance(message, Stats)] == [(), ()]


LIVE = Stats(frames=9, width=640, height=480, fps=15.0, frame_age_s=0.1, reopened=0, rss_bytes=5)
ILL = Stats(frames=-1, width=640, height=480, fps=float("nan"), frame_age_s=-0.05, reopened=1, rss_bytes=6)
CHILD = (
    f"import os, time\nfor m in {[pack(LIVE), pack(ILL), pack(Seen(('READ',), 1.0))]!r}: os.write(1, m)\ntime.sleep(60)"
)


async def test_figures_that_cannot_be_are_counted_and_the_lane_goes_on_reading(tmp_path, clock, monkeypatch, caplog):
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\n{CHILD}\n")
    program.chmod(0o755)
    monkeypatch.setattr("scanner.camera.starting.sys.executable", str(program))

    async with open_source(f"folder:{tmp_path}", clock=clock) as source, asyncio.timeout(10):
        presented = await anext(aiter(source))
        health = source.health

    assert presented.text == "READ"
    assert (health.state, health.restarts, health.bad_figures) == (State.LIVE, 0, 3)
    assert (health.frames, health.fps, health.frame_age_ms, health.reopened) == (9, 15.0, 100, 1)
    assert [record.message for record in caplog.records].count("scanner_figures_dropped") == 1
