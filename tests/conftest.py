"""What all tests share: skips that are counted (tests/tools/skips.py), the PostgreSQL (tests/postgres_fixtures.py).

No property test fails for being slow on a busy machine: how fast something is, is measured in bench/.
"""

import importlib.util
from pathlib import Path

from hypothesis import settings

settings.register_profile("xinguan", deadline=None)
settings.load_profile("xinguan")

HERE = Path(__file__).parent


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_SKIPS = _load("skips", HERE / "tools" / "skips.py")
pytest_sessionfinish = _SKIPS.pytest_sessionfinish
pytest_terminal_summary = _SKIPS.pytest_terminal_summary

_POSTGRES = _load("postgres_fixtures", HERE / "postgres_fixtures.py")
pytest_collection_modifyitems = _POSTGRES.pytest_collection_modifyitems
postgres_tool = _POSTGRES.postgres_tool
postgres_server = _POSTGRES.postgres_server
postgres_url = _POSTGRES.postgres_url
