"""A town in one process, from one seed: gates, an authority, a network that loses, doubles and reorders, and a clock.

The authority is the real one (central.hub.claims, central.books over SQLite in memory). The gates are the pseudo-code
of claims.md, lines 1–9. Everything random comes from the seed, so a failing one is its own story: `play(seed).story`.

Each answer is held against journals alone: what the authority was told of others, and what stood by the asker's own
when it asked. What an ask says of itself (`mine`, `back`) is not believed here: a gate that lies, and an authority that
lets a gate speak for another, are among the planted faults.

The authority restarts, and is restored from an older copy of its books: then it knows no claim, and fewer facts.

After everything has come to rest: each fact is held once; what the authority counts is what the facts say; nothing is
held by nobody; every excess is a conflict told to each holder, and nothing else is; nobody was refused for a reason
that was not true; what was released was never committed; no gate let anybody in beyond its own count.
"""

import random
from dataclasses import dataclass, field

from central.books import booking, conflicts, pledges, tallies
from central.books.arriving.chains import GapError
from central.books.bounds import Bounds
from central.books.conflicts import most_at_once
from central.books.intake import take_in
from central.hub import claims
from central.hub.claims import Asker, answer_claim
from central.hub.learning import PATIENCE_MS, Learning
from central.store import SCHEMAS, provisional_sql
from credit.records import Record, chain_next, chain_start, encode
from storage.driven import driven
from storage.migrations import statements
from storage.sqlite import immediate, memory
from sync.wire.claims import ClaimKey, ClaimRequest
from sync.wire.messages import Seal
from sync.wire.seals import Link, Sealed

KEY = "u|w/first|subject:w:1|ever"
EPOCH = "e"
ASK_MS = 150
STEPS = 60
GATES = ("g1", "g2", "g3")
DOUBLES = ("grant cached by id", "claim revives a released or refused id")
STEERED = {  # what a fault of several messages needs more of than usual
    "grant cached by id": ["visit", "late_one"] * 8,
    "claim revives a released or refused id": ["visit", "late_one"] * 8,
    "conflict only with another terminal": ["visit", "annul", "passes", "push"] * 8,
    "give-back before grant leaves its claim": ["visit"] * 6 + ["bring_back", "push"] * 4,
    "annul sends a release": ["annul", "passes"] * 4,
    "conflict never dissolved": ["annul", "push", "visit"] * 6,
    "earlier run voided before its facts": ["crash", "visit", "visit"] * 4,
}
NO_SECOND_LOCK = "own ledger no second lock with a restored hub"


class BrokenError(AssertionError):
    """An invariant does not hold."""


@dataclass
class Gate:
    """A terminal: its journal, its own count, what it has in hand. A crash forgets all but the journal."""

    name: str
    run: int = 0
    asks: int = 0
    journal: list = field(default_factory=list)
    living: dict = field(default_factory=dict)  # redemption -> n, by its own ledger
    told_ended: set = field(default_factory=set)  # of its own, what came back elsewhere by the word of whoever counts
    pending: list = field(default_factory=list)
    hand: tuple | None = None  # (redemption, deadline)
    acked: int = 0
    up: bool = True
    cut: bool = False
    released: set = field(default_factory=set)
    annulled: list = field(default_factory=list)
    fell_over: str = ""

    def given_back(self, after):
        """What it gave back itself, told by facts after `after`."""
        waiting = {one.redemption for one in self.journal[after:] if one.kind in ("annulled", "reversed")}
        own = {one.redemption for one in self.journal if one.kind == "granted"}
        return sorted((waiting & own) - set(self.living))[:50]

    def write(self, kind, redemption, at_ms, **body):
        seq = len(self.journal) + 1
        record = Record(seq=seq, id=f"{self.name}-{seq:05d}", at_ms=at_ms, kind=kind, redemption=redemption, body=body)
        self.journal.append(record)


class Count:
    """An authority's books, and what may be held against its answers: what it was told, and to whom it said yes."""

    def __init__(self, town, name="authority"):
        self.town, self.name = town, name
        self.conn = memory(SCHEMAS["sqlite"])
        self.provisional()
        for gate in town.gates:
            self.conn.execute("INSERT INTO terminals (terminal, site, profile) VALUES (?, 's', '{}')", (gate,))
        self.learning = Learning((), started_ms=town.now - 60_000)
        self.told = {}  # redemption -> what facts told the authority: n living
        self.promised, self.before_start, self.started = set(), set(), town.now
        self.held = {}  # redemption -> when it was granted, while nothing ended it

    def provisional(self):
        for table in ("claims", "claimed", "pledges"):
            self.conn.execute(f"DROP TABLE IF EXISTS temp.{table}")
        for statement in statements(provisional_sql()):
            self.conn.execute(statement)

    def job(self, job):
        with immediate(self.conn):
            return driven(job)(self.conn)

    def through(self):
        rows = self.conn.execute("SELECT terminal, top FROM epochs").fetchall()
        return dict(rows)

    def told_back(self):
        """What the authority was told is given back, also before it heard of the grant."""
        through = self.through()
        told = [one for gate in self.town.gates.values() for one in gate.journal[: through.get(gate.name, 0)]]
        return {one.redemption for one in told if one.kind == "reversed"}

    def told_passed(self):
        """What the authority was told has passed, be it after its own annulment and after the asker's word about it."""
        through = self.through()
        told = [one for gate in self.town.gates.values() for one in gate.journal[: through.get(gate.name, 0)]]
        return {one.redemption for one in told if one.kind == "passed"}

    def restart(self):
        """Begin anew: it knows no claim, and learns."""
        gates = self.town.gates.values()
        self.provisional()
        self.held = {}
        reached = {gate.name for gate in gates if not gate.cut}
        self.promised = {one for one in self.promised if one.split(".")[0] in reached}
        self.learning = Learning([gate.name for gate in gates], started_ms=self.town.now)
        self.started, self.before_start = self.town.now, set(self.promised)
        self.told = self.town.truth(through=self.through())

    def who_was_silent_counts_as_cut(self):
        if self.town.now - self.started >= PATIENCE_MS:
            self.promised -= self.before_start

    def take_in(self, gate, after, records, **more):
        """Take facts in and hear what they say; raise GapError."""
        sealed = sealed_of(gate, after, records)
        self.job(lambda tx: take_in(tx, sealed, now_ms=self.town.now, **more))
        self.town.say(f"{self.name}: has the facts of {gate.name} through {records[-1].seq}")
        for record in records:
            if record.kind == "started":
                over = int(record.body["run"].split(".")[1])
                for one in [one for one in self.held if one.split(".")[0] == gate.name]:
                    if int(one.split(".")[1]) < over:
                        del self.held[one]
            self.held.pop(record.redemption, None)
        self.told = self.town.truth(through=self.through())
        if records[-1].seq == len(gate.journal):
            self.learning.hear(gate.name, self.town.now)

    def judge(self, gate, ask, answer, counts=lambda _redemption: True):
        """Hold an answer against journals alone: what it was told of others, and the asker's own when it asked.

        `counts`: what of all that counts under the key.
        """
        now, bound, words = self.town.now, self.town.bound, self.town.words
        for one in ask.release:
            self.held.pop(one, None)
        self.held = {one: at for one, at in self.held.items() if now - at < pledges.LAPSE_MS}
        word = words[ask.redemption] if ask.redemption in words else self.town.own_word(gate)
        given_back = self.told_back()
        own = [one for one, n in word.items() if n and one not in given_back]
        own += [one for one, n in self.told.items() if n and one not in word and one.split(".")[0] == gate.name]
        others = [one for one, n in self.told.items() if n and one.split(".")[0] != gate.name and counts(one)]
        proved = len(own) + len(others)
        beside = [one for one in self.held if one != ask.redemption and one not in word and one not in self.told]
        beside = [one for one in beside if counts(one)]
        if answer.granted and ask.keys and ask.redemption not in {*self.told, *self.held} and not ask.dry:
            stand = [one for one in own + others if one not in gate.told_ended]  # of which the asker says no more
            if len(stand) + len(beside) + 1 > bound:
                raise BrokenError(f"{self.name}: yes to {ask.redemption} although {stand} stand and {beside} are held")
            self.held.setdefault(ask.redemption, now)
            self.judge_promises(ask, word, len(stand), counts)
            self.promised.add(ask.redemption)
        again = [one for one in self.told_passed() if self.told.get(one) and one not in own and word.get(one) == 0]
        if answer.refused and answer.refused.state == "used" and proved + len(again) + 1 <= bound:
            raise BrokenError(f"{ask.redemption} was told limit_used, and facts prove only {proved} of {bound}")
        if answer.refused and answer.refused.state == "held" and proved + len(again + beside) + 1 <= bound:
            raise BrokenError(f"{ask.redemption} was told in_use, and {own + others} stand and {beside} are held")

    def judge_promises(self, ask, word, proved, counts):
        """A yes to somebody else whom a gate has let in, and not told of yet, still stands: also a minute later."""
        wrote = {record.redemption for gate in self.town.gates.values() for record in gate.journal}
        waits = {one for one in self.promised if one in wrote and one not in self.told} - self.told_back()
        stands = sorted(one for one in waits - {ask.redemption, *word} if counts(one))
        if proved + len(stands) + 1 > self.town.bound:
            raise BrokenError(f"{self.name}: yes to {ask.redemption} although {stands} were let in with a yes")

    def check_rest(self, gates, keys=(KEY,), counts=lambda _redemption, _key: True):
        """Each fact is held once, what is counted is what the facts say, and nothing is held by nobody."""
        held = self.conn.execute("SELECT terminal, seq, count(*) FROM facts GROUP BY terminal, seq").fetchall()
        wrote = sorted((gate.name, record.seq, 1) for gate in gates for record in gate.journal)
        if sorted(held) != wrote:
            raise BrokenError(f"{self.name}: a fact is missing or stands twice")
        names, truth = {gate.name for gate in gates}, self.town.truth()
        for key in keys:
            spent = self.conn.execute("SELECT spent FROM tallies WHERE key = ?", (key,)).fetchone()
            stand = sum(n for one, n in truth.items() if one.split(".")[0] in names and counts(one, key))
            if (spent[0] if spent else 0) != stand:
                raise BrokenError(f"{self.name}: {spent} of {key} counted, and facts say {stand}")
        self.job(lambda tx: pledges.lapse(tx, now_ms=self.town.now))
        for name, n, lapsed in self.conn.execute("SELECT key, held, lapsed FROM pledges"):
            if n:
                raise BrokenError(f"{self.name}: {n} of {name} held by nobody after a minute")
            if lapsed:
                raise BrokenError(f"{self.name}: {lapsed} of {name} in doubt although every gate has spoken")


class Town:
    """The town of one seed. `plant` names a fault that is put in on purpose."""

    def __init__(self, seed, plant=""):
        self.random = random.Random(seed)
        self.plant = plant
        self.now = 1_000_000
        self.bound = self.random.choice((1, 1, 2))
        self.alone_ok = self.random.random() < 0.7
        self.gates = {name: Gate(name) for name in self.names()}
        self.wire = []
        self.story = [f"seed {seed}: bound {self.bound}, alone {'allowed' if self.alone_ok else 'forbidden'}"]
        for gate in self.gates.values():
            gate.write("started", None, self.now, run=f"{gate.name}.0")
        self.books = Count(self)
        self.words = {}  # ask -> what stood by its gate's own journal when it was sent: redemption -> n
        self.copy = None  # an older state of the books
        self.late = []  # doubles that come much later

    def names(self):
        return GATES[: self.random.choice((2, 2, 3))]

    def keys_of(self, _gate):
        """What a visit takes at a gate."""
        return (KEY,)

    @property
    def conn(self):
        return self.books.conn

    def job(self, job):
        return self.books.job(job)

    def through(self):
        return self.books.through()

    def say(self, text):
        self.story.append(f"{self.now - 1_000_000:>8} {text}")

    # -- gates

    def visit(self, gate):
        if gate.hand or not gate.up:
            return
        gate.asks += 1
        redemption = f"{gate.name}.{gate.run}.{gate.asks}"
        gate.hand = (redemption, self.now + ASK_MS)
        self.say(f"{gate.name}: visitor, asks {redemption}, releases {gate.pending}")
        released = [] if self.plant == "release dropped" else list(gate.pending)
        ask = ClaimRequest(
            run=f"{gate.name}.{gate.run}",
            hub_no=1,
            redemption=redemption,
            at_ms=self.now,
            keys=[
                ClaimKey(key=key, n=1, bound=self.bound, borne="grant", mine=self.mine(gate), back=self.back(gate))
                for key in self.keys_of(gate)
            ],
            release=released[:50],
        )
        self.words[redemption] = self.own_word(gate)
        self.send(gate, ("ask", gate.name, ask))

    def mine(self, gate):
        return [] if self.plant == NO_SECOND_LOCK else sorted(gate.living)

    def back(self, gate):
        back = gate.given_back(self.signed(gate))
        return sorted({*back, *gate.living})[:50] if self.plant == "a gate says it gave back what stands" else back

    def signed(self, gate):
        """What whoever has the last word has acknowledged of a gate's journal, as the gate knows it."""
        return gate.acked

    def own_word(self, gate):
        """What stands by a gate's own journal, whatever it says in an ask: redemption -> n of all that it gave."""
        stands = {}
        for record in gate.journal:
            if record.kind == "granted":
                stands[record.redemption] = 1
            elif record.redemption in stands and record.kind != "started":
                again = record.kind == "passed" and stands[record.redemption] != "reversed"
                stands[record.redemption] = 1 if again else "reversed" if record.kind == "reversed" else 0
        return {one: int(n == 1) for one, n in stands.items()}

    def answered(self, gate, ask, answer):
        gate.living = {one: n for one, n in gate.living.items() if one not in answer.ended}
        gate.told_ended |= set(answer.ended)
        gate.pending = [one for one in gate.pending if one not in ask.release]
        if gate.hand is None or gate.hand[0] != ask.redemption:
            return
        if answer.granted:
            self.commit(gate, "held")
        elif answer.doubtful:
            self.commit(gate, "doubtful") if self.alone_ok else self.drop(gate)
        elif answer.learning:
            self.commit(gate, "alone") if self.alone_ok else self.drop(gate)
        else:
            self.drop(gate)

    def commit(self, gate, word):
        redemption, _deadline = gate.hand
        gate.hand = None
        locked = sum(gate.living.values()) + 1 > self.bound and not (self.plant == NO_SECOND_LOCK and word == "held")
        if self.random.random() < 0.1 or locked:
            self.say(f"{gate.name}: does not commit {redemption}")
            gate.hand = (redemption, 0)
            return self.drop(gate)
        self.say(f"{gate.name}: granted {redemption} ({word})")
        truth = self.truth()
        own = sorted(one for one, n in self.own_word(gate).items() if n and truth[one])
        if len(own) + 1 > self.bound:
            raise BrokenError(f"{gate.name} let {redemption} in although its own {own} stand")
        uses = [{"key": key, "n": 1, "max": self.bound} for key in self.keys_of(gate)]
        gate.write("granted", redemption, self.now, issuer="w", uses=uses, claim=word)
        gate.living[redemption] = 1
        if self.plant == "time-out releases what was given alone" and word == "alone":
            gate.pending.append(redemption)
            gate.released.add(redemption)
        return None

    def drop(self, gate):
        redemption, _deadline = gate.hand
        gate.hand = None
        gate.pending.append(redemption)
        gate.released.add(redemption)

    def annul(self, gate):
        if not gate.living or not gate.up:
            return
        redemption = self.random.choice(sorted(gate.living))
        self.say(f"{gate.name}: annuls {redemption}")
        gate.write("annulled", redemption, self.now)
        del gate.living[redemption]
        gate.annulled.append(redemption)
        if self.plant == "annul sends a release":
            gate.pending.append(redemption)

    def passes(self, gate):
        """Somebody whose grant was annulled walks through after all."""
        if gate.annulled and gate.up:
            redemption = gate.annulled.pop()
            self.say(f"{gate.name}: {redemption} passed after all")
            gate.write("passed", redemption, self.now)
            gate.living[redemption] = 1

    def bring_back(self, gate):
        """Something given at one gate is reversed at another, which may be heard first."""
        everywhere = sorted(one for other in self.beside(gate) for one in other.living)
        if not everywhere or not gate.up:
            return
        redemption = self.random.choice(everywhere)
        self.say(f"{gate.name}: takes back {redemption}")
        gate.write("reversed", redemption, self.now, whole=True)
        gate.living.pop(redemption, None)

    def beside(self, _gate):
        """The gates that one place has, where things are brought back."""
        return self.gates.values()

    def crash(self, gate):
        self.say(f"{gate.name}: crashes and starts anew")
        gate.hand, gate.pending, gate.run = None, [], gate.run + 1
        gate.write("started", None, self.now, run=f"{gate.name}.{gate.run}")

    def push(self, gate):
        if gate.up and gate.acked < len(gate.journal):
            self.send(gate, ("facts", gate.name, gate.acked, tuple(gate.journal[gate.acked :])))
        elif gate.up:
            self.send(gate, ("standing", gate.name, len(gate.journal)))

    def minute(self):
        """A minute passes: a line that works brings what its gate has to say, of which it speaks every second."""
        self.now += pledges.LAPSE_MS + 1
        self.say("a minute passes")
        lossy, self.random.random = self.random.random, lambda: 1.0
        for gate in [*self.gates.values()] * 2:  # whoever counts may have been restored, and say first what it lacks
            before = len(self.wire)
            self.push(gate)
            while len(self.wire) > before:
                self.deliver(before)
        self.random.random = lossy

    # -- the network and the authority

    def send(self, gate, message):
        if gate.cut or self.random.random() < 0.1:
            return
        self.wire.append(message)
        if self.random.random() < 0.1:
            self.wire.append(message)
        if self.plant in DOUBLES:
            self.late.append(message)

    def deliver(self, at):
        message = self.wire.pop(at)
        kind, gate = message[0], self.gates[message[1]]
        if gate.cut:
            return
        if kind == "ask":
            self.claim(gate, message[2])
        elif kind == "answer":
            self.answered(gate, message[2], message[3])
        elif kind == "facts":
            self.take_in(gate, message[2], message[3])
        elif kind == "standing" and message[2] == self.through().get(gate.name, 0) == len(gate.journal):
            self.books.learning.hear(gate.name, self.now)
        elif kind == "standing":
            self.send(gate, ("lacks", gate.name, self.through().get(gate.name, 0)))
        elif kind == "lacks":
            gate.acked = min(gate.acked, message[2])
        elif kind == "ack":
            gate.acked = max(gate.acked, message[2])

    def claim(self, gate, ask):
        if not self.books.learning.is_over(self.now) and self.plant != "answers while learning":
            answer = claims.ClaimAnswer(learning=True)
        else:
            self.books.who_was_silent_counts_as_cut()
            answer = self.job(lambda tx: answer_claim(tx, Asker(gate.name), ask, Bounds(), now_ms=self.now))
            self.judge(gate, ask, answer)
        self.say(f"authority to {gate.name} about {ask.redemption}: {verdict(answer)}")
        if answer.learning:
            ask = ClaimRequest(run=ask.run, hub_no=1, redemption=ask.redemption, at_ms=ask.at_ms)  # released nothing
        self.send(gate, ("answer", gate.name, ask, answer))

    def judge(self, gate, ask, answer):
        self.books.judge(gate, ask, answer)

    def take_in(self, gate, after, records):
        try:
            self.books.take_in(gate, after, records)
        except GapError:
            return self.send(gate, ("lacks", gate.name, self.through().get(gate.name, 0)))
        return self.send(gate, ("ack", gate.name, records[-1].seq))

    def truth(self, through=None):
        """What stands by the journals, told through a sequence of each gate: redemption -> n."""
        granted, ended, again = {}, set(), set()
        for gate in self.gates.values():
            upto = len(gate.journal) if through is None else through.get(gate.name, 0)
            for record in gate.journal[:upto]:
                if record.kind == "granted":
                    granted[record.redemption] = 1
                elif record.kind == "annulled":
                    again.discard(record.redemption)
                    ended.add((record.redemption, "annulled"))
                elif record.kind == "reversed":
                    ended.add((record.redemption, "reversed"))
                elif record.kind == "passed":
                    again.add(record.redemption)
        gone = {one for one, why in ended if why == "reversed" or one not in again}
        return {one: 0 if one in gone else 1 for one in granted}

    def restart_authority(self):
        self.say("authority: restarts, knows no claim, learns")
        self.wire = [one for one in self.wire if one[0] != "ask"]  # requests end with the connections of the process
        self.late = [one for one in self.late if one[0] != "ask"]
        self.books.restart()

    def keep_copy(self):
        self.copy = type(self.conn)(":memory:")
        self.conn.backup(self.copy)

    def restore(self):
        """An older copy takes the place of the books."""
        if self.copy is not None:
            self.say("authority: restored from an older copy")
            self.copy.backup(self.conn)
            self.restart_authority()

    def late_one(self):
        if self.late:
            self.wire.append(self.late.pop(self.random.randrange(len(self.late))))

    # -- the play

    def step(self):
        gate = self.gates[self.random.choice(sorted(self.gates))]
        actions = ["visit"] * 6 + ["deliver"] * 14 + ["push"] * 6 + ["time"] * 4
        actions += ["annul", "annul", "passes", "passes", "bring_back", "crash", "cut", "heal", "minute", "restart"]
        actions += ["keep_copy", "restore", *STEERED.get(self.plant, ())]
        action = self.random.choice(actions)
        self.now += self.random.choice((1, 5, 20))
        if action == "deliver" and self.wire:
            self.deliver(self.random.randrange(min(len(self.wire), 4)))
        elif action == "time":
            self.now += 200
        elif action == "minute":
            self.minute()
        elif action in ("cut", "heal"):
            gate.cut = action == "cut"
            self.say(f"{gate.name}: {'is cut off' if gate.cut else 'is back'}")
        elif action == "restart":
            self.restart_authority()
        elif action in ("keep_copy", "restore", "late_one"):
            getattr(self, action)()
        elif action in ("visit", "annul", "passes", "bring_back", "crash", "push"):
            getattr(self, action)(gate)
        self.time_out()

    def time_out(self):
        for gate in self.gates.values():
            if gate.hand and self.now >= gate.hand[1]:
                self.say(f"{gate.name}: nobody answered about {gate.hand[0]}")
                self.commit(gate, "alone") if self.alone_ok else self.drop(gate)

    def rest(self):
        """Let everything arrive: nobody is cut, nothing is lost, and each gate releases what it dropped."""
        self.say("-- rest")
        self.random = random.Random(0)
        self.random.random = lambda: 1.0
        for gate in self.gates.values():
            gate.cut = False
        for _ in range(40):
            self.now += 300
            self.time_out()
            while self.wire:
                self.deliver(0)
            for gate in self.gates.values():
                self.push(gate)
                if gate.pending:
                    self.release(gate)
        self.now += pledges.LAPSE_MS + 1

    def release(self, gate):
        """A second has passed: ask for nothing, and say what was given up."""
        ask = ClaimRequest(
            run=f"{gate.name}.{gate.run}",
            hub_no=1,
            redemption=f"{gate.name}.release.{self.now}",
            at_ms=self.now,
            release=[] if self.plant == "release dropped" else gate.pending[:50],
        )
        self.send(gate, ("ask", gate.name, ask))

    def check(self):
        self.books.check_rest(self.gates.values())
        self.check_releases()
        self.check_conflicts(self.truth())

    def check_releases(self):
        committed = {
            record.redemption for gate in self.gates.values() for record in gate.journal if record.kind == "granted"
        }
        for gate in self.gates.values():
            if committed & gate.released:
                raise BrokenError(f"{committed & gate.released} was released and committed")

    def check_conflicts(self, truth, key=KEY):
        sql = "SELECT redemption FROM conflicts WHERE kind NOT IN ('dissolved', 'said') AND key = ?"
        told = set(self.conn.execute(sql, (key,)).fetchall())
        events = self.conn.execute("SELECT at_ms, n, back, back_ms FROM uses WHERE key = ?", (key,)).fetchall()
        standing = {one for one, n in truth.items() if n}
        if len(standing) > self.bound:
            holders = {one.rsplit(".", 2)[0] for one in standing}
            heard = {one[0].rsplit(".", 2)[0] for one in told}
            if not holders <= heard:
                raise BrokenError(f"{len(standing)} stand of {self.bound}, and {sorted(holders - heard)} were not told")
        if told and most_at_once(events) <= self.bound:
            raise BrokenError(f"a conflict stands about {sorted(told)}, and the bound was never overrun")


def sealed_of(gate, after, records):
    """Return a batch of a gate's journal, as its terminal seals it."""
    start = chain_start(gate.name, EPOCH)
    for record in gate.journal[:after]:
        start = chain_next(start, encode(record))
    links, current = [], start
    for record in records:
        raw = encode(record)
        current = chain_next(current, raw)
        links.append(Link(record.seq, raw, current))
    seal = Seal(
        terminal=gate.name,
        epoch=EPOCH,
        first=records[0].seq,
        last=records[-1].seq,
        count=len(records),
        prev_hash=start.hex(),
        head_hash=current.hex(),
    )
    return Sealed(seal, "", tuple(links))


def verdict(answer):
    if answer.refused:
        return f"no, {answer.refused.state}"
    return next(word for word in ("granted", "doubtful", "learning", "gone") if getattr(answer, word))


def play(seed, plant="", steps=STEPS):
    """Play one seed to its end; raise BrokenError with the story in `args`."""
    town = Town(seed, plant)
    with planted(plant):
        try:
            for _ in range(steps):
                town.step()
            town.rest()
            town.check()
        except BrokenError as broken:
            raise BrokenError("\n".join([*town.story, f"BROKEN: {broken}"])) from None
        finally:
            town.conn.close()
    return town


def breaks(seed, plant):
    """Return whether an invariant does not hold with this fault in place."""
    try:
        play(seed, plant)
    except BrokenError:
        return True
    return False


class planted:  # noqa: N801 - reads as a word where it is used
    """Put one fault into the authority for the time of the block."""

    def __init__(self, plant):
        self._undo = []
        self._plant = plant

    def set(self, module, name, value):
        self._undo.append((module, name, getattr(module, name)))
        setattr(module, name, value)

    def __enter__(self):
        make = FAULTS.get(self._plant)
        if make is not None:
            make(self)

    def __exit__(self, *exc):
        for module, name, value in self._undo:
            setattr(module, name, value)


async def _nothing(*_args, **_kwargs):
    return None


def _revives(p):
    real = claims._known

    async def known(tx, claim):
        found = await real(tx, claim)
        if found == "gone":
            await tx.execute(pledges.DROP, claim.redemption)
            await tx.execute(pledges.DROP_KEYS, claim.redemption)
            return ""
        return found

    p.set(claims, "_known", known)


def _cached(p):
    granted = set()
    real, hold = claims._known, pledges.hold

    async def known(tx, claim):
        return "held" if claim.redemption in granted else await real(tx, claim)

    async def remember(tx, claim, keys, *, now_ms):
        granted.add(claim.redemption)
        return await hold(tx, claim, keys, now_ms=now_ms)

    p.set(claims, "_known", known)
    p.set(pledges, "hold", remember)


def _frees(p):
    async def lapse(tx, *, now_ms):
        for (redemption,) in await tx.rows(pledges.OLD, now_ms - pledges.LAPSE_MS):
            await pledges.free(tx, redemption, now_ms=now_ms)

    p.set(pledges, "lapse", lapse)


def _used_for_held(p):
    real = claims.Room.verdict
    p.set(claims.Room, "verdict", property(lambda room: real.fget(room).replace("held", "used")))


def _other_terminal_only(p):
    real = conflicts._overrun

    async def overrun(tx, noticed, taken, spent, bounds, *, now_ms):
        other = "SELECT 1 FROM uses WHERE key = $1 AND terminal <> $2 AND n > back"
        if await tx.rows(other, taken[0], taken[1].terminal):
            await real(tx, noticed, taken, spent, bounds, now_ms=now_ms)

    p.set(conflicts, "_overrun", overrun)


def _excess_uncounted(p):
    real = tallies.book

    async def book(tx, booked):
        spent = await real(tx, booked)
        await tx.execute("UPDATE tallies SET spent = 1 WHERE key = $1 AND spent > 1", KEY)
        return spent

    p.set(booking, "book", book)


def _release_gives_back(p):
    async def release(tx, claim, *, now_ms):
        await tx.execute("UPDATE uses SET back = n WHERE redemption = $1", claim.redemption)
        await tx.execute(RECOUNT, KEY)
        await pledges.free(tx, claim.redemption, now_ms=now_ms)

    p.set(claims, "release", release)


def _believes_of_others(p):
    p.set(claims, "OWN_STANDING", claims.OWN_STANDING.replace(" AND terminal = $3", " AND $3 <> ''"))
    real = claims._own

    async def own(tx, asker, one):
        facts, held, ended = await real(tx, asker, one)
        rows = await tx.rows("SELECT n - back FROM uses WHERE key = $1 AND terminal <> $2", one.key, asker.terminal)
        return facts - sum(row[0] for row in rows if one.back), held, ended

    p.set(claims, "_own", own)


def _passed_word_forgotten(p):
    p.set(claims, "OWN", claims.OWN.replace("r.state", "''"))


def _voids_early(p):
    """An ask of a new run ends what the earlier ones claimed: their facts may be on their way."""
    real = claims._known

    async def known(tx, claim):
        sql = "SELECT redemption FROM claims WHERE terminal = $1 AND run <> $2 AND state <> 'gone'"
        for (redemption,) in await tx.rows(sql, claim.terminal, claim.run):
            await pledges.free(tx, redemption, now_ms=0)
        return await real(tx, claim)

    p.set(claims, "_known", known)


def _frees_confirmed(p):
    """A claim's minute goes on after its fact, and then frees what the fact took."""
    held, hold, real = {}, pledges.hold, pledges.lapse

    async def remember(tx, claim, keys, *, now_ms):
        held[claim.redemption] = now_ms
        return await hold(tx, claim, keys, now_ms=now_ms)

    async def lapse(tx, *, now_ms):
        for redemption in [one for one, at_ms in held.items() if at_ms <= now_ms - pledges.LAPSE_MS]:
            await tx.execute("UPDATE uses SET back = n WHERE redemption = $1", redemption)
            del held[redemption]
        await tx.execute(RECOUNT, KEY)
        await real(tx, now_ms=now_ms)

    p.set(pledges, "hold", remember)
    p.set(pledges, "lapse", lapse)


def _by_ordinals(p):
    """Each use and each claim has the smallest free ordinal, and there is room where one within the bound is free."""
    ordinals, real = {}, claims._room
    living = (
        "SELECT redemption FROM uses WHERE key = $1 AND n > back UNION SELECT c.redemption FROM claims c"
        " JOIN claimed d ON d.redemption = c.redemption WHERE d.key = $1 AND c.state <> 'gone' ORDER BY 1"
    )

    async def number(tx):
        stand = [row[0] for row in await tx.rows(living, KEY)]
        for gone in set(ordinals) - set(stand):
            del ordinals[gone]
        for one in stand:
            ordinals.setdefault(one, _free(ordinals))

    def after(function):
        async def numbered(tx, *args, **kwargs):
            found = await function(tx, *args, **kwargs)
            await number(tx)
            return found

        return numbered

    async def room(tx, one, bounds, pledged, *, at_ms):
        found = await real(tx, one, bounds, pledged, at_ms=at_ms)
        taken = _free(ordinals) - 1 if _free(ordinals) <= found.bound else found.live
        return claims.replace(found, proved=min(found.proved, taken), live=min(found.live, taken), doubt=0)

    p.set(claims, "_room", room)
    p.set(pledges, "hold", after(pledges.hold))
    p.set(pledges, "free", after(pledges.free))
    p.set(booking, "book", after(booking.book))


def _free(ordinals):
    return next(n for n in range(1, 100) if n not in ordinals.values())


RECOUNT = "UPDATE tallies SET spent = (SELECT coalesce(sum(n - back), 0) FROM uses WHERE key = $1) WHERE key = $1"
FORGETS = (
    "UPDATE endings SET heads = 0 WHERE redemption = $1 AND part = $2 AND heads = $3 AND at_ms = $4 AND state = $5"
)
FAULTS = {
    "release dropped": lambda _: None,
    "a gate says it gave back what stands": lambda _: None,
    "a gate gives back what another gave by its word": _believes_of_others,
    "passed after its own annulment is no word": _passed_word_forgotten,
    "give-back before grant leaves its claim": lambda p: p.set(booking, "free", _nothing),
    "answers while learning": lambda _: None,
    "time-out releases what was given alone": lambda _: None,
    "claim revives a released or refused id": _revives,
    "grant cached by id": _cached,
    "fact of a claimed id takes twice": lambda p: p.set(booking, "confirm_all", _nothing),
    "expiry frees a silent holder": _frees,
    "provisional never ends": lambda p: (p.set(pledges, "lapse", _nothing), p.set(booking, "begin_run", _nothing)),
    "give-back before grant forgotten": lambda p: p.set(
        tallies,
        "END",
        FORGETS,
    ),
    "limit_used for a provisional": _used_for_held,
    "conflict only with another terminal": _other_terminal_only,
    "conflict never dissolved": lambda p: p.set(conflicts, "_dissolve", _nothing),
    "excess not counted": _excess_uncounted,
    "annul sends a release": _release_gives_back,
    "release of an earlier run forgotten": lambda p: p.set(booking, "begin_run", _nothing),
    "room by free ordinal": _by_ordinals,
    "expiry frees confirmed": _frees_confirmed,
    "conflict told to one side": lambda p: p.set(conflicts, "_newest_of_each", lambda _others: []),
    "earlier run voided before its facts": _voids_early,
    NO_SECOND_LOCK: lambda _: None,
}
