"""One town for each file: platform, network, gate. A test leaves it as well as it found it."""

import importlib.util
import sys
from pathlib import Path

import pytest
import pytest_asyncio

HERE = Path(__file__).parent

spec = importlib.util.spec_from_file_location("ill_harness", HERE / "harness.py")
harness = sys.modules["ill_harness"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(harness)


@pytest.fixture(scope="session")
def ill():
    """The pieces of the harness."""
    return harness


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory):
    async with harness.processes.started_town(tmp_path_factory.mktemp("ill"), gate=harness.TerminalLink) as built:
        await built.gate.start()
        yield built
