"""Builders of pictures and real picture sources."""

import io
import time

import cv2
import numpy as np
import pytest
import segno


class WallClock:
    def now_ms(self):
        return time.time_ns() // 1_000_000


@pytest.fixture
def clock():
    return WallClock()


def qr_frame(text, *, scale=4, size=(720, 1280), at=None, grey=True):
    """A frame with one code (centred, or with its top left corner at `at`)."""
    code = io.BytesIO()
    segno.make(text, error="m", micro=False).save(code, kind="png", scale=scale, border=4)
    small = cv2.imdecode(np.frombuffer(code.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE)
    frame = np.full(size, 140, np.uint8)
    y, x = at or ((size[0] - small.shape[0]) // 2, (size[1] - small.shape[1]) // 2)
    frame[y : y + small.shape[0], x : x + small.shape[1]] = small
    return frame if grey else cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR)


@pytest.fixture
def draw():
    return qr_frame


@pytest.fixture
def jpeg():
    def make(text, **how):
        return cv2.imencode(".jpg", qr_frame(text, **how))[1].tobytes()

    return make
