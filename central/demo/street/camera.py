"""The gate's camera as a real HTTP MJPEG stream: what a network camera of the trade delivers.

Rules of this file:

- frames are drawn only while somebody watches, in a thread, about FRAMES_PER_S times a second;
- every watcher gets the newest frame; one that reads slowly misses frames, it never delays others;
- `show` brings a phone, `take_away` ends it; both return when the hand has come or gone.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator

import cv2
from aiohttp import web

from central.demo.street import drawing
from central.demo.street.drawing import Picture
from central.demo.street.phone import APPROACH_S, FRAMES_PER_S, GESTURES, Gesture, gone, pose

QUALITY = 80
BOUNDARY = "frame"
BOOTHS = 3  # empty views with different noise, sent in turn


class Camera:
    """Draws what the gate camera sees. `serve` is the aiohttp handler of the stream, `run` the drawing loop."""

    def __init__(self) -> None:
        self._frame = b""
        self._number = 0
        self._fresh = asyncio.Condition()
        self._watchers = 0
        self._phone: Picture | None = None
        self._gesture: Gesture = GESTURES[0]
        self._since = 0.0
        self._leaving: float | None = None
        self._gestures: Iterator[Gesture] = itertools.cycle(GESTURES)
        self._booths = [drawing.booth(seed) for seed in range(BOOTHS)]
        self._grains = [drawing.grain(100 + seed) for seed in range(BOOTHS)]

    async def show(self, text: str) -> None:
        """Bring a phone that shows `text`; returns once it is held before the camera."""
        phone = await asyncio.to_thread(drawing.phone_picture, text)
        self._gesture, self._since, self._leaving, self._phone = next(self._gestures), time.monotonic(), None, phone
        await self._until(lambda: time.monotonic() - self._since >= APPROACH_S)

    async def take_away(self) -> None:
        """Take the phone away; returns once the view is empty."""
        self._leaving = time.monotonic()
        await self._until(lambda: self._phone is None)

    async def _until(self, reached: Callable[[], bool]) -> None:
        async with self._fresh:
            await self._fresh.wait_for(reached)

    async def run(self) -> None:
        """Draw for ever."""
        while True:
            begun = time.monotonic()
            if self._leaving is not None and gone(begun - self._leaving):
                self._phone = self._leaving = None
            jpeg = await asyncio.to_thread(self._draw, begun) if self._watchers else self._frame
            async with self._fresh:
                self._frame, self._number = jpeg, self._number + 1
                self._fresh.notify_all()
            await asyncio.sleep(max(0.0, 1 / FRAMES_PER_S - (time.monotonic() - begun)))

    def _draw(self, now: float) -> bytes:
        turn = self._number % BOOTHS
        phone, leaving = self._phone, self._leaving
        view = self._booths[turn]
        if phone is not None:
            at = pose(self._gesture, now - self._since, None if leaving is None else now - leaving)
            view = drawing.frame(view, phone, at, noise=self._grains[turn])
        done, jpeg = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not done:
            raise RuntimeError("OpenCV could not encode a frame")
        return jpeg.tobytes()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Stream frames to one watcher until it goes away."""
        answer = web.StreamResponse(
            headers={
                "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
                "Cache-Control": "no-store",
            }
        )
        await answer.prepare(request)
        self._watchers += 1
        seen = 0
        try:
            while True:
                async with self._fresh:
                    while self._number == seen or not self._frame:
                        await self._fresh.wait()
                    frame, seen = self._frame, self._number
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}\r\n\r\n"
                await answer.write(head.encode() + frame + b"\r\n")
        except ConnectionResetError:
            return answer  # the watcher went away
        finally:
            self._watchers -= 1
