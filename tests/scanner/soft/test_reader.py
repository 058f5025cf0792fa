"""The soft decoder in its place: behind the cascade, in pictures and in streams, within its budget."""

import numpy as np
import pytest
import zxingcpp

from scanner.decode import Config, StreamReader, find_codes, read_codes
from scanner.reading.cascade import BY_NAME, STEPS, Scene, Tally, attempt
from scanner.reading.decoders import corners_of, version_of
from scanner.reading.mending import Mend, Mender
from scanner.reading.soft.finding.locate import finder, spectrum
from scanner.reading.soft.finding.pairs import waves
from scanner.reading.soft.finding.triples import arms, patterns, timings
from scanner.reading.soft.reader import Near, read_soft
from scanner.reading.soft.symbols import blocks, format_words, layout, mask

WITHOUT = Config(mend=None)
SCENES = (
    {"px": 1.5, "blur": 1.2},
    {"px": 1.5, "blur": 0.8, "noise": 0.05},
    {"lamp": 1.5},
    {"lamp": 2.5},
    {"px": 2.0, "turn": 33, "blur": 1.4},
    {"px": 2.0, "blur": 1.5, "inverted": True},
)


def free():
    return 0.0  # what is read must not depend on how busy this machine is


class Meter:
    """A CPU meter that advances by the same amount at each look."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


@pytest.mark.parametrize("scene", SCENES)
def test_a_picture_that_no_treatment_makes_readable_is_read(camera, code, text, scene):
    frame, corners = camera(code(), **scene)
    assert read_codes(frame, config=WITHOUT, cpu_ms=free) == ()

    (read,) = find_codes(frame, cpu_ms=free)

    assert (read.text, read.step) == (text, "mend")
    assert np.hypot(*(np.array(read.corners) - corners).T).max() < 2.5


@pytest.mark.parametrize("scene", SCENES[1:4])
def test_a_stream_reads_it_again_and_again_and_a_new_reader_remembers_nothing(camera, code, text, scene):
    reader = StreamReader(cpu_ms=free)
    for seed in range(4):
        frame, _ = camera(code(), **scene, seed=seed, at=(280 + 12 * (seed % 2), 210))
        assert reader.read(frame) == (text,)
    assert reader.tally.decodes["mend"] >= 3
    assert reader.new().tally.decodes == {}


def test_of_a_code_seen_large_all_pixels_are_heard(camera, code, text):
    """Two samples a module are taken: of 5 pixels each way most went unheard, and their noise did not average away."""
    for seed in range(5):
        frame, corners = camera(code(), px=5.0, blur=1.0, noise=0.45, seed=seed)

        outcome = read_soft(frame, (), [Near(corners, (len(code()) - 17) // 4)], prefixes=("XG1:",))

        assert outcome.mended is not None
        assert outcome.mended.text == text
        assert np.hypot(*(np.array(outcome.mended.corners) - corners).T).max() < 2.5


def test_a_place_that_is_not_mended_is_not_tried_again_because_another_decoder_names_it_twice(camera, code):
    modules = code()
    frame, corners = camera(modules, lamp=9.0, blur=1.6)
    near, beside = (Near(corners + off, (len(modules) - 17) // 4) for off in (0.0, 0.3))
    asked = {}
    for name, nears in (("once", [near]), ("twice", [beside, near])):
        meter = Meter(1.0)
        outcome = read_soft(frame, (), nears, prefixes=("XG1:",), spare=lambda meter=meter: meter() > 0)
        assert outcome.seen
        assert outcome.mended is None
        asked[name] = meter.now
    assert asked["twice"] == asked["once"]


def test_a_camera_has_its_tables_before_its_first_frame(camera, code, text):
    tables = (arms, blocks, finder, format_words, layout, mask, patterns, spectrum, timings, waves)
    for table in tables:
        table.cache_clear()

    reader = StreamReader(cpu_ms=free)
    made = {table.__name__: table.cache_info().misses for table in tables}
    assert all(made.values())

    assert reader.read(camera(code(), lamp=2.5)[0]) == (text,)
    assert "mend" in reader.tally.decodes
    assert {table.__name__: table.cache_info().misses for table in tables} == made


def test_only_texts_of_ours_are_mended(camera, code, text):
    frame, _ = camera(code("CT1:" + text[4:]), px=1.5, blur=1.2)

    assert read_codes(frame, cpu_ms=free) == ()
    assert read_codes(frame, config=Config(mend=Mend(prefixes=("CT1:",))), cpu_ms=free) == ("CT1:" + text[4:],)


def test_switched_off_it_is_never_tried(camera, code):
    frame, _ = camera(code(), px=1.5, blur=1.2)
    tally, reader = Tally(), StreamReader(WITHOUT, free)

    find_codes(frame, config=WITHOUT, cpu_ms=free, tally=tally)
    reader.read(frame)

    assert "mend" not in tally.tries | reader.tally.tries


def test_a_source_switches_it_off_and_its_budget_bounds_it():
    from scanner.child.worker import configured
    from scanner.spec import parse_spec

    assert configured(parse_spec("v4l2:0")) == Config()
    assert configured(parse_spec("v4l2:0#mend=off")).mend is None
    assert configured(parse_spec("http://cam/#budget_ms=8")).mend == Mend(moving_ms=8)
    assert configured(parse_spec("http://cam/#budget_ms=40")).mend == Mend()


def test_no_place_is_looked_at_and_no_round_begun_when_the_budget_is_spent(camera, code):
    frame, corners = camera(code(), px=1.5, blur=1.2)
    version = (len(code()) - 17) // 4

    spent = read_soft(frame, (), [Near(corners, version)], prefixes=("XG1:",), spare=lambda: False)
    assert (spent.mended, spent.seen) == (None, False)

    slow = Meter(9.0)  # each look at the meter costs 9 ms
    assert find_codes(frame, config=Config(mend=Mend(still_ms=5.0)), cpu_ms=slow) == ()
    assert slow.now < 250


def test_on_a_slow_machine_a_stream_finds_the_code_on_one_frame_and_solves_it_on_the_next(camera, code, text):
    """The search alone spends the budget; what it found is kept."""
    frame, _ = camera(code(), lamp=1.5)
    spent = iter([True, True, False])
    found = read_soft(frame, Scene(frame).places.regions, [], prefixes=("XG1:",), spare=lambda: next(spent))

    assert found.mended is None
    assert found.held is not None
    assert read_soft(frame, (), [], prefixes=("XG1:",), held=found.held).mended.text == text


def test_an_empty_scene_costs_no_search(camera):
    tally = Tally()
    find_codes(np.full((720, 1280), 120, np.uint8), tally=tally, cpu_ms=free)

    assert tally.step_ms.get("mend", 0.0) == 0.0


@pytest.fixture
def searched(monkeypatch):
    """Whether each frame that comes to the soft decoder is searched; it works as ever."""
    from scanner.reading import mending

    noted = []

    def spied(plane, regions, nears, **how):
        noted.append(bool(regions))
        return read_soft(plane, regions, nears, **how)

    monkeypatch.setattr(mending, "read_soft", spied)
    return noted


def speckled(dice, contrast=200):
    frame = np.full((420, 560), 40, np.uint8)
    frame[100:300, 150:350] = dice.integers(0, 2, (100, 100), np.uint8).repeat(2, 0).repeat(2, 1) * contrast
    return frame


def test_a_search_that_finds_nothing_pauses_for_a_frame(searched):
    dice, reader = np.random.default_rng(1), StreamReader(cpu_ms=free)
    for _ in range(6):
        reader.read(speckled(dice))

    assert searched == [True, False, True, False, True, False]


def test_a_frame_that_is_plainly_sharper_than_the_last_is_searched_though_nothing_was_found_there(searched):
    """A phone that comes to rest is readable a frame later, and was read two frames later."""
    dice, reader = np.random.default_rng(1), StreamReader(cpu_ms=free)
    for contrast in (100, 160, 160, 210, 210):
        reader.read(speckled(dice, contrast))

    assert searched == [True, True, False, True, False]


def test_a_code_that_was_seen_is_looked_for_in_a_frame_that_promises_nothing(camera, code, monkeypatch):
    frame, _ = camera(code(), lamp=1.5)
    reader = StreamReader(Config(mend=Mend(prefixes=("NONE:",))), free)
    monkeypatch.setattr("scanner.reading.patches.BUSY_DETAIL", 255.0)
    monkeypatch.setattr("scanner.reading.patches.OUTSTANDING", 1e9)
    reader.find(frame)
    assert not reader.promising

    monkeypatch.undo()
    reader.find(np.roll(frame, 40, 1))
    monkeypatch.setattr("scanner.reading.patches.BUSY_DETAIL", 255.0)
    monkeypatch.setattr("scanner.reading.patches.OUTSTANDING", 1e9)
    reader.find(np.roll(frame, 80, 1))
    assert reader.promising
    reader.find(np.full_like(frame, 90))
    reader.find(np.full_like(frame, 140))
    assert not reader.promising


def test_a_small_code_found_by_others_ends_the_search_but_not_where_a_dense_one_was_seen_before(camera, code, searched):
    plane, _ = camera(code(), lamp=1.5)
    mender = Mender(("NONE:",), 1e9, cpu_ms=free, moving=True)
    small = Near(np.array([[0.0, 0], [50, 0], [50, 50], [0, 50]]), 3)
    for frame, nears in ((plane, [small]), (plane.copy(), []), (plane.copy(), [small])):
        scene = Scene(frame)
        scene.near += nears
        mender.read(scene, lambda: True)

    assert searched == [False, True, True]


def test_the_pinned_zxing_says_where_a_code_is_and_which_version_though_it_cannot_mend_it(camera, code):
    """The steps rely on it: position, "Version" in `extra`, and a code that is not valid."""
    found = 0
    for scene in ({"lamp": 1.5}, {"lamp": 2.5}, {"px": 2.0, "turn": 10, "blur": 1.3}):
        modules = code()
        frame, corners = camera(modules, **scene)
        codes = zxingcpp.read_barcodes(
            BY_NAME["display-large"].look(Scene(frame)).plane,
            formats=zxingcpp.BarcodeFormat.QRCode,
            binarizer=zxingcpp.Binarizer.LocalAverage,
            return_errors=True,
        )
        for one in codes:
            assert not one.valid
            assert version_of(one) == (len(modules) - 17) // 4
            assert len(corners_of(one.position)) == 4
        scene_seen = Scene(frame)
        for step in STEPS[:7]:
            assert attempt(step, scene_seen) == []
        for near in scene_seen.near:
            found += 1
            assert near.version == (len(modules) - 17) // 4
            assert np.hypot(*(near.corners - corners).T).max() < 6 * scene.get("px", 2.5)
    assert found >= 2
