"""Row 21 in short figures: what waits to go, to leave or to be called overdue makes nobody at the gate wait."""

import pytest

from tests.ill.burdens import carried

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNSENT, LOANS = 3_000, 60
SLOWER = 3  # times: how much slower a presentation may be meanwhile
LEAST_S = 0.25  # below this nobody waits, whatever the ratio says


async def test_much_that_is_unsent_old_or_overdue_makes_nobody_wait(town):
    found = await carried(town, unsent=UNSENT, loans=LOANS)

    usual_s = found.pop("nothing")[1]
    assert max(slowest_s for _came, slowest_s in found.values()) <= max(SLOWER * usual_s, LEAST_S)
