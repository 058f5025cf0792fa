"""One gate, one redemption, one opening: whatever the controller does (lane.md, "Opening")."""

import asyncio
import json
import selectors
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cache.ids import uuid7
from cache.journal.chain import begin_epoch
from cache.ledger import settle, steps, upkeep
from cache.ledger.attempts import attempt_id
from cache.ledger.visit import Visit
from cache.pen import Pen
from cache.texts import BODY, clear
from credit.claims import Token, TokenClass
from credit.inputs import Now, Place, Request
from credit.policy import Policy
from credit.reasons import Outcome as Answer
from credit.rules.benefits import parse_benefits
from edge.actuators.gate import Attempt, Heard, Outcome, Plain, refused, unanswered, unsent, well
from edge.lanes.gates.feedback import Feedback
from edge.lanes.gates.opening import Opening
from edge.lanes.gates.unsent import Unsent
from edge.lanes.openings import BEGIN_S, SLACK_S, Openings
from edge.watch.alive import Errands, Faults
from storage.jobs import JobWithdrawnError, StoreFailedError
from storage.sqlite import immediate, memory

T0 = 1_790_000_000_000
PLACE = Place(site="s", scene="gate", lane="A", terminal="t1")
FIRST = {
    "id": "first",
    "code": 7,
    "issuer": "wulong",
    "offer": {"kind": "free"},
    "where": {"sites": ["s"], "scenes": ["gate"]},
    "limits": [{"scope": "site", "max": 1}],
}
POLICY = Policy.compile(benefits=parse_benefits([FIRST]))


class NoLists:
    def measures(self, issuer, subject):
        return ()

    def revoked(self, issuer, token_id, status_index):
        return False

    def seen(self, token):
        return token

    def age_s(self, issuer, now_s):
        return 0


class MemoryStore:
    """A store in memory; `ill` makes every write fail, `strict` what is not begun in its time."""

    def __init__(self):
        self.conn, self.ill, self.strict = memory(), False, False
        with immediate(self.conn):
            begin_epoch(self.conn, epoch="e1", terminal="t1", reason="enrolled")

    async def write(self, job, *, before=None):
        if self.ill:
            raise StoreFailedError("ill")
        if self.strict and before is not None and time.monotonic() > before:
            raise JobWithdrawnError("its time was over")
        with immediate(self.conn):
            return job(self.conn)


class Clock:
    def __init__(self):
        self.at_ms = T0
        self.faults = Faults()
        self.errands = Errands(self.faults)
        self.unsent = Unsent()

    @staticmethod
    def reached(point):
        pass

    def now(self):
        return Now(utc_ms=self.at_ms)


class Controller(Plain):
    """A controller that behaves as the next of `ways` says: (opens, answers), and counts how often it opened."""

    def __init__(self, ways, *, trusted=False, askable=False):
        self.ways, self.trusted, self.askable = list(ways), trusted, askable
        self.timeout_s = 0.01
        self.openings, self.did, self.hear = 0, {}, None
        self.approached = asyncio.Event()

    async def approach(self):
        self.approached.set()

    async def open(self, attempt):
        assert attempt.id not in self.did
        opens, answers = self.ways.pop(0) if self.ways else (True, "truth")
        if answers == "away":
            return unsent("away")
        self.did[attempt.id] = opens
        self.openings += opens
        if opens:
            self.opens(attempt)
        if answers == "truth":
            return well() if opens else refused("no")
        if answers == "lie":
            return refused("no") if opens else well()
        if answers == "never":
            await asyncio.Event().wait()
        if answers == "late":
            await asyncio.sleep(self.timeout_s + SLACK_S + 0.01)  # the lane has given up by then
            return well() if opens else refused("no")
        return unanswered("cut")

    def opens(self, attempt):
        """Open, in truth."""

    async def opened(self, attempt):
        if not self.askable:
            return unanswered("cannot be asked")
        if attempt.id not in self.did:
            return refused("never heard of it")
        return well() if self.did[attempt.id] else refused("it did not open")

    async def listen(self, hear):
        self.hear = hear
        await asyncio.Event().wait()


class World:
    """A lane's ledger and openings, and one visitor with one code.

    `page` is where attempts stand that were not sent; `gated`: a grant is written with its first attempt.
    """

    def __init__(self, controller, page=None):
        self.store, self.clock, self.controller, self.page = MemoryStore(), Clock(), controller, page
        self.clock.unsent, self.gated = Unsent(page), controller is not None
        self.told, self.asked_by_people, self.for_people, self.served = [], 0, 0, []
        self.running = None
        self.start()

    def start(self):
        gate = self.controller
        self.openings = Openings(
            "A", gate=gate, decider=self.clock, store=self.store, told=lambda *said: self.told.append(said)
        )
        self.running = asyncio.ensure_future(self.openings.run())

    async def stop(self):
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    async def end(self, *, power):
        """End the program, by a power cut or by a fault of its own, and start it again."""
        await self.stop()
        if power:
            self.page.write_bytes(b"")
        self.clock.unsent = Unsent(self.page)
        await self.store.write(lambda conn: upkeep.renew_grace(conn, self.clock.now()))
        self.start()

    async def show(self, code=b"n1", *, who=b"wang", ago_s=0.0, asked=True):
        """Show the code; return what is answered. The opening that it asks for is `ago_s` seconds old.

        `asked`: False where the program ends before it asks for it.
        """
        token = Token(
            issuer="wulong",
            kid=b"k" * 8,
            token_id=who + b"----",
            token_class=TokenClass.BOUND,
            subject=who * 4,
            tier=3,
            issued_at=0,
            expires=2**40,
            groups=frozenset(),
            nonce=code,
        )
        self.clock.at_ms += 500
        visit, now = Visit(token, Request(), PLACE, gated=self.gated), Now(utc_ms=self.clock.at_ms, grace_ms=10_000)

        def job(conn):
            settled = settle.settle(Pen(conn, now, uuid7), visit, NoLists(), POLICY)
            if settled.attempt is not None:
                self.clock.unsent.written(attempt_id(settled.redemption, settled.attempt))
            return settled

        settled = await self.store.write(job)
        if settled.open_gate and asked:
            self.served.append(settled.redemption)
            name, when = settled.redemption, time.monotonic() - ago_s
            self.openings.ask(Opening(name, name, attempt=settled.attempt, asked=when))
        return settled

    async def person(self):
        """Staff open once more for the last redemption."""
        if self.served:
            self.asked_by_people += 1
            before = self.controller.openings
            self.openings.ask(Opening(self.served[-1], self.served[-1], by="Wang"))
            await self.settled()
            self.for_people += self.controller.openings - before

    async def settled(self):
        await self.openings.drain()
        for _ in range(4):
            await asyncio.sleep(0)

    async def step(self, what):
        await self.store.write(lambda conn: what(Pen(conn, self.clock.now(), uuid7), self.served[-1]))

    def facts(self):
        rows = self.store.conn.execute(f"SELECT kind, {BODY} FROM journal ORDER BY seq").fetchall()
        return [(kind, json.loads(clear(body))) for kind, body in rows]

    def kinds(self):
        return [kind for kind, _ in self.facts()]

    def uses(self):
        return self.store.conn.execute("SELECT count(*) FROM uses WHERE given_back_by IS NULL").fetchone()[0]


class Skipping(selectors.DefaultSelector):
    """A selector that waits for no timer: the time that it would have waited is `skipped`."""

    skipped = 0.0

    def select(self, timeout=None):
        ready = super().select(timeout if timeout is None else 0)
        if not ready and timeout is not None:
            self.skipped += max(timeout, 0)
        return ready


class Instant(asyncio.SelectorEventLoop):
    """A loop whose clock goes on to the next timer as soon as nothing can run: no speed of the machine counts.

    Not for stories with threads: it does not wait for them.
    """

    def __init__(self):
        self.selector = Skipping()
        super().__init__(self.selector)

    def time(self):
        return self.selector.skipped


def played(controller, loop=None):
    """Return what runs a story in a world with this controller, and gives the world. `loop` makes its event loop."""

    def run(story):
        async def whole(page):
            world = World(controller, page)
            try:
                async with asyncio.timeout(10 if loop is None else 10_000):  # of that loop's own time
                    await story(world)
            finally:
                await world.stop()
            return world

        with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(whole(Path(folder) / "unsent"))

    return run


@pytest.mark.parametrize(
    ("gated", "strict"),
    [(True, False), (False, True), (False, False)],
    ids=["written with its grant", "the store withdraws it", "the store was slow with it"],
)
def test_an_opening_that_could_not_be_begun_for_seconds_opens_for_nobody_and_the_code_is_good_again(gated, strict):
    controller = Controller([])

    async def story(world):
        world.gated, world.store.strict = gated, strict
        await world.show(ago_s=BEGIN_S + 1)
        await world.settled()
        first = controller.openings
        world.store.strict = False
        await world.show()
        await world.settled()
        assert (first, controller.openings) == (0, 1)

    world = played(controller)(story)

    assert world.uses() == 1
    assert [said for _name, said in world.told if said != "given_back"] == ["failed", "opened"]
    assert ("not_actuated" in world.kinds()) is not strict


@pytest.mark.parametrize("damage", ["x'7b226c'", "x'22ff22'"])
def test_facts_of_an_attempt_that_were_damaged_on_the_disk_end_no_lane_and_open_nothing_again(damage):
    controller = Controller([])

    async def story(world):
        await world.show()
        await world.settled()
        of_attempts = "redemption IS NOT NULL AND kind IN ('actuating', 'actuated')"
        world.store.conn.execute(f"UPDATE journal SET body = CAST({damage} AS TEXT) WHERE {of_attempts}")
        await world.show()
        await world.settled()
        assert controller.openings == 1
        await world.person()
        await world.settled()

    world = played(controller)(story)

    assert controller.openings == 2
    assert [said for _name, said in world.told] == ["opened", "opened"]


WAYS = st.tuples(st.booleans(), st.sampled_from(["truth", "never", "late", "cut", "lie", "away"]))
ACTS = st.sampled_from(
    [
        *(
            "show",
            "show",
            "restart",
            "fall unsent",
            "power cut unsent",
            "person",
            "turned",
            "not_turned",
            "late",
            "ill",
        ),
        "minute",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    ways=st.lists(WAYS, max_size=6),
    acts=st.lists(ACTS, min_size=1, max_size=9),
    trusted=st.booleans(),
    askable=st.booleans(),
    feedback=st.booleans(),
)
@example(
    ways=[(True, "never"), (True, "lie")],
    acts=["show", "person", "show"],
    trusted=True,
    askable=False,
    feedback=False,
)
@example(ways=[(True, "cut"), (True, "away")], acts=["person", "show"], trusted=False, askable=False, feedback=False)
@example(ways=[(True, "lie"), (True, "away")], acts=["person", "show"], trusted=False, askable=False, feedback=False)
def test_two_visitors_never_pass_on_one_code_whatever_the_controller_does(ways, acts, trusted, askable, feedback):
    controller = Controller(ways, trusted=trusted, askable=askable)
    freed = []  # feedback that nobody passed: the code is free again, and has to be

    async def story(world):
        await world.show()
        for act in acts:
            world.store.ill = act == "ill"
            if act in ("show", "ill"):
                try:
                    await world.show()
                except StoreFailedError:
                    continue
                await world.settled()
            elif act == "minute":
                await asyncio.sleep(60)
            elif act == "late":
                world.clock.at_ms += 11_000
            elif act == "restart":
                await world.end(power=True)
            elif act in ("fall unsent", "power cut unsent"):
                await world.show(asked=False)
                await world.end(power=act == "power cut unsent")
            elif act == "person":
                await world.person()
            elif feedback and controller.hear is not None:
                before = len(world.told)
                controller.hear(Heard.TURNED if act == "turned" else Heard.NOT_TURNED)
                await world.settled()
                freed.extend(said for said in world.told[before:] if said[1] == "annulled")
            assert controller.openings - world.for_people <= 1 + len(freed)
        await world.settled()

    world = played(controller, Instant)(story)
    assert controller.openings - world.for_people <= 1 + len(freed)
    sure = [body["attempt"] for kind, body in world.facts() if kind == "not_actuated" and body.get("sure")]
    tried = [body["attempt"] for kind, body in world.facts() if kind == "actuating"]
    if tried and tried == sure and not world.asked_by_people:
        assert world.uses() == 0  # known not to have opened, each of them: nobody is charged


HOLDERS = (b"wang", b"chen", b"lili")
TRUTHFUL = st.tuples(st.booleans(), st.sampled_from(["truth", "truth", "never", "late", "cut", "away"]))
DEEDS = st.sampled_from(
    [
        *HOLDERS,
        *HOLDERS,
        "person",
        "walk",
        "walk",
        "walk unheard",
        "first walks",
        "close",
        "seconds",
        "minute",
        "restart",
    ]
)


class Turnstile(Controller):
    """A controller whose own word is true: who may still walk through (`may`), and who did (`walked`)."""

    turn_within_s = 8.0

    def __init__(self, ways, **more):
        super().__init__(ways, **more)
        self.may, self.walked, self.opened_for = [], set(), set()

    def opens(self, attempt):
        self.opened_for.add(attempt.redemption)
        self.may.append((attempt.redemption, asyncio.get_running_loop().time()))

    def walk(self, *, first=False, heard=True):
        now = asyncio.get_running_loop().time()
        self.may = [(name, at) for name, at in self.may if now - at < self.turn_within_s - 1]
        if not self.may:
            return
        name, _at = self.may.pop(0 if first else -1)
        self.walked.add(name)
        if heard:
            self.hear(Heard.TURNED)
        else:
            self.deaf += 1

    def close(self):
        """Close behind the last for whom it opened, if that one has not walked through."""
        now = asyncio.get_running_loop().time()
        if self.may and now - self.may.pop()[1] < self.turn_within_s:
            self.hear(Heard.NOT_TURNED)


@settings(max_examples=150, deadline=None)
@given(
    ways=st.lists(TRUTHFUL, max_size=8),
    deeds=st.lists(DEEDS, min_size=1, max_size=14),
    trusted=st.booleans(),
    askable=st.booleans(),
)
@example(
    ways=[(True, "truth"), (True, "cut")],
    deeds=["minute", b"wang", "walk unheard", b"chen", "close"],
    trusted=True,
    askable=False,
)
@example(ways=[], deeds=["minute", b"wang", b"chen", "walk unheard", "close"], trusted=False, askable=False)
@example(
    ways=[(True, "truth"), (True, "truth")],
    deeds=["minute", b"wang", "walk unheard", "person", "close"],
    trusted=True,
    askable=False,
)
def test_a_gate_that_says_what_is_true_annuls_nobody_who_walked_and_lets_nobody_have_passed_for_whom_it_did_not_open(
    ways, deeds, trusted, askable
):
    controller = Turnstile(ways, trusted=trusted, askable=askable)

    async def story(world):
        await asyncio.sleep(0)
        for deed in deeds:
            if isinstance(deed, bytes):
                await world.show(deed[:2], who=deed)
            elif deed == "person":
                await world.person()
            elif deed == "restart":
                await world.end(power=True)
                await asyncio.sleep(0)
            elif deed in ("seconds", "minute"):
                await asyncio.sleep(5.0 if deed == "seconds" else 60.0)
                world.clock.at_ms += 11_000
            elif deed == "close":
                controller.close()
            else:
                controller.walk(first=deed == "first walks", heard=deed != "walk unheard")
            await world.settled()
            states = dict(world.store.conn.execute("SELECT id, state FROM redemptions"))
            assert not [name for name in controller.walked if states[name] in ("annulled", "reversed")]
            assert {name for name, state in states.items() if state == "passed"} <= controller.opened_for
            assert len(controller.walked) <= len(HOLDERS)

    played(controller, Instant)(story)


def test_a_gate_is_approached_from_within_the_writing_of_its_grant_on_whatever_thread():
    async def story(world):
        await asyncio.sleep(0)  # the lane runs
        await asyncio.to_thread(world.openings.approach_soon)
        await world.controller.approached.wait()

    world = played(Controller([]))(story)

    assert world.controller.openings == 0


def test_each_attempt_is_a_fact_before_it_is_sent_and_what_came_of_it_after():
    async def story(world):
        await world.show()
        await world.settled()

    world = played(Controller([(True, "truth")]))(story)
    redemption = world.served[0]

    assert world.kinds() == ["granted", "actuating", "actuated"]
    assert [body.get("attempt") for _, body in world.facts()[1:]] == [f"{redemption}.1"] * 2
    assert world.told == [(redemption, "opened")]


@pytest.mark.parametrize("answers", ["never", "cut"])
def test_a_slow_gate_shown_the_code_again_and_again_opens_once(answers):
    async def story(world):
        for _ in range(4):
            await world.show()
            await world.settled()

    world = played(Controller([(True, answers)] * 4))(story)

    assert world.controller.openings == 1
    assert world.kinds() == ["granted", "actuating", "unknown"]
    assert {state for _, state in world.told} == {"unknown"}
    assert world.uses() == 1


def test_a_gate_that_can_be_asked_is_believed_and_opens_no_second_time():
    async def story(world):
        await world.show()
        await world.settled()
        await world.show()
        await world.settled()

    world = played(Controller([(True, "cut")], askable=True))(story)

    assert world.controller.openings == 1
    assert world.kinds() == ["granted", "actuating", "actuated"]


def test_a_program_that_fell_between_commit_and_sending_opens_for_whoever_shows_the_code_again():
    async def story(world):
        await world.show(asked=False)
        await world.end(power=False)
        await world.show()
        await world.settled()
        await world.show()
        await world.settled()

    world = played(Controller([]))(story)

    assert world.controller.openings == 1
    first, second = (f"{world.served[0]}.{number}" for number in (1, 2))
    assert [(kind, body.get("attempt")) for kind, body in world.facts()[1:]] == [
        ("actuating", first),
        ("not_actuated", first),
        ("actuating", second),
        ("actuated", second),
    ]
    assert world.uses() == 1


@pytest.mark.parametrize("askable", [True, False])
def test_after_a_power_cut_between_commit_and_sending_the_gate_is_asked_or_a_person(askable):
    async def story(world):
        await world.show(asked=False)
        await world.end(power=True)
        await world.show()
        await world.settled()
        assert world.controller.openings == int(askable)
        if not askable:
            await world.person()

    world = played(Controller([], askable=askable, trusted=True))(story)

    assert world.controller.openings == 1
    assert world.uses() == 1


def test_the_plug_pulled_between_attempt_and_answer_opens_nothing_by_itself_and_a_person_may():
    async def story(world):
        world.controller.timeout_s = 30
        await world.show()
        while not world.controller.openings:
            await asyncio.sleep(0)
        await world.stop()
        world.controller.timeout_s = 0.01
        world.start()
        await world.show()
        await world.settled()
        assert world.controller.openings == 1
        await world.person()

    world = played(Controller([(True, "never")]))(story)

    assert world.controller.openings == 2
    assert world.facts()[-2] == ("actuating", {"attempt": f"{world.served[0]}.2", "by": "Wang", "lane": "A"})


@pytest.mark.parametrize("first", ["never", "cut", "lie", "truth"])
@pytest.mark.parametrize(
    "then",
    [[(False, "truth")], [(False, "away")], [(False, "away")] * 2],  # the third would give the use back, everywhere
    ids=["the gate refuses", "the gate is away", "the gate stays away"],
)
@pytest.mark.parametrize("trusted", [True, False])
def test_staff_who_could_not_open_again_leave_no_second_visitor_a_code_that_may_have_opened(first, then, trusted):
    async def story(world):
        await world.show()
        await world.settled()
        await world.person()
        for _ in range(2):
            await world.show()
            await world.settled()

    world = played(Controller([(True, first), *then], trusted=trusted), Instant)(story)

    assert world.controller.openings == 1
    assert world.uses() == (0 if trusted and first == "lie" else 1)  # what it surely says of itself is believed


@pytest.mark.parametrize("opened", [0, 1, 2], ids=["neither", "the first", "the second"])
def test_a_gate_that_can_be_asked_again_is_asked_about_each_attempt_of_which_nothing_is_known(opened):
    controller = Controller([(opened == 1, "cut"), (opened == 2, "cut")], trusted=True)

    async def story(world):
        await world.show()
        await world.settled()
        await world.person()
        controller.askable = True
        for _ in range(2):
            await world.show()
            await world.settled()

    world = played(controller, Instant)(story)

    assert controller.openings == 1
    assert world.told[-1][1] == "opened"
    assert world.kinds().count("actuating") == (3 if opened == 0 else 2)
    assert world.uses() == 1


def test_whoever_has_gone_while_the_gate_was_asked_about_an_earlier_attempt_is_opened_for_no_more():
    controller = Controller([(False, "cut")], trusted=True)

    async def story(world):
        await world.show()
        await world.settled()
        controller.askable = True
        await world.show(ago_s=BEGIN_S + 1)
        await world.settled()
        assert controller.openings == 0
        assert world.uses() == 0
        await world.show()
        await world.settled()

    world = played(controller, Instant)(story)

    assert controller.openings == 1
    assert world.facts()[5][1]["why"] == "too late"


def test_a_gate_that_is_away_takes_no_use_and_the_same_code_is_decided_afresh():
    async def story(world):
        first = await world.show()
        await world.settled()
        assert world.uses() == 0
        again = await world.show()
        await world.settled()
        assert again.redemption != first.redemption

    world = played(Controller([(False, "away")]))(story)

    assert world.controller.openings == 1
    assert world.kinds()[:4] == ["granted", "actuating", "not_actuated", "annulled"]
    assert [state for _, state in world.told] == ["given_back", "failed", "opened"]


def test_the_no_of_a_trusted_gate_gives_the_use_back_and_burns_the_code():
    async def story(world):
        await world.show()
        await world.settled()
        assert world.uses() == 0
        assert (await world.show()).decision.outcome is not Answer.GRANT
        assert (await world.show(b"n2")).decision.outcome is Answer.GRANT
        await world.settled()

    world = played(Controller([(False, "truth")], trusted=True))(story)

    assert world.controller.openings == 1


def test_the_no_of_a_gate_in_plain_http_gives_nothing_back_and_more_than_three_are_told():
    async def story(world):
        for n in range(5):
            await world.show(b"n%d" % n)
            await world.settled()
            if n == 0:
                await world.show(b"n0")
                await world.settled()
                assert world.uses() == 1
            await world.step(steps.annul)
            assert world.openings.doubtful is (n >= 3)

    world = played(Controller([(True, "lie")] * 5))(story)

    assert world.controller.openings == 5  # five codes, each ended by a person
    assert world.openings.strikes == 5


def test_what_cannot_be_written_is_not_sent():
    async def story(world):
        world.gated = False
        settled = await world.show()
        world.store.ill = True
        await world.settled()
        assert world.told == [(settled.redemption, "failed")]

    assert played(Controller([]))(story).controller.openings == 0


def test_who_leaves_is_let_out_at_once_and_the_fact_follows_when_the_store_can():
    async def story(world):
        world.store.ill = True
        world.openings.ask(Opening("exit-7", None))
        await world.settled()
        assert world.controller.openings == 1
        world.store.ill = False
        world.openings.ask(Opening("exit-8", None))
        await world.settled()

    world = played(Controller([]))(story)

    assert [body["attempt"] for kind, body in world.facts() if kind == "actuated"] == ["exit-7.1", "exit-8.1"]


def test_feedback_passes_and_annuls():
    async def story(world):
        await asyncio.sleep(100)
        await world.show()
        await world.settled()
        world.controller.hear(Heard.NOT_TURNED)
        await world.settled()
        assert world.uses() == 0
        await world.show()
        await world.settled()
        world.controller.hear(Heard.TURNED)
        await world.settled()

    world = played(Controller([]), Instant)(story)

    assert world.kinds() == [
        *("granted", "actuating", "actuated", "annulled"),
        "granted",
        "actuating",
        "actuated",
        "passed",
    ]


def test_fire_opens_without_a_store_and_is_written_down_later():
    async def story(world):
        world.store.ill = True
        while world.controller.hear is None:
            await asyncio.sleep(0)
        world.controller.hear(Heard.FIRE)
        await world.settled()
        assert world.controller.openings == 1
        assert world.openings.alarm == "fire"
        world.store.ill = False
        world.controller.hear(Heard.FIRE_OVER)
        await world.settled()

    world = played(Controller([]))(story)

    assert [body["open"] for kind, body in world.facts() if kind == "emergency"] == [True, False]


def test_a_driver_with_a_fault_of_its_own_takes_no_lane_down():
    class Broken(Controller):
        async def open(self, attempt):
            raise ZeroDivisionError

    async def story(world):
        await world.show()
        await world.settled()

    world = played(Broken([]))(story)

    assert world.kinds() == ["granted", "actuating", "unknown"]


def test_a_lane_without_a_gate_writes_no_attempt():
    async def story(world):
        await world.show()
        await world.settled()

    world = played(None)(story)

    assert world.kinds() == ["granted"]
    assert world.told == []


def test_nobody_walked_through_in_time_gives_the_use_back_and_whoever_is_late_takes_it_again():
    controller = Controller([(True, "truth")])
    controller.turn_within_s = 0.05

    async def story(world):
        await world.show()
        await world.settled()
        while not any(state == "annulled" for _, state in world.told):
            await asyncio.sleep(0.005)
        assert world.uses() == 0
        controller.hear(Heard.TURNED)
        while world.uses() == 0:
            await asyncio.sleep(0.005)

    world = played(controller)(story)
    assert [kind for kind in world.kinds() if kind in ("annulled", "passed")] == ["annulled", "passed"]


def test_who_walked_through_in_time_is_not_annulled_and_a_gate_that_was_deaf_says_nothing():
    class Gate:
        turn_within_s, deaf = 0.02, 0

    async def story():
        ended, over = [], asyncio.Event()
        ill = Gate()
        quick, deaf = (Feedback(gate, lambda *told: ended.append(told)) for gate in (Gate(), ill))
        opened(quick, "r1")
        opened(deaf, "r2")
        quick.hear(Heard.TURNED)
        ill.deaf += 1
        opened(Feedback(Gate(), lambda *_: over.set()), "the last to end")
        await asyncio.wait_for(over.wait(), 5)
        return ended

    assert asyncio.run(story()) == [("r1", Heard.TURNED, None)]


def opened(feedback, redemption):
    """Have a gate open for a redemption, as far as what it tells is concerned."""
    attempt = Attempt(lane="A", redemption=redemption)
    feedback.sent(attempt, of=redemption)
    feedback.answered(attempt, Outcome.ACTUATED)


class Heart:
    """A gate as its lane hears it, and what came of it: (redemption, what, the attempt in doubt that it settles)."""

    def __init__(self, *, turn_within_s=8.0):
        self.turn_within_s, self.deaf, self.ended = turn_within_s, 0, []
        self.feedback = Feedback(self, lambda name, heard, settles: self.ended.append((name, heard.value, settles)))

    def sent(self, name, number=1, *, of=True, **more):
        heads = more.pop("heads", 1)
        self.feedback.sent(
            Attempt(lane="A", redemption=name, number=number, heads=heads), of=name if of else None, **more
        )

    def answered(self, name, outcome, number=1, **more):
        self.feedback.answered(Attempt(lane="A", redemption=name, number=number), outcome, **more)

    def tried(self, name, outcome, number=1, **more):
        self.sent(name, number, **more)
        self.answered(name, outcome, number)

    def turned(self):
        self.feedback.hear(Heard.TURNED)

    def not_turned(self):
        self.feedback.hear(Heard.NOT_TURNED)


YES, NO, NOBODY_KNOWS = Outcome.ACTUATED, Outcome.NOT_ACTUATED, Outcome.UNKNOWN
A_PASSED, B_PASSED, B_SETTLED = ("a", "turned", None), ("b", "turned", None), ("b", "turned", 1)
WHOSE = {
    "the last that opened": (lambda g: (g.tried("a", YES), g.tried("b", YES), g.turned()), [B_PASSED]),
    "the doubt, when its predecessor has passed": (
        lambda g: (g.tried("a", YES), g.turned(), g.tried("b", NOBODY_KNOWS), g.turned()),
        [A_PASSED, B_SETTLED],
    ),
    "nobody: the last that opened or the doubt": (
        lambda g: (g.tried("a", YES), g.tried("b", NOBODY_KNOWS), g.turned(), g.turned(), g.not_turned()),
        [],
    ),
    "nobody: the doubt or who was opened for after it": (
        lambda g: (g.tried("a", NOBODY_KNOWS), g.tried("b", YES), g.turned(), g.not_turned()),
        [],
    ),
    "nobody: two doubts": (lambda g: (g.tried("a", NOBODY_KNOWS), g.tried("b", NOBODY_KNOWS), g.turned()), []),
    "one redemption, whichever attempt it was": (
        lambda g: (g.tried("b", NOBODY_KNOWS), g.tried("b", YES, 2, by_person=True), g.turned()),
        [B_PASSED],
    ),
    "a doubt that the gate denied later is none": (
        lambda g: (
            g.tried("a", NOBODY_KNOWS),
            g.answered("a", NO),
            g.tried("b", NOBODY_KNOWS),
            g.turned(),
        ),
        [B_SETTLED],
    ),
    "a doubt that the gate denied in words that can be forged stays one": (
        lambda g: (
            g.sent("a"),
            g.answered("a", NO, sure=False),
            g.tried("b", NOBODY_KNOWS),
            g.turned(),
        ),
        [],
    ),
    "a passage before the answer is kept until then": (
        lambda g: (g.sent("b"), g.turned(), g.answered("b", YES), g.not_turned()),
        [B_PASSED],
    ),
    "a passage before an answer that never came settles the doubt": (
        lambda g: (g.sent("b"), g.turned(), g.answered("b", NOBODY_KNOWS)),
        [B_SETTLED],
    ),
    "a passage before a no is nobody's": (lambda g: (g.sent("b"), g.turned(), g.answered("b", NO)), []),
    "a passage while another is opened for is the earlier one's, and no silence is the later one's": (
        lambda g: (g.tried("a", YES), g.sent("b"), g.turned(), g.answered("b", YES), g.not_turned()),
        [A_PASSED],
    ),
    "a closing while another is opened for annuls neither": (
        lambda g: (g.tried("a", YES), g.sent("b"), g.not_turned(), g.answered("b", YES)),
        [],
    ),
    "a closing beside a doubt annuls nobody": (
        lambda g: (g.tried("a", YES), g.tried("b", NOBODY_KNOWS), g.not_turned()),
        [],
    ),
    "a closing behind one whom another followed annuls neither": (
        lambda g: (g.tried("a", YES), g.tried("b", YES), g.not_turned()),
        [],
    ),
    "two who were opened for, or the doubt": (
        lambda g: (g.tried("a", YES), g.tried("b", YES), g.turned(), g.tried("c", NOBODY_KNOWS), g.turned()),
        [B_PASSED],
    ),
    "a closing after a person's attempt annuls nobody": (
        lambda g: (g.tried("a", YES), g.tried("a", YES, 2, by_person=True), g.not_turned()),
        [],
    ),
    "who leaves is nobody's redemption": (
        lambda g: (g.tried("a", YES), g.tried("exit-7", YES, of=False), g.not_turned(), g.turned()),
        [],
    ),
    "who leaves, or the doubt": (
        lambda g: (g.tried("exit-7", YES, of=False), g.tried("b", NOBODY_KNOWS), g.turned()),
        [],
    ),
    "the others of a group, or the doubt": (
        lambda g: (g.tried("a", YES, heads=3), g.turned(), g.tried("b", NOBODY_KNOWS), g.turned()),
        [A_PASSED],
    ),
    "whoever was opened for before a start, or the doubt": (
        lambda g: (g.tried("b", NOBODY_KNOWS), g.turned()),
        [],
    ),
    "anybody at a gate that is held open": (
        lambda g: (
            g.tried("a", YES),
            g.feedback.held(open_=True, outcome=YES),
            g.turned(),
            g.tried("b", YES),
            g.not_turned(),
            g.feedback.held(open_=False, outcome=YES),
            g.tried("b", NOBODY_KNOWS, 2),
            g.turned(),
        ),
        [],
    ),
    "a gate that was not to be held says who walks as before": (
        lambda g: (g.feedback.held(open_=True, outcome=NO), g.tried("b", YES), g.turned()),
        [B_PASSED],
    ),
}


@pytest.mark.parametrize("case", WHOSE)
def test_a_gate_s_own_word_is_about(case):
    story, ended = WHOSE[case]

    async def told():
        gate = Heart()
        async with gate.feedback:
            if "before a start" not in case:
                await asyncio.sleep(100)
            story(gate)
        return gate.ended

    with asyncio.Runner(loop_factory=Instant) as runner:
        assert runner.run(told()) == ended


@pytest.mark.parametrize(
    ("story", "ended"),
    [
        ([("b", NOBODY_KNOWS), 7.0, "turned"], [B_SETTLED]),
        ([("b", NOBODY_KNOWS), 9.0, "turned"], []),
        ([("a", YES), 7.0, ("b", NOBODY_KNOWS), 5.0], []),
        ([("a", NOBODY_KNOWS), 17.0, ("b", YES), 9.0], [("b", "not_turned", None)]),
        ([("a", NOBODY_KNOWS), 17.0, ("b", YES), "turned"], [B_PASSED]),
        ([("a", YES), 9.0, ("b", NOBODY_KNOWS), "turned"], [("a", "not_turned", None)]),
        ([("a", YES), 17.0, ("b", NOBODY_KNOWS), "turned"], [("a", "not_turned", None), B_SETTLED]),
        ([("a", YES), 17.0, "turned"], [("a", "not_turned", None), A_PASSED]),
    ],
    ids=[
        "the doubt in its time",
        "nobody, when the gate is late",
        "nobody by silence beside a doubt",
        "silence, once a doubt is over",
        "the last that opened, once a doubt is over",
        "nobody: one that is late or a doubt",
        "the doubt, once the one before is over",
        "one that is late",
    ],
)
def test_as_time_goes_a_gate_s_own_word_is_about(story, ended):
    async def told():
        gate = Heart()
        for act in story:
            if act == "turned":
                gate.turned()
            elif isinstance(act, float):
                await asyncio.sleep(act)
            else:
                gate.tried(*act)
        return gate.ended

    with asyncio.Runner(loop_factory=Instant) as runner:
        assert runner.run(told()) == ended


async def two_visitors(world, second):
    """Play one who was opened for, one whose attempt was not answered, and what the gate tells then."""
    await asyncio.sleep(100)
    await world.show(b"n1", who=b"wang")
    await world.settled()
    await world.show(b"n2", who=b"chen")
    await world.settled()
    world.controller.hear(second)
    await world.settled()


@pytest.mark.parametrize("what", ["leaves", "held"])
def test_whoever_leaves_or_walks_through_a_gate_held_open_is_not_the_visitor_before(what):
    class Held(Controller):
        async def hold(self, *, open_):
            return well()

    async def story(world):
        await asyncio.sleep(100)
        await world.show()
        await world.settled()
        if what == "leaves":
            world.openings.ask(Opening("exit-7", None))
        else:
            await world.openings.hold(open_=True, by="Wang")
        await world.settled()
        world.controller.hear(Heard.TURNED)
        await world.settled()

    world = played(Held([]), Instant)(story)

    assert "passed" not in world.kinds()


def test_a_gate_that_closed_after_an_attempt_in_doubt_does_not_annul_the_visitor_before():
    world = played(Controller([(True, "truth"), (True, "cut")]), Instant)(
        lambda world: two_visitors(world, Heard.NOT_TURNED)
    )

    assert "annulled" not in world.kinds()
    assert world.uses() == 2


def test_who_walked_through_after_an_attempt_in_doubt_has_passed_and_the_gate_had_opened():
    async def story(world):
        await asyncio.sleep(100)
        await world.show()
        await world.settled()
        assert world.kinds() == ["granted", "actuating", "unknown"]
        world.controller.hear(Heard.TURNED)
        await world.settled()

    world = played(Controller([(True, "cut")]), Instant)(story)

    assert world.kinds()[3:] == ["passed", "actuated"]
    assert world.facts()[4][1]["attempt"] == f"{world.served[0]}.1"
    assert world.told[-1] == (world.served[0], "passed")
