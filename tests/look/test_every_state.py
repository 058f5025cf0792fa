"""Every screen in every state, at seven sizes and in both languages, looked at by rules a pair of eyes would use.

What is found is listed whole, a batch of states at a time; a picture of each place where something was found is kept in
build/look. XINGUAN_STATES names the states to be looked at, joined by `|`, where it shall not be all.
"""

import itertools
import os

import pytest
from eyes import TILL, Eyes
from more_states import MORE
from states import SIZES, STATES

pytestmark = [
    pytest.mark.look,
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
]
BATCH = 8
LANGUAGES = ("zh", "en")
ONLY = set(filter(None, os.environ.get("XINGUAN_STATES", "").split("|")))
LOOKED_AT = [state for state in (*STATES, *MORE) if not ONLY or state.name in ONLY]


def batched(states):
    return [states[start : start + BATCH] for start in range(0, len(states), BATCH)]


BATCHES = [
    pytest.param(batch, id=f"{page} {number}")
    for page, states in itertools.groupby(sorted(LOOKED_AT, key=lambda state: state.page), lambda state: state.page)
    for number, batch in enumerate(batched(list(states)), 1)
]


async def looked_over(eyes, state, lang):
    """Return what is wrong with a state in the language it is now in, at each size."""
    found = []
    for size in sorted(SIZES, key=lambda size: size == TILL):  # the till last: axe looks at that
        problems = await eyes.look(state, size)
        if problems:
            await eyes.keep(state.name, lang, size)
        found += [f"{state.name}, {lang}, {size}: {problem}" for problem in problems]
    return found


@pytest.mark.parametrize("states", BATCHES)
async def test_nothing_is_wrong_to_the_eye(chromium, terminal, states):
    eyes, found = await Eyes.open(chromium, terminal), []
    for number, state in enumerate(states):
        first, second = LANGUAGES if number % 2 == 0 else reversed(LANGUAGES)
        await eyes.reach(state, first)
        found += await looked_over(eyes, state, first)
        await eyes.switch(state, second)
        found += await looked_over(eyes, state, second)
        found += [f"{state.name}: {fault}" for fault in await eyes.axe()]
    await eyes.page.close()

    assert not found, "\n" + "\n".join(found)
