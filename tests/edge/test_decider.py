"""The decider on a real store, with really signed codes; who counts beyond this terminal is a fake that works."""

import asyncio
import hashlib
import json
import threading
import time
from datetime import date
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from cache.journal.chain import begin_epoch
from cache.ledger.entries import GRANTING
from cache.ledger.permit import ClaimWord, Known, Permit
from cache.ledger.recall import Asking, OtherRequestError
from credit.facts import Used
from credit.inputs import ClockState, Intent
from credit.opening.layers import bytes_of
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.benefits import parse_benefits
from credit.rules.measures import Effect, EntryState, MeasureCode, MeasureEntry
from credit.telling.answers import kept
from edge.housekeeping import pieces
from edge.watch.disk import MIB
from storage.sqlite import Store
from sync.wire.records.kinds import problem
from tests.edge.deciding import BENEFITS, KEY, NOW_S, SHORT_S, UNHURRIED_S, Hanging, Slow, Together, Town


@pytest.fixture
async def town(tmp_path):
    def reached(point):
        while point == "before-commit" and made and made[0].at_commit:
            made[0].at_commit.pop()()

    made = []
    async with Store(tmp_path / "terminal.db", reached=reached) as store:
        await store.write(lambda conn: begin_epoch(conn, epoch="e", terminal="gate1", reason="test"))
        made.append(Town(store))
        yield made[0]


def asked(name):
    return Asking(name, hashlib.sha256(name.encode()).digest())


async def test_every_answer_bears_the_age_of_the_lists_that_it_rests_on(town):
    """Granted, used up, refused, unread, on the way out: on each a visitor's screen shows how old the lists are."""
    town.lists.age_s = lambda issuer, now_s: 4711
    decider = town.decider()
    shown = [town.show(), town.show("nothing of ours"), town.show(intent=Intent.EXIT)]
    told = [(await decider.decide(one)).to_json() for one in shown]
    town.lists.revoked = lambda issuer, token_id, status_index: True
    told.append((await decider.decide(town.show(town.phones.code(2)))).to_json())

    assert [answer["outcome"] for answer in told] == ["GRANT", "STANDARD", "GRANT", "REFUSE"]
    assert [answer["lists_age_s"] for answer in told] == [4711] * len(told)


class TestAskThenWrite:
    async def test_four_lanes_at_once_wait_for_their_own_answer_and_for_nobody_elses(self, town):
        beyond = Together(4)
        decider = town.decider(beyond)
        shown = [town.show(town.phones.code(holder)) for holder in range(1, 5)]

        told = await asyncio.gather(*(decider.decide(one) for one in shown))

        assert (
            beyond.most == 4
        )  # all four were asked about at the same time; one after another it is never more than one
        assert {answer.decision.outcome for answer in told} == {Outcome.GRANT}

    async def test_the_store_is_free_while_somebody_is_asked(self, town, monkeypatch):
        monkeypatch.setattr("edge.lanes.decider.ASK_S", UNHURRIED_S)
        others = Together(2)  # one alone is not answered
        deciding = asyncio.create_task(town.decider(others).decide(town.show()))
        while not others.asking:
            await asyncio.sleep(0)

        await town.store.write(lambda conn: conn.execute("SELECT 1").fetchone())

        assert others.asking == 1
        others.all_here.set()
        assert (await deciding).decision.outcome is Outcome.GRANT

    async def test_who_is_not_answered_in_time_counts_alone(self, town):
        answer = await town.decider(Slow(60)).decide(town.show())

        assert answer.decision.outcome is Outcome.GRANT
        [(_, body)] = await town.facts("granted")
        assert body["claim"] == "alone"

    async def test_what_others_know_is_counted(self, town):
        known = Known(used={KEY: Used(n=1, at_ms=town.clock.at_ms - 12_000, where="park/B")})
        answer = await town.decider(Slow(0, Permit(claim=ClaimWord.HELD, known=known))).decide(town.show())

        assert answer.decision.reasons == (Reason.LIMIT_USED,)
        assert answer.decision.findings[0].facts["where"] == "park/B"

    async def test_a_grant_is_written_under_the_id_that_was_claimed_and_the_asker_hears_of_it(self, town):
        beyond = Slow(0, Permit(claim=ClaimWord.HELD, redemption="claimed-1", keys=frozenset({KEY}), hub_no=7))

        answer = await town.decider(beyond).decide(town.show())

        assert answer.redemption == "claimed-1"
        assert [redemption for _, redemption in beyond.heard] == ["claimed-1"]
        [(_, body)] = await town.facts("granted")
        assert (body["claim"], body["hub_no"]) == ("held", 7)

    async def test_an_id_that_was_not_used_is_told_so_too(self, town):
        beyond = Slow(0, Permit(claim=ClaimWord.HELD, redemption="claimed-1"))

        await town.decider(beyond).decide(town.show(intent=Intent.OPEN))

        assert beyond.heard == [(beyond.given, None)]

    async def test_nobody_is_asked_where_somebody_leaves(self, town):
        beyond = Slow(60)

        async with asyncio.timeout(10):
            answer = await town.decider(beyond).decide(town.show(intent=Intent.EXIT))

        assert answer.open_gate


class TestInTime:
    @pytest.fixture(autouse=True)
    def _short(self, town):
        town.bounds.answer_s = SHORT_S

    async def test_a_visitor_whose_decision_comes_too_late_was_given_nothing(self, town):
        disk = Hanging()
        decider = town.decider(reached=lambda point: disk() if point == "before-commit" else None)

        answer = await decider.decide(town.show(asking=asked("till-1")))
        disk.let_go()

        assert answer.decision.reasons == (Reason.STORE_FAILED,)
        assert not answer.open_gate
        assert [kind for kind, _ in await town.until("annulled")] == ["granted", "annulled"]
        again = await town.decider().decide(town.show(asking=asked("till-1")))
        assert again.decision.outcome is Outcome.GRANT  # the same request is decided afresh

    async def test_a_commit_that_comes_later_still_is_annulled_by_the_next(self, town):
        decider = town.decider()
        disk = Hanging()
        town.at_commit.append(disk)

        answer = await decider.decide(town.show(asking=asked("till-1")))
        disk.let_go()

        assert answer.decision.reasons == (Reason.STORE_FAILED,)
        told = await town.until("annulled")
        assert [kind for kind, _ in told] == ["granted", "annulled"]
        assert told[1][1]["cause"] == "late"
        again = await decider.decide(town.show(asking=asked("till-1")))
        assert again.decision.outcome is Outcome.GRANT

    async def test_a_decision_that_the_store_did_not_begin_in_time_never_happens(self, town):
        disk = Hanging()
        blocked = asyncio.create_task(town.store.write(disk))
        await asyncio.sleep(0)
        late = replace(town.show(), arrived=time.monotonic() - SHORT_S + 0.1)

        answer = await town.decider().decide(late)

        assert answer.decision.reasons == (Reason.STORE_FAILED,)
        assert not blocked.done()  # and it did not wait for the store either
        disk.let_go()
        await blocked
        await town.store.write(lambda conn: None)
        assert await town.facts() == []

    async def test_who_leaves_does_not_wait_for_the_store_and_it_is_journalled_once_it_can_be(self, town):
        decider = town.decider()
        disk = Hanging()
        blocked = asyncio.create_task(town.store.write(disk))
        await asyncio.sleep(0)

        answer = await decider.decide(town.show(intent=Intent.EXIT))

        assert answer.open_gate
        assert not blocked.done()
        disk.let_go()
        await blocked
        await decider.pay_owed()
        assert [kind for kind, _ in await town.facts()] == ["emergency"]

    async def test_a_part_brought_back_too_late_stays_brought_back_and_the_rest_stays_sold(self, town):
        decider = town.decider()
        sold = await decider.decide(town.show(lane="T", intent=Intent.BUY, amount_fen=1000))
        disk = Hanging()
        town.at_commit.append(disk)

        late = await decider.decide(town.show(lane="T", intent=Intent.RETURN, amount_fen=400))
        disk.let_go()

        assert late.decision.reasons == (Reason.STORE_FAILED,)
        await town.until("reversed")
        for _ in range(3):
            await town.store.write(lambda conn: None)
        assert await town.facts("annulled", "note") == []
        state = "SELECT state, returned_fen FROM redemptions WHERE id = ?"
        row = await town.store.read(lambda conn: conn.execute(state, (sold.redemption,)).fetchone())
        assert row == ("granted", 400)


class TestClock:
    async def test_after_a_power_cut_it_is_never_earlier_than_the_last_fact_on_trusted_time(self, town):
        await town.decider().decide(town.show())

        [[floor_ms]] = await town.store.read(lambda conn: conn.execute("SELECT floor_ms FROM clock").fetchall())
        assert floor_ms == town.clock.at_ms

    async def test_a_time_that_nobody_trusts_raises_no_floor(self, town):
        town.clock.state, town.clock.at_ms = ClockState.UNSURE, town.clock.at_ms + 365 * 86_400_000
        await town.decider().decide(town.show(intent=Intent.EXIT))

        [[floor_ms]] = await town.store.read(lambda conn: conn.execute("SELECT floor_ms FROM clock").fetchall())
        assert floor_ms == 0

    async def test_a_clock_that_is_not_believed_bars_nobody_from_bringing_back(self, town):
        decider = town.decider()
        lent = await decider.decide(town.show(lane="S", intent=Intent.LEND, asset="U1"))
        town.clock.state = ClockState.UNSURE
        town.clock.at_ms += 3_600_000  # the phone's time and ours are an hour apart

        code = town.phones.code(at_s=NOW_S)
        back = await decider.decide(town.show(code, lane="S", intent=Intent.GIVE_BACK))
        entering = await decider.decide(town.show(code, lane="A"))

        assert (back.decision.outcome, back.redemption) == (Outcome.GRANT, lent.redemption)
        assert entering.decision.reasons == (Reason.CLOCK_NOT_TRUSTED,)

    async def test_the_boxs_own_clock_judges_freshness_and_the_fact_says_so(self, town):
        town.clock.state = ClockState.RTC

        given = await town.decider().decide(town.show())
        stale = await town.decider().decide(town.show(town.phones.code(2, at_s=NOW_S - 60)))

        assert given.decision.outcome is Outcome.GRANT
        assert stale.decision.reasons == (Reason.STALE_CODE,)
        ((_kind, body),) = await town.facts("granted")
        assert body["clock"] == "rtc"

    async def test_the_boxs_own_clock_calls_nobodys_credential_expired_and_raises_no_floor(self, town):
        town.clock.state = ClockState.RTC

        over = await town.decider().decide(town.show(town.phones.code(expires=NOW_S - 1)))
        await town.decider().decide(town.show(town.phones.code(2)))

        assert (over.decision.outcome, over.decision.reasons) == (Outcome.REFER, (Reason.CLOCK_NOT_TRUSTED,))
        [[floor_ms]] = await town.store.read(lambda conn: conn.execute("SELECT floor_ms FROM clock").fetchall())
        assert floor_ms == 0

    @pytest.mark.parametrize("state", [ClockState.UNSURE, ClockState.RTC])
    @pytest.mark.parametrize("off_s", [-3600, -60, 60, 3600])
    async def test_an_answered_challenge_is_of_this_moment_whatever_both_clocks_say(self, town, state, off_s):
        shown, other = b"eightbyt", b"anothers"
        town.clock.state = state

        told = await town.decider().decide(town.show(town.phones.code(at_s=NOW_S + off_s), challenges=(shown,)))
        copied = town.phones.code(2, at_s=NOW_S + off_s, challenge=other)
        wrong = await town.decider().decide(town.show(copied, challenges=(shown,)))
        answered = town.phones.code(3, at_s=NOW_S + off_s, challenge=shown)
        given = await town.decider().decide(town.show(answered, challenges=(other, shown)))

        assert told.decision.outcome is not Outcome.GRANT
        assert wrong.decision.reasons == (Reason.NEEDS_CHALLENGE,)
        assert given.decision.outcome is Outcome.GRANT

    async def test_a_trusted_clock_lets_no_answered_challenge_be_old(self, town):
        late = town.phones.code(at_s=NOW_S - 60, challenge=b"eightbyt")

        answer = await town.decider().decide(town.show(late, challenges=(b"eightbyt",)))

        assert answer.decision.reasons == (Reason.STALE_CODE,)


class TestSales:
    async def test_two_sales_to_one_phone_are_two_sales(self, town):
        decider, code = town.decider(), town.phones.code()

        first = await decider.decide(town.show(code, "T", asked("till-1"), intent=Intent.BUY, amount_fen=1000))
        other = await decider.decide(town.show(code, "T", asked("till-2"), intent=Intent.BUY, amount_fen=1000))
        fresh = await decider.decide(town.show(None, "T", asked("till-3"), intent=Intent.BUY, amount_fen=1000))

        assert first.decision.outcome is Outcome.GRANT
        assert other.decision.reasons == (Reason.LIMIT_USED,)
        assert (fresh.decision.outcome, fresh.repeat) == (Outcome.GRANT, False)

    async def test_the_counters_own_reader_that_sees_a_code_twice_sells_once(self, town):
        decider, code = town.decider(), town.phones.code()

        first = await decider.decide(town.show(code, "T", intent=Intent.BUY, amount_fen=1000))
        town.clock.at_ms += 4_000
        again = await decider.decide(town.show(code, "T", intent=Intent.BUY, amount_fen=1000))

        assert (again.repeat, again.redemption) == (True, first.redemption)
        assert len(await town.facts(*GRANTING)) == 1


async def test_a_code_is_remembered_for_a_day_not_for_a_moment(town):
    """Whoever photographs a code and shows it an hour later, with the phone's clock turned back, gets nothing by it."""
    code = town.phones.code(at_s=NOW_S + 20)
    decider = town.decider()
    town.clock.at_ms += 20_000
    first = await decider.decide(town.show(code, "T", asked("till-1"), intent=Intent.BUY, amount_fen=1000))
    await decider.decide(town.show(town.phones.code(2), lane="A"))  # a grant lets go what is over
    town.clock.at_ms += 20_000
    await decider.decide(town.show(town.phones.code(3, at_s=NOW_S + 40), lane="A"))

    again = await decider.decide(town.show(code, "T", asked("till-2"), intent=Intent.BUY, amount_fen=1000))

    assert first.decision.outcome is Outcome.GRANT
    assert again.decision.reasons == (Reason.LIMIT_USED,)


async def test_a_bound_that_the_program_forgot_is_held_by_the_store_and_answered(town):
    blind = Slow(0, Permit(claim=ClaimWord.HELD, known=Known(instead=True)))  # somebody says that nothing is used
    await town.decider().decide(town.show())
    town.clock.at_ms += 20_000

    held = await town.decider(blind).decide(town.show(town.phones.code(at_s=NOW_S + 20)))

    assert held.decision.reasons == (Reason.STORE_FAILED,)
    assert len(await town.facts(*GRANTING)) == 1


class TestAhead:
    async def test_a_fast_phone_is_let_in_where_everybody_was_asked_and_shown_the_challenge_where_nobody_was(
        self, town
    ):
        code, later = town.phones.code(at_s=NOW_S + 20), town.phones.code(2, at_s=NOW_S + 20)

        alone = await town.decider().decide(town.show(code))
        asked_for = await town.decider(Slow(0, Permit(claim=ClaimWord.HELD))).decide(town.show(later))

        assert (alone.decision.outcome, alone.decision.reasons) == (Outcome.REFER, (Reason.NEEDS_CHALLENGE,))
        assert asked_for.decision.outcome is Outcome.GRANT


class TestLittleRoom:
    """The patrol measures the disk; what it says is acted upon before the disk is full."""

    @pytest.fixture
    def left(self, town, monkeypatch):
        def mib(free):
            monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=free * MIB))
            town.bounds.disk.look()

        return mib

    async def test_with_little_room_refusals_are_counted_and_grants_go_on(self, town, left):
        decider = town.decider()
        left(199)
        granted = await decider.decide(town.show())
        town.clock.at_ms += 20_000  # grace is over
        refused = [await decider.decide(town.show(town.phones.code(at_s=NOW_S + 20))) for _ in range(3)]
        town.clock.at_ms += 60_000
        await town.store.write(pieces(town.clock.now())[1][0])

        assert granted.decision.outcome is Outcome.GRANT
        assert {one.decision.reasons for one in refused} == {(Reason.LIMIT_USED,)}
        [(_, body)] = await town.facts("not_granted")
        assert (body["lane"], body["refused"]) == ("A", {"limit_used": 3})

    async def test_with_room_again_each_refusal_is_a_fact_again(self, town, left):
        decider = town.decider()
        left(199)
        await decider.decide(town.show())
        left(300)
        town.clock.at_ms += 20_000  # grace is over

        await decider.decide(town.show(town.phones.code(at_s=NOW_S + 20)))

        [(_, body)] = await town.facts("not_granted")
        assert body["reasons"] == ["limit_used"]

    async def test_all_but_full_nothing_is_given_and_nothing_new_is_written(self, town, left):
        decider = town.decider()
        left(19)

        entering = await decider.decide(town.show())
        quoted = await decider.decide(town.show(lane="T", intent=Intent.QUOTE, amount_fen=1000))
        refused = await decider.decide(town.show(intent=Intent.OPEN))

        assert (entering.decision.outcome, entering.decision.reasons) == (Outcome.REFER, (Reason.STORE_FAILED,))
        assert not entering.open_gate
        assert entering.decision.findings[0].facts == {"disk": "last"}
        assert quoted.decision.reasons == (Reason.STORE_FAILED,)
        assert refused.decision.reasons == (Reason.WRONG_SITE,)  # what would be refused anyway says why
        assert await town.facts() == []

    async def test_all_but_full_grace_exits_and_bringing_back_go_on(self, town, left):
        decider, code = town.decider(), town.phones.code()
        entered = await decider.decide(town.show(code))
        lent = await decider.decide(town.show(lane="S", intent=Intent.LEND, asset="U1"))
        left(19)

        again = await decider.decide(town.show(code))
        back = await decider.decide(town.show(lane="S", intent=Intent.GIVE_BACK))
        leaving = await decider.decide(town.show(intent=Intent.EXIT))

        assert (again.decision.outcome, again.redemption) == (Outcome.GRANT, entered.redemption)
        assert (back.decision.outcome, back.redemption) == (Outcome.GRANT, lent.redemption)
        assert leaving.open_gate
        assert [kind for kind, _ in await town.facts()] == ["granted", "opened", "closed", "exited"]

    async def test_whoever_asks_beyond_this_terminal_is_told_that_nothing_was_taken(self, town, left):
        beyond = Slow(0, Permit(claim=ClaimWord.HELD, redemption="claimed-1", keys=frozenset({KEY})))
        left(19)

        await town.decider(beyond).decide(town.show())

        assert beyond.heard == [(beyond.given, None)]


class TestProof:
    """A grant keeps what the phone showed, and its fact bears the SHA-256 of it (illness.md 11)."""

    HELD = "SELECT redemption, seq, shown FROM proofs"

    async def held(self, town):
        return await town.store.read(lambda conn: conn.execute(self.HELD).fetchall())

    async def test_a_granted_fact_bears_the_hash_of_what_was_shown_and_the_bytes_stand_beside(self, town):
        text = town.phones.code()
        answer = await town.decider().decide(town.show(text))

        shown = bytes_of(text)
        [(_kind, body)] = await town.facts("granted")
        assert body["proof"] == hashlib.sha256(shown).hexdigest()
        assert await self.held(town) == [(answer.redemption, answer.journal_seq, shown)]
        assert len(shown) <= 397

    async def test_who_is_not_granted_leaves_no_proof(self, town):
        decider, holder = town.decider(), town.phones
        await decider.decide(town.show(holder.code()))
        town.clock.at_ms += 60_000
        await decider.decide(town.show(holder.code(at_s=NOW_S + 60)))

        assert [kind for kind, _body in await town.facts("granted", "not_granted")] == ["granted", "not_granted"]
        assert len(await self.held(town)) == 1

    async def test_a_lending_keeps_one_as_well(self, town):
        await town.decider().decide(town.show(lane="S", intent=Intent.LEND, asset="u1"))

        [(_kind, body)] = await town.facts("opened")
        assert body["proof"] == hashlib.sha256((await self.held(town))[0][2]).hexdigest()


class TestDenial:
    """What a denial rests on stands in its fact, so that whoever was wronged is found again (contract.md §10)."""

    @pytest.fixture
    def listed(self, town):
        codes = {
            ("wulong", 302): MeasureCode(code=302, effect=Effect.RESTRICT, title={"zh": "限制入园"}),
            ("wulong", 303): MeasureCode(code=303, effect=Effect.WITHHOLD, title={"zh": "停止优惠"}),
        }
        town.lists.policy = Policy.compile(benefits=parse_benefits(BENEFITS), codes=codes)

        def entries(*found):
            town.lists.measures = lambda _issuer, _subject: found

        return entries

    async def test_it_names_the_entries_that_barred_and_the_versions_of_the_lists(self, town, listed):
        barring = MeasureEntry(issuer="wulong", code=302, entry="ab" * 8)
        listed(barring, MeasureEntry(issuer="wulong", code=303, entry="cd" * 8))

        answer = await town.decider().decide(town.show())

        assert answer.decision.reasons == (Reason.RESTRICTED,)
        ((_kind, body),) = await town.facts("not_granted")
        assert body["measures"] == [{"code": 302, "entry": "ab" * 8}]
        assert body["lists"] == {"lists.wulong": 7}

    async def test_it_names_those_that_withheld_and_none_that_is_disputed_or_over(self, town, listed):
        listed(
            MeasureEntry(issuer="wulong", code=303, entry="cd" * 8),
            MeasureEntry(issuer="wulong", code=303, state=EntryState.DISPUTED, entry="ef" * 8),
            MeasureEntry(issuer="wulong", code=303, until_day=date(2020, 1, 1), entry="00" * 8),
        )

        answer = await town.decider().decide(town.show())

        assert answer.decision.reasons == (Reason.WITHHELD,)
        ((_kind, body),) = await town.facts("not_granted")
        assert body["measures"] == [{"code": 303, "entry": "cd" * 8}]

    async def test_one_that_rests_on_no_measure_names_the_lists_alone(self, town):
        stale = await town.decider().decide(town.show(lane="S", intent=Intent.LEND))

        assert stale.decision.outcome is Outcome.STANDARD
        ((_kind, body),) = await town.facts("not_granted")
        assert (body["lists"], "measures" in body) == ({"lists.wulong": 7}, False)
        assert problem({"kind": "not_granted", "redemption": None, "body": body}) == ""


class TestAskedAgainAfterARestart:
    """The look for an earlier answer is part of the very transaction that would give one."""

    async def test_the_same_request_is_given_the_same_answer_and_nothing_is_written(self, town):
        shown = town.show(asking=asked("till-1"))
        first = await town.decider().decide(shown)
        written = await town.facts()

        again = await town.decider().decide(shown)

        assert again.before.redemption == first.redemption == again.redemption
        assert json.loads(again.before.answer) == first.to_json()
        assert (again.repeat, again.open_gate) == (True, True)  # the gate did not move for it yet
        assert await town.facts() == written

    async def test_another_request_under_its_id_is_a_mistake_and_keeps_no_place(self, town):
        await town.decider().decide(town.show(asking=asked("till-1")))
        beyond = Slow(0, Permit(claim=ClaimWord.HELD, redemption="r-2", hub_no=1))

        with pytest.raises(OtherRequestError):
            await town.decider(beyond).decide(town.show(town.phones.code(2), asking=Asking("till-1", b"\x02" * 32)))

        assert [redemption for _, redemption in beyond.heard] == [None]

    async def test_a_code_that_has_died_meanwhile_is_answered_as_it_was(self, town):
        shown = town.show(asking=asked("till-1"))
        first = await town.decider().decide(shown)
        town.clock.at_ms += 600_000

        again = await town.decider().decide(replace(shown, arrived=time.monotonic()))

        assert again.before.redemption == first.redemption
        assert again.open_gate is False  # whoever it was for is not waiting any more


async def test_visitors_of_one_lane_are_committed_together(tmp_path):
    held, free, points, many = threading.Event(), threading.Event(), [], 12

    def hold(_conn):
        held.set()
        free.wait(10)

    async with Store(tmp_path / "grouped.db", reached=points.append) as store:
        await store.write(lambda conn: begin_epoch(conn, epoch="e", terminal="gate1", reason="test"))
        town = Town(store)
        decider = town.decider()
        points.clear()
        holding = asyncio.create_task(store.write(hold))
        await asyncio.to_thread(held.wait, 10)
        codes = [town.phones.code(holder) for holder in range(1, many + 1)]
        shown = [asyncio.create_task(decider.decide(town.show(code))) for code in codes]
        async with asyncio.timeout(10):
            while store._jobs._arrived.qsize() < many:
                await asyncio.sleep(0.001)
        free.set()
        answers = await asyncio.gather(*shown)
        await holding

    assert {answer.decision.outcome for answer in answers} == {Outcome.GRANT}
    assert points.count("after-commit") == 2  # whoever held the store, and all the visitors


async def test_who_asks_again_after_a_restart_hears_the_very_bytes(town):
    lent = {"lane": "S", "intent": Intent.LEND, "asset": "u1", "asking": asked("till-1")}
    first = await town.decider().decide(town.show(**lent))

    again = await town.decider().decide(town.show(**lent))

    assert again.before.answer == kept(first.to_json()).decode()
