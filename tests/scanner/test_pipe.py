import random

import pytest

from scanner.camera.pipe import (
    HEAD,
    MAGIC,
    MAX_TEXT_CHARS,
    Ended,
    Picture,
    PipeError,
    Seen,
    Stats,
    Unpacker,
    clean,
    pack,
)

MESSAGES = [
    Seen(("XG1:ABC", "你好"), 12.5),
    Stats(frames=3, width=1280, height=720, fps=14.9, frame_age_s=None, reopened=1, rss_bytes=5, decodes={"whole": 2}),
    Picture(b"\xff\xd8\xff\xd9"),
    Ended(),
]


def test_messages_survive_any_cutting_of_the_stream():
    stream = b"".join(pack(message) for message in MESSAGES)
    dice = random.Random(5)
    for _ in range(20):
        unpacker, got, at = Unpacker(), [], 0
        while at < len(stream):
            step = dice.randint(1, 40)
            got += unpacker.feed(stream[at : at + step])
            at += step
        assert got == MESSAGES


@pytest.mark.parametrize(
    "garbage",
    [
        b"corrupted size vs. prev_size\n" * 2,
        HEAD.pack(MAGIC, 9, 0, 0),
        HEAD.pack(MAGIC, Seen.KIND, 2**32 - 1, 0),
        HEAD.pack(MAGIC, Seen.KIND, 2, 0) + b"{}",
        bytes(HEAD.size),
    ],
)
def test_garbage_is_an_error_before_it_is_kept(garbage):
    with pytest.raises(PipeError):
        list(Unpacker().feed(garbage))


@pytest.mark.parametrize(
    "message",
    [
        Seen((), 1.0),
        Seen(("a\nb",), 1.0),
        Seen(("a" * (MAX_TEXT_CHARS + 1),), 1.0),
        Seen(("a",), float("nan")),
        Seen(("a",), -1.0),
        Seen((5,), 1.0),
        Seen(tuple("abcdefghijklmnopqrst"), 1.0),
        Stats(frames=-1, width=0, height=0, fps=0, frame_age_s=0, reopened=0, rss_bytes=0),
        Stats(frames=True, width=0, height=0, fps=0, frame_age_s=0, reopened=0, rss_bytes=0),
        Stats(frames=1, width=0, height=0, fps=0, frame_age_s=0, reopened=0, rss_bytes=0, decodes={"a": 1.5}),
        Stats(frames=1, width=0, height=0, fps=0, frame_age_s=0, reopened=0, rss_bytes=0, decodes=[1]),
    ],
)
def test_a_well_framed_message_with_wrong_members_is_garbage(message):
    with pytest.raises(PipeError):
        list(Unpacker().feed(pack(message)))


def test_a_message_above_its_bound_is_never_sent():
    with pytest.raises(ValueError, match="bound"):
        pack(Picture(bytes(600 * 1024)))


def test_text_is_made_fit_for_the_pipe():
    assert clean("a\x00b\x1b[31m\ud800") == "a\ufffdb\ufffd[31m\ufffd"
    assert len(clean("x" * 5000)) == MAX_TEXT_CHARS
    assert list(Unpacker().feed(pack(Seen((clean("\ud800\n"),), 0.0))))
