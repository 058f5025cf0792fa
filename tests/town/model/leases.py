"""Two gates share a quota: claims.md 9, each sentence a switch. The authority moves by `leases.taken_in` and `grown`.

A gate's `uses` are what its journal says, +1 given and -1 taken back; `told` of them have come. An ask
has its own number, total and what is held; its answer comes back under the number that was asked with. In one direction
of one gate the first message is the next to arrive, unless messages overtake each other or one is a double.

What is abstract: a gate has one ask on its way; ten minutes may pass at any moment, and end every lease; a gate that
holds nothing, and has no message on its way, counts as heard (it would have spoken twice by then). People write a box
off that is cut and whose lease is over; what it had given and told nobody stands outside then (`lost`).
"""

from typing import NamedTuple

from central.hub.leases import NOTHING, Stands, grown, taken_in
from sync.wire.claims import LeaseRequest
from tests.town.model.exploring import BrokenError, Town

GATES = (0, 1)
FAULTS = ("lost", "doubled", "overtaken", "crash", "restore", "cut", "time", "lowered", "ends", "written-off")
SILENCES = {"lost", "overtaken", "cut", "restore", "written-off"}  # after which nobody may have answered
MOST_BACKS = 2
RULES = {  # each switch, and the smallest town in which its absence shows: what happens, visits, quota
    "a share is a total": ("", 2, 1),
    "the totals fit the quota": ("", 2, 1),
    "a total never shrinks": ("doubled overtaken", 3, 2),
    "what is used inside a share counts once": ("", 3, 3),
    "a give-back counts under a new number only": ("doubled", 2, 1),
    "the number rises with a give-back": ("doubled", 2, 1),
    "a give-back is said until it was heard": ("lost", 1, 1),
    "what is given back is used by nobody": ("", 2, 1),
    "a start gives back what the run before held": ("crash restore", 2, 1),
    "an answer counts for the number that was asked under": ("doubled", 2, 1),
    "time frees nothing": ("time", 2, 1),
    "at its end nobody gives from it": ("written-off", 2, 1),
    "no more comes to life again than an answer says": ("written-off", 2, 1),
    "a restored authority takes each one's own word": ("restore", 3, 2),
    "and leases nothing before": ("restore", 2, 1),
    "also a silent one is waited for": ("restore cut", 2, 1),
    "a lowered quota is an excess until it is answered": ("lowered", 3, 2),
}


class Gate(NamedTuple):
    """A terminal. `total` None: it holds no lease; `over`: the lease has ended; `owed` was given back, unheard."""

    uses: tuple = ()
    told: int = 0
    number: int = 0
    total: int | None = None
    over: bool = False
    owed: int | None = None
    begun: bool = True  # False: it has started anew, and not asked what the run before held
    cut: bool = False
    backs: int = 1
    gone: bool = False  # people have written it off
    lost: int = 0  # of its uses nobody had heard then


class Book(NamedTuple):
    """What the authority holds: each gate's share, and how many of its uses have come."""

    shares: tuple = (NOTHING, NOTHING)
    used: tuple = (0, 0)
    told: tuple = (0, 0)


class State(NamedTuple):
    """The town."""

    gates: tuple = (Gate(), Gate())
    book: Book = Book()
    wire: tuple = ()
    heard: frozenset = frozenset(GATES)  # who has said what it holds since the authority began
    copy: Book = Book()
    copied: bool = False
    quota: int = 0
    highest: int = 0
    visits: int = 0
    faults: int = 0


class Message(NamedTuple):
    """An ask or its answer; `used` is what a give-back says, `total` what is wanted or granted."""

    gate: int
    up: bool
    number: int
    total: int | None
    held: int | None = None
    used: int | None = None
    under: int = 0
    back: bool = False
    double: bool = False


class Model(Town):
    """The steps of a town in which `kinds` happen, with the rules `off`."""

    FAULTS, RULES = FAULTS, RULES

    def __init__(self, kinds="", *, quota=1, off=()):
        super().__init__(kinds, off)
        self.quota = quota

    def start(self, visits, faults=1):
        """Return the first state."""
        return State(quota=self.quota, highest=self.quota, visits=visits, faults=faults)

    def steps(self, state):
        """Yield every next step; raise BrokenError where something is wrong now."""
        self.check(state)
        for number in GATES:
            yield from self.of_gate(state, number)
        yield from self.on_the_way(state)
        yield from self.of_authority(state)

    def named(self, message):
        return f"gate {message.gate}'s {'ask' if message.up else 'answer'} {message[2:6]}"

    def comes(self, rest, message, told):
        yield f"{told} arrives", self.asked(rest, message) if message.up else self.answered(rest, message)

    # -- gates

    def room(self, gate):
        """Return how much a gate may give without asking."""
        if gate.total is None or (gate.over and self.on("at its end nobody gives from it")):
            return 0
        return gate.total - (sum(gate.uses) if self.on("a share is a total") else 0)

    def of_gate(self, state, number):
        gate = state.gates[number]
        waits = any(one.gate == number and not one.double for one in state.wire)
        if state.visits and self.room(gate) > 0:
            after = self.change(state, number, uses=(*gate.uses, 1))
            yield f"gate {number}: gives", after._replace(visits=state.visits - 1)
        elif state.visits and not waits and not gate.cut and gate.owed is None:
            more = sum(gate.uses) + 1 if gate.begun else 0
            yield f"gate {number}: asks for {'one more' if more else 'what it held'}", self.asks(state, number, more)
        if gate.told < len(gate.uses) and not gate.cut:
            yield f"gate {number}: a fact comes", self.tells(state, number)
        if gate.total is not None and gate.backs and not waits:
            yield f"gate {number}: gives its share back", self.gives_back(state, number)
        if gate.owed is not None and not waits and not gate.cut:
            yield f"gate {number}: says again what it gave back", self.pays(state, number)
        if number not in state.heard and gate.total is not None and not waits and not gate.cut:
            yield f"gate {number}: says what it holds", self.asks(state, number, gate.total)
        yield from self.faults_of(state, number)

    def faults_of(self, state, number):
        gate, after = state.gates[number], state._replace(faults=state.faults - 1)
        if "ends" in self.kinds and sum(gate.uses) and state.faults:
            yield f"gate {number}: takes one back", self.change(after, number, uses=(*gate.uses, -1))
        if "crash" in self.kinds and state.faults:
            wire = tuple(one for one in state.wire if one.gate != number or one.up)
            crashed = self.change(after, number, number=0, total=None, over=False, owed=None, begun=False)
            if not self.on("a start gives back what the run before held"):
                crashed = self.change(crashed, number, begun=True)
            yield f"gate {number}: starts anew", crashed._replace(wire=wire)
        if {"time", "written-off"} & self.kinds and gate.total is not None and not gate.over:
            yield f"gate {number}: its lease is over", self.is_over(state, number)
        if {"cut", "written-off"} & self.kinds and (gate.cut or state.faults):
            wire = state.wire if gate.cut else tuple(one for one in state.wire if one.gate != number)
            cut = self.change(state if gate.cut else after, number, cut=not gate.cut)
            yield f"gate {number}: is {'back' if gate.cut else 'cut off'}", cut._replace(wire=wire)
        if "written-off" in self.kinds and gate.cut and (gate.over or gate.total is None) and not gate.gone:
            yield f"gate {number}: is written off", self.is_written_off(state, number)

    def asks(self, state, number, total):
        gate = state.gates[number]
        held = gate.total if gate.total is None or not gate.over else min(gate.total, sum(gate.uses))
        if not gate.begun:
            held = sum(gate.uses) or None
        return self.put(state, Message(number, up=True, number=gate.number, total=total, held=held))

    def tells(self, state, number):
        gate, book = state.gates[number], state.book
        used, told = list(book.used), list(book.told)
        at = told[number]  # the authority may be an older copy: it is told from where it is
        if at < len(gate.uses):
            used[number], told[number] = used[number] + gate.uses[at], at + 1
        state = state._replace(book=book._replace(used=tuple(used), told=tuple(told)))
        return self.change(state, number, told=told[number])

    def gives_back(self, state, number):
        gate = state.gates[number]
        rises = gate.number + self.on("the number rises with a give-back")
        left = None if self.on("what is given back is used by nobody") else gate.total
        own = sum(gate.uses)
        state = self.change(state, number, number=rises, total=left, over=False, owed=own, backs=gate.backs - 1)
        state = self.pays(state, number)
        return state if self.on("a give-back is said until it was heard") else self.change(state, number, owed=None)

    def pays(self, state, number):
        gate = state.gates[number]
        return self.put(state, Message(number, up=True, number=gate.number, total=None, used=gate.owed, back=True))

    def answered(self, state, message):
        number, gate = message.gate, state.gates[message.gate]
        if message.back:
            heard = message.under == gate.number
            return self.change(state, number, owed=None if heard else gate.owed)
        if not gate.begun:
            return self.begins(state, number, message)
        if message.number != message.under:
            return self.change(state, number, number=max(gate.number, message.number))
        if message.number != gate.number and self.on("an answer counts for the number that was asked under"):
            return state
        before = 0 if gate.total is None else gate.total
        if gate.over and self.on("no more comes to life again than an answer says"):
            before = 0
        state = self.change(state, number, total=max(before, message.total), over=False)
        if message.held and gate.number < MOST_BACKS:  # it was called back
            state = self.gives_back(self.change(state, number, backs=1), number)
        return state

    def begins(self, state, number, message):
        """A run that has just started hears what the one before it held, and gives that back."""
        own = sum(state.gates[number].uses)
        if message.total <= own:
            return self.change(state, number, begun=True, number=message.number)
        return self.pays(self.change(state, number, begun=True, number=message.number + 1, owed=own), number)

    def is_over(self, state, number):
        state = self.change(state, number, over=True)
        return state if self.on("time frees nothing") else self.frees(state, number)

    def frees(self, state, number):
        """Let a share be no more than what its gate has told of it."""
        shares = list(state.book.shares)
        shares[number] = Stands(shares[number].number, state.book.used[number])
        return state._replace(book=state.book._replace(shares=tuple(shares)))

    def is_written_off(self, state, number):
        gate, shares = state.gates[number], list(state.book.shares)
        shares[number] = Stands(shares[number].number + 1, state.book.used[number])
        state = state._replace(book=state.book._replace(shares=tuple(shares)))
        return self.change(state, number, gone=True, lost=sum(gate.uses) - state.book.used[number])

    # -- the authority

    def of_authority(self, state):
        if "restore" in self.kinds and state.faults:
            if not state.copied:
                yield "a copy is kept", state._replace(copy=state.book, copied=True)
            wire = tuple(one for one in state.wire if not one.up)
            begun = state._replace(book=state.copy, wire=wire, heard=frozenset(), faults=state.faults - 1)
            yield "the authority is restored", begun
        if "lowered" in self.kinds and state.faults and state.quota > 1:
            yield "the quota is lowered", state._replace(quota=state.quota - 1, faults=state.faults - 1)

    def is_learning(self, state):
        """Return whether somebody in reach has not sent all its facts to an authority that has just begun."""
        drained = all(gate.cut or state.book.told[at] == len(gate.uses) for at, gate in enumerate(state.gates))
        return state.heard != {*GATES} and not drained and self.on("and leases nothing before")

    def is_young(self, state, asker):
        if not self.on("and leases nothing before"):
            return False
        return any(not self.was_heard(state, one) for one in GATES if one != asker)

    def was_heard(self, state, number):
        gate = state.gates[number]
        if number in state.heard:
            return True
        if gate.cut:
            known = state.book.shares[number] != NOTHING
            return not (known and self.on("also a silent one is waited for"))
        return gate.total is None and not any(one.gate == number for one in state.wire)

    def asked(self, state, message):
        if self.is_learning(state):
            return state  # an error, and the gate asks again
        number, book = message.gate, state.book
        used, shares = book.used[number], list(book.shares)
        ask = LeaseRequest(
            run="r",
            hub_no=1,
            quota="q",
            number=message.number,
            held=message.held,
            total=message.total,
            used=message.used,
        )
        state = state._replace(heard=state.heard | {number})
        shares[number] = self.taken_in(shares[number], ask, used)
        live = sum(max(one.total, n) for one, n in zip(shares, book.used, strict=True))
        if not self.on("what is used inside a share counts once"):
            live += sum(book.used)
        free = state.quota - live
        if not self.on("the totals fit the quota"):
            free = state.highest
        before = shares[number].total
        if not self.is_young(state, number):
            shares[number] = grown(shares[number], ask, used, free)
            self.judge(state, number, shares, before=before, ask=ask)
        state = state._replace(book=book._replace(shares=tuple(shares)))
        called = live > state.quota
        if called and not self.on("a lowered quota is an excess until it is answered"):
            state = self.frees(state, number)
        answer = message._replace(
            up=False,
            number=shares[number].number,
            total=shares[number].total,
            held=called or None,
            under=message.number,
        )
        return self.put(state, answer)

    def taken_in(self, stands, ask, used):
        """Return what stands after a gate's word, with the switches for it."""
        again = ask.used is not None and ask.number == stands.number
        if again and not (
            self.on("a give-back counts under a new number only") and self.on("the number rises with a give-back")
        ):
            return Stands(stands.number, ask.used)
        if ask.held is not None and not self.on("a restored authority takes each one's own word"):
            ask = LeaseRequest(run="r", hub_no=1, quota="q", number=ask.number, total=ask.total)
        after = taken_in(stands, ask, used)
        if ask.total is not None and ask.number == stands.number and not self.on("a total never shrinks"):
            return Stands(after.number, min(after.total, max(ask.total, used)))
        return after

    def judge(self, state, number, shares, *, before, ask):
        """Hold an answer against what every gate has given, and would still give if nobody told it anything more."""
        could = [max(sum(gate.uses) - gate.lost, self.could(gate)) for gate in state.gates]
        others = sum(n for one, n in enumerate(could) if one != number)
        grew = shares[number].total > max(before, could[number])
        if grew and shares[number].total + others > state.quota:
            raise BrokenError(f"gate {number} may give {shares[number].total} of {state.quota}, others {others}")
        taken = sum(max(one.total, n) for one, n in zip(shares, state.book.used, strict=True))
        wants = ask.total is not None and ask.number == shares[number].number and ask.total > shares[number].total
        if wants and taken < state.quota:
            raise BrokenError(f"gate {number} is let no more, and of {state.quota} only {taken} are taken")

    def could(self, gate):
        return 0 if gate.total is None or gate.over else gate.total

    # -- what holds

    def check(self, state):
        given = sum(sum(gate.uses) - gate.lost for gate in state.gates)
        if given > state.highest:
            raise BrokenError(f"{given} stand of {state.highest}")
        rest = not state.wire and not any(gate.cut or gate.owed is not None for gate in state.gates)
        if not rest or state.heard != {*GATES} or any(gate.gone for gate in state.gates):
            return
        if any(state.book.told[number] != len(gate.uses) for number, gate in enumerate(state.gates)):
            return
        for number, (gate, share) in enumerate(zip(state.gates, state.book.shares, strict=True)):
            if self.could(gate) > share.total:
                raise BrokenError(f"gate {number} holds {gate.total}, and {share.total} is known")
            if 0 <= share.number < gate.number and "restore" not in self.kinds:
                raise BrokenError(f"gate {number} gave {share.total} back, and nobody has heard it")
