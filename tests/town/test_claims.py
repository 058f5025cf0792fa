"""An authority's answers, one rule of claims.md at a time, on both engines; and over HTTP with real terminals."""

import asyncio
import time
from typing import ClassVar

import pytest

from central.books import pledges
from central.books.booking import book_all
from central.books.bounds import Bounds
from central.books.planned import Incoming, entries_of
from central.hub import lifting
from central.hub.claims import Asker, answer_claim
from central.hub.learning import PATIENCE_MS, REACH_MS, SETTLE_MS, Learning
from central.hub.leases import HEARD_MS, answer_lease, is_young
from central.store import SCHEMAS, sqlite_books
from credit.records import Record
from credit.rules.benefits import parse_benefits
from storage.postgres import PostgresJobs
from sync.wire.claims import ClaimKey, ClaimRequest, LeaseRequest

NOW = 1_790_000_000_000
KEY = "u|w/first|subject:w:1|ever"
QUOTA = "u|w/first|day:2026-09-21"
USE = "INSERT INTO uses (key, terminal, epoch, redemption, seq, at_ms, n) VALUES ($1, $2, 'e', $3, 1, $4, $5)"
TALLY = "INSERT INTO tallies (key, spent) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET spent = tallies.spent + $2"
REDEMPTION = (
    "INSERT INTO redemptions (redemption, terminal, epoch, seq, kind, site, at_ms, received_ms, state, keys)"
    " VALUES ($1, $2, 'e', 1, 'granted', 's', $3, $3, 'granted', '[]')"
)
TERMINAL = "INSERT INTO terminals (terminal, site, profile) VALUES ($1, 'tiankeng', '{}')"
BENEFITS = parse_benefits(
    {
        "issuer": "w",
        "version": 1,
        "benefits": [
            {
                "id": "first",
                "code": 7,
                "version": 1,
                "title": {"zh": "首次"},
                "offer": {"kind": "free"},
                "who": {},
                "where": {},
                "when": {"from": "2026-01-01", "until": "2027-12-31"},
                "limits": [{"max": 2, "per": "subject", "period": "ever"}],
                "capacity": [{"per": "day", "scope": "benefit", "max": 10}],
            }
        ],
    }
)
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=ENGINES)
async def authority(request, tmp_path):
    if request.param == "sqlite":
        opening = sqlite_books(tmp_path / "c.db")
    else:
        opening = PostgresJobs(request.getfixturevalue("postgres_url"), SCHEMAS["postgres"])
    async with opening as jobs:
        for name in ("g1", "g2"):
            await jobs.write(lambda tx, name=name: tx.execute(TERMINAL, name))
        yield Authority(jobs)


class Authority:
    def __init__(self, jobs):
        self.jobs = jobs
        self.now = NOW
        self.bounds = Bounds(BENEFITS)
        self.asked = 0

    async def ask(self, gate="g1", redemption=None, key=KEY, run="r", **more):
        self.asked += 1
        keys = more.pop("keys", None) or [
            ClaimKey(key=key, **(more.pop("asked", None) or {"n": 1, "bound": 1, "borne": "grant"}))
        ]
        ask = ClaimRequest(
            run=run, hub_no=1, redemption=redemption or f"R{self.asked}", at_ms=self.now, keys=keys, **more
        )
        return await self.jobs.write(lambda tx: answer_claim(tx, Asker(gate), ask, self.bounds, now_ms=self.now))

    async def lease(self, gate, *, young=False, **members):
        ask = LeaseRequest(run="r", hub_no=1, quota=QUOTA, **members)
        return await self.jobs.write(lambda tx: answer_lease(tx, gate, ask, self.bounds, young=young))

    async def waits(self, gate, learning, at_ms):
        """Whether `gate` is leased nothing more, `at_ms` after the start."""
        return await self.jobs.write(lambda tx: is_young(tx, gate, QUOTA, learning, now_ms=at_ms))

    async def used(self, gate, redemption, key=KEY, n=1):
        async def job(tx):
            await pledges.confirm(tx, gate, [redemption])
            await tx.execute(USE, key, gate, redemption, self.now, n)
            await tx.execute(TALLY, key, n)
            await tx.execute(REDEMPTION, redemption, gate, self.now)

        await self.jobs.write(job)


class TestClaims:
    async def test_what_somebody_is_being_decided_with_is_held_and_not_used(self, authority):
        assert (await authority.ask("g1", "A")).granted

        refused = (await authority.ask("g2", "B")).refused

        assert (refused.state, refused.left, refused.terminal) == ("held", 0, None)

    async def test_what_facts_prove_is_used_and_says_when_and_where(self, authority):
        await authority.used("g1", "A")

        refused = (await authority.ask("g2")).refused

        assert (refused.state, refused.at_ms, refused.site, refused.terminal) == ("used", NOW, "tiankeng", "g1")

    async def test_of_a_household_s_use_nothing_but_the_time_is_told(self, authority):
        await authority.used("g1", "A", key="u|w/first|group:w:5021|ever")

        refused = (await authority.ask("g2", key="u|w/first|group:w:5021|ever")).refused

        assert (refused.at_ms, refused.site, refused.terminal) == (NOW, None, None)

    async def test_one_id_has_one_answer_while_it_is_held_and_none_after(self, authority):
        assert [(await authority.ask("g1", "A")).granted for _ in range(2)] == [True, True]
        refused = await authority.ask("g2", "B", release=[])
        released = await authority.ask("g1", "C", release=["A"])

        assert refused.refused
        assert released.granted
        assert (await authority.ask("g1", "A")).gone
        assert (await authority.ask("g2", "B")).gone

    async def test_a_release_that_overtakes_its_claim_makes_the_claim_void(self, authority):
        await authority.ask("g1", "X", key="u|other|all", release=["A"])

        assert (await authority.ask("g1", "A")).gone

    async def test_nobody_releases_another_terminal_s_claim_or_asks_under_its_id(self, authority):
        await authority.ask("g1", "A")
        await authority.ask("g2", "X", key="u|other|all", release=["A"])

        assert (await authority.ask("g2", "B")).refused.state == "held"
        assert (await authority.ask("g2", "A")).gone

    async def test_nobody_is_granted_under_what_another_terminal_has_committed(self, authority):
        await authority.used("g1", "A")

        assert (await authority.ask("g2", "A", key="u|other|all")).gone
        assert (await authority.ask("g1", "A")).granted

    async def test_a_release_that_is_heard_again_frees_nothing_that_was_claimed_since(self, authority):
        await authority.ask("g1", "A")
        for _ in range(2):
            await authority.ask("g1", "X", key="u|other|all", release=["A"])
            assert (await authority.ask("g2", "B")).granted

        assert (await authority.ask("g1", "C", release=["A"])).refused.state == "held"

    async def test_a_release_of_what_a_fact_has_told_does_nothing(self, authority):
        await authority.ask("g1", "A")
        await authority.used("g1", "A")

        assert (await authority.ask("g1", "B", release=["A"])).refused.state == "used"

    async def test_a_claim_nobody_speaks_of_lapses_into_doubt_and_its_fact_ends_the_doubt(self, authority):
        await authority.ask("g1", "A")
        authority.now += pledges.LAPSE_MS

        assert (await authority.ask("g2", "B")).doubtful == [KEY]
        assert (await authority.ask("g2", "B2")).doubtful == [KEY]  # it took nothing
        await authority.used("g1", "A")
        assert (await authority.ask("g2", "C")).refused.state == "used"

    async def test_a_new_start_of_its_terminal_ends_what_an_earlier_one_claimed(self, authority):
        for run in ("r1", "r2"):
            await authority.jobs.write(lambda tx, run=run: pledges.begin_run(tx, "g1", run, now_ms=NOW))
            if run == "r1":
                await authority.ask("g1", "A", run="r1")

        assert (await authority.ask("g2", "B")).granted
        assert (await authority.ask("g1", "A", run="r1")).gone
        assert (await authority.ask("g1", "C", run="r1", key="u|other|all")).gone

    async def test_all_keys_or_none(self, authority):
        await authority.used("g1", "A", key="u|second|all")
        both = [ClaimKey(key=one, n=1, bound=1, borne="grant") for one in ("u|first|all", "u|second|all")]

        assert (await authority.ask("g2", keys=both)).refused.key == "u|second|all"
        assert (await authority.ask("g2", key="u|first|all")).granted

    async def test_the_bound_is_the_catalogue_s_and_a_nonce_s_is_one(self, authority):
        by = {"issuer": "w", "code": 7, "version": 1, "part": "limit"}
        key = ClaimKey(key=KEY, n=1, by=_by(by))
        nonce = ClaimKey(key="n|w:01:02", n=1)

        assert [(await authority.ask(keys=[key])).granted for _ in range(2)] == [True, True]
        assert (await authority.ask(keys=[key])).refused.state == "held"
        assert (await authority.ask(keys=[nonce])).granted
        assert (await authority.ask(keys=[nonce])).refused.state == "held"

    async def test_a_key_that_nobody_here_bounds_is_counted_and_denied_nobody(self, authority):
        unknown = ClaimKey(key="u|x/none|all", n=1, by=_by({"issuer": "x", "code": 1, "version": 1, "part": "limit"}))

        answers = [await authority.ask(keys=[unknown]) for _ in range(3)]

        assert [one.granted for one in answers] == [True] * 3
        assert answers[0].left == {}  # nobody knows how much there is

    async def test_of_the_asker_s_version_of_a_benefit_and_ours_the_newer_one_counts(self, authority):
        def asked(version):
            return [ClaimKey(key=KEY, n=2, by=_by({"issuer": "w", "code": 7, "version": version, "part": "limit"}))]

        await authority.ask(keys=asked(1))
        older, newer = await authority.ask(keys=asked(0)), await authority.ask(keys=asked(2))

        assert older.refused.state == "held"
        assert newer.granted  # what the newer one states nobody here knows: it is counted
        assert (await authority.ask(keys=asked(1))).refused.left == 0

    async def test_own_living_uses_that_nobody_here_heard_of_count_as_facts(self, authority):
        mine = ClaimKey(key=KEY, n=1, bound=1, borne="grant", mine=["unsent"])

        assert (await authority.ask("g1", keys=[mine])).refused.state == "used"

    async def test_own_uses_that_were_given_back_elsewhere_are_named(self, authority):
        await authority.used("g1", "A")
        await authority.jobs.write(lambda tx: tx.execute("UPDATE uses SET back = n"))
        await authority.jobs.write(lambda tx: tx.execute("UPDATE tallies SET spent = 0"))
        mine = ClaimKey(key=KEY, n=1, bound=1, borne="grant", mine=["A"])

        answer = await authority.ask("g1", keys=[mine])

        assert (answer.granted, answer.ended) == (True, ["A"])

    async def test_a_dry_ask_takes_nothing(self, authority):
        assert (await authority.ask(dry=True)).granted
        assert (await authority.ask(dry=True)).left == {KEY: 1}
        assert (await authority.ask("g2")).granted

    async def test_of_many_asks_at_once_as_many_are_granted_as_there_is_room(self, authority):
        key = [ClaimKey(key=KEY, n=1, bound=3, borne="grant")]

        told = await asyncio.gather(*(authority.ask("g1", f"A{n}", keys=key) for n in range(12)))

        assert sum(one.granted for one in told) == 3


def _by(members):
    from sync.wire.claims import BoundBy

    return BoundBy(**members)


class TestLeases:
    async def test_the_same_ask_twice_grants_the_same_total(self, authority):
        first = await authority.lease("g1", number=1, total=6)

        assert await authority.lease("g1", number=1, total=6) == first
        assert (first.number, first.total) == (1, 6)

    async def test_totals_never_exceed_the_quota_and_never_shrink(self, authority):
        await authority.lease("g1", number=1, total=6)

        assert (await authority.lease("g2", number=1, total=6)).total == 4
        assert (await authority.lease("g1", number=1, total=2)).total == 6

    async def test_what_was_used_inside_a_lease_counts_once(self, authority):
        await authority.lease("g1", number=1, total=6)
        await authority.used("g1", "A", key=QUOTA, n=5)

        assert (await authority.lease("g2", number=1, total=9)).total == 4
        assert (await authority.lease("g1", number=1, total=9)).total == 6

    async def test_given_back_is_free_for_others_and_an_old_message_changes_nothing(self, authority):
        await authority.lease("g1", number=1, total=6)
        await authority.used("g1", "A", key=QUOTA, n=2)
        back = await authority.lease("g1", number=2, used=2)
        late = await authority.lease("g1", number=1, total=6)

        assert (back.number, back.total, late.number, late.total) == (2, 2, 2, 2)
        assert (await authority.lease("g2", number=1, total=9)).total == 8
        assert (await authority.lease("g1", number=2, used=2)).total == 2

    async def test_a_restored_authority_takes_each_terminal_s_own_word_and_leases_nothing_before(self, authority):
        told = await authority.lease("g1", number=4, total=7, held=6, young=True)
        assert (told.number, told.total) == (4, 6)
        assert (await authority.lease("g2", number=0, total=3, young=True)).total == 0

        assert (await authority.lease("g2", number=0, total=9)).total == 4  # ten, less the six of the other

    async def test_a_silent_lessee_is_waited_for_until_it_speaks(self, authority):
        await authority.lease("g1", number=0, total=4)
        begun = Learning((), started_ms=0)

        assert await authority.waits("g2", begun, HEARD_MS)
        assert await authority.waits("g2", begun, 86_400_000)
        await authority.waits("g1", begun, 86_400_000)
        assert not await authority.waits("g2", begun, 86_400_000)

    async def test_a_silent_lessee_is_waited_for_until_it_is_written_off_and_again_once_it_is_back(self, authority):
        await authority.lease("g1", number=0, total=4)
        await authority.jobs.write(lambda tx: lifting.apply(tx, "g1", "write_off", now_ms=0))
        assert not await authority.waits("g2", Learning((), started_ms=0), HEARD_MS)

        await authority.lease("g1", number=1, total=2)

        assert await authority.waits("g2", Learning((), started_ms=0), HEARD_MS)

    async def test_who_was_in_reach_for_two_rounds_and_said_nothing_of_a_quota_holds_none(self, authority):
        await authority.lease("g1", number=0, total=4)
        begun = Learning((), started_ms=0)
        begun.hear("g1", 500)
        assert await authority.waits("g2", begun, 2 * REACH_MS)

        begun.hear("g1", 500 + REACH_MS)

        assert not await authority.waits("g2", begun, 2 * REACH_MS)

    async def test_a_lessee_that_another_process_of_the_platform_hears_is_waited_for_no_longer(self, authority):
        await authority.lease("g1", number=0, total=4)
        await authority.jobs.write(lambda tx: tx.execute("UPDATE terminals SET seen_ms = $1", REACH_MS))

        assert not await authority.waits("g2", Learning((), started_ms=0), HEARD_MS)
        assert await authority.waits("g2", Learning((), started_ms=1), 1 + HEARD_MS)

    async def test_a_give_back_that_an_older_copy_never_heard_of_is_taken_and_asked_under_again(self, authority):
        await authority.lease("g1", number=0, total=6)
        assert (await authority.lease("g1", number=3, total=2)).total == 2
        assert (await authority.lease("g1", number=5, used=1)).number == 5

    async def test_it_says_when_facts_alone_have_used_the_quota(self, authority):
        await authority.lease("g1", number=0, total=10)
        assert not (await authority.lease("g2", number=0, total=1)).full
        await authority.used("g1", "A", key=QUOTA, n=10)

        assert (await authority.lease("g2", number=0, total=1)).full

    async def test_an_authority_with_an_older_copy_takes_what_the_terminal_holds_under_its_number(self, authority):
        await authority.lease("g1", number=0, total=2)

        told = await authority.lease("g1", number=0, total=1, held=9, young=True)

        assert (told.number, told.total) == (0, 9)
        assert (await authority.lease("g2", number=0, total=5)).total == 1

    async def test_a_claim_beside_a_lease_finds_the_room_that_is_left(self, authority):
        await authority.lease("g1", number=1, total=9)
        key = [ClaimKey(key=QUOTA, n=1, by=_by({"issuer": "w", "code": 7, "version": 1, "part": "capacity"}))]

        assert (await authority.ask("g2", keys=key)).granted
        assert (await authority.ask("g2", keys=key)).refused.state == "held"


class TestLearning:
    def test_it_waits_for_everybody_and_at_least_a_second(self):
        learning = Learning(["g1", "g2"], started_ms=0)
        learning.hear("g1", SETTLE_MS)

        assert not learning.is_over(SETTLE_MS)
        learning.hear("g2", SETTLE_MS)
        assert not Learning([], started_ms=0).is_over(SETTLE_MS - 1)
        assert learning.is_over(SETTLE_MS)

    def test_who_is_heard_before_a_decision_under_way_can_have_ended_is_heard_once_more(self):
        learning = Learning(["g1"], started_ms=0)
        assert learning.settles_ms(0) == SETTLE_MS
        learning.hear("g1", SETTLE_MS - 1)

        assert not learning.is_over(SETTLE_MS)
        learning.hear("g1", SETTLE_MS)

        assert learning.is_over(SETTLE_MS)
        assert learning.settles_ms(SETTLE_MS) == 0

    def test_who_is_silent_is_waited_for_ten_seconds_and_it_is_over_for_good(self):
        learning = Learning(["g1"], started_ms=0)

        assert [learning.is_over(PATIENCE_MS - 1), learning.is_over(PATIENCE_MS), learning.is_over(0)] == [
            False,
            True,
            True,
        ]


async def test_a_claim_needs_no_disk(tmp_path):
    async with sqlite_books(tmp_path / "c.db") as jobs:
        authority = Authority(jobs)
        await authority.jobs.write(lambda tx: tx.execute(TERMINAL, "g1"))
        before = (tmp_path / "c.db-wal").stat().st_size, (tmp_path / "c.db").stat().st_size
        start = time.monotonic()
        for _ in range(50):
            await authority.ask(key=f"u|{authority.asked}|all")

        assert ((tmp_path / "c.db-wal").stat().st_size, (tmp_path / "c.db").stat().st_size) == before
        assert time.monotonic() - start < 10


class TestItsOwnWord:
    """Of its own redemptions an asker knows more than we, for as long as its facts are on their way."""

    async def test_what_it_has_given_back_does_not_stand_in_its_way(self, authority):
        await authority.used("g1", "A")
        back = ClaimKey(key=KEY, n=1, bound=1, borne="grant", back=["A"])
        plain = ClaimKey(key=KEY, n=1, bound=1, borne="grant")

        assert (await authority.ask("g2", keys=[plain])).refused.state == "used"
        assert (await authority.ask("g2", keys=[back])).refused.state == "used"  # it is not that terminal's to say
        assert (await authority.ask("g1", keys=[back])).granted

    async def test_what_it_gave_back_before_its_grant_was_heard_does_not_either(self, authority):
        first = await authority.ask("g1", "A", keys=[ClaimKey(key=KEY, n=1, bound=1, borne="grant")])
        again = ClaimKey(key=KEY, n=1, bound=1, borne="grant", back=["A"])

        assert first.granted
        assert (await authority.ask("g2", keys=[again])).refused.state == "held"  # it is not that terminal's to say
        assert (await authority.ask("g1", keys=[again])).granted

    async def test_its_own_batch_of_heads_is_counted_once_and_as_what_it_was(self, authority):
        def heads(n, mine=()):
            return ClaimKey(key=KEY, n=n, bound=30, borne="order", mine=list(mine))

        assert (await authority.ask("g1", "A", keys=[heads(18)])).granted
        assert (await authority.ask("g1", "B", keys=[heads(12, ["A"])])).granted
        assert (await authority.ask("g1", "C", keys=[heads(1, ["A", "B"])])).refused.state == "used"


class TestWhatTheSiteKnows:
    """Facts of one gate as another needs them, on both engines."""

    KEY = "i|site:tiankeng"
    BODY: ClassVar = {
        "issuer": "w",
        "subject": "01",
        "site": "tiankeng",
        "heads": 1,
        "intent": "enter",
        "scene": "gate",
    }

    async def booked(self, authority, gate, *records):
        written = [
            Record(seq=seq, id=f"{gate}-{seq}", at_ms=at_ms, kind=kind, redemption=redemption, body=self.BODY | body)
            for seq, (kind, redemption, at_ms, body) in enumerate(records, authority.asked + 1)
        ]
        authority.asked += len(written)
        incoming = Incoming(terminal=gate, epoch="e", site="tiankeng", received_ms=NOW)
        await authority.jobs.write(lambda tx: book_all(tx, entries_of(incoming, written), Bounds()))

    def entered(self, redemption, at_ms, n=1):
        return "granted", redemption, at_ms, {"uses": [{"key": self.KEY, "n": n, "max": 9}], "heads": n}

    async def inside(self, authority, gate="g2"):
        ask = [ClaimKey(key=self.KEY, n=1, by=_by({"issuer": "x", "code": 1, "version": 1, "part": "capacity"}))]
        return (await authority.ask(gate, keys=ask, dry=True)).site.inside[self.KEY]

    @pytest.mark.parametrize("first", ["entry", "exit", "together"])
    async def test_an_exit_frees_the_room_of_an_entry_at_another_gate_in_whatever_order_they_are_heard(
        self, authority, first
    ):
        entry, left = self.entered("R", NOW), ("exited", None, NOW + 5, {"inside": 0})
        if first == "together":
            await self.booked(authority, "g1", entry, left)
        else:
            for gate, record in sorted([("g1", entry), ("g2", left)], reverse=first == "exit"):
                await self.booked(authority, gate, record)

        assert await self.inside(authority) == 0
        await self.booked(authority, "g1", self.entered("R2", NOW + 9))
        assert await self.inside(authority) == 1

    async def test_an_exit_passes_over_an_entry_that_was_annulled_and_takes_the_oldest_heads(self, authority):
        await self.booked(authority, "g1", self.entered("R", NOW), ("annulled", "R", NOW + 1, {}))
        await self.booked(authority, "g1", self.entered("R2", NOW + 2, n=3), self.entered("R3", NOW + 3))

        await self.booked(authority, "g2", ("exited", None, NOW + 4, {"heads": 2}))

        left = await authority.jobs.read(lambda tx: tx.rows("SELECT redemption, inside FROM named ORDER BY redemption"))
        assert [tuple(row) for row in left] == [("R", 1), ("R2", 1), ("R3", 1)]
        assert await self.inside(authority) == 2

    async def test_two_exits_of_one_entry_free_it_once_and_never_below_nobody(self, authority):
        await self.booked(authority, "g1", self.entered("R", NOW))
        for gate in ("g1", "g2"):
            await self.booked(authority, gate, ("exited", None, NOW + 5, {}))

        assert await self.inside(authority) == 0

    async def test_what_stays_used_when_it_is_returned_stays_used_here_too(self, authority):
        uses = {"uses": [{"key": KEY, "n": 1, "max": 1}], "gives_back": False, "reversal_until_ms": NOW + 9}
        await self.booked(authority, "g1", ("granted", "R", NOW, uses), ("reversed", "R", NOW + 1, {"whole": True}))
        await self.booked(authority, "g1", ("granted", "R2", NOW, uses))
        await self.booked(authority, "g2", ("reversed", "R2", NOW + 1, {"whole": True}))

        spent = await authority.jobs.read(lambda tx: tx.row("SELECT spent FROM tallies WHERE key = $1", KEY))
        assert spent == (2,)
        assert (await authority.ask("g2")).refused.state == "used"

    async def test_what_it_annulled_itself_and_says_stands_does_stand(self, authority):
        uses = {"uses": [{"key": KEY, "n": 1, "max": 1}]}
        await self.booked(authority, "g1", ("granted", "R", NOW, uses), ("annulled", "R", NOW + 1, {}))
        passed = ClaimKey(key=KEY, n=1, bound=1, borne="grant", mine=["R"])

        answer = await authority.ask("g1", keys=[passed])

        assert (answer.refused.state, answer.ended) == ("used", [])
        assert (await authority.ask("g2", keys=[passed])).ended == ["R"]  # it is not that terminal's to say
