"""The fixtures of the scenes; the town is in scene_town.py, what it tells in story.py."""

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e import booted as booted_debian
from tests.e2e import installing

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


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    if given := os.environ.get("PACKAGES"):
        return Path(given)
    out, of_release = tmp_path_factory.mktemp("packages"), ("--debian", str(booted_debian.RELEASE))
    for kind in ("deb", "tarball"):
        subprocess.run(
            [sys.executable, installing.ROOT / "systemd/packaging/build.py", kind, *of_release, "--out", out],
            check=True,
        )
    return out


@pytest.fixture(scope="session")
def bare():
    """An empty Debian, not booted; what apt would fetch is fetched by the tests that boot a copy without a network."""
    root = Path(tempfile.mkdtemp(prefix="xinguan-bare-"))
    if given := os.environ.get("DEBIAN_ROOT"):
        subprocess.run(["cp", "-a", f"{given}/.", root], check=True)
    else:
        booted_debian.debootstrap(root)
    root.chmod(0o755)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def boot(bare, tmp_path_factory):
    """Return a function that boots a copy of the empty Debian, with files in /root and what apt will ask for.

    With `beside` it has the network of another box.
    """
    started = []

    def booted(files, wanted, beside=None):
        root = Path(tempfile.mkdtemp(prefix="xinguan-box-"))
        subprocess.run(["cp", "-a", f"{bare}/.", root], check=True)
        root.chmod(0o755)
        for file in files:
            shutil.copy(file, root / "root")
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        fetch = f"cd /root; apt-get update; apt-get install -y --download-only {wanted}"
        environment = {"PATH": os.environ["PATH"], "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["chroot", root, "bash", "-ec", fetch], check=True, env=environment, capture_output=True)
        box = booted_debian.Booted(root, tmp_path_factory.mktemp("console") / "log", beside)
        started.append(box)
        return box.start()

    yield booted
    for box in started:
        box.stop()
        shutil.rmtree(box.root)


@pytest.fixture(scope="session")
def deb_box(boot, packages):
    """A box on which somebody followed the page, 1 to 5."""
    box = boot(packages.glob("*.deb"), "./xinguan_*.deb ./xinguan-central_*.deb")
    began = time.monotonic()
    installing.follow(box, installing.SECTIONS["1"], "docs/install.md, 1")
    installed_s, kib = time.monotonic() - began, box.must("du -sk /opt/xinguan").split()[0]
    installing.follow(box, installing.PRACTISE, "docs/install.md")
    whole_s = time.monotonic() - began
    print(f"installed in {installed_s:.0f} s, {int(kib) / 1024:.0f} MiB in /opt/xinguan; 1 to 5 in {whole_s:.0f} s")
    return box
