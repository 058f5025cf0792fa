"""The same real platform and terminals as in tests/sync."""

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("town_builder", Path(__file__).parents[1] / "sync" / "conftest.py")
_BUILDER = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_BUILDER)

town = _BUILDER.town
