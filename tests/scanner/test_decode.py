import cv2
import numpy as np
import pytest
import zxingcpp
from pyzbar import pyzbar

from scanner.decode import Config, StreamReader, find_codes, read_codes
from scanner.reading.cascade import MAX_SIDE, STEPS, Budget, Scene, Tally
from scanner.reading.crowd import bearable, pattern_lines
from scanner.reading.mending import Mender


class Meter:
    """A CPU meter that advances by the same amount at each look."""

    def __init__(self, step=0.0):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


FREE = Meter()


def phone(draw, text, *, gamma=1.0, blur=0.0, **how):
    frame = draw(text, **how).astype(np.float32) / 255
    frame = cv2.GaussianBlur(frame, (0, 0), blur) if blur else frame
    return (np.clip(frame, 0, 1) ** gamma * 255).astype(np.uint8)


@pytest.mark.parametrize("grey", [True, False])
def test_a_plain_code_is_read(draw, grey):
    assert read_codes(draw("XG1:HELLO", grey=grey)) == ("XG1:HELLO",)


@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE])
def test_a_turned_code_is_read(draw, turn):
    assert read_codes(cv2.rotate(draw("TURNED"), turn)) == ("TURNED",)


def test_light_on_dark_is_read(draw):
    assert read_codes(255 - draw("INVERTED", grey=True)) == ("INVERTED",)


def test_four_channels_are_read(draw):
    assert read_codes(cv2.cvtColor(draw("BGRA"), cv2.COLOR_GRAY2BGRA)) == ("BGRA",)


def test_a_dense_blurred_display_is_read_though_the_plain_decoders_fail(draw):
    text = "XG1:" + "ABCDE12345" * 30
    frame = phone(draw, text, scale=2, blur=1.1, gamma=1 / 2.2)

    (read,) = find_codes(frame, cpu_ms=FREE)

    assert read.text == text
    assert read.step != "whole"


def test_several_codes_are_reported_once_in_reading_order(draw):
    frame = draw("TOP LEFT", at=(30, 40))
    for text, at in (("TOP RIGHT", (44, 900)), ("BELOW", (420, 300)), ("TOP LEFT", (430, 900))):
        other = draw(text, at=at)
        frame[other != 140] = other[other != 140]

    assert read_codes(frame) == ("TOP LEFT", "TOP RIGHT", "BELOW")


def test_the_corners_lie_in_the_frame_where_the_code_is(draw):
    for scale in (3, 8):
        (read,) = find_codes(draw("WHERE", scale=scale, at=(100, 200)))
        xs, ys = zip(*read.corners, strict=True)
        assert abs(min(xs) - (200 + 4 * scale)) < 8
        assert abs(min(ys) - (100 + 4 * scale)) < 8


def test_bytes_that_are_no_ascii_are_text_all_the_same(draw):
    (text,) = read_codes(draw("微信支付 pay"))
    assert "pay" in text


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((0, 0), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((1, 1), np.uint8),
        np.zeros((1, 100_000), np.uint8),
        np.zeros((22, 100_000), np.uint8),
        np.zeros((100, 100, 2), np.uint8),
        np.zeros((100, 100, 7), np.uint8),
        np.zeros((100, 100), np.float32),
        np.zeros((100,), np.uint8),
        np.zeros((40, 40, 1), np.uint8),
        np.full((25, 25, 3), 255, np.uint8),
        np.zeros((100, 100, 4), np.uint8)[:, ::2],
        np.arange(300 * 300, dtype=np.uint8).reshape(300, 300)[::-1, ::3],
    ],
)
def test_frames_that_are_no_pictures_read_as_nothing(frame):
    assert read_codes(frame) == ()
    assert StreamReader().read(frame) == ()


FINDER = np.pad(np.pad(np.pad(np.zeros((3, 3), np.uint8), 1, constant_values=255), 1), 1, constant_values=255)


def crowd(pixels, *, width=1280, height=720):
    """A picture full of finder patterns of so many pixels a module."""
    tile = np.kron(FINDER, np.ones((pixels, pixels), np.uint8))
    return np.tile(tile, (height // len(tile) + 1, width // len(tile) + 1))[:height, :width].copy()


def hostile():
    dice = np.random.default_rng(1)
    noise = dice.integers(0, 256, (720, 1280), np.uint8)
    strewn = np.full((720, 1280), 255, np.uint8)
    for y, x in zip(dice.integers(0, 700, 4000), dice.integers(0, 1260, 4000), strict=True):
        strewn[y : y + 18, x : x + 18] = crowd(2, width=18, height=18)
    return {
        "noise": noise,
        "8K noise": cv2.resize(noise, (7680, 4320), interpolation=cv2.INTER_NEAREST),
        "half noise": np.kron(noise[:360, :640], np.ones((2, 2), np.uint8)),
        "checkers": np.kron(np.indices((180, 320)).sum(0) % 2, np.ones((4, 4))).astype(np.uint8) * 255,
        "strewn patterns": strewn,
        **{f"patterns of {pixels}": crowd(pixels) for pixels in (1, 2, 3, 6)},
        **{f"4K patterns of {pixels}": crowd(pixels, width=3840, height=2160) for pixels in (2, 3, 4)},
    }


class Ticking(Meter):
    """A CPU meter that counts a millisecond a look: each step costs one."""

    def __init__(self):
        super().__init__(step=1.0)


@pytest.mark.parametrize("name", hostile())
def test_hostile_pictures_cost_the_budget_and_one_step(name):
    tally = Tally()

    assert find_codes(hostile()[name], config=Config(still=Budget(4.0, 4.0)), cpu_ms=Ticking(), tally=tally) == ()
    assert sum(tally.tries.values()) == 4


@pytest.fixture
def given_to_native(monkeypatch):
    """What the decoders' native code is given; it runs."""
    seen = {"zxing": [], "zbar": []}
    read, decode = zxingcpp.read_barcodes, pyzbar.decode

    def spied_read(plane, **how):
        seen["zxing"].append(plane)
        return read(plane, **how)

    def spied_decode(plane, **how):
        seen["zbar"].append(plane)
        return decode(plane, **how)

    monkeypatch.setattr(zxingcpp, "read_barcodes", spied_read)
    monkeypatch.setattr(pyzbar, "decode", spied_decode)
    return seen


@pytest.mark.parametrize("name", hostile())
def test_one_native_call_is_small_whatever_the_picture_shows(name, given_to_native):
    """Nothing interrupts native code, so what would hold it up for long never gets there, with no budget at all."""
    picture = hostile()[name]

    assert read_codes(picture, cpu_ms=FREE) == ()
    assert StreamReader(cpu_ms=FREE).read(picture) == ()

    assert all(max(plane.shape) <= MAX_SIDE for plane in given_to_native["zxing"])
    assert all(steep(plane) <= 45_000 for plane in given_to_native["zxing"])
    assert all(pattern_lines(plane) <= 60 for plane in given_to_native["zbar"])


def steep(plane):
    return int((np.abs(np.diff(plane[::3].astype(int), axis=1)) > 30).sum())


def test_thousands_of_patterns_are_told_from_a_code(draw):
    assert not bearable(crowd(1))
    assert not bearable(crowd(2))
    assert bearable(draw("XG1:" + "ABCDE12345" * 30))
    assert pattern_lines(crowd(2, width=400, height=400)) > 400
    assert pattern_lines(draw("XG1:" + "ABCDE12345" * 30, scale=5, size=(400, 400), at=(2, 2))) < 60


def test_a_budget_of_nothing_still_takes_one_look(draw):
    assert read_codes(draw("ONE LOOK"), cpu_ms=Meter(step=1000)) == ("ONE LOOK",)


class TestStream:
    def test_a_still_empty_scene_is_looked_at_now_and_then(self, draw):
        reader = StreamReader(cpu_ms=FREE)
        empty = np.full((720, 1280), 90, np.uint8)

        for _ in range(46):
            assert reader.read(empty) == ()

        assert reader.tally.tries["whole"] == 4

    def test_a_code_that_comes_into_view_is_read_on_the_same_frame(self, draw):
        reader = StreamReader(cpu_ms=FREE)
        for _ in range(5):
            reader.read(np.full((720, 1280), 140, np.uint8))

        assert reader.read(draw("HELLO")) == ("HELLO",)

    def test_a_moving_code_is_read_on_every_frame_where_it_was(self, draw):
        reader = StreamReader(cpu_ms=FREE)
        frames = [draw("MOVING", at=(200 + 9 * n, 300 + 14 * n)) for n in range(12)]

        assert [reader.read(frame) for frame in frames] == [("MOVING",)] * 12

    def test_a_code_held_still_is_seen_again_within_the_window_of_a_presentation(self, draw):
        reader = StreamReader(cpu_ms=FREE)
        seen = [n for n in range(60) if reader.read(draw("STILL"))]

        assert max(np.diff(seen)) <= 15

    def test_slow_change_adds_up(self):
        reader = StreamReader(cpu_ms=FREE)
        for n in range(14):
            reader.read(np.full((720, 1280), 90 + n, np.uint8))

        assert reader.tally.tries["whole"] == 2

    def test_a_frame_of_another_size_is_read(self, draw):
        reader = StreamReader(cpu_ms=FREE)
        reader.read(draw("BIG", at=(500, 900)))

        assert reader.read(draw("SMALL", size=(240, 320))) == ("SMALL",)

    def test_a_new_reader_remembers_nothing(self, draw):
        reader = StreamReader(cpu_ms=FREE)
        reader.read(draw("ONCE"))

        assert reader.read(draw("ONCE")) == ()
        assert reader.new().read(draw("ONCE")) == ("ONCE",)

    def test_every_step_has_its_turn(self):
        reader = StreamReader(cpu_ms=FREE)
        dice = np.random.default_rng(3)
        for _ in range(8):
            reader.read(dice.integers(0, 256, (240, 320), np.uint8))

        config = Config()
        assert set(reader.tally.tries) == {*config.every_frame, *config.in_turn, Mender.name}


def test_shadows_are_lifted_only_where_it_is_dark(draw):
    (step,) = [step for step in STEPS if step.name == "brighter"]

    assert step.look(Scene(draw("LIGHT"))) is None
    assert step.look(Scene(draw("DARK") // 10)) is not None
    assert step.look(Scene(np.zeros((720, 1280), np.uint8))) is not None
