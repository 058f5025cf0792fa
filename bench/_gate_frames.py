"""Drawn gate frames: a phone with a dense code before a 720p camera, in every condition a gate knows. Seeded, ours.

Everything happens in linear light, in the order of nature: the screen glows, perspective, moving hand, lens blur, lamp
reflections, row banding, sensor noise, then gamma and JPEG. `px` is camera pixels per module, which is the distance.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import segno

Image = npt.NDArray[Any]
WIDTH, HEIGHT, FOCAL = 1280, 720, 1100.0  # pixels
MODULE = 8  # pixels of the drawn screen
DISTANCES = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
CONDITIONS = ("clean", "tilt", "rotated", "defocus", "motion", "glare", "moire", "lowlight", "inverted", "mixed")
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
GAMMA = 2.2


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame and the texts in it."""

    name: str
    frame: Image
    texts: tuple[str, ...] = ()
    condition: str = "empty"


@dataclass(frozen=True, slots=True)
class Pose:
    """How a phone is held and seen. Angles in degrees, lengths in pixels of the frame."""

    px: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    x: float = WIDTH / 2
    y: float = HEIGHT / 2
    blur: float = 0.6
    moved: float = 0.0
    moved_to: float = 0.0
    lamps: int = 0
    grid: float = 0.02
    band: float = 0.02
    noise: float = 0.005
    light: float = 0.95
    around: float = 0.3
    quality: int = 85


def text_of(rng: np.random.Generator) -> str:
    """Return a text as long as a bound token: 250 to 450 characters of base45."""
    return "XG1:" + "".join(rng.choice(list(ALPHABET), int(rng.integers(248, 447))))


def phone(rng: np.random.Generator, text: str, *, inverted: bool) -> tuple[Image, Image]:
    """Return a phone screen in linear light and the corners of the code on it."""
    code = segno.make(text, error=str(rng.choice(["l", "m", "m", "q"])), mode="alphanumeric", boost_error=False)
    modules = np.array([list(row) for row in code.matrix], np.float32)
    side = modules.shape[0] * MODULE
    width = int(side / rng.uniform(0.65, 0.85))
    screen = np.full(
        (int(width * 2), width), 0.04 if inverted or rng.random() < 0.25 else rng.uniform(0.75, 0.95), np.float32
    )
    screen[: width // 5] = rng.uniform(0.05, 0.9)
    for _ in range(int(rng.integers(20, 60))):  # words
        y, x = int(rng.uniform(0.15, 0.95) * 2 * width), int(rng.uniform(0, 0.9) * width)
        screen[y : y + width // 60, x : x + int(rng.uniform(0.02, 0.08) * width)] = (
            0.15 if screen[-1, -1] > 0.5 else 0.5
        )
    left, top, quiet = (width - side) // 2, int(width * 0.5), 3 * MODULE
    screen[top - quiet : top + side + quiet, left - quiet : left + side + quiet] = 0.015 if inverted else 1.0
    drawn = np.kron(modules if inverted else 1 - modules, np.ones((MODULE, MODULE), np.float32))
    screen[top : top + side, left : left + side] = 0.015 + 0.985 * drawn
    corners = np.array([(left, top), (left + side, top), (left + side, top + side), (left, top + side)], np.float64)
    return screen, corners


def surroundings(rng: np.random.Generator, level: float) -> Image:
    """Return a blurred room in linear light."""
    room = cv2.resize(rng.uniform(0.2, 1, (9, 16)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(10, 30))):
        (x, y), tone = rng.integers(0, [WIDTH, HEIGHT]).tolist(), float(rng.uniform(0, 1))
        w, h = rng.integers(5, 200, 2).tolist()
        cv2.rectangle(room, (x, y), (x + w, y + h), tone, -1)
    return np.asarray(np.clip(cv2.GaussianBlur(room, (0, 0), rng.uniform(1, 5)), 0, 1) * level, np.float32)


def homography(pose: Pose, corners: Image) -> Image:
    """Return the map from the drawn screen to the frame for a pinhole camera."""
    a, b, c = np.radians([pose.pitch, pose.yaw, pose.roll])
    turn = (
        np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
        @ np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
        @ np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    )
    depth = FOCAL * MODULE / pose.px
    shift = np.array([(pose.x - WIDTH / 2) * depth / FOCAL, (pose.y - HEIGHT / 2) * depth / FOCAL, depth])
    middle = corners.mean(0)
    plane = np.column_stack([turn[:, 0], turn[:, 1], shift]) @ np.array(
        [[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]]
    )
    return np.asarray(np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]]) @ plane)


def film(rng: np.random.Generator, screen: Image, corners: Image, pose: Pose, room: Image) -> Image:
    """Return what the camera makes of it: a grey uint8 frame through JPEG, as BGR."""
    matrix = homography(pose, corners)
    double = np.diag([2.0, 2.0, 1.0]) @ matrix
    seen, mask = (
        cv2.resize(
            cv2.warpPerspective(s, double, (2 * WIDTH, 2 * HEIGHT)), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA
        )
        for s in (screen, np.ones_like(screen))
    )
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    texture = 1 + pose.grid * np.cos(columns * rng.uniform(1.9, 2.9)) * np.cos(rows * rng.uniform(1.9, 2.9))
    texture *= 1 + pose.band * np.cos(2 * np.pi * rows / rng.uniform(60, 240) + rng.uniform(0, 6))
    light = seen * texture * pose.light + room * (1 - mask)
    spot = cv2.perspectiveTransform(corners[None], matrix)[0]
    for _ in range(pose.lamps):
        x, y = spot.mean(0) + rng.uniform(-0.35, 0.35, 2) * np.ptp(spot, axis=0)
        wide, high = np.ptp(spot, axis=0).max() * rng.uniform(0.06, 0.28, 2)
        light += rng.uniform(0.3, 1.6) / (1 + (((columns - x) / wide) ** 2 + ((rows - y) / high) ** 2) ** 2)
    light = cv2.GaussianBlur(light, (0, 0), pose.blur)
    if pose.moved >= 1:
        light = cv2.filter2D(light, -1, streak(pose.moved, pose.moved_to), borderType=cv2.BORDER_REPLICATE)
    return expose(rng, light, pose)


def streak(length: float, angle: float) -> Image:
    """Return the kernel of a straight movement."""
    side = int(np.ceil(length)) | 1
    kernel, middle = np.zeros((side, side), np.float32), side // 2
    reach = np.rint(np.array([np.cos(angle), np.sin(angle)]) * length / 2).astype(int)
    cv2.line(kernel, (middle - reach[0], middle - reach[1]), (middle + reach[0], middle + reach[1]), 1.0, 1)
    return np.asarray(kernel / kernel.sum())


def expose(rng: np.random.Generator, light: Image, pose: Pose) -> Image:
    """Return the light as a sensor with gain, noise and gamma gives it, through JPEG."""
    grain = np.sqrt(pose.noise**2 + pose.noise * 0.02 * np.maximum(light, 0))
    light = np.maximum(light, 0) + rng.standard_normal(light.shape).astype(np.float32) * grain
    gain = min(2.2, 0.8 / max(pose.light, 0.2)) if pose.light < 0.5 else 1.0
    grey = (np.clip(light * gain, 0, 1) ** (1 / GAMMA) * 255).astype(np.uint8)
    packed = cv2.imencode(".jpg", cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), [cv2.IMWRITE_JPEG_QUALITY, pose.quality])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))


def posed(rng: np.random.Generator, condition: str, px: float) -> Pose:
    """Return a random pose of a condition; mixed has something of everything."""
    mixed = condition == "mixed"
    part = 0.5 if mixed else 1.0
    angles = {"roll": rng.uniform(-8, 8), "yaw": rng.uniform(-8, 8), "pitch": rng.uniform(-12, 8)}
    pose = Pose(
        px=px, **angles, blur=rng.uniform(0.45, 0.7), quality=int(rng.integers(75, 92)), around=rng.uniform(0.1, 0.5)
    )
    reach = max(0.0, WIDTH / 2 - 55 * px) * 0.5
    pose = replace(pose, x=WIDTH / 2 + rng.uniform(-1, 1) * reach, y=HEIGHT / 2 + rng.uniform(-0.3, 0.3) * reach)
    if condition == "rotated":
        pose = replace(pose, roll=rng.choice([90, 180, 270]) + rng.uniform(-40, 40))
    if mixed or condition == "tilt":
        pose = replace(pose, yaw=part * rng.choice([-1, 1]) * rng.uniform(20, 45), pitch=part * rng.uniform(-40, 30))
    if mixed or condition == "defocus":
        pose = replace(pose, blur=0.2 + px * rng.uniform(0.22, 0.4) * (0.6 if mixed else 1))
    if mixed or condition == "motion":
        pose = replace(pose, moved=part * rng.uniform(0.6, 1.5) * px, moved_to=rng.uniform(0, np.pi))
    if mixed or condition == "glare":
        pose = replace(pose, lamps=int(rng.integers(1, 3)))
    if mixed or condition == "moire":
        pose = replace(pose, grid=part * rng.uniform(0.12, 0.35), band=rng.uniform(0.05, 0.25))
    if mixed or condition == "lowlight":
        pose = replace(
            pose,
            noise=part * rng.uniform(0.03, 0.08),
            light=rng.uniform(0.4, 0.9) if mixed else rng.uniform(0.18, 0.45),
        )
        pose = replace(pose, around=rng.uniform(0.01, 0.05))
    return pose


def stills(seed: int, each: int) -> Iterator[Shot]:
    """Yield `each` frames of every condition and distance, and three empty ones for each of them."""
    for kind, condition in enumerate(CONDITIONS):
        for px in DISTANCES:
            for n in range(each):
                rng = np.random.default_rng([seed, kind, round(px * 10), n])
                text, pose = text_of(rng), posed(rng, condition, px)
                screen, corners = phone(rng, text, inverted=condition == "inverted")
                frame = film(rng, screen, corners, pose, surroundings(rng, pose.around))
                yield Shot(f"{condition}/{px}_{n}", frame, (text,), condition)
    for n in range(3 * each):
        rng = np.random.default_rng([seed, 99, n])
        yield Shot(
            f"empty/{n}",
            expose(rng, surroundings(rng, rng.uniform(0.2, 0.9)), Pose(px=1, noise=rng.uniform(0.003, 0.03))),
        )


def stream(
    seed: int, number: int, *, idle: int = 25, coming: int = 14, held: int = 20, going: int = 8
) -> Iterator[Shot]:
    """Yield a passage at 15 fps: an empty gate, a phone that comes near, is held by a living hand, and leaves."""
    rng = np.random.default_rng([seed, 1000 + number])
    condition = ("clean", "tilt", "glare", "moire", "lowlight", "mixed")[number % 6]
    text, base = text_of(rng), posed(rng, condition, 3.0)
    screen, corners = phone(rng, text, inverted=False)
    room, px = surroundings(rng, base.around), rng.uniform(2.6, 4.2)
    target = np.array([WIDTH / 2, HEIGHT / 2]) + rng.uniform(-120, 120, 2)
    begin = target + np.array([rng.uniform(-300, 300), 420.0])
    for n in range(idle + coming + held + going):
        name = f"stream{number}/{n:03d}"
        if not idle <= n < idle + coming + held:
            yield Shot(name, expose(rng, room, base), (), condition)
            continue
        along = min(1.0, (n - idle + 1) / coming)
        eased = along * along * (3 - 2 * along)
        x, y = begin + (target - begin) * eased + rng.standard_normal(2) * 1.5
        base = replace(base, roll=base.roll + rng.normal(0, 0.6), yaw=base.yaw + rng.normal(0, 0.8))
        hunting = rng.uniform(0, 1) if rng.random() < 0.3 else 0.0
        pose = replace(
            base,
            px=px * (0.35 + 0.65 * eased),
            x=x,
            y=y,
            blur=base.blur * (0.6 if condition == "mixed" else 1) + (1 - eased) + hunting,
            moved=base.moved * 0.6 + 60 * eased * (1 - eased) * (along < 1) + rng.uniform(0, 1.2),
            moved_to=np.pi / 2 + rng.uniform(-0.3, 0.3),
        )
        yield Shot(name, film(rng, screen, corners, pose, room), (text,), condition)
