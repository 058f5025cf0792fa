"""Frames are averaged while one code is held still, and never across two codes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from scanner.decode import Config, StreamReader
from scanner.reading.mending import Mend
from scanner.reading.soft.burst import LEAST_AGREEMENT, MOST_FRAMES, Held, agreement, together
from scanner.reading.soft.reader import Near, read_soft
from scanner.reading.soft.symbols import layout

OURS = ("XG1:",)
DARK = {"px": 1.5, "blur": 0.9, "noise": 0.085}


def near(corners, modules):
    return Near(corners, (len(modules) - 17) // 4)


def renewed(text, share):
    """A text of the same length that begins like `text` and goes on otherwise, as a phone's next code does."""
    same = int(len(text) * share)
    return text[:same] + "".join(chr(ord("A") + (ord(c) * 7 + i) % 26) for i, c in enumerate(text[same:]))


def test_frames_that_none_is_read_from_are_read_together(camera, code, text):
    alone = together = 0
    for start in range(5):
        modules, held = code(text), None
        for seed in range(6):
            frame, corners = camera(modules, **DARK, seed=100 * start + seed)
            single = read_soft(frame, (), [near(corners, modules)], prefixes=OURS)
            outcome = read_soft(frame, (), [near(corners, modules)], prefixes=OURS, held=held)
            assert {m.text for m in (single.mended, outcome.mended) if m} <= {text}
            alone += single.mended is not None
            held = outcome.held
            if outcome.mended:
                together += 1
                break

    assert together >= 4
    assert alone <= 1


@pytest.mark.parametrize("share", [0.0, 0.5, 0.75])
def test_a_code_that_changes_while_it_is_averaged_is_never_mixed(camera, code, text, share):
    for start in range(3):
        first, second = text, renewed(text, share)
        held, seen = None, []
        for seed, shown in enumerate((first, first, first, second, second, second, second, second)):
            modules = code(shown)
            frame, corners = camera(modules, **DARK, seed=1000 * start + seed)
            before = held
            outcome = read_soft(frame, (), [near(corners, modules)], prefixes=OURS, held=held)
            held = outcome.held
            if outcome.mended:
                seen.append(outcome.mended.text)
                assert outcome.mended.text == shown
            elif seed == 3 and before is not None and before.look is not None and held is not None:
                assert held.look.frames == 1  # begun anew with the first frame of the new code


def test_agreement_is_whole_for_one_code_and_partial_for_a_renewed_one(camera, code, text):
    def soft(shown, seed):
        modules = code(shown)
        frame, corners = camera(modules, **DARK, seed=seed)
        return read_soft(frame, (), [near(corners, modules)], prefixes=()).held.look.soft

    plan = layout((len(code(text)) - 17) // 4)
    one = [soft(text, seed).llr for seed in range(5)]
    same = [agreement(one[0], other, plan) for other in one[1:]]
    new = [agreement(one[0], soft(renewed(text, share), 9).llr, plan) for share in (0.0, 0.3, 0.5, 0.7)]

    assert min(same) > LEAST_AGREEMENT
    assert max(new) < LEAST_AGREEMENT
    assert agreement(np.zeros_like(one[0]), one[0], plan) == 0


def looks(camera, code, text, count, **scene):
    modules = code(text)
    for seed in range(count):
        frame, corners = camera(modules, **DARK | scene, seed=seed)
        yield read_soft(frame, (), [near(corners, modules)], prefixes=()).held


def test_an_average_is_surer_than_each_of_its_frames(camera, code, text):
    plan, held = layout((len(code(text)) - 17) // 4), None
    for one in looks(camera, code, text, 4):
        look = together(held, one.look, plan)
        held = Held(one.place, look)

    assert held.look.frames == 4
    assert np.abs(held.look.soft.llr).mean() > 1.3 * np.abs(one.look.soft.llr).mean()


def test_a_clear_frame_is_not_averaged_with_bad_ones_before_it(camera, code, text):
    plan = layout((len(code(text)) - 17) // 4)
    (bad,) = looks(camera, code, text, 1)
    (clear,) = looks(camera, code, text, 1, noise=0.004)

    assert together(bad, clear.look, plan) is clear.look


def test_what_was_seen_a_second_ago_or_was_another_kind_of_code_is_not_averaged(camera, code, text):
    plan = layout((len(code(text)) - 17) // 4)
    one, *more, two = looks(camera, code, text, 5)
    before, now = one.look, two.look
    for other in more:
        before = together(Held(one.place, before), other.look, plan)
    soft = before.soft

    def after(look, version=plan.version):
        return together(Held(replace(one.place, version=version), look), now, plan)

    assert after(before).frames == 5
    assert after(replace(before, frames=MOST_FRAMES - 1)).frames == MOST_FRAMES
    for other in (
        replace(before, frames=MOST_FRAMES),
        replace(before, soft=replace(soft, mask=soft.mask ^ 1)),
        replace(before, soft=replace(soft, level="H")),
        replace(before, soft=replace(soft, llr=-soft.llr)),
        None,
    ):
        assert after(other) is now
    assert after(before, plan.version + 1) is now
    assert together(None, now, plan) is now


def test_a_code_that_is_held_is_found_again_though_nobody_says_where(camera, code, text):
    modules = code(text)
    frame, corners = camera(modules, px=2.0, blur=1.0)
    first = read_soft(frame, (), [near(corners, modules)], prefixes=OURS)
    moved = cv2.warpAffine(frame, np.array([[1, 0, 2.5], [0, 1, -1.5]], np.float32), frame.shape[::-1])

    assert first.mended
    assert read_soft(moved, (), [], prefixes=OURS, held=first.held).mended.text == text
    assert not read_soft(moved, (), [], prefixes=OURS).mended
    assert read_soft(np.full_like(frame, 200), (), [], prefixes=OURS, held=first.held).held is None


def test_an_unread_code_is_added_up_for_a_second_by_the_frames_own_times(camera, code, text):
    """A slow camera gives three frames a second: fifteen of them would be five."""
    reader = StreamReader(Config(mend=Mend(prefixes=("NONE:",))), lambda: 0.0)  # seen and never read
    frames = [camera(code(text), **DARK, seed=seed, at=(280 + seed % 2, 210))[0] for seed in range(7)]
    added = []
    for n, frame in enumerate(frames):
        assert reader.find(frame, at_s=100 + n / 3) == ()
        held = reader._mender._held
        added.append(held.look.frames if held and held.look else 0)

    assert max(added) <= 4
    assert added.count(1) >= 2
    assert 3 in added


def test_a_code_that_lies_still_is_added_up_though_nothing_moves_and_given_up_after_a_second(camera, code, text):
    reader = StreamReader(Config(mend=Mend(prefixes=("NONE:",))), lambda: 0.0)
    frames = [camera(code(text), **DARK, seed=seed)[0] for seed in range(2)]
    for n in range(34):
        reader.find(frames[n % 2], at_s=n / 15)

    assert reader.tally.tries["mend"] in range(16, 19)  # the first, fifteen more, and one when it is looked at again
