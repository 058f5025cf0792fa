"""A hub between two gates and the platform, and a gate elsewhere: claims.md 10, each sentence a switch.

One key of bound 1, that is wider than the site: the hub counts first, then the platform. Claims move by the code's own
table (`pledges.MOVES`), and what an id hears by `claims.KNOWN`; what is wide, by `counting.is_wide`.

What is abstract: between a gate and its hub, and between the gate elsewhere and the platform, a question is one step
with its answer, unless the gate is cut off; the wire between hub and platform is one of messages. A gate has one
visitor at a time. Facts go up one by one, to the hub and from there on; a hub that starts anew was told everything by
its gates before it answers. The minute after which a claim lapses is not here (`claims`).
"""

from typing import NamedTuple

from central.books.pledges import MOVES, NONE, STANDING
from central.hub.claims import KNOWN, Room
from central.site.counting import is_wide
from tests.town.model.exploring import BrokenError, Town

NOTHING = frozenset()
AT_HUB, ELSEWHERE = (0, 1), 2
GATES = (*AT_HUB, ELSEWHERE)
KEYS = {True: "u|w/first|subject:w:1|ever", False: "u|w/first@site:s|subject:w:1|ever"}
FAULTS = ("lost", "doubled", "overtaken", "cut", "restart", "fails", "ends")
RULES = {  # each switch, and the smallest town in which its absence shows: what happens, visits, is the key wide
    "the hub counts first": ("lost", 2, True),
    "then the platform": ("", 2, True),
    "under the same id": ("", 1, True),
    "a silent platform is offline": ("lost", 2, True),
    "a platform's no frees the hub's place": ("", 2, True),
    "what a gate gives up is given up at the platform": ("fails", 1, True),
    "until it was heard": ("fails lost", 1, True),
    "also by a hub that started anew": ("fails restart", 1, True),
    "a released id never comes back at the platform": ("fails doubled", 1, True),
    "what waits at the hub is not heard at the platform": ("ends", 2, True),
    "a gate falls over to nobody": ("cut", 2, False),
    "facts go on to the platform": ("", 1, True),
}


class Book(NamedTuple):
    """What an authority holds: `claims` (id, state) in memory, `uses` (id, n) by facts, how far each journal came."""

    claims: frozenset = NOTHING
    uses: frozenset = NOTHING
    told: tuple = (0, 0, 0)


class Gate(NamedTuple):
    """A terminal beside its journal: the id in hand, what it gave up, how far it knows its facts heard."""

    asks: int = 0
    hand: int = 0
    pending: frozenset = NOTHING
    cut: bool = False


class State(NamedTuple):
    """The town. `asked`: the id about which the hub waits for the platform; `given_up`: what it is to release there."""

    gates: tuple = (Gate(), Gate(), Gate())
    log: tuple = ()
    hub: Book = Book()
    platform: Book = Book()
    wire: tuple = ()
    asked: frozenset = NOTHING
    given_up: frozenset = NOTHING
    visits: int = 0
    faults: int = 0


class Message(NamedTuple):
    """A question of the hub (`id` 0: releases alone) or its answer. `mine`, `back`: its gate of itself."""

    up: bool
    id: int
    released: frozenset = NOTHING
    mine: frozenset = NOTHING
    back: frozenset = NOTHING
    ended: frozenset = NOTHING  # the truth, for whoever judges: what of its gate's own was over when it asked
    word: str = ""
    double: bool = False


def gate_of(one):
    """Return whose an id is."""
    return one // 10 - 1


class Model(Town):
    """The steps of a town in which `kinds` happen, with the rules `off`."""

    FAULTS, RULES = FAULTS, RULES
    WAY = 1

    def __init__(self, kinds="", *, wide=True, alone=True, off=()):
        super().__init__(kinds, off)
        self.alone, self.wide = alone, is_wide(KEYS[wide])

    def start(self, visits, faults=1):
        """Return the first state."""
        return State(visits=visits, faults=faults)

    def steps(self, state):
        """Yield every next step; raise BrokenError where something is wrong now."""
        self.check(state)
        for number in GATES:
            yield from self.of_gate(state, number)
        yield from self.on_the_way(state)
        yield from self.of_hub(state)

    def named(self, message):
        return f"the {'hub asks' if message.up else 'platform answers'} about {message.id} {message.word}"

    def comes(self, rest, message, told):
        yield told, self.above(rest, message) if message.up else self.below(rest, message)

    def is_cut(self, _state, _message):
        return False  # a cable that is cut is a gate's, and these are between hub and platform

    def journal(self, state, number):
        return [fact for fact in state.log if fact[0] == number]

    def standing(self, log):
        """Return the ids that stand by journals."""
        return frozenset(one for _gate, kind, one in log if kind == "granted") - self.ended(log)

    # -- gates

    def of_gate(self, state, number):
        gate = state.gates[number]
        if state.visits and not gate.hand:
            yield f"gate {number}: somebody comes", self.visit(state, number)
        if gate.hand and number in AT_HUB and gate.hand not in dict(state.asked):
            yield f"gate {number}: nobody answers about {gate.hand}", self.alone_or_not(state, number)
        if gate.pending and not gate.cut:
            yield f"gate {number}: gives {sorted(gate.pending)} up", self.releases(state, number)
        first = state.hub if number in AT_HUB else state.platform
        if first.told[number] < len(self.journal(state, number)) and not gate.cut:
            yield f"gate {number}: a fact goes up", self.fact(state, "hub" if number in AT_HUB else "platform", number)
        waits = number in AT_HUB and state.platform.told[number] < state.hub.told[number]
        if waits and self.on("facts go on to the platform"):
            yield f"the hub: a fact of gate {number} goes on", self.fact(state, "platform", number)
        if "ends" in self.kinds and state.faults:
            for one in sorted(self.standing(self.journal(state, number))):
                after = state._replace(log=(*state.log, (number, "annulled", one)), faults=state.faults - 1)
                yield f"gate {number}: annuls {one}", after
        if "cut" in self.kinds and (gate.cut or state.faults):
            after = self.change(state, number, cut=not gate.cut)
            yield (
                f"gate {number}: is {'back' if gate.cut else 'cut off'}",
                after._replace(faults=state.faults - (not gate.cut)),
            )

    def visit(self, state, number):
        gate, one = state.gates[number], (number + 1) * 10 + state.gates[number].asks
        own = self.standing(self.journal(state, number))
        state = self.change(state, number, asks=gate.asks + 1, hand=one)._replace(visits=state.visits - 1)
        if own:  # its own ledger is a lock as well: nobody is asked
            return self.change(state, number, hand=0)
        if gate.cut:
            return self.falls_over(state, number, one)
        if number == ELSEWHERE:
            if not self.wide:
                return self.change(state, number, hand=0)  # the key of another site
            word, platform = self.answer(state, state.platform, one)
            return self.said(state._replace(platform=platform), number, word)
        return self.at_hub(state, number, one)

    def falls_over(self, state, number, one):
        if self.on("a gate falls over to nobody") or number == ELSEWHERE:
            return self.alone_or_not(state, number)
        word, platform = self.answer(state, state.platform, one)
        return self.said(state._replace(platform=platform), number, word)

    def said(self, state, number, word):
        if word == "granted":
            return self.commits(state, number)
        return self.change(state, number, hand=0)

    def alone_or_not(self, state, number):
        return self.commits(state, number) if self.alone else self.drops(state, number)

    def drops(self, state, number):
        gate = state.gates[number]
        return self.change(state, number, hand=0, pending=gate.pending | {gate.hand})

    def commits(self, state, number):
        one = state.gates[number].hand
        return self.change(state, number, hand=0)._replace(log=(*state.log, (number, "granted", one)))

    def releases(self, state, number):
        pending = state.gates[number].pending
        state = self.change(state, number, pending=NOTHING)
        if number == ELSEWHERE:
            return state._replace(platform=self.released(state.platform, pending))
        state = state._replace(hub=self.released(state.hub, pending))
        if not self.on("what a gate gives up is given up at the platform"):
            return state
        return state._replace(given_up=state.given_up | pending)

    # -- the hub

    def at_hub(self, state, number, one):
        first = self.on("the hub counts first")
        word, hub = self.answer(state, state.hub, one) if first else ("granted", state.hub)
        state = state._replace(hub=hub)
        if word != "granted" or not self.wide or not self.on("then the platform"):
            return self.said(state, number, word)
        up = one if self.on("under the same id") else one + 5
        journal = self.journal(state, number)
        heard = state.platform.told[number]
        if not self.on("what waits at the hub is not heard at the platform"):
            heard = state.hub.told[number]
        mine = self.standing(journal)
        back = self.ended(journal[heard:]) - mine
        ask = Message(up=True, id=up, released=state.given_up, mine=mine, back=back, ended=self.ended(journal))
        beside = NOTHING if first else self.beside(state, one)
        return self.put(state._replace(asked=state.asked | {(one, beside)}), ask)

    def beside(self, state, one):
        """Return what a hub knows to stand, or to be decided, when it asks the platform about an id all the same."""
        others = {each for each, n in state.hub.uses if n} | {each for each, now in state.hub.claims if now == "held"}
        return frozenset(each for each in others if gate_of(each) != gate_of(one))

    def ended(self, journal):
        return frozenset(one for _gate, kind, one in journal if kind == "annulled")

    def of_hub(self, state):
        for one, _beside in sorted(state.asked, key=lambda each: each[0]):
            if {"lost", "overtaken", "restart"} & self.kinds:
                yield f"the hub: the platform is silent about {one}", self.silent(state, one)
        if state.given_up and all(message.id for message in state.wire):
            ask = Message(up=True, id=0, released=state.given_up)
            after = state if self.on("until it was heard") else state._replace(given_up=NOTHING)
            yield "the hub: releases at the platform", self.put(after, ask)
        if "restart" in self.kinds and state.faults and self.is_drained(state):
            yield "the hub: starts anew", self.restarts(state)

    def is_drained(self, state):
        return all(state.hub.told[one] == len(self.journal(state, one)) for one in AT_HUB)

    def restarts(self, state):
        kept = state.given_up if self.on("also by a hub that started anew") else NOTHING
        hub = state.hub._replace(claims=NOTHING)
        wire = tuple(one for one in state.wire if one.up)  # its connections end: no answer comes
        return state._replace(hub=hub, given_up=kept, asked=NOTHING, wire=wire, faults=state.faults - 1)

    def silent(self, state, one):
        """The platform does not answer: the hub's word alone, which is offline for a key that is wider."""
        number, beside = gate_of(one), dict(state.asked)[one]
        state = state._replace(asked=state.asked - {(one, beside)})
        if beside:
            raise BrokenError(f"the hub says yes to {one} alone although {sorted(beside)} stand")
        if state.gates[number].hand != one:
            return state
        if self.on("a silent platform is offline"):
            return self.alone_or_not(state, number)
        return self.commits(state, number)

    def below(self, state, message):
        """An answer of the platform comes to the hub."""
        one = message.id if self.on("under the same id") else message.id - 5
        state = state._replace(given_up=state.given_up - message.released)
        asked = dict(state.asked)
        if one not in asked:
            return state
        number = gate_of(one)
        state = state._replace(asked=state.asked - {(one, asked[one])})
        if message.word != "granted" and self.on("a platform's no frees the hub's place"):
            state = state._replace(hub=self.released(state.hub, {one}))
        if state.gates[number].hand != one:
            return state
        if message.word == "granted" and "fails" in self.kinds and state.faults:
            return self.drops(state, number)._replace(faults=state.faults - 1)
        return self.said(state, number, message.word)

    # -- an authority

    def above(self, state, message):
        platform = self.released(state.platform, message.released)
        word = ""
        if message.id:
            word, platform = self.answer(state._replace(platform=platform), platform, message.id, message)
        state = state._replace(platform=platform)
        return self.put(state, message._replace(up=False, word=word, mine=NOTHING, back=NOTHING, ended=NOTHING))

    def answer(self, state, book, one, said=None):
        """Return the word about an id, and the book after it."""
        uses, claims, number = dict(book.uses), dict(book.claims), gate_of(one)
        if said is None:  # asked without a wire between: its own word is the newest
            journal = self.journal(state, number)
            mine, ended = self.standing(journal), self.ended(journal)
            back = self.ended(journal[book.told[number] :]) - mine
            said = Message(up=True, id=one, mine=mine, back=back, ended=ended)
        mine, back = said.mine, said.back
        if one in uses:
            return ("granted" if uses[one] else "gone"), book
        revives = book is state.platform and not self.on("a released id never comes back at the platform")
        if one in claims and not (revives and claims[one] == "gone"):
            return ("granted" if KNOWN[claims[one]] == "held" else "gone"), book
        proved = sum(uses.values()) + len([own for own in mine if own not in uses])
        proved -= sum(uses.get(own, 0) for own in back)
        held = sum(now == "held" and each not in {*mine, *back} for each, now in claims.items())
        verdict = Room("k", 1, 1, proved, proved + held, 0).verdict
        self.judge(state, book, verdict, said)
        claims[one] = MOVES[NONE, "granted" if verdict == "free" else "forbidden"]
        word = "granted" if verdict == "free" else verdict
        return word, book._replace(claims=frozenset(claims.items()))

    def judge(self, state, book, verdict, said):
        """Hold an answer against the journals: what was told to it, and what stood by the asker's own when it asked."""
        told = [fact for each in GATES for fact in self.journal(state, each)[: book.told[each]]]
        proved = self.standing(told)
        others = {each for each in proved if gate_of(each) != gate_of(said.id)} | said.mine
        if verdict == "free" and others:
            raise BrokenError(f"yes to {said.id} although {sorted(others)} stand")
        if verdict == "used" and not (proved | said.mine) - said.ended:
            raise BrokenError(f"{said.id} was told limit_used, and facts prove nothing")

    def released(self, book, ids):
        claims, uses = dict(book.claims), dict(book.uses)
        for one in ids:
            now = claims.get(one, NONE)
            if one not in uses and now in STANDING:
                claims[one] = MOVES[now, "ended"]
            elif one not in uses and now == NONE:
                claims[one] = MOVES[NONE, "forbidden"]
        return book._replace(claims=frozenset(claims.items()))

    def fact(self, state, whose, number):
        """The next fact of a gate comes to the hub, or to the platform."""
        book = getattr(state, whose)
        _gate, kind, one = self.journal(state, number)[book.told[number]]
        uses, claims = dict(book.uses), dict(book.claims)
        if kind == "granted":
            claims.pop(one, None)
            uses[one] = 1
        else:
            uses[one] = 0
        told = tuple(n + (each == number) for each, n in enumerate(book.told))
        after = Book(frozenset(claims.items()), frozenset(uses.items()), told)
        return state._replace(**{whose: after})

    # -- what holds

    def check(self, state):
        stand = self.standing(state.log)
        if not self.alone and len(stand) > 1:
            raise BrokenError(f"{sorted(stand)} stand, and nobody may give it alone")
        busy = state.wire or state.asked or state.given_up
        if busy or any(gate.hand or gate.pending or gate.cut for gate in state.gates):
            return
        if not self.is_drained(state):
            return
        behind = [one for one in GATES if state.platform.told[one] < len(self.journal(state, one))]
        if behind and self.on("facts go on to the platform"):
            return
        for name, book in (("hub", state.hub), ("platform", state.platform)):
            here = [one for one in stand if name == "platform" or gate_of(one) in AT_HUB]
            if sum(n for _one, n in book.uses) != len(here):
                raise BrokenError(f"at rest the {name} counts {sorted(book.uses)}, and {sorted(here)} stand")
            holds = sorted(one for one, now in book.claims if now in STANDING)
            if holds:
                raise BrokenError(f"at rest {holds} have places at the {name}, and nobody is being decided")
