"""A hand that brings a phone to the gate camera, holds it there, never quite still, and takes it away again.

Pure: the pose follows from the time since the hand began to move. Times are seconds.
"""

import math
from dataclasses import dataclass
from typing import Final

from central.demo.street.drawing import FRAME_SIZE, Pose

APPROACH_S: Final = 0.45
LEAVE_S: Final = 0.3
FRAMES_PER_S: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Gesture:
    """One way of holding a phone; `sway` is how far the hand wanders, in pixels."""

    x: float
    y: float
    scale: float
    roll: float
    tilt: float
    turn: float
    sway: float


GESTURES: Final = (
    Gesture(x=640, y=372, scale=0.70, roll=3, tilt=8, turn=-6, sway=5),
    Gesture(x=600, y=392, scale=0.66, roll=-7, tilt=12, turn=10, sway=7),
    Gesture(x=690, y=356, scale=0.74, roll=9, tilt=-10, turn=7, sway=4),
    Gesture(x=660, y=384, scale=0.62, roll=-4, tilt=16, turn=-14, sway=6),
)


def _ease(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return 1.0 - (1.0 - share) ** 3


def _place(gesture: Gesture, since: float, leaving: float | None) -> tuple[float, float]:
    away_x, away_y = FRAME_SIZE[0] * 0.78, FRAME_SIZE[1] * 1.75
    near = _ease(since / APPROACH_S)
    if leaving is not None:
        near *= 1.0 - min(max(leaving / LEAVE_S, 0.0), 1.0) ** 2
    sway_x = gesture.sway * (math.sin(2.1 * since) + 0.4 * math.sin(5.3 * since + 1))
    sway_y = gesture.sway * (math.sin(1.7 * since + 2) + 0.3 * math.sin(6.1 * since))
    return away_x + (gesture.x + sway_x - away_x) * near, away_y + (gesture.y + sway_y - away_y) * near


def pose(gesture: Gesture, since: float, leaving: float | None = None) -> Pose:
    """Return the phone's pose `since` the hand came; `leaving`: since it turned away, None while it stays."""
    x, y = _place(gesture, since, leaving)
    past_x, past_y = _place(gesture, since - 1 / FRAMES_PER_S, None if leaving is None else leaving - 1 / FRAMES_PER_S)
    return Pose(
        x=x,
        y=y,
        scale=gesture.scale,
        roll=gesture.roll + 1.5 * math.sin(1.9 * since),
        tilt=gesture.tilt + 2.0 * math.sin(1.3 * since + 1),
        turn=gesture.turn + 2.0 * math.sin(1.1 * since + 2),
        speed=math.hypot(x - past_x, y - past_y),
    )


def gone(leaving: float) -> bool:
    """Return whether the hand is out of the picture."""
    return leaving >= LEAVE_S
