"""Every decision vector of two terminals, over two real terminals with their hub: as the simulator decides, so do they.

One site of processes is started for all of them (`tests/town/staged`); `make town` plays some, `make e2e` every one.
"""

from datetime import UTC, datetime

import pytest
import pytest_asyncio

from tests.town.staged.casting import Cast, lanes, of_two_terminals
from tests.town.staged.playing import Playing
from tests.town.staged.stage import open_stage

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
SOON = (  # one of each kind: counted together, read together, cut off, both levels
    "S01-two-gates-one-site",
    "occupancy-two-gates",
    "offline-return-without-code-crosses-terminals",
    "offline-two-gates-conflict",
    "platform-away-wide-key-counts-in-the-site",
    "replay-same-nonce-other-lane",
)
LATE = ("offline-signed-ages", "S01-wulong-first-visit")  # a month and a year go by

UNSURE = "got REFER", "got ['clock_not_trusted']"
OTHERWISE = {  # a simulated clock stays right for ever; a real one is unsure after seven days without signed time
    "offline-signed-ages": [
        f"step 10: outcome: expected GRANT, {UNSURE[0]}",
        f"step 11: outcome: expected STANDARD, {UNSURE[0]}",
        f"step 11: reasons: expected ['list_too_old'], {UNSURE[1]}",
        f"step 12: outcome: expected STANDARD, {UNSURE[0]}",
        f"step 12: reasons: expected ['list_too_old'], {UNSURE[1]}",
    ]
}


def ordered():
    names = of_two_terminals()
    first = [name for name in names if name not in LATE]
    return [*first, *LATE]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory):
    async with open_stage(tmp_path_factory.mktemp("staged"), lanes()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def stage(built):
    """The stage that all vectors share; each finds every wire there."""
    yield built
    if built.stopped:
        await built.stop_entry(stopped=False)
    built.restore_wan()
    for name in built.seats:
        built.restore(name)
    await built.rest()


@pytest.mark.parametrize("name", [pytest.param(one, marks=() if one in SOON else pytest.mark.e2e) for one in ordered()])
async def test_two_real_terminals_and_their_hub_decide_as_the_vector_says(stage, name):
    number = ordered().index(name) + 1
    cast = Cast(name, number, datetime.fromtimestamp(stage.now_s, UTC))

    assert await Playing(stage, cast).play() == OTHERWISE.get(name, [])


async def test_some_vectors_are_of_two_terminals():
    assert len(of_two_terminals()) >= 28
    assert set(SOON) | set(LATE) < set(of_two_terminals())
