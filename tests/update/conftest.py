"""The same town of real processes as in tests/processes."""

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("town_of_processes", Path(__file__).parents[1] / "processes/conftest.py")
_BUILDER = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_BUILDER)

xinguan_town = _BUILDER.xinguan_town
