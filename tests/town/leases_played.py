"""A town that shares out a leased capacity, from one seed: the terminals' own leases (sync.beyond.leases), the
authority's (central.hub.leases) over its books, and the network and the clock of `simulation`.

A call waits as a coroutine until its answer is delivered, lost, or too late; two of a gate may wait at once. The
authority restarts, is restored from an older copy, has its quota lowered; a box that was silent for longer than a
lease lasts is written off by people.

Held against journals, and against what each terminal would still give if nobody told it anything more: no answer lets
a share grow where that, all gates together, is more than the quota then; and what was given is never more than the
highest quota. Only what a written-off box had given and not told stands outside: people took that upon themselves.
"""

import asyncio
from functools import cache

from central.books.bounds import Bounds
from central.hub import leases as lessor
from central.hub import lifting
from central.hub.learning import Learning
from credit.rules.benefits import parse_benefits
from sync.beyond import leases
from sync.beyond.asking import AuthorityError
from sync.beyond.rounds import Asker
from sync.wire.claims import LeaseAnswer
from tests.town import simulation

QUOTA = "u|w/boat|day:2026-09-21"
FORGETS_SILENT = "a silent lessee is not waited for"
TAKES_OVER = "a start takes over an earlier run's share"
STEPS = 120
ANSWER_MS = 150
CUT_MS = lessor.FOR_MS + 60_000
OF_A_GATE = frozenset({"visit", "push", "renew", "give_back", "annul", "crash", "cut", "heal", "write_off"})
ACTIONS = ["visit"] * 8 + ["some"] * 16 + ["push"] * 6 + ["renew"] * 4 + ["time"] * 4 + ["give_back", "heal"] * 2
ACTIONS += ["late_one", "annul", "crash", "cut", "long", "restart_authority", "keep_copy", "restore", "lower"]
ACTIONS += ["write_off", "jump"]


@cache
def bounds(most):
    """Return a catalogue that lets so many go a day."""
    boat = {"id": "boat", "code": 7, "issuer": "w", "offer": {"kind": "free"}}
    boat |= {"capacity": [{"per": "day", "max": most, "leased": True}]}
    return Bounds(parse_benefits([boat]))


class Call:
    """A question on its way; whoever asked waits in `waiting`."""

    def __init__(self, request):
        self.request, self.waiting = request, None

    def __await__(self):
        return (yield self)


class Read:
    """The own count on its way from the ledger."""

    def __await__(self):
        return (yield self)


class Lessor:
    async def lease(self, request):
        return await Call(request)


class Share:
    """What a terminal is here: its leases since its last start, and what waits for an answer."""

    def __init__(self, town, gate):
        self.town, self.gate = town, gate
        self.silent_since = None
        self.begin()

    def begin(self):
        self.waiting = []
        asker = Asker(run=f"{self.gate.name}.{self.gate.run}", hub_no=1, terminal=self.gate.name, ids=lambda _ms: "")
        self.leases = leases.Leases(Lessor(), lambda: asker, self.own, lambda: self.town.running_s(self))

    async def own(self, _quota):
        own = len(self.gate.living)
        await Read()  # what was read may be older than what stands when it arrives
        return own


class Leasing(simulation.Town):
    """The town of one seed. `plant` names a fault that is put in on purpose."""

    def __init__(self, seed, plant=""):
        super().__init__(seed, plant)
        self.most = self.highest = self.random.choice(QUOTAS.get(self.plant, (2, 3, 6)))
        self.story[0] = f"seed {seed}: {self.most} a day"
        self.shares = {name: Share(self, gate) for name, gate in self.gates.items()}
        self.learning, self.copy, self.wall_ms = Learning((), started_ms=self.now - 3_600_000), None, 0
        self.asked_at = {}
        self.everybody = False
        self.swift = self.random.choice((0.0, 0.6, 0.95))  # how often everything arrives before anything else
        self.lost = set()  # given by a box that was then written off, and not told

    def running_s(self, _share):
        return (self.now + (self.wall_ms if self.plant == "until by wall clock" else 0)) / 1000

    def send(self, gate, message):
        if gate.cut or self.random.random() < 0.1:
            return
        self.wire.append(message)
        if self.random.random() < (0.5 if self.plant in STEERED else 0.1):
            (self.late if self.random.random() < 0.5 else self.wire).append(message)

    # -- gates

    def go(self, share, coroutine, then, send=None, error=None):
        """Drive a coroutine to its next question or its end."""
        try:
            call = coroutine.send(send) if error is None else coroutine.throw(error)
            while isinstance(call, Read) and self.random.random() < 0.8:
                call = coroutine.send(None)
        except StopIteration as done:
            then(done.value)
        except (AuthorityError, asyncio.CancelledError):
            then(None)
        else:
            call = Call(None) if isinstance(call, Read) else call
            call.waiting = (share, coroutine, then, self.now + ANSWER_MS)
            share.waiting.append(call)
            if call.request is None:
                self.wire.append(("told", share.gate.name, call, None))
            else:
                self.send(share.gate, ("lease", share.gate.name, call))

    def visit(self, gate):
        share = self.shares[gate.name]
        if len(share.waiting) < 2:
            self.go(share, share.leases.take(QUOTA, 1), lambda leased: self.given(share, leased))

    def given(self, share, leased):
        if not hasattr(leased, "ticket"):
            return self.say(f"{share.gate.name}: no room ({leased})")
        gate = share.gate
        if self.random.random() < 0.9:
            gate.asks += 1
            redemption = f"{gate.name}.{gate.run}.{gate.asks}"
            gate.write("granted", redemption, self.now, issuer="w", uses=[{"key": QUOTA, "n": 1}])
            gate.living[redemption] = 1
            self.say(f"{gate.name}: gives {redemption} of lease {leased.number}")
            self.count()
        share.leases.settled([leased])
        return None

    def renew(self, gate):
        share = self.shares[gate.name]
        if len(share.waiting) < 2:
            self.go(share, share.leases.renew(), lambda _done: None)

    def crash(self, gate):
        super().crash(gate)
        share = self.shares[gate.name]
        for call in share.waiting:
            call.waiting[1].close()
        share.begin()

    def time_out(self):
        for share in self.shares.values():
            for call in [one for one in share.waiting if one.request and self.now >= one.waiting[3]]:
                self.answer(call, error=asyncio.CancelledError())

    def answer(self, call, answer=None, error=None):
        share, coroutine, then, _until = call.waiting
        if call in share.waiting:  # else it was given up, or answered before
            share.waiting.remove(call)
            self.go(share, coroutine, then, answer, error)

    # -- the authority

    def deliver(self, at):
        message = self.wire[at]
        gate = self.gates[message[1]]
        if message[0] == "lease":
            self.wire.pop(at)
            if not gate.cut:
                told = self.leased(gate, message[2].request)
                self.send(gate, ("told", gate.name, message[2], told))
        elif message[0] == "told":
            self.wire.pop(at)
            if not gate.cut or message[2].request is None:
                self.answer(message[2], message[3])
        else:
            super().deliver(at)

    def leased(self, gate, request):
        waits = self.job(lambda tx: lessor.is_young(tx, gate.name, QUOTA, self.learning, now_ms=self.now))
        if self.plant == FORGETS_SILENT:
            waits = self.learning.age_ms(self.now) < lessor.HEARD_MS
        young = waits and self.plant != "restored hub leases"
        told = request.used or 0  # what it had used when it gave back, some of which may have been annulled since
        knows, known = max(self.could(gate), sum(gate.living.values()), told), self.known(gate.name)
        begins = QUOTA not in self.shares[gate.name].leases._numbers  # what it hears now it gives back
        answer = self.job(lambda tx: lessor.answer_lease(tx, gate.name, request, bounds(self.most), young=young))
        self.asked_at[gate.name] = self.now
        self.say(f"authority to {gate.name}: {ask_of(request)} -> {answer.number}: {answer.total}")
        if answer.total > (max(known, knows) if begins else knows):
            self.judge_share(gate, answer.total, self.most if answer.total > known else self.highest)
        return AFTER[self.plant](self, gate, request, answer) if self.plant in AFTER else answer

    def judge_share(self, gate, total, most):
        """A share that grows fits beside what every other gate has given, and would still give untold.

        One that only its gate does not know, for the answer was lost or it started anew, fits into what there ever was.
        """
        others = {one.name: self.could(one) for one in self.gates.values() if one is not gate}
        if total + sum(others.values()) > most:
            raise simulation.BrokenError(f"{gate.name} may give {total} of {most}, and others {others}")

    def could(self, gate):
        """What stands by a gate's journal, and what its lease lets it give without asking anybody."""
        truth = self.truth()
        stands = sum(truth.get(one.redemption, 0) for one in gate.journal if one.kind == "granted")
        stands -= sum(truth[one.redemption] for one in gate.journal if one.redemption in self.lost)
        lease = self.shares[gate.name].leases.held(QUOTA)
        return stands if lease is None else max(stands, lease.total)

    def total(self, name):
        row = self.conn.execute("SELECT total FROM leases WHERE terminal = ?", (name,)).fetchone()
        return 0 if row is None else row[0]

    def known(self, name):
        """What the books call a gate's: its share, or what it used by facts, some of which may be annulled by now."""
        return max(self.total(name), self.used(name))

    def set_total(self, name, total):
        self.job(lambda tx: tx.execute("UPDATE leases SET total = $1 WHERE terminal = $2", total, name))

    def used(self, name):
        sql = "SELECT coalesce(sum(n - back), 0) FROM uses WHERE terminal = ? AND key = ?"
        return self.conn.execute(sql, (name, QUOTA)).fetchone()[0]

    def restart_authority(self, away_ms=None):
        self.say("authority: restarts")
        self.learning = Learning((), started_ms=self.now)
        self.now += self.random.choice((0, lessor.HEARD_MS)) if away_ms is None else away_ms
        self.wire, self.late = ([one for one in ways if one[0] != "lease"] for ways in (self.wire, self.late))

    def keep_copy(self):
        self.copy = type(self.conn)(":memory:")
        self.conn.backup(self.copy)

    def restore(self):
        """An older copy takes the place of the books. Whom it knows may be cut; all others say what they hold."""
        if self.copy is None:
            return
        self.say("authority: restored from an older copy")
        self.copy.backup(self.conn)
        self.restart_authority(away_ms=0)  # whoever is in reach says what it holds before HEARD_MS are over
        self.now += ANSWER_MS
        self.time_out()
        known = {row[0] for row in self.conn.execute("SELECT terminal FROM leases WHERE number >= 0")}
        for gate in self.gates.values():
            gate.cut, gate.acked = gate.cut and gate.name in known, self.through().get(gate.name, 0)
        if self.plant == "restored hub leases":
            return  # whoever leases at once does not wait for them
        for _ in range(4):
            self.quiet(6_000)

    def quiet(self, ms):
        """Let time pass in which whoever holds something says so."""
        self.now += ms
        for gate in self.gates.values():
            self.renew(gate)
            self.push(gate)
            if not gate.cut:
                self.learning.hear(gate.name, self.now)
        self.everybody, lossy = True, self.random.random
        self.random.random = lambda: 1.0
        while self.wire:
            self.deliver(0)
        self.random.random, self.everybody = lossy, False
        self.time_out()

    def lower(self):
        self.most = max(1, self.most // 2)
        self.say(f"the quota is {self.most} now")

    def write_off(self, gate):
        """People write a box off that was silent for longer than any lease it may hold."""
        if not gate.cut or self.now - self.asked_at.get(gate.name, self.now) < CUT_MS:
            return
        self.say(f"{gate.name}: is written off")
        told = self.through().get(gate.name, 0)
        self.lost |= {one.redemption for one in gate.journal[told:] if one.kind == "granted"}
        self.job(lambda tx: lifting.apply(tx, gate.name, "write_off", now_ms=self.now))

    # -- the play

    def step(self):
        gate = self.gates[self.random.choice(sorted(self.gates))]
        action = self.random.choice(ACTIONS + STEERED.get(self.plant, []))
        self.now += self.random.choice((1, 5, 20))
        if action in OF_A_GATE:
            getattr(self, action)(gate)
        else:
            getattr(self, action)()
        if self.plant == "share freed by time":
            for name, at in self.asked_at.items():
                if self.now - at > lessor.FOR_MS:
                    self.set_total(name, self.used(name))
        if self.random.random() < self.swift:
            while self.wire:
                self.deliver(0)
        self.time_out()

    def some(self):
        if self.wire:
            self.deliver(self.random.randrange(min(len(self.wire), 4)))

    def time(self):
        self.now += 200

    def long(self):
        self.now += self.random.choice((lessor.HEARD_MS, CUT_MS))

    def jump(self):
        self.wall_ms -= 3_600_000

    def cut(self, gate):
        gate.cut = True

    def heal(self, gate):
        gate.cut = False

    def give_back(self, gate):
        share = self.shares[gate.name]
        if len(share.waiting) < 2:
            self.go(share, share.leases.give_back(QUOTA), lambda _done: None)

    def count(self):
        """By journals alone: what stands everywhere is no more than the highest quota there was."""
        standing = sum(n for one, n in self.truth().items() if one not in self.lost)
        if standing > self.highest:
            raise simulation.BrokenError(f"{standing} stand of {self.highest}")

    def rest(self):
        self.say("-- rest")
        for gate in self.gates.values():
            gate.cut = False
        for turn in range(8):
            self.quiet(lessor.HEARD_MS)
            for gate in self.gates.values() if turn in {3, 4, 5} else ():
                self.visit(gate)  # whoever started anew speaks of what it held when somebody comes

    def check(self):
        self.count()
        rows = dict(self.conn.execute("SELECT terminal, total FROM leases WHERE quota = ?", (QUOTA,)).fetchall())
        numbers = dict(self.conn.execute("SELECT terminal, number FROM leases").fetchall())
        came_back = sum(n for one, n in self.truth().items() if one in self.lost)
        if sum(rows.values()) - came_back > self.highest:
            raise simulation.BrokenError(f"{rows} are leased of {self.highest}")
        for name, share in self.shares.items():
            held = share.leases.held(QUOTA)
            if held is not None and (held.number, held.total) != (numbers.get(name), rows.get(name)):
                raise simulation.BrokenError(f"{name} holds {held}, and {numbers.get(name)}: {rows.get(name)} is known")


def ask_of(request):
    return f"{request.number}, " + (
        f"wants {request.total}" if request.used is None else f"gives back, {request.used} used"
    )


def play(seed, plant="", steps=STEPS):
    """Play one seed to its end; raise BrokenError with the story in `args`."""
    town = Leasing(seed, plant)
    undo = [leases.Leases.room, leases.Leases.give_back, leases.Leases._begin]
    if plant == "share as remainder":
        leases.Leases.room = lambda self, quota, _own, _since=None: _room(self, quota)
    if plant == "give-back without number":
        leases.Leases.give_back = _same_number
    if plant == TAKES_OVER:
        leases.Leases._begin = _takes_over
    try:
        for _ in range(steps):
            town.step()
        town.rest()
        town.check()
    except simulation.BrokenError as broken:
        raise simulation.BrokenError("\n".join([*town.story, f"BROKEN: {broken}"])) from None
    finally:
        leases.Leases.room, leases.Leases.give_back, leases.Leases._begin = undo
        for share in town.shares.values():
            for call in share.waiting:
                call.waiting[1].close()
        town.conn.close()
    return town


def _room(self, quota):
    found = self.held(quota)
    return 0 if found is None else max(0, found.total - self._held_back(quota))


def breaks(seed, plant):
    """Return whether an invariant does not hold with this fault in place."""
    try:
        play(seed, plant)
    except simulation.BrokenError:
        return True
    return False


async def _same_number(self, quota):
    if self._held_back(quota) or quota not in self._leases:
        return
    lease = self._leases.pop(quota)
    self._owed[quota] = (lease.number, await self._own(quota))
    await self._pay(quota)


async def _takes_over(self, quota, _own):
    self._numbers.setdefault(quota, 0)


def _at_once(town, gate, _request, answer):
    if answer.call_back:
        town.set_total(gate.name, town.used(gate.name))
    return answer


def _under_the_same(town, gate, request, answer):
    if request.used is None:
        return answer
    town.set_total(gate.name, request.used)
    return LeaseAnswer(number=answer.number, total=request.used, for_ms=answer.for_ms)


AFTER = {"call-back free at once": _at_once, "give-back without number": _under_the_same}
QUOTAS = {"call-back free at once": (6,), "give-back without number": (2,), TAKES_OVER: (3,)}
STEERED = {  # what a fault of several messages needs more of than usual
    "call-back free at once": ["lower", *["annul"] * 8, *["renew"] * 2, *["visit"] * 16, *["some"] * 16],
    "until by wall clock": ["jump", "cut", "long", "write_off", *["visit"] * 4, *["some"] * 4] * 3,
    "share freed by time": ["cut", "long", *["visit"] * 4, *["some"] * 4] * 2,
    "give-back without number": ["give_back"] * 10 + ["visit"] * 10 + ["some"] * 10 + ["late_one"] * 4,
    FORGETS_SILENT: ["keep_copy", "restore", "cut", "visit", "visit", "some", "some"] * 4,
    TAKES_OVER: [
        *["keep_copy"] * 6,
        *["give_back"] * 14,
        *["cut"] * 10,
        *["restore"] * 8,
        *["crash"] * 10,
        *["heal"] * 12,
        *["visit"] * 20,
        *["some"] * 30,
    ],
    "restored hub leases": ["keep_copy", "restore", "visit", "visit", "some", "some"] * 4,
}
FAULTS = (
    "share as remainder",
    "until by wall clock",
    "give-back without number",
    "restored hub leases",
    FORGETS_SILENT,
    TAKES_OVER,
    "share freed by time",
    "call-back free at once",
)
