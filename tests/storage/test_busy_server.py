"""How long a PostgreSQL that is slow to take a connection is waited for: a busy machine takes seconds."""

import asyncpg
import pytest

from central.store import SCHEMAS
from storage.jobs import StoreFailedError
from storage.postgres import HOST_S, ONLY_HOST_S, PostgresJobs


@pytest.mark.parametrize(
    ("hosts", "waited_s"), [("a", [ONLY_HOST_S]), ("a,b", [HOST_S, HOST_S]), ("a,b,c", [HOST_S] * 3)]
)
async def test_the_only_server_is_waited_for_and_one_of_several_is_given_up(monkeypatch, hosts, waited_s):
    """Under load the office's tests once failed with StoreFailed: the one server there was had a second to answer."""
    asked = []

    async def nobody(*, timeout, **_where):  # noqa: ASYNC109 - asyncpg's own parameter
        asked.append(timeout)
        raise OSError("nobody answers")

    monkeypatch.setattr(asyncpg, "connect", nobody)

    with pytest.raises(StoreFailedError):
        async with PostgresJobs(f"postgresql://u@{hosts}/x", SCHEMAS["postgres"]):
            pass

    assert asked == waited_s
    assert ONLY_HOST_S > HOST_S
