"""One town for each file: platform, network, gate. A test leaves it as well as it found it.

`make ill ARGS=--rows` plays each row of docs/testing.md, also what stands elsewhere, but for what `make e2e` plays.
"""

import functools
import importlib.util
import inspect
import re
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from tests.ill import readings

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "testing.md"

spec = importlib.util.spec_from_file_location("ill_harness", HERE / "harness.py")
harness = sys.modules["ill_harness"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(harness)


TOWNS = ("town", "slow_town", "one_town")


def pytest_addoption(parser):
    parser.addoption("--rows", action="store_true", help="play each row of docs/testing.md, wherever its tests stand")


def named():
    """Return {file: tests} of the rows but for this folder's."""
    found, (_, _, rows) = {}, PAGE.read_text("utf-8").partition("### Each state and what holds it")
    for file, test in re.findall(r"`([a-z_0-9/]+\.py)::(test_\w+)`", rows.partition("\n##")[0]):
        if not file.startswith(("ill/", "e2e/")):
            found.setdefault(HERE.parent / file, set()).add(test)
    return found


def pytest_configure(config):
    if config.getoption("--rows", default=False):
        config.args += sorted(map(str, named()))


def pytest_collection_modifyitems(config, items):
    """Each test of a fault ends with a reading: all is well, but what it says that it leaves, and all were in time."""
    if config.getoption("--rows", default=False):
        elsewhere = named()
        left = [one for one in items if one.originalname not in elsewhere.get(one.path, {one.originalname})]
        items[:] = [one for one in items if one not in left]
        config.hook.pytest_deselected(items=left)
    for item in items:
        test = getattr(item, "obj", None)
        if HERE in item.path.parents and inspect.iscoroutinefunction(test):
            item.obj = read_at_the_end(test, item)


def read_at_the_end(test, item):
    marker = item.get_closest_marker("leaves")
    left = frozenset(marker.args if marker else ())

    @functools.wraps(test)
    async def read(**given):
        since = len(readings.MEASURED)
        async with harness.Beat() as beat:
            await test(**given)
            for name in TOWNS:
                if name in given:
                    await harness.ends_well(given[name], left)
        readings.in_time(beat, since)

    return read


def pytest_terminal_summary(terminalreporter):
    if readings.COUNTED:
        terminalreporter.write_line(readings.told())


@pytest.fixture(scope="session")
def ill():
    """The pieces of the harness."""
    return harness


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory):
    async with harness.processes.started_town(tmp_path_factory.mktemp("ill"), gate=harness.TerminalLink) as built:
        await built.gate.start()
        yield built
