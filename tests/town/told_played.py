"""The town of `simulation`, whose gates write down what they are told of conflicts: facts that are under way like any.

Answers to batches and to standings bear conflicts; they are lost, doubled and late, and what a gate wrote down travels
with its other facts. The platform is restored from older copies, which know less of what was told.

At rest each gate believes of its own facts what the facts say, by the newest word in its journal: it keeps no conflict
of a bound that was never overrun, who holds of what is overrun knows it, and nothing is told for ever.
"""

from central.books.arriving import told
from central.books.conflicts import most_at_once
from sync.push import receiving
from tests.town import simulation
from tests.town.simulation import KEY, BrokenError

ACTIONS = [*["give"] * 4, *["annul"] * 3, *["passes"] * 2, *["push"] * 8, *["some"] * 14, "bring_back", "keep_copy"]
ACTIONS += ["restore"]
STEPS = 120
OVERRUN = 0.02  # how often somebody lets in though another holds it


class Telling(simulation.Town):
    """The town of one seed. `plant` names a fault that is put in on purpose."""

    def __init__(self, seed, plant=""):
        super().__init__(seed, plant)
        self.names_told = {name: set() for name in self.gates}

    def step(self):
        """Every gate is on its own here: what is given twice, taken back and taken again makes the conflicts."""
        gate = self.gates[self.random.choice(sorted(self.gates))]
        action = self.random.choice(ACTIONS)
        self.now += self.random.choice((1, 5, 20))
        if action == "some":
            if self.wire:
                self.deliver(self.random.randrange(min(len(self.wire), 4)))
        elif action in ("keep_copy", "restore"):
            getattr(self, action)()
        else:
            getattr(self, action)(gate)

    def give(self, gate):
        """Decide alone, by the gate's own count; mostly when nobody else holds it, though that may be heard late."""
        if sum(gate.living.values()) < self.bound and self.may_stand():
            gate.asks += 1
            gate.hand = (f"{gate.name}.{gate.run}.{gate.asks}", self.now)
            self.commit(gate, "alone")
            gate.hand, gate.pending = None, []

    def passes(self, gate):
        if self.may_stand():
            super().passes(gate)

    def may_stand(self):
        return sum(self.truth().values()) < self.bound or self.random.random() < OVERRUN

    def push(self, gate):
        """Send a part: what undoes a grant is often heard of later."""
        waiting = gate.journal[gate.acked :]
        if gate.up and waiting:
            some = waiting[: self.random.randrange(len(waiting)) + 1]
            self.send(gate, ("facts", gate.name, gate.acked, tuple(some)))
        else:
            super().push(gate)

    def deliver(self, at):
        message = self.wire[at]
        gate = self.gates[message[1]]
        super().deliver(at)
        if gate.cut:
            return
        if message[0] == "told":
            self.note(gate, message[2], message[3])
        elif message[0] in ("facts", "standing"):
            some = self.job(lambda tx: told.conflicts_of(tx, gate.name))
            if some:
                self.send(gate, ("told", gate.name, some, self.through().get(gate.name, 0)))

    def note(self, gate, some, through):
        """Write down what is new, as `sync.push.receiving` does: what the answer signs for is acknowledged with it."""
        gate.acked = max(gate.acked, min(through, len(gate.journal)))
        for one in some:
            name, known = receiving._name(one, one.kind), self.names_told[gate.name]
            if one.seq > gate.acked or name in known:
                continue
            known.add(name)
            known -= {receiving._name(one, kind) for kind in receiving.ENDS.get(one.kind, ())}
            others = [
                {"terminal": other.terminal, "redemption": other.redemption, "at_ms": other.at_ms}
                for other in one.others
            ]
            body = {"seq": one.seq, "conflict": one.kind, "key": one.key, "with": others}
            gate.write("claim_conflict", None, self.now, **body)
            self.say(f"{gate.name}: writes down {one.kind} of its {one.seq}")

    def check(self):
        super().check()
        events = self.conn.execute("SELECT at_ms, n, back, back_ms FROM uses WHERE key = ?", (KEY,)).fetchall()
        overrun = most_at_once(events) > self.bound
        standing = {one for one, n in self.truth().items() if n}
        for gate in self.gates.values():
            self.check_gate(gate, standing, overrun=overrun)
        waits = self.conn.execute(
            "SELECT terminal, seq, kind FROM conflicts WHERE heard = 0 AND kind <> 'said'"
        ).fetchall()
        if waits:
            raise BrokenError(f"{waits} is told for ever")
        if self.conn.execute("SELECT 1 FROM findings WHERE kind = 'unbookable'").fetchone():
            raise BrokenError("a fact could not be booked")

    def check_gate(self, gate, standing, *, overrun):
        words = {}
        for record in gate.journal:
            if record.kind == "claim_conflict":
                words[record.body["seq"]] = record.body["conflict"]
        believes = sorted(seq for seq, word in words.items() if word != "dissolved")
        if believes and not overrun:
            raise BrokenError(f"{gate.name} keeps the conflict of its {believes}, and the bound was never overrun")
        holds = {one for one in standing if one.rsplit(".", 2)[0] == gate.name}
        if len(standing) > self.bound and holds and not believes:
            raise BrokenError(f"{gate.name} holds {sorted(holds)} of what is overrun, and knows of no conflict")


def play(seed, plant="", steps=STEPS):
    """Play one seed to its end; raise BrokenError with the story in `args`."""
    town = Telling(seed, plant)
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
        town.conn.close()
    return town


def breaks(seed, plant):
    """Return whether an invariant does not hold with this fault in place."""
    try:
        play(seed, plant)
    except BrokenError:
        return True
    return False


FAULTS = {
    "a word about what was forgotten is not answered": lambda p: p.set(told, "_answer", simulation._nothing),
    "a word that waits is not weighed": lambda p: p.set(told, "_weigh", simulation._nothing),
    "dissolved of what stands again is an end": lambda p: p.set(told, "DENIED", told.IS_OVER),
    "what stood and stands again is not written down": lambda p: p.set(receiving, "ENDS", {}),
}
