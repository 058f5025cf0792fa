"""Row 6: a terminal that does not know what it gave notices it, refers meanwhile, and takes its own facts back."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import sys

import pytest

from cache.texts import BODY, clear
from central.demo.running.processes import Child, free_ports, python
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town as street
from credit.records import Record, canonical, chain_next, chain_start, encode
from sync.enrol.identity import load_identity
from sync.push.receipts import kept_end

pytestmark = pytest.mark.asyncio(loop_scope="module")


def books(town, sql):
    with contextlib.closing(sqlite3.connect(f"file:{town.platform.state / 'central.db'}?mode=ro", uri=True)) as conn:
        return conn.execute(sql).fetchall()


def truncate(town, kept):
    for name in ("terminal.db", "terminal.db-wal"):
        path = town.gate.data / name
        if path.exists():
            path.write_bytes(b"")


def delete(town, kept):
    for path in town.gate.data.glob("terminal.db*"):
        path.unlink()


def older_file(town, kept):
    delete(town, kept)
    for path in kept.glob("terminal.db*"):
        shutil.copy2(path, town.gate.data / path.name)


def older_folder(town, kept):
    shutil.rmtree(town.gate.data)
    shutil.copytree(kept, town.gate.data)


EXPECTED = {("first",), ("declared",), ("ordered",)}
LOSSES = {"truncated": truncate, "deleted": delete, "an older file": older_file, "an older folder": older_folder}


async def granted(town, ill, who):
    for _ in range(5):
        answer, _ = await ill.enter(town, who)
        if ill.code_of(answer) != "store_failed":
            break
    assert answer["outcome"] == "GRANT"
    await town.gate.step(answer["redemption"], "passed")


async def lose(town, ill, tmp_path, loss):
    """Serve two visitors, lose what was written of the second (or of both), and return them; the gate is down."""
    first, second = (town.visitors.resident(town.now_s()) for _ in range(2))
    await granted(town, ill, first)
    await town.all_arrived()
    await town.gate.process.stop()
    kept = tmp_path / "kept"
    shutil.copytree(town.gate.data, kept)
    await town.gate.start()
    await granted(town, ill, second)
    await town.all_arrived()
    await town.gate.process.stop()
    loss(town, kept)
    return first, second


async def test_a_gate_that_is_stopped_between_two_batches_leaves_its_newest_receipt_beside_the_database(town, ill):
    """Batches that follow on each other within a second have their receipts laid down later, or at the stop."""
    for _ in range(4):
        for _ in range(2):
            await granted(town, ill, town.visitors.resident(town.now_s()))
        await town.all_arrived()
        await town.gate.process.stop()
        with contextlib.closing(sqlite3.connect(town.gate.database)) as conn:
            (signed,) = conn.execute("SELECT acked_through FROM cursor").fetchone()
        assert kept_end(load_identity(town.gate.data)).seq == signed > 0
        await town.gate.start()


async def outcome(town, ill, who):
    """Show a fresh code; once more where a busy machine did not write in time."""
    for _ in range(5):
        answer, _ = await ill.enter(town, who)
        if ill.code_of(answer) != "store_failed":
            break
    return answer["outcome"], ill.code_of(answer)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
async def test_whoever_was_served_before_the_loss_is_not_served_again_once_the_platform_is_in_reach(
    town, ill, tmp_path, loss
):
    people = await lose(town, ill, tmp_path, loss)
    conflicts = books(town, "SELECT count(*) FROM conflicts")

    await town.gate.start()
    await town.until(lambda: unsent(town), 40.0)  # a whole older folder is seen at the first standing
    await ill.line(town, "memory", "memory.well")
    answers = [await outcome(town, ill, who) for who in people]
    fresh = await outcome(town, ill, town.visitors.resident(town.now_s()))

    assert answers == [("STANDARD", "limit_used")] * 2
    assert fresh == ("GRANT", "ok")
    await town.until(lambda: unsent(town), 40.0)
    assert books(town, "SELECT count(*) FROM conflicts") == conflicts
    assert books(town, "SELECT kind FROM findings") == []
    assert {("first",), ("declared",)} <= set(books(town, "SELECT standing FROM lives")) <= EXPECTED
    assert books(town, "SELECT twin_ms FROM terminals") == [(None,)]


async def unsent(town):
    status = await town.gate.status()
    return status and status["unsent"] == 0


async def test_an_empty_database_without_a_network_keeps_nobody_in_and_lets_nobody_in(town, ill, tmp_path):
    """Its lists went with it."""
    first, second = await lose(town, ill, tmp_path, truncate)
    town.network.cut()

    await ill.start_ill(town)
    causes, ready = await ill.readiness(town)
    referred = await outcome(town, ill, second)
    left, _ = await ill.leave(town, first)
    town.network.restore()

    assert (causes["memory"], causes["lists"], ready) == ("memory.lost", "lists.missing", False)
    assert referred[0] == "REFER"
    assert left["obligations"] == {"open_gate": True}
    await ill.line(town, "memory", "memory.well")
    await ill.line(town, "lists", "lists.well")
    assert await outcome(town, ill, second) == ("STANDARD", "limit_used")


async def test_without_a_network_benefits_with_limits_are_referred_everybody_may_leave_and_a_person_may_accept_it(
    town, ill, tmp_path
):
    first, second = await lose(town, ill, tmp_path, older_file)
    town.network.cut()

    await ill.start_ill(town)
    causes, ready = await ill.readiness(town)
    referred = [await outcome(town, ill, who) for who in (second, town.visitors.resident(town.now_s()))]
    left, _ = await ill.leave(town, first)
    await town.gate.process.stop()
    accepted = await command(town, "restore", "--accept-loss", "--by", "zhang")
    again = await command(town, "restore", "--accept-loss")
    await town.gate.start()
    served = await outcome(town, ill, town.visitors.resident(town.now_s()))

    assert (causes["memory"], ready) == ("memory.lost", False)
    assert referred == [("REFER", "store_lost")] * 2
    assert left["obligations"] == {"open_gate": True}
    assert (accepted, again) == (0, 1)
    assert served == ("GRANT", "ok")
    town.network.restore()
    await town.until(lambda: unsent(town), 40.0)
    await ill.line(town, "memory", "memory.well")
    assert [await outcome(town, ill, who) for who in (first, second)] == [("STANDARD", "limit_used")] * 2
    assert ("loss_accepted",) in books(town, "SELECT kind FROM findings")
    await forget_findings(town)


@pytest.mark.parametrize("way", ["a copy", "the platform"])
async def test_a_database_that_a_person_restored_serves_nobody_twice(town, ill, tmp_path, way):
    first, second = (town.visitors.resident(town.now_s()) for _ in range(2))
    await granted(town, ill, first)
    copy = tmp_path / "copy.db"
    assert await command(town, "backup", str(copy)) == 0
    await granted(town, ill, second)
    assert await command(town, "restore", str(copy)) == 69  # it runs
    await town.gate.process.stop()

    assert await command(town, "restore", *([str(copy)] if way == "a copy" else ["--from-platform"])) == 0

    await town.gate.start()
    await ill.line(town, "memory", "memory.well")
    await ill.line(town, "lists", "lists.well")
    assert [await outcome(town, ill, who) for who in (first, second)] == [("STANDARD", "limit_used")] * 2
    assert await outcome(town, ill, town.visitors.resident(town.now_s())) == ("GRANT", "ok")
    await town.until(lambda: unsent(town), 40.0)
    assert books(town, "SELECT kind FROM findings") == []
    assert books(town, "SELECT twin_ms FROM terminals") == [(None,)]


async def command(town, *words):
    process = await asyncio.create_subprocess_exec(
        *python("edge.cli", *words, "--config", str(town.gate.config)), stdout=sys.stderr, stderr=sys.stderr
    )
    return await process.wait()


async def forget_findings(town):
    with contextlib.closing(sqlite3.connect(town.platform.state / "central.db", timeout=10)) as conn, conn:
        conn.execute("DELETE FROM findings")


def forget_uses(conn):
    conn.execute("DELETE FROM uses")
    conn.execute("DELETE FROM tallies")


def forge_a_tally(conn):
    """Write a total that no rows bear out; what one holder has used has none."""
    conn.execute("INSERT INTO tallies (key, n) VALUES ('u|wulong/first|day:2026-09-21', 1)")


def rewrite_signed_facts(conn):
    """Change a signed record and every hash after it, as whoever knows the form can."""
    head = b""
    for seq, body in conn.execute(f"SELECT seq, {BODY} FROM journal ORDER BY seq").fetchall():
        row = conn.execute("SELECT id, at_ms, kind, redemption FROM journal WHERE seq = ?", (seq,)).fetchone()
        epoch, terminal, begins = conn.execute(
            "SELECT id, terminal, from_seq FROM epoch WHERE from_seq <= ? ORDER BY number DESC LIMIT 1", (seq,)
        ).fetchone()
        told = json.loads(clear(body)) | ({"forged": True} if seq == begins else {})
        head = chain_start(terminal, epoch) if seq == begins else head
        record = Record(seq=seq, id=row[0], at_ms=row[1], kind=row[2], redemption=row[3], body=told)
        head = chain_next(head, encode(record))
        changed = (canonical(told).decode(), head, seq)
        conn.execute("UPDATE journal SET body = ?, hash = ? WHERE seq = ?", changed)


def forge_the_receipt(conn):
    conn.execute("UPDATE cursor SET receipt = substr(receipt, 1, 40) || 'AAAA' || substr(receipt, 45)")


FORGERIES = {one.__name__: one for one in (forget_uses, forge_a_tally, rewrite_signed_facts, forge_the_receipt)}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_verifying_the_journal_finds_what_contradicts_a_receipt_or_the_ledger(town, ill, forge):
    await granted(town, ill, town.visitors.resident(town.now_s()))
    await town.all_arrived()
    await town.gate.process.stop()
    whole = await command(town, "journal", "verify")

    with ill.kept(town.gate.data) as put_back:
        with contextlib.closing(sqlite3.connect(town.gate.database)) as conn, conn:
            forge(conn)
        found = await command(town, "journal", "verify")
        put_back()
    await town.gate.start()

    assert (whole, found) == (0, 1)


@contextlib.asynccontextmanager
async def cloned(town):
    """Run a second machine from a copy of the gate's disk, under its own port."""
    (port,) = free_ports(1)
    clone = TerminalLink(street.GATE, town.folder / "clone", port, town.gate._session)
    (town.folder / "clone").mkdir()
    await town.gate.process.stop()
    shutil.copytree(town.gate.data, clone.data)
    clone.config.write_text(clone.configuration(platform=town.network_url, source=None, actuator=None))
    clone.process = Child("clone", python("edge.cli", "run", "--config", str(clone.config)), town.folder / "clone.log")
    try:
        yield clone
    finally:
        await clone.process.stop()


async def is_twin(link):
    try:
        async with link._session.get(f"{link.url}/readyz") as answer:
            causes = {check["name"]: check["cause"] for check in (await answer.json())["checks"]}
    except OSError:
        return False  # it is starting
    return causes["twin"] == "twin.seen"


async def both_serve_until_told(town, clone):
    """Let both machines serve somebody, and return whether both know that they are two."""
    for link in (town.gate, clone):
        with contextlib.suppress(OSError):
            await link.present(town.visitors.resident(town.now_s()).code(town.now_s()), intent="enter")
    return await is_twin(town.gate) and await is_twin(clone)


@pytest.mark.timeout(240)
async def test_a_cloned_disk_with_both_machines_on_is_a_twin_until_the_office_enrols_one_anew(ill, tmp_path):
    async with ill.processes.started_town(tmp_path, gate=ill.TerminalLink) as town:
        await town.gate.start()
        served = town.visitors.resident(town.now_s())
        await granted(town, ill, served)
        await town.all_arrived()

        async with cloned(town) as clone:
            await town.gate.start()
            await clone.process.start()
            await town.until((clone.data / "api-tokens.json").exists)
            clone.tokens = json.loads((clone.data / "api-tokens.json").read_bytes())
            await town.until(lambda: both_serve_until_told(town, clone), 90.0)
            who = town.visitors.resident(town.now_s())
            answers = [await link.present(who.code(town.now_s()), intent="enter") for link in (town.gate, clone)]
            left, _ = await ill.leave(town, served)

        assert [(one["outcome"], ill.code_of(one)) for one in answers] == [("REFER", "twin")] * 2
        assert left["obligations"] == {"open_gate": True}
        assert ("twin",) in books(town, "SELECT kind FROM findings")
        await town.gate.process.stop()
        shutil.rmtree(town.gate.data)  # the office sends a new box, which takes the name over
        await town.gate.enrol(await town.platform.code_for(street.GATE, platform=town.network_url))
        await town.gate.start()
        await ill.line(town, "memory", "memory.well")
        assert await outcome(town, ill, served) == ("STANDARD", "limit_used")
        assert await outcome(town, ill, town.visitors.resident(town.now_s())) == ("GRANT", "ok")
        await town.until(lambda: unsent(town), 40.0)
        assert books(town, "SELECT twin_ms FROM terminals") == [(None,)]
