"""Drawing what a gate camera sees: a lit booth, and a hand that holds a phone with a code on its screen.

Rules of this file:

- pure: a frame follows from the code, the pose and the seeded noise; nothing here keeps time;
- geometry is honest: the phone is a plane turned in space and projected, blurred by how fast the hand moves;
- pictures are BGR uint8 arrays of FRAME_SIZE.
"""

import functools
import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import segno
from cv2.typing import MatLike

Picture: TypeAlias = npt.NDArray[np.uint8]

FRAME_SIZE: Final = (1280, 720)
PHONE_SIZE: Final = (460, 900)  # pixels of the drawn phone, before it is turned
SCREEN: Final = (22, 30, 438, 870)  # left, top, right, bottom of its glass
CODE_PX: Final = 372
FOCAL_PX: Final = 1_400.0
JADE, INK, SKIN = (92, 111, 14), (31, 36, 22), (140, 170, 214)
QUIET_MODULES: Final = 4
SHUTTER_SHARE: Final = 0.3  # share of a frame's way that the open shutter sees
MIN_STREAK_PX, MAX_STREAK_PX = 1.5, 24.0
LENS_SIGMA: Final = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Where the phone is: centre in pixels, scale, turns in degrees, and its speed in pixels a frame."""

    x: float
    y: float
    scale: float = 0.62
    roll: float = 0.0
    tilt: float = 0.0
    turn: float = 0.0
    speed: float = 0.0


def code_picture(text: str) -> Picture:
    """Return the QR code of `text` as a white square of CODE_PX (level L, as on phone screens)."""
    code = segno.make(text, error="l", boost_error=False, micro=False)
    dark = np.array([list(row) for row in code.matrix], dtype=np.uint8)
    square = np.pad(np.where(dark, np.uint8(0), np.uint8(255)), QUIET_MODULES, constant_values=255)
    grey = cv2.resize(square.astype(np.uint8), (CODE_PX, CODE_PX), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def phone_picture(text: str) -> Picture:
    """Return a phone that shows `text` as a code, upright."""
    width, height = PHONE_SIZE
    phone = np.full((height, width, 3), (24, 22, 20), np.uint8)
    _rounded(phone, (0, 0, width - 1, height - 1), 58, (24, 22, 20))
    left, top, right, bottom = SCREEN
    _rounded(phone, (left, top, right, bottom), 40, (250, 252, 252))
    cv2.rectangle(phone, (left, top + 60), (right, top + 150), JADE, -1)
    cv2.circle(phone, (left + 52, top + 105), 24, (255, 255, 255), 5, cv2.LINE_AA)
    cv2.polylines(
        phone, [np.array([[64, 135], [73, 145], [90, 122]])], isClosed=False, color=(255, 255, 255), thickness=6
    )
    for at, length in ((120, 190), (146, 120)):
        cv2.line(
            phone, (left + 95, top + at - 28), (left + 95 + length, top + at - 28), (255, 255, 255), 9, cv2.LINE_AA
        )
    edge = left + (right - left - CODE_PX) // 2
    phone[top + 210 : top + 210 + CODE_PX, edge : edge + CODE_PX] = code_picture(text)
    for at, length, colour in ((640, 230, INK), (680, 300, (150, 160, 150)), (712, 180, (150, 160, 150))):
        cv2.line(phone, (230 - length // 2, top + at), (230 + length // 2, top + at), colour, 12, cv2.LINE_AA)
    return phone


def booth(seed: int) -> Picture:
    """Return the empty view of the gate camera: wall, light from above, the edge of a counter."""
    width, height = FRAME_SIZE
    rng = np.random.default_rng(seed)
    down = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    across = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    light = 150.0 - 70.0 * down - 28.0 * across**2
    view = np.stack([light * tint for tint in (0.93, 1.0, 0.97)], axis=2)
    view[int(height * 0.86) :] *= 0.55
    view += cv2.GaussianBlur(rng.normal(0.0, 26.0, (height, width, 1)).astype(np.float32), (0, 0), 9)[:, :, None]
    noise = grain(seed)
    return np.asarray(cv2.subtract(cv2.add(np.clip(view, 0, 255).astype(np.uint8), noise), noise[::-1]), np.uint8)


def frame(background: Picture, phone: Picture, pose: Pose, *, noise: Picture) -> Picture:
    """Return `background` with the phone held into it at `pose`. Only the part around the phone is worked on."""
    matrix = projection(pose)
    view = background.copy()
    _hand(view, pose)
    left, top, right, bottom = _around(pose)
    if left >= right or top >= bottom:
        return view
    part: MatLike = view[top:bottom, left:right]
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    size = (right - left, bottom - top)
    turned = cv2.warpPerspective(phone, shift @ matrix, size, flags=cv2.INTER_AREA)
    part = cv2.copyTo(turned, cv2.warpPerspective(_outline(), shift @ matrix, size), part)
    shutter = min(pose.speed * SHUTTER_SHARE, MAX_STREAK_PX)
    if shutter >= MIN_STREAK_PX:
        part = cv2.filter2D(part, -1, _streak(shutter))
    part = cv2.add(cv2.GaussianBlur(part, (3, 3), LENS_SIGMA), noise[top:bottom, left:right])
    view[top:bottom, left:right] = cv2.subtract(part, noise[::-1][top:bottom, left:right])
    return view


def grain(seed: int) -> Picture:
    """Return the noise of a sensor: half is added, the same turned over is taken away."""
    rng = np.random.default_rng(seed)
    width, height = FRAME_SIZE
    small = np.abs(rng.normal(0.0, 4.0, (height // 2, width // 2))).astype(np.uint8)
    grey = cv2.resize(small, FRAME_SIZE, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


@functools.cache
def _outline() -> Picture:
    """Return where the drawn phone is phone: 255 inside its rounded outline."""
    width, height = PHONE_SIZE
    solid = np.zeros((height, width), np.uint8)
    _rounded(solid, (1, 1, width - 2, height - 2), 58, (255, 255, 255))
    return solid


def _around(pose: Pose) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the part of the frame that phone and fingers can touch."""
    width, height = FRAME_SIZE
    reach_x, reach_y = PHONE_SIZE[0] * pose.scale * 0.85, PHONE_SIZE[1] * pose.scale * 0.62
    left, right = max(0, round(pose.x - reach_x)), min(width, round(pose.x + reach_x))
    return left, max(0, round(pose.y - reach_y)), right, min(height, round(pose.y + reach_y))


def projection(pose: Pose) -> npt.NDArray[np.float64]:
    """Return the homography that carries the drawn phone into the frame (a pinhole camera, a turned plane)."""
    width, height = PHONE_SIZE
    roll, tilt, turn = (math.radians(angle) for angle in (pose.roll, pose.tilt, pose.turn))
    spin_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    spin_x = np.array([[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]])
    spin_y = np.array([[math.cos(turn), 0, math.sin(turn)], [0, 1, 0], [-math.sin(turn), 0, math.cos(turn)]])
    spin = spin_z @ spin_x @ spin_y
    plane = np.array(
        [[-width / 2, -height / 2], [width / 2, -height / 2], [width / 2, height / 2], [-width / 2, height / 2]]
    )
    corners = np.hstack([plane, np.zeros((4, 1))]) @ spin.T * pose.scale
    depth = FOCAL_PX / (FOCAL_PX + corners[:, 2])
    seen = corners[:, :2] * depth[:, None] + (pose.x, pose.y)
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, seen.astype(np.float32)), dtype=np.float64)


def _hand(view: Picture, pose: Pose) -> None:
    """Draw the hand behind the phone into `view`: a forearm from below and fingers beside it."""
    half_w, half_h = PHONE_SIZE[0] * pose.scale / 2, PHONE_SIZE[1] * pose.scale / 2
    arm = (round(pose.x + half_w * 0.7), round(pose.y + half_h * 0.9))
    cv2.line(view, arm, (round(pose.x + half_w * 2.2), FRAME_SIZE[1] + 300), SKIN, round(half_w * 1.1), cv2.LINE_AA)
    for step in range(4):
        at = (round(pose.x - half_w * 1.0), round(pose.y + half_h * (0.02 + 0.2 * step)))
        cv2.ellipse(view, at, (round(half_w * 0.34), round(half_h * 0.085)), 8, 0, 360, SKIN, -1, cv2.LINE_AA)
    thumb = (round(pose.x + half_w * 1.0), round(pose.y + half_h * 0.2))
    cv2.ellipse(view, thumb, (round(half_w * 0.26), round(half_h * 0.26)), 12, 0, 360, SKIN, -1, cv2.LINE_AA)


def _streak(length: float) -> npt.NDArray[np.float32]:
    size = max(3, int(length) | 1)
    kernel = np.zeros((size, size), np.float32)
    cv2.line(kernel, (size // 2 - size // 4, 0), (size // 2 + size // 4, size - 1), 1.0, 1, cv2.LINE_AA)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _rounded(picture: Picture, box: tuple[int, int, int, int], radius: int, colour: tuple[int, int, int]) -> None:
    left, top, right, bottom = box
    cv2.rectangle(picture, (left + radius, top), (right - radius, bottom), colour, -1)
    cv2.rectangle(picture, (left, top + radius), (right, bottom - radius), colour, -1)
    for x in (left + radius, right - radius):
        for y in (top + radius, bottom - radius):
            cv2.circle(picture, (x, y), radius, colour, -1)
