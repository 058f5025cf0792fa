"""Breadth first over every state that can be reached: the shortest story that breaks something is found first.

And what every model has: rules that are switches, faults that happen, and messages on their way.
"""

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


class Town:
    """A model in which `kinds` of FAULTS happen, with some RULES `off`. Messages of one WAY keep their order."""

    FAULTS, RULES = (), {}
    WAY = 2  # how many members of a message, from the first, say its way

    def __init__(self, kinds, off):
        self.kinds, self.off = frozenset(kinds.split()), frozenset(off)
        if unknown := (self.kinds - {*self.FAULTS}) | (self.off - {*self.RULES}):
            raise ValueError(f"no such kind or rule: {unknown}")

    def on(self, rule):
        """Return whether a rule is in force."""
        if rule not in self.RULES:
            raise ValueError(rule)
        return rule not in self.off

    def on_the_way(self, state):
        """Yield what may become of each message that is next: it arrives as `comes` says, is lost, or is doubled."""
        for at, message in enumerate(state.wire):
            if not self._is_next(state, at):
                continue
            rest = state._replace(wire=state.wire[:at] + state.wire[at + 1 :])
            told = self.named(message)
            yield from self.comes(rest, message, told)
            if "lost" in self.kinds and state.faults:
                yield f"{told} is lost", rest._replace(faults=state.faults - 1)
            if "doubled" in self.kinds and state.faults and not message.double:
                double = self.put(state, message._replace(double=True))
                yield f"{told} is doubled", double._replace(faults=state.faults - 1)

    def _is_next(self, state, at):
        one = state.wire[at]
        free = one.double or "overtaken" in self.kinds
        before = [each for each in state.wire[:at] if not each.double and each[: self.WAY] == one[: self.WAY]]
        return free or not before

    def is_cut(self, state, message):
        """Return whether a message cannot be sent."""
        return state.gates[message.gate].cut

    def put(self, state, message):
        """Return the state with a message on its way, in one order whatever the story was."""
        if self.is_cut(state, message):
            return state
        return state._replace(wire=tuple(sorted((*state.wire, message), key=lambda one: one[: self.WAY])))

    def change(self, state, at, /, **how):
        """Return the state with one gate changed."""
        gates = list(state.gates)
        gates[at] = gates[at]._replace(**how)
        return state._replace(gates=tuple(gates))
