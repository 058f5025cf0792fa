"""Row 12: starting ill is still starting. The API, the screens and the exits are up; everything else asks for staff."""

import contextlib
import os
import re

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")


@contextlib.contextmanager
def unwritable(town, ill):
    """Start the gate on a folder that cannot be written; as root that needs a mount of its own."""
    data, before = town.gate.data, town.gate.process
    if os.geteuid() == 0:
        ro = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        ill.run_with(town, "unshare", "-m", "sh", "-c", ro, data)
    else:
        modes = {path: path.stat().st_mode for path in (data, *data.iterdir())}
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        town.gate.process = before
        if os.geteuid() != 0:
            for path, mode in modes.items():
                path.chmod(mode)


@contextlib.contextmanager
def full_from_the_start(town, ill):
    before = town.gate.process
    ill.run_with(town, "prlimit", "--fsize=4000", "--")
    try:
        yield
    finally:
        town.gate.process = before


@contextlib.contextmanager
def held_by_another(town, ill):
    with ill.held(town):
        yield


ASIDE = re.compile(r"terminal\.db\.damaged-[0-9]+")
ILL = {
    "a full disk": (full_from_the_start, {"store.full", "store.io"}),
    "a folder that cannot be written": (unwritable, {"store.read_only"}),
    "a file that somebody holds": (held_by_another, {"store.busy"}),
}


@pytest.mark.parametrize(("state", "said"), ILL.values(), ids=ILL)
async def test_it_starts_says_what_is_wrong_keeps_nobody_in_and_goes_on_by_itself(town, ill, state, said):
    who = town.visitors.resident(town.now_s())
    await town.gate.process.stop()
    before = len(town.openings)

    with state(town, ill):
        await ill.start_ill(town)
        causes, ready = await ill.readiness(town)
        entering, _ = await ill.enter(town, who)
        leaving, _ = await ill.leave(town, who)
        opened = await town.until(lambda: town.openings[before:])
        if state is held_by_another:
            kept_on = town.gate.process.pid
        else:
            await town.gate.process.stop()

    assert not ready
    assert causes["store"] in said | {"store.opening"}
    assert (entering["outcome"], ill.code_of(entering)) == ("REFER", "store_failed")
    assert (leaving["outcome"], leaving["obligations"]) == ("GRANT", {"open_gate": True})
    assert len(opened) == 1
    if state is not held_by_another:
        await town.gate.start()
    else:
        await ill.line(town, "store", "store.well")
        assert town.gate.process.pid == kept_on
    well, _ = await ill.enter(town, who)
    assert well["outcome"] == "GRANT"


async def set_aside_and_went_on(town, ill, who):
    """The gate runs on an empty database and takes back what it gave; the damaged one lies beside it, whole."""
    await ill.line(town, "lists", "lists.well")
    causes, ready = await ill.readiness(town)
    entering, _ = await ill.enter(town, who)
    leaving, _ = await ill.leave(town, who)
    (beside,) = [path for path in town.gate.data.iterdir() if ASIDE.fullmatch(path.name)]
    return causes, ready, ill.code_of(entering), leaving["obligations"], beside


@pytest_asyncio.fixture(loop_scope="module")
async def one_town(tmp_path, ill):
    """A town of one's own: whose ledger was lost has told the platform so, and cannot go back."""
    async with ill.processes.started_town(tmp_path, gate=ill.TerminalLink) as built:
        await built.gate.start()
        yield built


@pytest.mark.parametrize("damage", ["the first page is noise", "the root page of a table is destroyed while it runs"])
async def test_a_damaged_file_is_set_aside_by_name_and_nobody_is_served_twice(one_town, ill, damage):
    town = one_town
    who, other = (town.visitors.resident(town.now_s()) for _ in range(2))
    await ill.enter(town, other)
    await town.all_arrived()
    await town.gate.process.stop()
    if "noise" in damage:
        with town.gate.database.open("r+b") as file:
            file.write(os.urandom(4096))
    else:
        ill.break_table(town.gate.database, "uses")
        await ill.start_ill(town)
        for _ in range(3):
            refused, _ = await ill.enter(town, who)
            assert ill.code_of(refused) == "store_failed"
        await ill.line(town, "store", "store.corrupt")
        for _ in range(20):  # no other work that succeeds makes it well
            assert (await ill.readiness(town))[0]["store"] == "store.corrupt"
        await town.until((town.gate.data / "terminal.db.damaged").exists)
        await town.gate.process.stop()
    damaged = town.gate.database.read_bytes()[:8192]

    await ill.start_ill(town)
    causes, ready, reason, obligations, beside = await set_aside_and_went_on(town, ill, other)

    # what it gave comes back from the platform; until then it says that it does not know
    assert (causes["memory"], ready) in {("memory.lost", False), ("memory.well", True)}
    assert (causes["store"], reason in {"store_lost", "limit_used"}) == ("store.well", True)
    assert obligations == {"open_gate": True}
    assert beside.read_bytes()[:8192] == damaged


async def test_damaged_list_files_refer_and_never_blame_the_visitor(town, ill):
    who = town.visitors.resident(town.now_s())
    town.network.cut()
    await town.gate.process.stop()
    for path in (town.gate.data / "lists" / "targets").iterdir():
        path.write_bytes(b"\0" * path.stat().st_size)

    await ill.start_ill(town)
    causes, ready = await ill.readiness(town)
    entering, _ = await ill.enter(town, who)
    leaving, _ = await ill.leave(town, who)
    town.network.restore()

    assert (causes["lists"], causes["keys"], ready) == ("lists.missing", "keys.none", False)
    assert (entering["outcome"], ill.code_of(entering)) == ("REFER", "list_too_old")
    assert (leaving["outcome"], leaving["obligations"]) == ("GRANT", {"open_gate": True})
    await ill.line(town, "lists", "lists.well")
    well, _ = await ill.enter(town, who)
    assert well["outcome"] == "GRANT"


async def test_the_first_caller_after_a_power_cut_finds_the_grace_renewed(town, ill):
    """C16: nobody is answered before the start is journalled and the graces are renewed."""
    who = town.visitors.resident(town.now_s())
    code = who.code(town.now_s())
    first = await town.gate.present(code, intent="enter")
    await town.gate.process.pull_the_plug()

    await town.gate.process.start()
    await town.gate.process.until(lambda: ill.answers(town), within_s=20)
    again = await town.gate.present(code, intent="enter")

    assert (again["outcome"], again["repeat"], again["redemption"]) == ("GRANT", True, first["redemption"])


async def test_an_outage_is_as_old_after_a_restart_as_before(town, ill):
    """The offline bound counts from the last contact, not from the last start."""
    await town.all_arrived()
    await town.until(lambda: in_touch(town))
    town.network.cut()
    before = await town.until(lambda: offline(town))
    await town.gate.process.stop()

    await ill.start_ill(town)
    after = await town.gate.status()
    town.network.restore()

    assert after["offline_s"] >= before


async def in_touch(town):
    status = await town.gate.status()
    return status and not status["offline"]


async def offline(town):
    status = await town.gate.status()
    return status and status["offline"] and status["offline_s"] >= 1 and status["offline_s"]
