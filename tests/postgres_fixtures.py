"""The PostgreSQL that tests share: one server a session, one database a test. Tests that ask for it bear its marker."""

import asyncio
import importlib.util
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from central.store import SCHEMAS
from storage.postgres import PostgresJobs

_SPEC = importlib.util.spec_from_file_location("postgres_tool", Path(__file__).parent / "tools" / "postgres.py")
tool = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tool)
ABSENT = "PostgreSQL 15 is not on this machine (apt-get install postgresql-15)"
TEMPLATE = "xg_template"
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items):
    if not tool.present():
        for item in items:
            if item.get_closest_marker("postgres"):
                item.add_marker(pytest.mark.skip(reason=ABSENT))


async def _migrated(url):
    async with PostgresJobs(url, SCHEMAS["postgres"]):
        pass


@pytest.fixture(scope="session")
def postgres_tool():
    """The module that starts servers (tests/tools/postgres.py), for a test that ends one."""
    return tool


@pytest.fixture(scope="session")
def postgres_server():
    server = tool.Server().create().start()
    server.psql(f"CREATE DATABASE {TEMPLATE}")
    with ThreadPoolExecutor(1) as thread:  # a loop of its own: whoever asks first may be running one
        thread.submit(lambda: asyncio.run(_migrated(server.url(TEMPLATE)))).result()
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres_server):
    """The address of a database with the platform's tables, and nothing in them."""
    name = f"t{next(_numbers)}"
    postgres_server.psql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    yield postgres_server.url(name)
    postgres_server.psql(f"DROP DATABASE {name} WITH (FORCE)")
