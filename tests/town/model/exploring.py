"""Breadth first over every state that can be reached: the shortest story that breaks something is found first."""

from collections import deque


class BrokenError(AssertionError):
    """An invariant does not hold; `args` tell the story."""


def explore(start, steps, most=400_000):
    """Visit every state and return how many there are; raise BrokenError with the story, OverflowError beyond `most`.

    `steps(state)` yields (what happens, the state after it), and raises BrokenError where something is wrong.
    """
    came, waiting = {start: None}, deque([start])
    while waiting:
        state = waiting.popleft()
        at = "here"
        try:
            for at, after in steps(state):
                if after not in came:
                    came[after] = (state, at)
                    waiting.append(after)
        except BrokenError as broken:
            raise BrokenError("\n".join([*story(came, state), str(broken)])) from None
        if len(came) > most:
            raise OverflowError(f"more than {most} states, the last by {at}")
    return len(came)


def story(came, state):
    """Return what happened until `state`, a line a step."""
    lines = []
    while came[state] is not None:
        state, what = came[state]
        lines.append(what)
    return lines[::-1]
