"""Two gates before one authority, one key, visitors who share a device: claims.md 1 to 8 and 12, each a switch.

A state is a value. `log` is what the gates wrote, in the order in which it happened; a gate's journal is its part of it
and `told` how far the authority has taken each in. `wire` are messages on their way; in one direction of one gate the
first is the next to arrive, unless messages overtake each other or one is a double.

What is abstract: 150 ms are any moment; a minute may pass whenever nobody is being decided (a decision is over by
then); facts go up one by one, in order; `started` is a fact.
"""

from functools import cache, lru_cache
from typing import NamedTuple

from central.books.conflicts import most_at_once
from central.books.counts import WHOLE, back_of
from central.books.pledges import MOVES, NONE, STANDING
from central.books.tallies import takes_again
from central.hub.claims import KNOWN, Room
from credit.records import Record
from tests.town.model.exploring import BrokenError, Town

GATES = (0, 1)
NOTHING = frozenset()
FAULTS = ("lost", "doubled", "overtaken", "fails", "crash", "restart", "restore", "cut", "ends", "slow")
SILENCES = NOTHING | {"lost", "overtaken", "cut", "restart", "restore", "slow"}  # after which nobody may have answered

RULES = {  # each switch, and the smallest town in which its absence shows: what happens, visits, bound
    "a release does nothing to a committed id": ("ends", 1, 1),
    "a fact counts once": ("doubled", 1, 1),
    "the fact of a claimed id takes once": ("", 1, 1),
    "a release is repeated until acknowledged": ("lost fails", 1, 1),
    "releases come before the claim that brings them": ("fails", 2, 1),
    "a released or refused id never comes back by a claim": ("doubled fails", 1, 1),
    "an answer counts for the id in hand": ("doubled fails", 3, 1),
    "a new start voids what earlier ones claimed": ("crash", 1, 1),
    "not before its facts": ("crash", 3, 1),
    "a claim lapses": ("cut", 2, 1),
    "what lapsed is in doubt": ("cut", 2, 1),
    "a fact ends the doubt": ("cut", 1, 1),
    "a release ends the doubt": ("cut fails", 1, 1),
    "used is what facts prove": ("", 2, 1),
    "room, not ordinals": ("cut ends", 3, 1),
    "a fact beyond the bound is counted": ("cut", 2, 1),
    "a give-back is remembered before its grant": ("ends", 1, 1),
    "a give-back before its grant ends the claim": ("ends", 2, 1),
    "a give-back counts once": ("ends", 1, 1),
    "passed after its own annulment takes again": ("ends", 1, 1),
    "only its own": ("ends", 1, 1),
    "own uses that nobody heard of count": ("lost fails", 2, 1),
    "the own ledger is a second lock": ("lost", 2, 1),
    "a conflict is told to each": ("cut", 2, 1),
    "also to one terminal alone": ("ends", 2, 1),
    "a conflict that never was is dissolved": ("cut ends", 2, 1),
    "who starts learns": ("restart", 2, 1),
    "who was heard too early is heard again": ("restart", 2, 1),
    "late is annulled": ("slow", 1, 1),
    "what was given alone is not released": ("lost", 2, 1),
}


class Gate(NamedTuple):
    """A terminal beside its journal. `hand`: the id that is being decided, and whether a restart came since its ask."""

    run: int = 0
    asks: int = 0
    hand: tuple = ()
    pending: frozenset = NOTHING
    ended: frozenset = NOTHING  # own ids that were given back elsewhere, as it was told
    cut: bool = False


class Book(NamedTuple):
    """What an authority holds. `claims` (id, state) is its memory; the rest is on disk."""

    told: tuple = (0, 0)
    claims: frozenset = NOTHING
    uses: frozenset = NOTHING  # (id, state, n)
    endings: frozenset = NOTHING  # (id, state) of what was given back before its grant
    conflict: frozenset = NOTHING
    doubled: int = 0  # what a fact took that came twice, if that were let in


class State(NamedTuple):
    """The town."""

    gates: tuple = (Gate(), Gate())
    log: tuple = ()
    book: Book = Book()
    wire: tuple = ()
    learning: bool = False
    promised: frozenset = NOTHING  # ids that the authority said yes to, and whom it has not given up as cut
    copy: Book = Book()
    copied: bool = False
    visits: int = 0
    faults: int = 0


class Message(NamedTuple):
    """An ask with its releases (id 0: only releases), or its answer with what of them was heard. `own`: the truth."""

    gate: int
    up: bool
    id: int
    released: frozenset
    own: frozenset = NOTHING
    mine: frozenset = NOTHING
    back: frozenset = NOTHING
    word: str = ""
    double: bool = False


def gate_of(one):
    """Return whose an id is."""
    return one // 100 - 1


def run_of(one):
    """Return in which run of its terminal an id was made."""
    return one // 10 % 10


@cache
def back_by(kind):
    """Return what a step gives back, by the code's own table."""
    return back_of(Record(seq=1, id="x", at_ms=0, kind=kind, redemption="r", body={}))


@lru_cache(maxsize=200_000)
def standing(log, told=None):
    """Return id -> state of what the journals say, as it happened; of each gate the facts that were told."""
    states, early, seen = {}, {}, [0, 0]
    for gate, kind, one in log:
        seen[gate] += 1
        if kind == "started" or (told is not None and seen[gate] > told[gate]):
            continue
        if kind == "granted":
            states[one] = early.get(one, kind)
            continue
        known = states if one in states else early
        now = known.get(one, "granted")
        if back_by(kind) is not None:
            known[one] = kind if now not in WHOLE or kind == "reversed" else now
        elif takes_again(now, kind, own=gate == gate_of(one)):
            known[one] = kind
    return states


def living(log, told=None):
    """Return the ids that stand."""
    return {one for one, state in standing(log, told).items() if state not in WHOLE}


class Model(Town):
    """The steps of a town in which `kinds` happen, with the rules `off`."""

    FAULTS, RULES = FAULTS, RULES

    def __init__(self, kinds="", *, bound=1, alone=True, off=()):
        super().__init__(kinds, off)
        self.bound, self.alone = bound, alone

    def start(self, visits, faults=1):
        """Return the first state."""
        return State(visits=visits, faults=faults)

    def steps(self, state):
        """Yield every next step; raise BrokenError where something is wrong now."""
        self.check_rest(state)
        for gate in GATES:
            yield from self.of_gate(state, gate)
        yield from self.on_the_way(state)
        yield from self.of_authority(state)

    def named(self, message):
        return f"{'ask' if message.up else 'answer'} {message.id} {message.word}"

    def comes(self, rest, message, told):
        yield f"{told} arrives", self.arrives(rest, message)
        if "fails" in self.kinds and message.word == "granted" and self.is_in_hand(rest, message):
            yield f"{told} arrives, and nothing is written", self.drop(rest, message.gate)

    # -- gates

    def of_gate(self, state, number):
        gate = state.gates[number]
        speaks = any(one.gate == number and not one.double for one in state.wire)
        if state.visits and not gate.hand:
            yield f"gate {number}: somebody comes", self.visit(state, number)
        if gate.hand and self.kinds & SILENCES:
            yield f"gate {number}: nobody answered", self.alone_or_not(state, number)
        if gate.pending and not speaks and not gate.hand and not gate.cut:
            yield f"gate {number}: releases", self.asked(state, number, 0)
        if state.book.told[number] < len(self.journal(state.log, number)) and not gate.cut:
            yield f"gate {number}: a fact goes up", self.takes_fact(state, number, state.book.told[number])
        if "doubled" in self.kinds and state.faults and state.book.told[number]:
            again = self.takes_fact(state, number, state.book.told[number] - 1)
            yield f"gate {number}: a fact goes up again", again._replace(faults=state.faults - 1)
        if "ends" in self.kinds:
            yield from self.endings(state, number)
        if "crash" in self.kinds and state.faults:
            yield f"gate {number}: crashes", self.crashes(state, number)
        if "cut" in self.kinds and (gate.cut or state.faults):
            wire = state.wire if gate.cut else tuple(one for one in state.wire if one.gate != number)
            after = self.change(state, number, cut=not gate.cut)
            after = after._replace(wire=wire, faults=state.faults - (not gate.cut))
            yield f"gate {number}: {'is back' if gate.cut else 'is cut off'}", after

    def journal(self, log, number):
        return [one for one in log if one[0] == number]

    def write(self, state, number, kind, one):
        return state._replace(log=(*state.log, (number, kind, one)))

    def own(self, state, number):
        """Return what stands by a gate's own ledger."""
        log = tuple(self.journal(state.log, number))
        return frozenset(living(log)) - state.gates[number].ended

    def visit(self, state, number):
        gate = state.gates[number]
        one = (number + 1) * 100 + gate.run * 10 + gate.asks
        state = self.change(state, number, asks=gate.asks + 1, hand=(one, False))
        return self.asked(state._replace(visits=state.visits - 1), number, one)

    def asked(self, state, number, one):
        released = state.gates[number].pending
        if not self.on("a release is repeated until acknowledged"):
            state = self.change(state, number, pending=NOTHING)
        own = self.own(state, number)
        mine = self.own(state, number) if self.on("own uses that nobody heard of count") else NOTHING
        late = [fact for fact in self.journal(state.log, number)[state.book.told[number] :] if fact[1] != "granted"]
        back = frozenset(fact[2] for fact in late if fact[1] in ("annulled", "reversed")) - mine
        back = frozenset(each for each in back if gate_of(each) == number)
        return self.put(state, Message(number, up=True, id=one, released=released, own=own, mine=mine, back=back))

    def answered(self, state, message):
        number, gate = message.gate, state.gates[message.gate]
        if message.word != "learning":
            state = self.change(state, number, pending=gate.pending - message.released, ended=gate.ended | message.mine)
        gate = state.gates[number]
        if not self.is_in_hand(state, message):
            return state
        if message.word == "granted":
            return self.commit(state, number, "held")
        if message.word in ("doubtful", "learning"):
            return self.alone_or_not(state, number)
        return self.change(state, number, hand=())

    def is_in_hand(self, state, message):
        hand = state.gates[message.gate].hand
        own = bool(hand) and hand[0] == message.id
        return own or (bool(hand) and bool(message.id) and not self.on("an answer counts for the id in hand"))

    def alone_or_not(self, state, number):
        if self.alone:
            return self.commit(state, number, "alone")
        if "slow" in self.kinds:
            return self.late(state, number)
        return self.drop(state, number)

    def late(self, state, number):
        """Its visitor was told REFER, and the job commits all the same."""
        one = state.gates[number].hand[0]
        state = self.write(self.change(state, number, hand=()), number, "granted", one)
        if self.on("late is annulled"):
            return self.write(state, number, "annulled", one)
        raise BrokenError(f"{one} stands, and its visitor was told to come again")

    def drop(self, state, number):
        gate = state.gates[number]
        return self.change(state, number, hand=(), pending=gate.pending | {gate.hand[0]})

    def commit(self, state, number, word):
        one, own = state.gates[number].hand[0], self.own(state, number)
        if len(own) >= self.bound and self.on("the own ledger is a second lock"):
            return self.drop(state, number)
        if len(own & living(state.log)) >= self.bound:
            raise BrokenError(f"gate {number} lets {one} in beyond its own count")
        if word == "held" and one not in state.promised:
            raise BrokenError(f"gate {number} lets {one} in by a yes that nobody gave to it")
        state = self.write(self.change(state, number, hand=()), number, "granted", one)
        if word == "alone" and not self.on("what was given alone is not released"):
            state = self.change(state, number, pending=state.gates[number].pending | {one})
        return state

    def endings(self, state, number):
        for one, now in standing(state.log).items():
            said = {fact[1] for fact in state.log if fact[2] == one}
            if gate_of(one) == number and now == "granted" and "annulled" not in said:
                after = self.write(state, number, "annulled", one)
                if not self.on("a release does nothing to a committed id"):
                    after = self.change(after, number, pending=after.gates[number].pending | {one})
                yield f"gate {number}: annuls {one}", after
            if gate_of(one) == number and now == "annulled" and "passed" not in said:
                yield f"gate {number}: {one} passed after all", self.write(state, number, "passed", one)
            if gate_of(one) != number and now != "reversed" and state.faults:
                after = self.write(state, number, "reversed", one)
                yield f"gate {number}: takes {one} back", after._replace(faults=state.faults - 1)

    def crashes(self, state, number):
        gate = state.gates[number]
        state = self.change(state, number, hand=(), pending=NOTHING, run=gate.run + 1, asks=0)
        return self.write(state, number, "started", gate.run + 1)._replace(faults=state.faults - 1)

    # -- the authority

    def of_authority(self, state):
        if state.faults and self.kinds & {"restart", "restore"} and not state.learning:
            if "restore" in self.kinds:
                if not state.copied:
                    yield "a copy is kept", state._replace(copy=state.book, copied=True)
                yield "the authority is restored", self.begins(state._replace(book=state.copy))
            else:
                yield "the authority restarts", self.begins(state)
        if state.learning and self.has_learned(state):
            cut = {number for number in GATES if state.gates[number].cut}
            promised = frozenset(one for one in state.promised if gate_of(one) not in cut)
            yield "the authority has learned", state._replace(learning=False, promised=promised)
        if self.kinds & {"cut", "crash"} and not any(gate.hand for gate in state.gates):
            held = [one for one, now in state.book.claims if now == "held"]
            if held:
                yield "a minute passes", self.minute(state)

    def begins(self, state):
        gates = tuple(gate._replace(hand=(gate.hand[0], True)) if gate.hand else gate for gate in state.gates)
        wire = tuple(one for one in state.wire if not one.up)  # requests end with the connections of the process
        book = state.book._replace(claims=NOTHING)
        return state._replace(gates=gates, wire=wire, book=book, learning=True, faults=state.faults - 1)

    def has_learned(self, state):
        if not self.on("who starts learns"):
            return True
        if self.on("who was heard too early is heard again") and any(gate.hand[1:] == (True,) for gate in state.gates):
            return False
        drained = [len(self.journal(state.log, one)) == state.book.told[one] for one in GATES]
        return all(state.gates[one].cut or drained[one] for one in GATES)

    def minute(self, state):
        claims = dict(state.book.claims)
        if not self.on("a claim lapses"):
            raise BrokenError(f"{sorted(claims)} still hold their places after a minute")
        for one in [one for one, now in claims.items() if now == "held"]:
            claims[one] = MOVES["held", "minute"] if self.on("what lapsed is in doubt") else MOVES["held", "ended"]
        return state._replace(book=state.book._replace(claims=frozenset(claims.items())))

    def arrives(self, state, message):
        if not message.up:
            return self.answered(state, message)
        if state.learning:
            return self.put(state, message._replace(up=False, word="learning", mine=NOTHING))
        book = state.book
        first = self.on("releases come before the claim that brings them")
        for one in sorted(message.released) if first else ():
            book = self.release(book, one)
        word, book, ended = self.answer(state._replace(book=book), message) if message.id else ("", book, NOTHING)
        for one in () if first else sorted(message.released):
            book = self.release(book, one)
        promised = state.promised | {message.id} if word == "granted" else state.promised
        state = state._replace(book=book, promised=promised)
        return self.put(state, message._replace(up=False, word=word, mine=ended, back=NOTHING))

    def release(self, book, one):
        uses = {each: (now, n) for each, now, n in book.uses}
        if one in uses:
            if self.on("a release does nothing to a committed id"):
                return book
            uses[one] = (uses[one][0], 0)
            return book._replace(uses=frozenset((each, *what) for each, what in uses.items()))
        if not self.on("a release ends the doubt") and (one, "lapsed") in book.claims:
            return book
        return self.end(book, one)

    def end(self, book, one, word="ended"):
        claims = dict(book.claims)
        now = claims.get(one, NONE)
        if now in STANDING:
            claims[one] = MOVES[now, word]
        elif now == NONE and word == "ended":
            claims[one] = MOVES[NONE, "forbidden"]
        return book._replace(claims=frozenset((each, what) for each, what in claims.items() if what != NONE))

    def answer(self, state, message):
        """Return the word, the book after it, and which of the asker's own were given back."""
        book, one = state.book, message.id
        uses, claims = {each: (now, n) for each, now, n in book.uses}, dict(book.claims)
        if self.is_void(state, book, one):
            return "gone", book, NOTHING
        if not self.on("not before its facts"):
            for early in [each for each in claims if gate_of(each) == message.gate and run_of(each) < run_of(one)]:
                claims[early] = MOVES["held", "ended"]
            book = book._replace(claims=frozenset(claims.items()))
        if one in uses:
            return "granted" if uses[one][1] else "gone", book, NOTHING
        if one in dict(book.endings):
            return "gone", book, NOTHING
        if one in claims and self.on("a released or refused id never comes back by a claim"):
            return ("granted" if KNOWN[claims[one]] == "held" else "gone"), book, NOTHING
        room, ended = self.room(message, book, uses, claims)
        verdict = room.verdict
        if verdict == "held" and not self.on("used is what facts prove"):
            verdict = "used"
        self.judge(state, message, verdict)
        if verdict == "free":
            claims[one] = MOVES[NONE, "granted"]
            return "granted", book._replace(claims=frozenset(claims.items())), ended
        if verdict in ("used", "held"):
            claims[one] = MOVES[NONE, "forbidden"]
        return verdict, book._replace(claims=frozenset(claims.items())), ended

    def is_void(self, state, book, one):
        runs = [
            fact[2] for fact in self.journal(state.log, gate_of(one))[: book.told[gate_of(one)]] if fact[1] == "started"
        ]
        return bool(runs) and run_of(one) < max(runs)

    def room(self, message, book, uses, claims):
        """Return the room under the key (the code's own value), and which of the asker's own were given back."""
        proved = sum(n for _now, n in uses.values()) + book.doubled
        if not self.on("a fact beyond the bound is counted"):
            proved = min(proved, self.bound)
        held = sum(now == "held" for now in claims.values())
        doubt = sum(now == "lapsed" for now in claims.values())
        ended, early = set(), dict(book.endings)
        for own in message.mine:
            now, _n = uses.get(own, (early.get(own, ""), 0))
            if now == "annulled" and own in uses:
                proved += 1  # it annulled that itself, and says that it stands
            elif now in ("annulled", "reversed"):
                ended.add(own)
            elif own not in uses:
                proved += 1
                held -= claims.get(own) == "held"
        for own in message.back:
            proved -= uses.get(own, ("", 0))[1]
            held -= own not in uses and claims.get(own) == "held"
        live = proved + held
        if not self.on("room, not ordinals"):
            taken = self.by_ordinals(uses, claims, live)
            proved, live, doubt = min(proved, taken), min(live, taken), 0
        return Room("k", 1, self.bound, proved, live, doubt), frozenset(ended)

    def by_ordinals(self, uses, claims, live):
        """The smallest number that nobody has decides: what was given beyond the bound has a number beyond it."""
        within = [one for one, (now, n) in uses.items() if n and now != "excess"]
        within += [one for one, now in claims.items() if now == "held"]
        return len(within) if len(within) < self.bound else live

    def judge(self, state, message, verdict):
        """Hold an answer against the journals: what the authority was told, what it said yes to, the asker's own."""
        told, true, number = living(state.log, state.book.told), living(state.log), message.gate
        proved = {one for one in told if gate_of(one) != number} | message.own
        hands = {gate.hand[0] for gate in state.gates if gate.hand}
        spoken = {fact[2] for one in GATES for fact in self.journal(state.log, one)[: state.book.told[one]]}
        promised = {one for one in state.promised - spoken if gate_of(one) != number and (one in true or one in hands)}
        stand = (proved & true) | promised
        if verdict == "free" and len(stand) >= self.bound:
            raise BrokenError(f"yes to {message.id} although {sorted(stand)} stand")
        own = {one for one in told if gate_of(one) == number}  # it may have ended since, and nobody has said so
        if verdict == "used" and len(proved | own) < self.bound:
            raise BrokenError(f"{message.id} was told limit_used, and facts prove only {sorted(proved)}")
        held = {one for one, now in state.book.claims if now == "held"} - spoken - message.released
        if verdict == "held" and len(proved | own | held) < self.bound:
            raise BrokenError(f"{message.id} was told in_use, and nobody is being decided")

    def takes_fact(self, state, number, at):
        """The authority takes in a fact of a gate: its `at`-th."""
        book = state.book
        _gate, kind, one = self.journal(state.log, number)[at]
        again = at < book.told[number]
        if again and self.on("a fact counts once"):
            return state
        told = tuple(at + 1 if each == number and not again else book.told[each] for each in GATES)
        book = book._replace(told=told)
        if kind == "started":
            if self.on("a new start voids what earlier ones claimed"):
                for early in [each for each, _now in book.claims if gate_of(each) == number and run_of(each) < one]:
                    book = self.end(book, early)
        elif kind == "granted":
            book = self.takes(book, one, again=again)
        else:
            book = self.gives_back(book, number, kind, one)
        return state._replace(book=self.noticed(state, book, kind))

    def takes(self, book, one, *, again):
        if again:
            return book._replace(doubled=book.doubled + 1)
        ends = (one, "lapsed") not in book.claims or self.on("a fact ends the doubt")
        if ends and self.on("the fact of a claimed id takes once"):
            book = self.end(book, one, "told")
            book = book._replace(claims=frozenset(each for each in book.claims if each[0] != one))
        early = dict(book.endings).get(one)
        now = "granted" if early is None else early
        n = 0 if early is not None else 1
        if n and sum(each[2] for each in book.uses) >= self.bound and not self.on("room, not ordinals"):
            now = "excess"
        return book._replace(uses=book.uses | {(one, now, n)})

    def gives_back(self, book, number, kind, one):
        uses, back = {each: (now, n) for each, now, n in book.uses}, back_by(kind)
        if back is not None and self.on("a give-back before its grant ends the claim"):
            book = self.end(book, one) if one not in uses else book
        if one not in uses:
            if not self.on("a give-back is remembered before its grant"):
                return book
            early = {**dict(book.endings), one: kind}
            if back is None:  # nothing was annulled here yet: its own journal comes in order
                return book
            return book._replace(endings=frozenset(early.items()))
        now, n = uses[one]
        if back is not None:
            once = n if self.on("a give-back counts once") else 1
            uses[one] = (kind if now != "reversed" else now, n - once)
        elif (
            takes_again(now, kind, own=number == gate_of(one)) and self.on("passed after its own annulment takes again")
        ) or (kind == "passed" and not self.on("only its own")):
            uses[one] = (kind, 1)
        return book._replace(uses=frozenset((each, *what) for each, what in uses.items()))

    # -- conflicts, and everything at rest

    def noticed(self, state, book, kind):
        stand = frozenset(one for one, _now, n in book.uses if n > 0)
        conflict = book.conflict
        if kind in ("granted", "passed") and len(stand) > self.bound:
            holders = {gate_of(one) for one in stand}
            if len(holders) > 1 or self.on("also to one terminal alone"):
                newest = frozenset(sorted(stand)[-1:])
                conflict |= stand if self.on("a conflict is told to each") else newest
        ends = bool(conflict) and self.on("a conflict that never was is dissolved")
        if ends and most_at_once(self.events(state.log, book.told)) <= self.bound:
            conflict = NOTHING
        return book._replace(conflict=conflict)

    def events(self, log, told=None):
        """Return (at, n, back, back_at) of each grant, as told."""
        seen, rows = [0, 0], {}
        stand = standing(log, told)
        for at, (gate, kind, one) in enumerate(log):
            seen[gate] += 1
            if (told is None or seen[gate] <= told[gate]) and kind != "started" and one in stand:
                at_ms, back, back_ms = rows.get(one, (None, 0, None))
                if kind == "granted":
                    rows[one] = (at, back, back_ms)
                elif back_by(kind) is not None and not back:
                    rows[one] = (at_ms, 1, at)
                elif kind == "passed" and stand[one] == "passed":
                    rows[one] = (at_ms, 0, None)
        return [(at_ms, 1, back, back_ms) for at_ms, back, back_ms in rows.values()]

    def check_rest(self, state):
        gates, book = state.gates, state.book
        if state.wire or state.learning or any(gate.hand or gate.pending or gate.cut for gate in gates):
            return
        if any(len(self.journal(state.log, one)) != book.told[one] for one in GATES):
            return
        stand = living(state.log)
        counted = sum(n for _one, _now, n in book.uses) + book.doubled
        if not self.on("a fact beyond the bound is counted"):
            counted = min(counted, self.bound)
        if counted != len(stand):
            raise BrokenError(f"at rest {counted} are counted, and {sorted(stand)} stand")
        holds = sorted(one for one, now in book.claims if now in STANDING)
        if holds:
            raise BrokenError(f"at rest {holds} have places, and nobody is being decided")
        if len(stand) > self.bound and not {gate_of(one) for one in stand} <= {gate_of(one) for one in book.conflict}:
            raise BrokenError(f"{sorted(stand)} stand, and only {sorted(book.conflict)} were told")
        if book.conflict and most_at_once(self.events(state.log)) <= self.bound:
            raise BrokenError(f"a conflict stands about {sorted(book.conflict)}, and the bound was never overrun")
