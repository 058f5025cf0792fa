"""What /metrics tells of real scanners."""

import asyncio
import time

import cv2
import numpy as np
import pytest
import segno
from prometheus_client.parser import text_string_to_metric_families

from edge.metrics import Metrics
from scanner.sources import open_source


class WallClock:
    def now_ms(self):
        return time.time_ns() // 1_000_000


@pytest.fixture
def folder(tmp_path):
    matrix = np.array([list(row) for row in segno.make("METRICS", micro=False).matrix], np.uint8)
    code = np.kron(np.pad(1 - matrix, 4, constant_values=1), np.ones((5, 5), np.uint8)) * 255
    frame = np.full((480, 640), 140, np.uint8)
    frame[100 : 100 + len(code), 100 : 100 + len(code)] = code
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(cv2.imencode(".png", frame)[1].tobytes())
    return tmp_path


def figures(metrics):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


async def until(condition, seconds=30):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_frames_steps_and_ages_of_a_camera_are_told(folder, tmp_path):
    metrics = Metrics()
    async with (
        open_source(f"folder:{folder}", clock=WallClock()) as camera,
        open_source(f"serial:{tmp_path}/nowhere", clock=WallClock()) as handheld,
    ):
        metrics.watch({"north": camera, "desk": handheld})
        await until(lambda: camera.health.frames == 2 and camera.health.tries)
        told = figures(metrics)

    assert told["xinguan_camera_frames_total", "north"] == 2
    assert told["xinguan_scanner_tries_total", "north", "whole"] >= 1
    assert told["xinguan_scanner_decodes_total", "north", "whole"] >= 1
    assert told["xinguan_scanner_step_seconds_total", "north", "whole"] > 0
    assert told["xinguan_camera_fps", "north"] >= 0
    assert told["xinguan_scanner_looks_read", "north"] == told["xinguan_scanner_looks", "north"] >= 1
    assert told["xinguan_scanner_memory_bytes", "north"] > 1 << 20
    assert told["xinguan_scanner_reopened_total", "north"] == 0
    assert told["xinguan_scanner_restarts", "north"] == 0
    assert told["xinguan_scanner_bad_figures_total", "north"] == 0
    assert told["xinguan_scanner_ready", "desk"] == 0
    assert not [key for key in told if "camera" in key[0] and key[1] == "desk"]


async def test_the_newest_frame_grows_old_while_no_child_tells_of_a_newer_one(folder):
    """The last figure of a child that died said a few milliseconds for ever."""
    metrics = Metrics()
    async with open_source(f"folder:{folder}", clock=WallClock()) as camera:
        metrics.watch({"north": camera})
        await until(lambda: camera.frame_age_s is not None)
    key = ("xinguan_camera_frame_age_seconds", "north")
    before = figures(metrics)[key]

    await until(lambda: figures(metrics)[key] > before + 0.05)


def test_nothing_is_told_of_a_terminal_without_scanners():
    metrics = Metrics()
    metrics.watch({})

    assert not [key for key in figures(metrics) if key[0].startswith(("xinguan_scanner", "xinguan_camera"))]
