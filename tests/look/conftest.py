"""The look-test's hands: the browser and the terminal's look-alike of tests/browser, time standing still."""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parent


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_browser = _load("browser_hands", HERE.parent / "browser" / "conftest.py")
chromium, terminal, open_screen = _browser.chromium, _browser.terminal, _browser.open_screen
_load("states", HERE / "states.py")
