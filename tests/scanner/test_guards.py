"""What ends a scanner that is no good any more, each guard alone and at once: no process, no camera, no waiting."""

import asyncio
import os
import threading

import pytest

from scanner.camera.parent import GROWN, Camera
from scanner.camera.pipe import HEAD, PipeError, Seen, Stats, Unpacker, pack
from scanner.child import worker
from scanner.source import Source
from scanner.spec import parse_spec

TOKEN = "XG1:6BFOXN*TS0BI$ZD"


def test_a_token_in_which_a_bit_turned_on_the_way_is_never_shown_to_the_gate():
    """Most turned bits still leave a message that reads well: only the checksum tells."""
    good, read = pack(Seen((TOKEN,), 12.5)), 0

    for at in range(HEAD.size, len(good)):
        for bit in range(8):
            turned = bytearray(good)
            turned[at] ^= 1 << bit
            with pytest.raises(PipeError):
                read += len(list(Unpacker().feed(bytes(turned))))
    assert read == 0
    assert list(Unpacker().feed(good)) == [Seen((TOKEN,), 12.5)]


@pytest.mark.parametrize(("share", "ends"), [(1.01, True), (0.99, False)])
async def test_a_scanner_that_eats_the_terminals_memory_is_ended_before_the_terminal_has_none(clock, share, ends):
    source = Source("http://127.0.0.1/#memory_mb=500", clock)
    size = round(share * GROWN * 500) << 20
    figures = Stats(frames=1, width=1, height=1, fps=1.0, frame_age_s=0.0, reopened=0, rss_bytes=size)
    pipe = asyncio.StreamReader()
    pipe.feed_data(pack(figures) + pack(Seen((TOKEN,), 0.0)))
    pipe.feed_eof()

    ended, why = await Camera(source)._listen(pipe)

    assert not ended
    assert ("grew to 303 MiB" in why) == ends
    assert (source.health.rss_bytes == size) == (not ends)


def test_a_camera_that_hangs_in_its_driver_does_not_shut_the_lane_for_good(monkeypatch):
    """Its child ends itself, so that the parent starts another."""
    monkeypatch.setattr(worker, "start_capture", lambda _spec, _newest: None)  # a thread that gives no sign of life
    monkeypatch.setattr(worker, "GRACE_S", 0.05)
    reading, writing = os.pipe()
    child = worker.Worker(parse_spec("http://127.0.0.1/#open_s=0.1&read_s=0.1"), writing)
    statuses = []
    loop = threading.Thread(target=lambda: statuses.append(child.run()), daemon=True)

    loop.start()
    loop.join(4)
    waiting = loop.is_alive()
    os.close(reading)  # whatever it does, it ends here: its parent is gone

    assert not waiting
    assert statuses == [worker.EXIT_STUCK]
    os.close(writing)
