"""Debian's gst-rtsp-server as the camera: H.264 over RTSP, frozen, killed, back."""

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

import cv2
import pytest

from scanner.health import State
from scanner.sources import open_source

pytestmark = pytest.mark.e2e
SERVER = Path(__file__).with_name("gst_rtspd.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # the bindings belong to Debian's Python
PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0 "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
)


@pytest.fixture(scope="module")
def gstreamer():
    if not Path(SYSTEM_PYTHON).exists():
        pytest.skip(f"needs Debian's python3 and {PACKAGES}")
    tried = subprocess.run([SYSTEM_PYTHON, "-I", SERVER], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"needs apt-get install {PACKAGES}: {tried.stderr.strip().splitlines()[-1]}")


@pytest.fixture
def rtsp(gstreamer, tmp_path, draw):
    for n in range(30):
        frame = draw("REAL RTSP", size=(480, 640), at=(60 + 4 * n, 200), grey=False)
        (tmp_path / f"{n}.jpg").write_bytes(cv2.imencode(".jpg", frame)[1].tobytes())
    running = []

    def start():
        if (tmp_path / "port").exists():
            (tmp_path / "port").rename(tmp_path / "fixed-port")
        running.append(subprocess.Popen([SYSTEM_PYTHON, "-I", SERVER, tmp_path]))
        while not (tmp_path / "port").exists():
            assert running[-1].poll() is None
            os.sched_yield()
        return running[-1], f"rtsp://127.0.0.1:{(tmp_path / 'port').read_text()}/s"

    yield start
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(10)


async def until(condition, seconds=60):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_real_rtsp_camera_is_read_and_read_again_after_freezing_and_dying(rtsp, clock, transport):
    camera, url = rtsp()

    async with open_source(f"{url}#open_s=3&read_s=1&transport={transport}", clock=clock) as source:
        async with asyncio.timeout(60):
            presented = await anext(aiter(source))
        assert presented.text == "REAL RTSP"
        await until(lambda: (source.health.width, source.health.height) == (640, 480))
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
