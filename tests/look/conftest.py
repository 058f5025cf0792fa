"""The look-test's hands: one browser for all, the terminal's look-alike of tests/browser, time standing still.

XINGUAN_SCREENS=FOLDER looks at the pages of another tree (its `edge/screens`): what these tests find on pages of before
stands in docs/testing.md.
"""

import importlib.util
import os
import sys
from pathlib import Path

import pytest_asyncio

from edge.screens import pages

HERE = Path(__file__).parent
if folder := os.environ.get("XINGUAN_SCREENS"):
    pages.files = lambda _package: Path(folder)
    pages.PAGES = tuple(name for name in pages.PAGES if Path(folder, f"{name}.html").is_file())


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_browser = _load("browser_hands", HERE.parent / "browser" / "conftest.py")
_load("states", HERE / "states.py")
_load("more_states", HERE / "more_states.py")
_load("eyes", HERE / "eyes.py")
_load("day", HERE / "day.py")

# One browser for every test of a worker: to start one costs more than to look at ten screens.
chromium = pytest_asyncio.fixture(scope="session", loop_scope="session", name="chromium")(_browser.started_chromium)
terminal = pytest_asyncio.fixture(loop_scope="session", name="terminal")(_browser.started_terminal)
open_screen = pytest_asyncio.fixture(loop_scope="session", name="open_screen")(_browser.screens)
