"""The fixtures of the scenes; the town is in scene_town.py, what it tells in story.py."""

import importlib.util
import secrets
import sys
from pathlib import Path

import pytest
import pytest_asyncio

HERE = Path(__file__).parent


def load(name, folder=HERE):
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


other_clock = load("other_clock", HERE.parent / "tools")
story = load("story")
scene_town = load("scene_town")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory):
    async with scene_town.scene_town(tmp_path_factory.mktemp("scenes")) as built:
        yield built


@pytest_asyncio.fixture(loop_scope="module")
async def scenes(town, request):
    """The town all scenes share; each finds it with the network there and the second verifier up."""
    town.begin(request.node.name)
    yield town
    town.health.down = False
    if town.network.is_cut:
        await town.online()


@pytest_asyncio.fixture(loop_scope="module")
async def own_town(tmp_path_factory, request):
    """A town of the scene's own, whose terminal may be put under another clock."""
    if lacks := other_clock.missing():
        pytest.skip(f"other clocks need {lacks}")
    async with scene_town.scene_town(tmp_path_factory.mktemp("own")) as built:
        built.begin(request.node.name)
        yield built


@pytest.fixture
def order():
    """A fresh order number of a reservation."""
    return secrets.token_bytes(8)
