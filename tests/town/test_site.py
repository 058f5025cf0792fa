"""A site of real processes: two gates, their hub, a platform, and wires that can be cut (claims.md; town.md)."""

import asyncio
import contextlib
import importlib.util
import json
import shutil
import sqlite3
import sys
import time
from pathlib import Path

import pytest
import pytest_asyncio

from central.demo.running.processes import ChildError, python, run_once
from central.site.serving import BOOKS
from tests.ill.readings import Beat

_SPEC = importlib.util.spec_from_file_location("two_gates", Path(__file__).with_name("two_gates.py"))
two_gates = importlib.util.module_from_spec(_SPEC)
sys.modules["two_gates"] = two_gates
_SPEC.loader.exec_module(two_gates)
codes, until = two_gates.codes, two_gates.until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
IN_FORCE_S = 2.0  # town.md: a stop-entry is in force at every gate by then


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory):
    async with two_gates.two_gates(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def site(built):
    """The site all tests share; each finds every wire there."""
    yield built
    built.restore_wan()
    for gate in built.gates:
        await until(lambda gate=gate: built.speaks_with_hub(gate))


def last(site, gate):
    return site.facts(gate)[-1][1]


async def test_with_the_wan_cut_the_second_gate_says_used_at_the_first_and_when(site):
    one, two = site.gates
    site.cut_wan()
    who = site.resident()

    first = await site.present(one, who)
    second = await until(lambda: _used(site, two, who))

    assert (first["outcome"], last(site, one)["claim"]) == ("GRANT", "held")
    facts = next(reason["facts"] for reason in second["reasons"] if reason["code"] == "limit_used")
    assert facts["where"] == "yunxi-town/gate-1"
    assert facts["at"]
    assert last(site, two)["with"]["terminal"] == "gate-1"


async def _used(site, gate, who):
    answer = await site.present(gate, who)
    assert answer["outcome"] != "GRANT"
    return answer if "limit_used" in codes(answer) else None


async def test_of_two_gates_at_the_same_moment_one_lets_in_and_the_other_says_show_again(site):
    who = site.resident()

    answers = await asyncio.gather(*(site.present(gate, who) for gate in site.gates))

    assert sorted(answer["outcome"] for answer in answers) in (["GRANT", "REFER"], ["GRANT", "STANDARD"])


async def test_a_screenshot_is_stopped_at_the_next_gate_by_the_site(site):
    one, two = site.gates
    code = site.resident().code(int(time.time()))
    assert (await site.present(one, code))["outcome"] == "GRANT"

    async def replayed():
        return "replayed" in codes(await site.present(two, code))

    await until(replayed)


async def test_a_code_of_a_fast_phone_is_good_where_a_hub_counts_its_nonce(site):
    one, _ = site.gates

    answer = await site.present(one, site.resident().code(int(time.time()) + 20))

    assert answer["outcome"] == "GRANT"


async def test_facts_that_came_while_the_wan_was_cut_arrive_once_in_order_and_the_hub_lets_go_of_them(site):
    one, _ = site.gates
    site.cut_wan()
    for _ in range(5):
        await site.present(one, site.resident())
    held = await until(lambda: _forwards(site))
    head = _head(site, one)
    site.restore_wan()

    await until(lambda: _acked(site, one, head))
    await until(lambda: not _forwards(site))
    ledger = await site.platform.ledger()
    after = {row["terminal"]: row for row in ledger["terminals"]}

    assert held >= 1
    assert (after["gate-1"]["acked_through"] >= head, after["gate-1"]["missing"]) == (True, 0)
    assert _held_twice(site) == []


def _held_twice(site):
    twice = "SELECT terminal, epoch, seq FROM facts GROUP BY terminal, epoch, seq HAVING count(*) > 1"
    with contextlib.closing(sqlite3.connect(f"file:{site.platform.state / 'central.db'}?mode=ro", uri=True)) as conn:
        return conn.execute(twice).fetchall()


def _forwards(site):
    with contextlib.closing(sqlite3.connect(f"file:{site.hub.data / BOOKS}?mode=ro", uri=True)) as conn:
        return conn.execute("SELECT count(*) FROM forwards").fetchone()[0]


def _acked(site, gate, through):
    with contextlib.closing(sqlite3.connect(f"file:{gate.database}?mode=ro", uri=True)) as conn:
        return conn.execute("SELECT acked_through FROM cursor").fetchone()[0] >= through


async def test_a_dead_hub_costs_gates_little_and_they_go_on_alone_and_its_return_drains(site):
    one, two = site.gates
    await site.hub.process.pull_the_plug()
    for _ in range(4):
        answer = await site.present(one, site.resident())
        assert (answer["outcome"], last(site, one)["claim"]) == ("GRANT", "alone")

    async def at_the_platform():
        rows = (await site.platform.ledger())["terminals"]
        mine = next(row for row in rows if row["terminal"] == "gate-1")
        return _acked(site, one, mine["acked_through"]) and mine["acked_through"] >= _head(site, one)

    await until(at_the_platform)  # the platform itself, when the hub has been silent for three seconds
    await site.hub.start()
    for gate in site.gates:
        await until(lambda gate=gate: site.speaks_with_hub(gate))
    who = site.resident()
    assert (await site.present(one, who))["outcome"] == "GRANT"
    await until(lambda: _used(site, two, who))


def _head(site, gate):
    with contextlib.closing(sqlite3.connect(f"file:{gate.database}?mode=ro", uri=True)) as conn:
        return conn.execute("SELECT max(seq) FROM journal").fetchone()[0]


async def test_a_hub_that_starts_anew_knows_what_gates_gave_before_and_while_it_was_away(site):
    one, two = site.gates
    known, alone = site.resident(), site.resident()
    assert (await site.present(one, known))["outcome"] == "GRANT"
    await site.hub.process.pull_the_plug()
    await site.present(one, site.resident())
    await site.present(one, site.resident())  # two silent asks
    assert (await site.present(one, alone))["outcome"] == "GRANT"
    await site.hub.start()
    await until(lambda: site.speaks_with_hub(two))

    for who in (known, alone):
        assert "limit_used" in codes(await until(lambda who=who: _used(site, two, who)))


async def test_a_hub_restored_from_a_backup_takes_what_came_after_it_from_its_gates_with_the_wan_cut(site, tmp_path):
    one, two = site.gates
    await site.hub.process.stop()
    shutil.copytree(site.hub.data, tmp_path / "backup")
    await site.hub.start()
    await until(lambda: site.speaks_with_hub(one))
    later = site.resident()
    assert (await site.present(one, later))["outcome"] == "GRANT"
    await until(lambda: _acked(site, one, _head(site, one)))
    await site.hub.process.pull_the_plug()
    shutil.rmtree(site.hub.data)
    shutil.copytree(tmp_path / "backup", site.hub.data)
    site.cut_wan()
    await site.hub.start()
    await until(lambda: site.speaks_with_hub(two))

    told = await until(lambda: _used(site, two, later))

    assert next(one["facts"]["where"] for one in told["reasons"] if one["code"] == "limit_used") == "yunxi-town/gate-1"
    site.restore_wan()
    again = site.resident()
    assert (await site.present(one, again))["outcome"] == "GRANT"
    await until(lambda: _acked(site, one, _head(site, one)))  # the hub that was restored still sends on
    await until(lambda: _used(site, two, again))


async def test_a_publication_reaches_gates_through_the_hubs_mirror(site):
    one, _ = site.gates
    for wire in site.wan:
        wire.cut()
    who = site.resident()
    assert (await site.present(one, who))["outcome"] == "GRANT"
    await site.platform.restrict(who)

    async def refused():
        answer = await site.gates[1].present(who.code(int(time.time())), intent="check")
        return answer["outcome"] == "REFUSE"

    await until(refused)


async def _stopped(site, gate, *, wanted):
    return bool((await gate.status())["entry_stopped"]) is wanted


async def _everywhere(site, *, stopped):
    """Wait until both gates obey; it is two seconds at most, where this process itself did not stand still."""
    async with Beat() as beat:
        began = time.monotonic()
        for gate in site.gates:
            await until(lambda gate=gate: _stopped(site, gate, wanted=stopped))
        took_s = time.monotonic() - began
    assert took_s <= IN_FORCE_S or not beat.fair(began, took_s), took_s


async def test_entry_stopped_at_one_gate_is_stopped_at_the_other_also_with_the_wan_cut(site):
    one, two = site.gates
    site.cut_wan()

    await one._call("POST", "/v1/entry", {"stopped": True, "by": "guard-7"})
    await _everywhere(site, stopped=True)
    answer = await site.present(two, site.resident())
    await two._call("POST", "/v1/entry", {"stopped": False, "by": "guard-8"})
    await _everywhere(site, stopped=False)

    assert codes(answer)[0] == "entry_stopped"
    assert (await site.present(one, site.resident()))["outcome"] == "GRANT"


async def test_entry_is_stopped_from_the_hub_and_from_the_platform(site):
    hub = python("edge.cli", "hub", "stop-entry", "--config", str(site.hub.config))
    await run_once("stop", hub, site.folder / "stop.log")
    await _everywhere(site, stopped=True)
    await run_once("resume", [*hub[:-3], "resume-entry", *hub[-2:]], site.folder / "stop.log")
    await _everywhere(site, stopped=False)

    order = ["--state", str(site.platform.state)]
    await run_once("stop", python("central", "terminals", *order, "stop-entry", "yunxi-town"), site.folder / "stop.log")
    await _everywhere(site, stopped=True)
    await run_once("go", python("central", "terminals", *order, "resume-entry", "yunxi-town"), site.folder / "stop.log")
    await _everywhere(site, stopped=False)


async def test_hub_toml_that_is_wrong_names_file_key_and_mend(site, tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text('[hub]\ndata = "/x"\nhosts = []\n[platform]\nurl = "http://far.example"\n')
    with pytest.raises(ChildError, match=r"hosts"):
        await run_once("hub", python("edge.cli", "hub", "serve", "--config", str(path)), tmp_path / "log")
    path.write_text('[hub]\ndata = "/x"\nhosts = ["h"]\n[platform]\nurl = "http://far.example"\n')
    with pytest.raises(ChildError, match=r"platform\.url.*https"):
        await run_once("hub", python("edge.cli", "hub", "serve", "--config", str(path)), tmp_path / "log")
    assert json.loads((site.hub.data / "enrolment.json").read_bytes())["answer"]["site"] == "yunxi-town"


USE = "INSERT INTO uses (key, terminal, epoch, redemption, seq, at_ms, n) VALUES (?, 'gate-2', 'e', 'lie', 1, ?, 1)"
TALLY = "INSERT INTO tallies (key, spent) VALUES (?, 1)"
A_DAY_LATER = "UPDATE hub_words SET received_ms = received_ms - 86400000"


async def test_a_hub_that_lies_denies_one_visitor_everybody_else_goes_on_and_a_day_later_it_is_found(site):
    one, two = site.gates
    who, honest = site.resident(), site.resident()
    assert (await site.present(one, honest))["outcome"] == "GRANT"
    [like, *_] = [use["key"] for use in last(site, one)["uses"] if "|subject:" in use["key"]]
    key = like.replace(honest.subject.hex(), who.subject.hex())
    await site.hub.process.stop()
    _change(site.hub.data / BOOKS, (USE, (key, int(time.time() * 1000))), (TALLY, (key,)))
    await site.hub.start()
    for gate in site.gates:
        await until(lambda gate=gate: site.speaks_with_hub(gate))

    denied = await site.present(one, who)

    facts = next(reason["facts"] for reason in denied["reasons"] if reason["code"] == "limit_used")
    assert facts["where"] == "yunxi-town/gate-2"
    assert last(site, one)["key"] == key
    for gate in (one, two):
        assert (await site.present(gate, site.resident()))["outcome"] == "GRANT"
    platform = site.platform.state / "central.db"
    await until(lambda: _rows(platform, "SELECT 1 FROM hub_words WHERE key = ?", key))
    _change(platform, (A_DAY_LATER, ()))
    await until(lambda: _rows(platform, "SELECT 1 FROM findings WHERE kind = 'hub_word' AND terminal = 'hub-1'"))


def _change(path, *statements):
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as conn, conn:
        for sql, values in statements:
            conn.execute(sql, values)


def _rows(path, sql, *values):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as conn:
        return conn.execute(sql, values).fetchall()
