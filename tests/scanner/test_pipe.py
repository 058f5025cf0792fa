import random
import zlib
from dataclasses import replace

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


def stats(**more):
    figures = {"frames": 7, "width": 2, "height": 3, "fps": 4.5, "frame_age_s": 0.1, "reopened": 0, "rss_bytes": 9}
    return Stats(**(figures | more))


@pytest.mark.parametrize(
    "message",
    [
        Seen((), 1.0),
        Seen(tuple("abcdefghijklmnopqrst"), 1.0),
        Seen("abc", 1.0),
        stats(decodes=[1]),
    ],
    ids=["no text", "too many texts", "texts that are one text", "a table that is a list"],
)
def test_a_message_of_another_shape_is_garbage(message):
    with pytest.raises(PipeError):
        list(Unpacker().feed(pack(message)))


def test_a_message_without_a_member_is_garbage():
    payload = b'{"texts":["a"]}'

    with pytest.raises(PipeError):
        list(Unpacker().feed(HEAD.pack(MAGIC, Seen.KIND, len(payload), zlib.crc32(payload)) + payload))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"frame_age_s": -0.034}, {"frame_age_s": 0.0}),
        ({"frame_age_s": float("nan")}, {"frame_age_s": 0.0}),
        ({"fps": float("inf")}, {"fps": 0.0}),
        ({"frames": -1}, {"frames": 0}),
        ({"frames": True}, {"frames": 0}),
        ({"rss_bytes": 2**53}, {"rss_bytes": 0}),
        ({"width": "wide"}, {"width": 0}),
        ({"note": "a\nb"}, {"note": ""}),
        ({"decodes": {"whole": 1.5, "patch": 2}}, {"decodes": {"patch": 2}}),
        ({"step_ms": {"whole\n": 1.5, "patch": 2}}, {"step_ms": {"patch": 2.0}}),
    ],
    ids=lambda sent: "-".join(f"{name}={value}" for name, value in sent.items()),
)
def test_a_figure_that_cannot_be_is_dropped_named_and_harms_no_other(sent, kept):
    [got] = Unpacker().feed(pack(stats(**sent)))

    assert got == replace(stats(**kept), dropped=tuple(sent))


@pytest.mark.parametrize("text", ["a\nb", "a" * (MAX_TEXT_CHARS + 1), 5])
def test_a_text_that_cannot_be_is_dropped_and_the_one_beside_it_stays(text):
    assert list(Unpacker().feed(pack(Seen(("good", text), 1.0)))) == [Seen(("good",), 1.0, ("texts",))]


@pytest.mark.parametrize("captured_s", [float("nan"), -1.0, "noon"])
def test_texts_seen_at_no_time_are_dropped(captured_s):
    assert list(Unpacker().feed(pack(Seen(("good",), captured_s)))) == [Seen((), 0.0, ("captured_s",))]


def test_a_message_above_its_bound_is_never_sent():
    with pytest.raises(ValueError, match="bound"):
        pack(Picture(bytes(600 * 1024)))


def test_text_is_made_fit_for_the_pipe():
    assert clean("a\x00b\x1b[31m\ud800") == "a\ufffdb\ufffd[31m\ufffd"
    assert len(clean("x" * 5000)) == MAX_TEXT_CHARS
    assert list(Unpacker().feed(pack(Seen((clean("\ud800\n"),), 0.0))))
