"""What one frame leaves to the next: where a code was, and what was seen of it while it could not be mended.

The hard idea: noise differs from frame to frame and the code does not. Samples of the straightened code are averaged
and understood anew, so that the equaliser, too, learns from a picture with less noise; adding up likelihoods of single
frames instead was measured to bring a fraction of that. An average is kept only where it is surer than the new frame.

But a phone draws a new code every few seconds, and half of a new code may be as before: two codes that are alike in so
much must not be mixed. So it is asked how much of what both frames are sure of agrees, as a share of what would agree
if they showed one code. One code gives about 0.9; one that is half as before, a half.

>>> from scanner.reading.soft.symbols import layout
>>> one = np.where(np.random.default_rng(1).random((45, 45)) < 0.5, 4.0, -4.0).astype(np.float32)
>>> agreement(one, 0.5 * one, layout(7)), agreement(one, -one, layout(7))
(1.0, -1.0)
"""

from dataclasses import dataclass

import numpy as np

from scanner.reading.soft.finding.triples import Candidate
from scanner.reading.soft.soften import Shape, Soft, Values, heard, soften
from scanner.reading.soft.symbols import Grid, Layout

MOST_FRAMES = 15  # a second of a camera, where no frame says when it was taken: longer no code is held still, or shown
LEAST_AGREEMENT = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What is seen of a code: its samples, averaged over frames, the features of its modules, and what they say."""

    even: Values
    seen: Values
    shape: Shape
    soft: Soft
    frames: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A code of the frame before: its place in frame pixels and, if it was not mended, what was seen of it."""

    place: Candidate
    look: Look | None = None


def look_at(even: Values, plan: Layout, *, frames: int = 1) -> Look:
    """Return what evened samples show of a code."""
    seen, shape, weights = heard(even, plan)
    return Look(even, seen, shape, soften(seen, plan, weights), frames)


def agreement(before: Grid, now: Grid, plan: Layout) -> float:
    """Return how much of two codes' data agrees, of what would if they were one: -1 … 1, 0 if nothing is known."""
    one, other = (np.tanh(llr.ravel()[plan.path] / 2) for llr in (before, now))
    whole = float(np.abs(one * other).sum())
    return float((one * other).sum()) / whole if whole > 0 else 0.0


def together(held: Held | None, look: Look, plan: Layout) -> Look:
    """Return the average of a look and those held before, if they are of one code and surer than the look alone."""
    before = None if held is None or held.place.version != plan.version else held.look
    if before is None or before.frames >= MOST_FRAMES:
        return look
    if (before.soft.level, before.soft.mask) != (look.soft.level, look.soft.mask):
        return look
    if agreement(before.soft.llr, look.soft.llr, plan) < LEAST_AGREEMENT:
        return look
    frames = before.frames + 1
    both = look_at(before.even + (look.even - before.even) / np.float32(frames), plan, frames=frames)
    return both if _sureness(both.soft, plan) > _sureness(look.soft, plan) else look


def _sureness(soft: Soft, plan: Layout) -> float:
    return float(np.abs(soft.llr.ravel()[plan.path]).mean())
