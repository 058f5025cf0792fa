"""The soft decoder where it works: in the real child process, before a real stream."""

import asyncio

import cv2
import pytest

from scanner.sources import open_source

LAMP = {"px": 1.5, "blur": 0.65, "lamp": 1.0, "noise": 0.008}


@pytest.mark.timeout(90)
async def test_a_visitor_at_one_and_a_half_pixels_a_module_under_a_lamp_is_read_through_the_child(
    camera, code, text, clock, serve
):
    from scanner.decode import Config, StreamReader

    frames = [camera(code(), **LAMP, seed=n, at=(280 + n % 3, 210 + n % 2))[0] for n in range(12)]
    without = StreamReader(Config(mend=None), lambda: 0.0)
    assert not any(without.read(frame) for frame in frames)

    packed = [cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes() for frame in frames]
    with serve(packed, fps=15) as film:
        async with open_source(film.url, clock=clock) as source, asyncio.timeout(60):
            presented = await anext(aiter(source))

    assert presented.text == text
