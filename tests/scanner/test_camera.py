"""The camera source through its real child process."""

import asyncio

import aiohttp.web
import cv2
import pytest

from scanner.health import State
from scanner.sources import open_source


async def first(source, seconds=30):
    async with asyncio.timeout(seconds):
        async for presented in source:
            return presented
    return None


@pytest.fixture
async def stream(jpeg):
    """An honest MJPEG camera showing the code CAMERA."""

    async def film(request):
        answer = aiohttp.web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await answer.prepare(request)
        picture = jpeg("CAMERA")
        while True:
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
            await answer.write(head + picture + b"\r\n")
            await asyncio.sleep(0.05)

    app = aiohttp.web.Application()
    app.router.add_get("/s", film)
    runner = aiohttp.web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/s"
    await runner.cleanup()


async def test_a_code_before_a_network_camera_is_presented(stream, clock):
    before = clock.now_ms()

    async with open_source(stream, clock=clock) as source:
        presented = await first(source)

    assert (presented.text, presented.source) == ("CAMERA", stream)
    assert before <= presented.at_ms <= clock.now_ms()


async def test_a_folder_that_fills_is_read_as_it_fills(tmp_path, draw, clock):
    async with open_source(f"folder:{tmp_path}", clock=clock) as source:
        (tmp_path / "a.png").write_bytes(cv2.imencode(".png", draw("FIRST"))[1])
        assert (await first(source)).text == "FIRST"
        (tmp_path / "empty.png").write_bytes(b"")
        (tmp_path / "b.png").write_bytes(cv2.imencode(".png", draw("SECOND"))[1])
        assert (await first(source)).text == "SECOND"


async def test_a_video_file_ends(tmp_path, draw, clock):
    film = cv2.VideoWriter(str(tmp_path / "f.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 15, (640, 480))
    for n in range(5):
        film.write(draw("FILM", size=(480, 640), at=(90 + 30 * n, 200), grey=False))
    film.release()

    async with open_source(f"file:{tmp_path}/f.avi#pace=off", clock=clock) as source:
        texts = [presented.text async for presented in source]

    assert texts == ["FILM"] * 5
    assert source.health.state is State.ENDED
    assert source.health.frames == 5
