"""Row 9: a boot without a network, under a clock that is years off. Nothing irreversible happens."""

import pytest

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.root]

YEAR_S = 31_536_000


@pytest.mark.parametrize("wall", [("--wall", YEAR_S), ("--wall", 10 * YEAR_S), ("--wall-at", 0)], ids=str)
async def test_a_wrong_clock_erases_nothing_makes_nobody_overdue_and_blames_no_visitor(town, ill, wall):
    if lacks := ill.other_clock.missing():
        pytest.skip(f"other clocks need {lacks}")
    who = town.visitors.resident(town.now_s())
    await ill.enter(town, who)
    await town.all_arrived()
    before = len(ill.facts(town))
    town.network.cut()
    await town.gate.process.stop()
    process = town.gate.process

    ill.run_under(town, "--reboot", *wall)
    try:
        await ill.start_ill(town)
        causes, _ready = await ill.readiness(town)
        other, _ = await ill.enter(town, town.visitors.resident(town.now_s()))
        left, _ = await ill.leave(town, who)
        await town.until(lambda: ill.facts(town)[-1][0] != "started")
        kinds = [kind for kind, _cause in ill.facts(town)]
        await town.gate.process.stop()
    finally:
        town.gate.process = process
        town.network.restore()
    await town.gate.start()

    assert causes["clock"] in ("clock.challenge", "clock.untrusted")
    assert (other["outcome"], ill.code_of(other)) == ("REFER", "clock_not_trusted")
    assert left["obligations"] == {"open_gate": True}
    assert len(kinds) >= before
    assert "overdue" not in kinds
    figures = await town.all_arrived()
    assert (figures.lost, figures.duplicated) == (0, 0)
