"""A site with its hub, a gate elsewhere, and the platform, from one seed: keys that are wider than the site.

The hub counts and asks by its own code (central.site.counting), over books of its own; the platform answers by
central.hub.claims. Between them is a WAN that loses, doubles and is cut; facts wait at the hub until they are signed
for. The hub restarts, and is restored from an older copy; what that does not know of releases is lifted by people.

Each yes and each no is held against what its authority was told, as in `simulation`; a site's key has one authority,
the hub. At rest hub and platform count what the facts say, and neither holds a place for nobody.
"""

from pathlib import Path
from types import SimpleNamespace

from central.books.arriving.chains import GapError
from central.books.bounds import Bounds
from central.hub import lifting
from central.hub.claims import Asker, answer_claim
from central.site import counting, giving_up
from central.site.upward import PlatformAwayError
from storage.driven import drive
from sync.wire.claims import ClaimAnswer, ClaimKey, ClaimRequest
from tests.town import simulation
from tests.town.simulation import KEY, BrokenError, Count

SITE_KEY = "u|w/first@site:s|subject:w:1|ever"
AT_SITE = ("g1", "g2")  # g3 stands elsewhere, and asks the platform
STEPS = 60
WIDE_MS = 100
FALLS_OVER = "gate falls over to the platform for a site key"
BELIEVES = "what the hub holds counts as heard by the platform"
REVIVES = "doubled wide claim revives at the platform"
ACTIONS = ["visit"] * 10 + ["some"] * 10 + ["some_wan"] * 6 + ["push"] * 5 + ["forward"] * 5 + ["tick"] * 3
ACTIONS += ["time"] * 3 + ["annul", "passes", "bring_back", "crash", "cut", "minute", "cut_wan", "late_wan"]
ACTIONS += ["heal", "heal_wan"] * 2 + ["restart_hub", "keep_copy", "restore"]
OF_A_GATE = frozenset({"visit", "push", "annul", "passes", "bring_back", "crash", "cut", "heal"})


class Upward:
    """A question of the hub on its way to the platform."""

    def __init__(self, ask):
        self.ask = ask

    def __await__(self):
        return (yield self)


class Platform:
    async def claim(self, ask):
        return await Upward(ask)


class Books:
    """The hub's store: a job runs at once."""

    def __init__(self, count):
        self._count = count

    async def write(self, job, *, before=None):
        del before
        return self._count.job(job)

    async def read(self, job):
        return self._count.job(job)


class Served:
    hub_no, site = 1, "s"

    def names(self):
        return list(AT_SITE)

    def find(self, _terminal):
        return SimpleNamespace(state="active")


class Wide(simulation.Town):
    """The town of one seed. `plant` names a fault that is put in on purpose."""

    def __init__(self, seed, plant=""):
        super().__init__(seed, plant)
        self.keys = self.random.choice(((KEY,), (KEY,), (SITE_KEY, KEY), (SITE_KEY,)))
        self.swift = self.random.choice((0.0, 0.6, 0.9))
        self.story[0] += f", at the site {self.keys}"
        self.site = Count(self, "hub")
        self.wan, self.wan_cut, self.late = [], False, []
        self.forgotten = set()  # gates whose releases an older copy does not know: people lift them
        self.forwards = []  # batches that the platform has not signed for
        self.waiting = {}  # call -> (coroutine, its first ask, gate, until)
        self.receipts = dict.fromkeys(AT_SITE, 0)  # gate -> what the platform has signed for, as the gate knows it
        self.begin_hub()

    def names(self):
        return simulation.GATES

    def keys_of(self, gate):
        return self.keys if gate.name in AT_SITE else (KEY,)

    def signed(self, gate):
        return gate.acked if self.plant == BELIEVES else self.receipts.get(gate.name, gate.acked)

    def counts(self, redemption, key):
        """Return whether a redemption counts under a key."""
        return key in self.keys_of(self.gates[redemption.split(".")[0]])

    def beside(self, gate):
        return [one for one in self.gates.values() if (one.name in AT_SITE) == (gate.name in AT_SITE)]

    def judge(self, gate, ask, answer):
        self.judge_keys(self.books, gate, ask, answer)

    def begin_hub(self):
        lists = counting.Lists(Bounds, dict, lambda: None)
        self.hub = counting.Counting(
            Books(self.site), Served(), Platform(), lists=lists, now_ms=lambda: self.now, folder=Path("/nowhere")
        )
        self.hub._clock = SimpleNamespace(now_ms=lambda: self.now)
        self.hub._learning = self.site.learning

    # -- the hub

    def claim(self, gate, ask):
        if gate.name not in AT_SITE:
            super().claim(gate, ask)
            return
        self.site.who_was_silent_counts_as_cut()
        self.go(gate, ask, self.hub.answer(ask, gate.name))

    def go(self, gate, ask, coroutine, value=None, error=None):
        """Drive the hub to its next question to the platform or to its answer. `ask` None: it releases there."""
        first = value is None and error is None
        try:
            call = coroutine.send(value) if error is None else coroutine.throw(error)
        except StopIteration as done:
            if ask is not None:
                self.hub_says(gate, ask, done.value, first=first)
        else:
            wrong = self.judged_at_hub(gate, ask, ClaimAnswer(granted=True)) if first and ask is not None else None
            self.waiting[call] = (coroutine, ask, gate, self.now + WIDE_MS, wrong)
            self.send_wan(("up", call))

    def resume(self, call, answer=None, error=None):
        if call in self.waiting:
            coroutine, ask, gate, _until, wrong = self.waiting.pop(call)
            if wrong is not None and (error is not None or answer.granted or answer.learning):
                raise wrong
            self.go(gate, ask, coroutine, answer, error)

    def hub_says(self, gate, ask, answer, *, first):
        if first and not answer.learning:
            wrong = self.judged_at_hub(gate, ask, answer)
            if wrong is not None:
                raise wrong
        if not first and not answer.granted and not ask.dry:
            self.site.held.pop(ask.redemption, None)
            self.site.promised.discard(ask.redemption)
        self.say(f"hub to {gate.name} about {ask.redemption}: {simulation.verdict(answer)}, reach {answer.reach}")
        if answer.learning:
            ask = ClaimRequest(run=ask.run, hub_no=1, redemption=ask.redemption, at_ms=ask.at_ms)
        self.send(gate, ("answer", gate.name, ask, answer))

    def judged_at_hub(self, gate, ask, answer):
        """Return what was wrong with the hub's own word, None where nothing was."""
        try:
            self.judge_keys(self.site, gate, ask, answer)
        except BrokenError as broken:
            return broken
        return None

    def judge_keys(self, count, gate, ask, answer):
        fresh = ask.redemption not in count.held
        for key in [one.key for one in ask.keys] or [KEY]:  # of releases too
            if answer.refused is not None and answer.refused.key != key:
                continue
            if fresh:
                count.held.pop(ask.redemption, None)
                count.promised.discard(ask.redemption)
            count.judge(gate, ask, answer, lambda one, key=key: self.counts(one, key))

    def answered(self, gate, ask, answer):
        if answer.granted and answer.reach == "site" and not self.alone_ok:
            answer = ClaimAnswer(learning=True)  # offline for this benefit's bounds
        super().answered(gate, ask, answer)

    def take_in(self, gate, after, records):
        if gate.name not in AT_SITE:
            super().take_in(gate, after, records)
            return
        try:
            self.site.take_in(gate, after, records, nonces=True)
        except GapError:
            self.send(gate, ("lacks", gate.name, self.site.through().get(gate.name, 0)))
            return
        self.forwards.append((gate, after, records))
        self.send(gate, ("ack", gate.name, records[-1].seq))

    def deliver(self, at):
        kind, name = self.wire[at][:2]
        if kind == "standing" and name in AT_SITE and not self.gates[name].cut:
            gate, ends = self.gates[name], self.wire.pop(at)[2]
            if ends == self.site.through().get(name, 0) == len(gate.journal):
                self.site.learning.hear(name, self.now)
            else:
                self.send(gate, ("lacks", name, self.site.through().get(name, 0)))
        elif kind == "receipt":
            _, _, through = self.wire.pop(at)
            if not self.gates[name].cut:
                self.receipts[name] = max(self.receipts[name], through)
        elif kind == "instead":
            _, _, ask = self.wire.pop(at)
            answer = self.job(lambda tx: answer_claim(tx, Asker(name), ask, Bounds(), now_ms=self.now))
            self.say(f"platform to {name} about {ask.redemption}: {simulation.verdict(answer)}")
            self.judge_keys(self.site, self.gates[name], ask, answer)
            self.wire.append(("answer", name, ask, answer))
        else:
            super().deliver(at)

    def restart_hub(self):
        self.say("hub: restarts, knows no claim, learns")
        self.wire = [one for one in self.wire if one[0] != "ask" or one[1] not in AT_SITE]
        for coroutine, *_ in self.waiting.values():
            coroutine.close()
        self.waiting = {}
        self.site.restart()
        self.begin_hub()
        drive(self.hub.given_up.recall())
        self.hub.begin()
        self.site.learning = self.hub._learning

    def keep_copy(self):
        self.copy = type(self.conn)(":memory:"), list(self.forwards)
        self.site.conn.backup(self.copy[0])

    def restore(self):
        if self.copy is not None:
            self.say("hub: restored from an older copy")
            self.forgotten |= {terminal for terminal, _run in self.hub.given_up.whose()}
            self.copy[0].backup(self.site.conn)
            self.forwards = list(self.copy[1])
            self.restart_hub()

    # -- the WAN and the platform

    def send_wan(self, message):
        if self.wan_cut or self.random.random() < 0.1:
            return
        self.wan.append(message)
        if self.random.random() < 0.1 or self.plant == REVIVES:
            (self.late if self.random.random() < 0.5 else self.wan).append(message)

    def deliver_wan(self, at):
        kind, *rest = self.wan.pop(at)
        if self.wan_cut:
            return
        if kind == "up":
            self.asked_up(rest[0])
        elif kind == "down":
            self.resume(*rest)
        elif kind == "batch":
            try:
                self.books.take_in(*rest[0])
            except GapError:
                return
            self.send_wan(("signed", rest[0]))
        elif rest[0] in self.forwards:
            self.forwards.remove(rest[0])
            self.send(rest[0][0], ("receipt", rest[0][0].name, rest[0][2][-1].seq))

    def asked_up(self, call):
        ask = call.ask
        with simulation.planted("claim revives a released or refused id" if self.plant == REVIVES else ""):
            answer = self.job(lambda tx: answer_claim(tx, Asker(ask.terminal), ask, Bounds(), now_ms=self.now))
        self.say(f"platform to hub about {ask.redemption}, releases {ask.release}: {simulation.verdict(answer)}")
        self.judge_keys(self.books, self.gates[ask.terminal], ask, answer)
        self.send_wan(("down", call, answer))

    def forward(self):
        if self.forwards:
            self.send_wan(("batch", self.forwards[0]))

    def tick(self):
        """A second of the hub's: what gates gave up is released at the platform."""
        for held in self.hub.given_up.whose():
            self.go(self.gates[held[0]], None, self.hub.release_up(held))
        drive(self.hub.given_up.forget())

    # -- the play

    def step(self):
        gate = self.gates[self.random.choice(sorted(self.gates))]
        action = self.random.choice(ACTIONS + STEERED.get(self.plant, []))
        self.now += self.random.choice((1, 5, 20))
        if action in OF_A_GATE:
            getattr(self, action)(gate)
        else:
            getattr(self, action)()
        if self.random.random() < self.swift:
            self.arrive()
        self.time_out()

    def arrive(self):
        while self.wire or self.wan:
            self.deliver(0) if self.wire else self.deliver_wan(0)

    def some(self):
        if self.wire:
            self.deliver(self.random.randrange(min(len(self.wire), 4)))

    def some_wan(self):
        if self.wan:
            self.deliver_wan(self.random.randrange(min(len(self.wan), 4)))

    def late_wan(self):
        if self.late:
            self.wan.append(self.late.pop(self.random.randrange(len(self.late))))

    def time(self):
        self.now += 200

    def minute(self):
        self.now += simulation.pledges.LAPSE_MS + 1
        self.say("a minute passes")

    def cut(self, gate):
        gate.cut = True
        self.say(f"{gate.name}: is cut off")

    def heal(self, gate):
        gate.cut = False

    def cut_wan(self):
        self.wan_cut = True
        self.say("the WAN is cut")

    def heal_wan(self):
        self.wan_cut = False

    def time_out(self):
        for call in [one for one, waits in self.waiting.items() if self.now >= waits[3]]:
            self.resume(call, error=PlatformAwayError("no answer in time"))
        if self.plant == FALLS_OVER:
            self.fall_over()
        super().time_out()

    def fall_over(self):
        for gate in self.gates.values():
            if gate.hand and self.now >= gate.hand[1] and gate.name in AT_SITE and gate.fell_over != gate.hand[0]:
                gate.fell_over, gate.hand = gate.hand[0], (gate.hand[0], self.now + simulation.ASK_MS)
                keys = [
                    ClaimKey(key=key, n=1, bound=self.bound, borne="grant", mine=self.mine(gate)) for key in self.keys
                ]
                ask = ClaimRequest(
                    run=f"{gate.name}.{gate.run}", hub_no=1, redemption=gate.hand[0], at_ms=self.now, keys=keys
                )
                self.wire.append(("instead", gate.name, ask))

    def rest(self):
        """Let everything arrive: nobody is cut, nothing is lost, and each releases what was given up."""
        self.say("-- rest")
        self.random.random = lambda: 1.0
        self.wan_cut = False
        for gate in self.gates.values():
            gate.cut = False
        for _ in range(40):
            self.now += 400
            self.time_out()
            self.arrive()
            for gate in self.gates.values():
                self.push(gate)
                if gate.pending:
                    self.release(gate)
            self.arrive()
            self.forward()
            self.tick()
            self.arrive()
        self.now += simulation.pledges.LAPSE_MS + 1
        self.job(lambda tx: simulation.pledges.lapse(tx, now_ms=self.now))
        for name in sorted(self.forgotten):
            self.job(lambda tx, name=name: lifting.apply(tx, name, "lift", now_ms=self.now))

    def check(self):
        self.site.check_rest([self.gates[name] for name in AT_SITE], self.keys, self.counts)
        self.books.check_rest(self.gates.values(), {*self.keys, KEY}, self.counts)
        self.check_releases()
        truth = self.truth()
        for key in {*self.keys, KEY}:
            self.check_conflicts({one: n for one, n in truth.items() if self.counts(one, key)}, key)


def play(seed, plant="", steps=STEPS):
    """Play one seed to its end; raise BrokenError with the story in `args`."""
    town = Wide(seed, plant)
    undo = simulation.planted("")
    FAULTS.get(plant, lambda _: None)(undo)
    try:
        for _ in range(steps):
            town.step()
        town.rest()
        town.check()
    except BrokenError as broken:
        raise BrokenError("\n".join([*town.story, f"BROKEN: {broken}"])) from None
    finally:
        undo.__exit__()
        for coroutine, *_ in town.waiting.values():
            coroutine.close()
        town.conn.close()
        town.site.conn.close()
    return town


def breaks(seed, plant):
    """Return whether an invariant does not hold with this fault in place."""
    try:
        play(seed, plant)
    except BrokenError:
        return True
    return False


def _relayed(p):
    """The hub asks the platform for wider keys, and counts nothing itself."""
    real = counting.answer_claim

    async def answer(tx, asker, ask, bounds, *, now_ms):
        if any(counting.is_wide(one.key) for one in ask.keys):
            return ClaimAnswer(granted=True)
        return await real(tx, asker, ask, bounds, now_ms=now_ms)

    p.set(counting, "answer_claim", answer)


FAULTS = {
    "wide keys relayed without own count": _relayed,
    "wide refusal leaves the hub's place taken": lambda p: p.set(counting, "release", simulation._nothing),
    "no release upwards": lambda p: p.set(giving_up.GivenUp, "fresh", lambda *_: {}),
    REVIVES: lambda _: None,
    FALLS_OVER: lambda _: None,
    BELIEVES: lambda _: None,
}
STEERED = {  # what a fault of several messages needs more of than usual
    REVIVES: ["visit", "late_wan", "tick"] * 4,
    FALLS_OVER: ["cut", "heal", "visit"] * 4,
    BELIEVES: [*["push"] * 16, *["annul"] * 6, *["visit"] * 12],
    "wide refusal leaves the hub's place taken": ["visit"] * 12,
}
