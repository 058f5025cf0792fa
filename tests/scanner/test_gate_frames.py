"""The cascade and the stream reader on drawn gate frames: small sets of those that bench/scanner.py measures."""

import importlib.util
import sys
from pathlib import Path

import pytest

from scanner.decode import StreamReader, grey, read_codes
from scanner.reading.cascade import Scene


@pytest.fixture(scope="module")
def drawn():
    path = Path(__file__).parents[2] / "bench" / "_gate_frames.py"
    spec = importlib.util.spec_from_file_location("_gate_frames", path)
    module = sys.modules["_gate_frames"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def meter():
    return 0.0  # no budget: what is read must not depend on how busy this machine is


def shots(drawn, condition, distances):
    import numpy as np

    for n, px in enumerate(distances):
        rng = np.random.default_rng([77, n])
        text, pose = drawn.text_of(rng), drawn.posed(rng, condition, px)
        screen, corners = drawn.phone(rng, text, inverted=condition == "inverted")
        yield text, drawn.film(rng, screen, corners, pose, drawn.surroundings(rng, pose.around))


@pytest.mark.parametrize(
    ("condition", "least"),
    [
        ("clean", 3),
        ("rotated", 3),
        ("moire", 3),
        ("inverted", 3),
        ("defocus", 2),
        ("tilt", 2),
        ("motion", 2),
        ("glare", 1),
    ],
)
def test_a_phone_before_a_gate_is_read_in_most_conditions(drawn, condition, least):
    results = [(text, read_codes(frame, cpu_ms=meter)) for text, frame in shots(drawn, condition, (2.0, 2.5, 3.0))]

    assert all(got in {(), (text,)} for text, got in results)  # never a false read
    assert sum(got == (text,) for text, got in results) >= least


def test_a_passing_phone_is_read_while_it_still_comes_near(drawn):
    reader, shown, first = StreamReader(cpu_ms=meter), 0, None
    for shot in drawn.stream(4, 0, idle=3, held=6, going=2):
        got = reader.read(shot.frame)
        assert set(got) <= set(shot.texts)
        shown += bool(shot.texts)
        if got and first is None:
            first = shown

    assert first is not None
    assert first <= 15


def test_an_empty_gate_under_a_noisy_camera_is_only_glanced_at(drawn):
    """Its grain stood out like a code, and cost the whole budget on every frame."""
    import numpy as np

    for n in range(2):
        rng = np.random.default_rng([6, 99, n])
        room = drawn.surroundings(rng, rng.uniform(0.2, 0.9))
        empty = drawn.expose(rng, room, drawn.Pose(px=1, noise=rng.uniform(0.003, 0.03)))

        assert not Scene(grey(empty)).promising


def test_at_an_empty_gate_no_step_looks_that_is_for_what_stands_out_like_a_code(drawn, monkeypatch):
    """A look for the texture of a dense code and the most thorough decoding were a fifth of what empty frames cost."""
    import numpy as np

    from scanner.reading import cascade

    asked = []
    monkeypatch.setattr(cascade, "looks_dense", lambda *_: asked.append(1) or True)
    rng = np.random.default_rng([6, 99, 0])
    room = drawn.surroundings(rng, 0.5)
    scene = Scene(grey(drawn.expose(rng, room, drawn.Pose(px=1, noise=0.01))))

    views = {step.name: step.look(scene) for step in cascade.STEPS}

    assert not scene.promising
    assert not scene.dense
    assert [name for name in ("soft", "hard", "thorough") if views[name] is not None] == []
    assert views["paper"] is not None
    assert not asked
