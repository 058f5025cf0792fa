"""On PostgreSQL each statement of intake, claims and standing reads one part of a table, whatever the plan (town.md).

So the same schema can be spread over machines by declaring it. The server itself tells what each statement did
(auto_explain), with plans that know no values: what is cut off then is cut off whatever is asked.
"""

import json
import re

import pytest

from central.store import SCHEMAS
from storage import postgres
from tests.town.test_ill_postgres import asking
from tests.town.test_ill_postgres import server as server  # noqa: PLC0414 - a fixture

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]
TELLING = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_nested_statements": "on",
    "client_min_messages": "log",
    "plan_cache_mode": "force_generic_plan",
}
PART = re.compile(r"^(.+)_\d+$")


def read(plan):
    """Yield the name of each part that a plan has really looked into."""
    if plan.get("Actual Loops", 0) and "Relation Name" in plan:
        yield plan["Relation Name"]
    for below in plan.get("Plans", ()):
        yield from read(below)


def parts_of(text):
    """Return {table: its parts that were read} of what the server tells of a statement, and the statement."""
    said = json.loads(text[text.index("{") :])
    parts = {}
    for name in read(said["Plan"]):
        if (match := PART.match(name)) is not None:
            parts.setdefault(match[1], set()).add(name)
    return parts, said["Query Text"]


@pytest.fixture
def told(monkeypatch):
    """What the server tells of each statement from now on."""
    messages = []

    def heard(_self, _conn, message):
        if "Query Text" in str(message.message):
            messages.append(parts_of(str(message.message)))

    monkeypatch.setattr(postgres, "SETTINGS", postgres.SETTINGS | TELLING)
    monkeypatch.setattr(postgres.PostgresJobs, "_listen", heard)
    return messages


def spread(told):
    return [(parts, statement) for parts, statement in told if any(len(one) > 1 for one in parts.values())]


async def test_each_statement_of_intake_claims_and_standing_reads_one_part(server, tmp_path, told):
    async with asking(server, tmp_path) as gate:
        await gate.until_granted()
        told.clear()
        await gate.ask()
        about = f"R{gate.asked}"
        use = {"key": f"u|w/first|subject:w:{gate.asked}|ever", "n": 1, "max": 1}
        await gate.terminal.write(redemption=about, body={"issuer": "w", "uses": [use]})
        await gate.terminal.bring_home()
        await gate.terminal.write("annulled", redemption=about, body={})
        await gate.terminal.bring_home()
        await gate.terminal.line().ask()
        await gate.ask()
        seen = {table for parts, _ in told for table in parts}

    assert spread(told) == []
    assert seen >= {"facts", "epochs", "uses", "tallies", "redemptions", "endings"}  # a journal's row is only put


async def test_a_statement_that_asks_every_part_is_told(postgres_url, told):
    """Else nothing above would prove anything."""
    async with postgres.PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        told.clear()
        await jobs.read(lambda tx: tx.rows("SELECT seq FROM facts WHERE kind = $1", "granted"))

    [(parts, _)] = spread(told)
    assert len(parts["facts"]) == 16
