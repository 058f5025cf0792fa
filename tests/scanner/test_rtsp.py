"""RTSP through FFMPEG in the real child: a camera that freezes, is killed, and comes back."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from scanner.health import State
from scanner.sources import open_source

SERVER = Path(__file__).with_name("rtspd.py")


async def until(condition, seconds=40):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def rtsp(tmp_path, draw):
    for n in range(3):
        frame = draw("RTSP", size=(480, 640), at=(60 + 40 * n, 200), grey=False)
        (tmp_path / f"{n}.jpg").write_bytes(cv2.imencode(".jpg", frame)[1].tobytes())
    running = []

    def start():
        if (tmp_path / "port").exists():
            (tmp_path / "port").rename(tmp_path / "fixed-port")
        running.append(subprocess.Popen([sys.executable, SERVER, tmp_path]))
        while not (tmp_path / "port").exists():
            assert running[-1].poll() is None
            os.sched_yield()
        return running[-1], f"rtsp://127.0.0.1:{(tmp_path / 'port').read_text()}/s#open_s=2&read_s=1"

    yield start
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(10)


async def test_an_rtsp_camera_is_read_and_read_again_after_freezing_and_dying(rtsp, clock):
    camera, url = rtsp()

    async with open_source(url, clock=clock) as source:
        async with asyncio.timeout(40):
            presented = await anext(aiter(source))
        assert presented.text == "RTSP"
        assert source.health.restarts == 0

        camera.send_signal(signal.SIGSTOP)
        await until(lambda: source.health.reopened >= 1)
        assert source.health.state is not State.LIVE
        camera.send_signal(signal.SIGCONT)
        await until(lambda: source.health.ready)

        camera.kill()
        camera.wait(10)
        before = source.health.reopened
        await until(lambda: source.health.reopened > before)
        rtsp()
        await until(lambda: source.health.ready)
        assert source.health.restarts == 0
