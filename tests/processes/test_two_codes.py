"""Two phones before one camera: nobody can tell whose turn it is, so nobody is taken for the other."""

import itertools

import cv2
import numpy as np
import segno

PITCH = 4  # pixels a module


def frame(*texts):
    """Return what a camera sees when these codes are held up side by side."""
    picture = np.full((720, 1280), 255, np.uint8)
    for number, text in enumerate(texts):
        code = segno.make(text, error="l", boost_error=False, micro=False)
        modules = np.array([[0 if dark else 255 for dark in row] for row in code.matrix], np.uint8)
        drawn = np.kron(modules, np.ones((PITCH, PITCH), np.uint8))
        left = 80 + number * 640
        picture[100 : 100 + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)


class Camera:
    """A folder that the gate reads as its camera."""

    def __init__(self, folder):
        self.folder = folder
        self.numbers = itertools.count()
        folder.mkdir()

    def sees(self, *texts):
        name = f"{next(self.numbers):06}.png"
        assert cv2.imwrite(str(self.folder / f".{name}"), frame(*texts))
        (self.folder / f".{name}").rename(self.folder / name)
        return True


async def test_two_new_codes_in_one_frame_are_nobodys_turn_until_one_is_taken_away(xinguan_town, tmp_path):
    town = xinguan_town
    camera = Camera(tmp_path / "camera")
    town.gate.config.write_text(
        town.gate.configuration(
            platform=town.network_url, source=f"folder:{camera.folder}", actuator=f"file:{tmp_path / 'openings'}"
        )
    )
    await town.gate.start()
    one, other = (town.visitors.resident(town.now_s()).code(town.now_s()) for _ in range(2))
    heard = []

    async for name, told in town.gate.events():
        if name == "hello":
            camera.sees(one, other)
        if name == "notice":
            heard.append(told["code"])
            break
    assert heard == ["two_codes"]
    assert "granted" not in town.kinds()

    await town.until(lambda: camera.sees(one) and "granted" in town.kinds())
    assert town.kinds().count("granted") == 1

    await town.until(lambda: camera.sees(one, other) and town.kinds().count("granted") == 2)
    await town.until(lambda: len(town.openings) == 2)
