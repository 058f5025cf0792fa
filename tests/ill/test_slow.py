"""Row 11: the disk is held by somebody, or slow. Everybody is answered in time, and nothing opens for who has gone."""

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWERED_S = 1.0
LEFT_S = 0.3
TRIES = 20  # each meets the store at another moment of the second in which the gate itself writes something


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def slow_town(tmp_path_factory, ill):
    """A town whose gate stands on a disk that can be slowed: `pace` is the file of milliseconds per fsync."""
    folder = tmp_path_factory.mktemp("slow")
    async with ill.processes.started_town(folder, gate=ill.TerminalLink) as built:
        built.pace = folder / "pace"
        shim = ill.built("slow_disk", folder)
        ill.run_with(built, "env", f"LD_PRELOAD={shim}", f"SLOW_DISK={built.pace}")
        await built.gate.start()
        yield built


async def test_while_somebody_holds_the_database_all_are_answered_and_nothing_opens_afterwards(slow_town, ill):
    town = slow_town
    people = [town.visitors.resident(town.now_s()) for _ in range(4)]
    opened = len(town.openings)

    async with ill.Beat() as beat:
        with ill.held(town):
            entered = [(await ill.enter(town, who), beat) for who in people]
            left, took_s = await ill.leave(town, people[0])
            causes = await ill.line(town, "store", "store.busy")
            slowest = max(took for (_answer, took), _ in entered)
            fair = not beat.stalls

    assert {ill.code_of(answer) for (answer, _), _ in entered} == {"store_failed"}
    assert (left["outcome"], left["obligations"]) == ("GRANT", {"open_gate": True})
    assert causes["disk"] == "disk.well"
    if fair:
        assert slowest < ANSWERED_S
        assert took_s < LEFT_S
    await ill.line(town, "store", "store.well")
    await town.until(lambda: "emergency" in town.kinds())
    assert len(town.openings) == opened + 1  # for the one who left
    again, _ = await ill.enter(town, people[0])
    assert again["outcome"] == "GRANT"


async def come_too_late(town, ill, request_id):
    """Show a code while each commit takes 1.3 s; return who, the answer, how long it took, and whether it had begun.

    A decision that finds another commit at work never begins, and gave nothing: whoever comes next is written after it.
    """
    who, next_one = (town.visitors.resident(town.now_s()) for _ in range(2))
    before = town.kinds().count("granted")
    late, took_s = await ill.enter(town, who, first=lambda: town.pace.write_text("1300"), request_id=request_id)
    town.pace.write_text("0")
    after, _ = await ill.enter(town, next_one)
    assert after["outcome"] == "GRANT"
    return who, late, took_s, town.kinds().count("granted") > before + 1


async def test_a_grant_that_comes_too_late_is_taken_back_opens_nothing_and_its_request_is_decided_afresh(
    slow_town, ill
):
    town = slow_town
    for _ in range(TRIES):
        who, late, took_s, begun = await come_too_late(town, ill, "till-1")
        assert (late["outcome"], ill.code_of(late), late["redemption"]) == ("REFER", "store_failed", None)
        assert took_s < 1.3
        if begun:
            break
    assert begun
    await town.until(lambda: ill.redemptions(town, "annulled", "late"))
    again, _ = await ill.enter(town, who, request_id="till-2")

    assert again["outcome"] == "GRANT"
    await town.until(lambda: town.openings[-1] == again["redemption"])
    assert set(ill.redemptions(town, "annulled", "late")).isdisjoint(town.openings)
    assert len(town.openings) == len(set(town.openings))


async def test_on_a_slow_disk_visitors_are_granted_and_whoever_leaves_does_not_wait_for_it(slow_town, ill):
    town = slow_town
    who, other = (town.visitors.resident(town.now_s()) for _ in range(2))
    town.pace.write_text("300")
    try:
        async with ill.Beat() as beat:
            entered, took_s = await ill.enter(town, who)
            left, left_s = await ill.leave(town, other)
            _causes, ready = await ill.readiness(town)
            fair = not beat.stalls
    finally:
        town.pace.write_text("0")

    assert entered["outcome"] == "GRANT"
    assert (left["outcome"], left["obligations"]) == ("GRANT", {"open_gate": True})
    assert ready
    if fair:
        assert took_s < ANSWERED_S
        assert left_s < LEFT_S
