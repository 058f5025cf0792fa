"""Invented, repeated, cloned and after-revocation grants settle nothing and are named (findings of an attack)."""

import pytest

from central.books.arriving.told import conflicts_of
from central.books.rebuilding import rebuild
from central.books.reports import findings, terminals
from central.proofs.keeping import RETAIN_MS, drop_old
from central.proofs.opening import GIVE_UP_MS
from central.register.standing import set_state
from tests.proofs.grants import BOUNDS, NOW_MS, Gate, Phone


async def honest(platform, gate="gate-a", *phones):
    """Grants with their proofs, taken in and judged."""
    gate = Gate(gate)
    proofs = dict([gate.grants(phone, f"r{phone.token_id[-1]}") for phone in phones])
    await platform.takes(gate.batch(proofs=proofs))
    await platform.judges()
    return gate


async def named(platform):
    return {(one["kind"], one["terminal"], one["seq"]) for one in await platform.books.read(findings)}


async def doubts_about(platform, terminal):
    found = next(one for one in await platform.books.read(terminals) if one["terminal"] == terminal)
    return {name: found[name] for name in ("unproved", "disproved", "apart", "excess")}


class TestHonest:
    async def test_what_a_phone_proved_settles(self, platform):
        await honest(platform, "gate-a", Phone(1), Phone(2))

        assert await platform.verdict("r1", "gate-a") == ("proved", "shown", 1, "")
        assert await platform.sums() == (2, 2, 6000)
        assert await named(platform) == set()

    async def test_nothing_settles_before_its_proof_is_here_and_it_does_when_it_comes_alone(self, platform):
        gate = Gate("gate-a")
        proofs = dict([gate.grants(Phone(), "r1")])
        await platform.takes(gate.batch())
        await platform.judges()
        assert await platform.sums() == (1, 0, 0)

        answer = await platform.takes(gate.batch(first=2, proofs=proofs))
        await platform.judges()

        assert answer.receipt is None
        assert await platform.sums() == (1, 1, 3000)

    async def test_bytes_that_never_come_are_unproved_after_a_day_and_count_when_they_come_after_all(self, platform):
        gate = Gate("gate-a")
        proofs = dict([gate.grants(Phone(), "r1")])
        await platform.takes(gate.batch())
        platform.now_ms += GIVE_UP_MS
        await platform.judges()
        assert await platform.verdict("r1", "gate-a") == ("unproved", "no_proof", 0, "")
        assert (await doubts_about(platform, "gate-a"))["unproved"] == 1

        await platform.takes(gate.batch(first=2, proofs=proofs))
        await platform.judges()

        assert await platform.verdict("r1", "gate-a") == ("proved", "shown", 1, "")
        assert (await doubts_about(platform, "gate-a"))["unproved"] == 0

    async def test_undone_settles_no_more_and_passed_after_all_settles_again(self, platform):
        gate = await honest(platform, "gate-a", Phone())
        gate.writes("annulled", {"step": "annulled"}, "r1")
        await platform.takes(gate.batch(first=2))
        await platform.judges()
        assert await platform.sums() == (1, 0, 0)

        gate.writes("passed", {"step": "passed"}, "r1")
        await platform.takes(gate.batch(first=3))
        await platform.judges()

        assert await platform.sums() == (1, 1, 3000)

    async def test_an_annulled_grant_leaves_its_code_to_the_next(self, platform):
        gate = Gate("gate-a")
        phone = Phone()
        first = gate.grants(phone, "r1")
        gate.writes("annulled", {"step": "annulled"}, "r1")
        again = gate.grants(phone, "r2", shown=first[1])
        await platform.takes(gate.batch(proofs=dict([first, again])))
        await platform.judges()

        assert (await platform.verdict("r2", "gate-a"))[:3] == ("proved", "shown", 1)
        assert await platform.sums() == (2, 1, 3000)

    async def test_bytes_are_deleted_ninety_days_after_their_verdict_and_the_verdict_stays(self, platform):
        await honest(platform, "gate-a", Phone())
        count = "SELECT count(*) FROM proofs"
        for later_ms, left in ((RETAIN_MS - 1, 1), (RETAIN_MS, 0)):
            await platform.books.write(lambda tx, at=NOW_MS + later_ms: drop_old(tx, now_ms=at))
            assert (await platform.books.read(lambda tx: tx.row(count)))[0] == left

        await platform.judges()

        assert await platform.sums() == (1, 1, 3000)


class TestInvented:
    async def test_a_hundred_grants_of_nobody_settle_nothing_and_the_terminal_is_named(self, platform):
        await honest(platform, "gate-a", Phone(1))
        forger = Gate("gate-b")
        for number in range(2, 102):
            forger.writes("granted", Phone(number).fact(None, nonce="00" * 8), f"f{number}")
        await platform.takes(forger.batch())
        await platform.judges()

        assert await platform.sums() == (101, 1, 3000)
        assert (await doubts_about(platform, "gate-b"))["unproved"] == 100
        assert (await doubts_about(platform, "gate-a"))["unproved"] == 0

    async def test_a_proof_of_somebody_else_s_grant_proves_none_of_one_s_own(self, platform):
        await honest(platform, "gate-a", Phone(1))
        phone, forger = Phone(1), Gate("gate-b")
        shown = phone.shows()
        copied = forger.grants(phone, "f1", shown=shown)
        await platform.takes(forger.batch(proofs=dict([copied])))
        await platform.judges()

        assert await platform.verdict("f1", "gate-b") == ("disproved", "shown_for_another", 0, "")
        assert await platform.verdict("r1", "gate-a") == ("proved", "shown", 1, "")
        assert ("disproved", "gate-b", 1) in await named(platform)
        assert await platform.sums() == (2, 1, 3000)

    async def test_bytes_that_the_fact_does_not_bear_are_a_finding(self, platform):
        gate = Gate("gate-a")
        named_here, _shown = gate.grants(Phone(1), "r1")
        await platform.takes(gate.batch(proofs={named_here: Phone(2).shows(), "r9": b"x"}))
        await platform.judges()

        assert (await platform.verdict("r1", "gate-a"))[2] == 0
        assert ("foreign_proof", "gate-a", 1) in await named(platform)
        assert await platform.orphans() == [("r9", "gate-a")]

    async def test_a_grant_that_keeps_silent_about_its_limit_is_unproved(self, platform):
        gate = Gate("gate-a")
        silent = gate.grants(Phone(1), "r1", uses=[])
        await platform.takes(gate.batch(proofs=dict([silent])))
        await platform.judges()

        assert await platform.verdict("r1", "gate-a") == ("unproved", "uses_missing", 0, "")


class TestRepeated:
    @pytest.mark.parametrize("said", [1, 9007199254740991], ids=["own bound", "a bound of its own making"])
    async def test_twice_on_one_terminal_settles_once_and_is_a_conflict(self, platform, said):
        phone, gate = Phone(1), Gate("gate-a")
        key = phone.fact(None)["uses"][0]["key"]
        uses = [{"key": key, "n": 1, "max": said}]
        proofs = dict([gate.grants(phone, "r1", uses=uses), gate.grants(phone, "r2", uses=uses)])
        await platform.takes(gate.batch(proofs=proofs))
        await platform.judges()

        assert await platform.sums() == (2, 1, 3000)
        assert ("over_bound", "gate-a", 2) in await named(platform)
        assert [one.seq for one in await platform.books.read(lambda tx: conflicts_of(tx, "gate-a"))] == [1, 2]

    async def test_a_stolen_terminal_takes_nothing_from_what_an_honest_one_proved(self, platform):
        """It names the honest holder's key with a bound of 0: findings at the platform, nothing at the honest one."""
        await honest(platform, "gate-a", Phone(1))
        key = Phone(1).fact(None)["uses"][0]["key"]
        thief = Gate("gate-b")
        for number in range(3):
            thief.writes("granted", Phone(9).fact(None, uses=[{"key": key, "n": 1, "max": 0}]), f"f{number}")
        await platform.takes(thief.batch())
        await platform.judges()

        assert await platform.verdict("r1", "gate-a") == ("proved", "shown", 1, "")
        assert (await platform.sums())[1:] == (1, 3000)

    async def test_a_give_back_that_explains_the_overrun_lets_the_second_settle(self, platform):
        """Granted at A, granted at B; then A's annulment is heard, of before B's grant."""
        a, b, phone = Gate("gate-a"), Gate("gate-b"), Phone(1)
        first = a.grants(phone, "r1")
        second = b.grants(phone, "r2", at_ms=NOW_MS + 5000, shown=phone.shows())
        await platform.takes(a.batch(proofs=dict([first])))
        await platform.takes(b.batch(proofs=dict([second])))
        await platform.judges()
        assert await platform.sums() == (2, 1, 3000)

        a.writes("annulled", {"step": "annulled"}, "r1", NOW_MS + 1000)
        await platform.takes(a.batch(first=2))
        await platform.judges()

        assert await platform.verdict("r2", "gate-b") == ("proved", "shown", 1, "")
        assert await platform.sums() == (2, 1, 3000)


class TestCloned:
    async def test_two_machines_of_one_identity_settle_what_one_could(self, platform):
        phones = [Phone(number) for number in range(1, 6)]
        one, other = Gate("gate-a", "e1"), Gate("gate-a", "e2")
        for machine, name in ((one, "a"), (other, "b")):
            proofs = dict([machine.grants(phone, f"{name}{phone.token_id[-1]}") for phone in phones])
            await platform.takes(machine.batch(proofs=proofs))
        await platform.judges()

        assert await platform.sums() == (10, 5, 15000)
        doubts = await doubts_about(platform, "gate-a")
        assert (doubts["excess"], doubts["apart"]) == (0, 5)  # the second is nobody's


class TestForeignEpoch:
    """A new epoch that is neither ordered nor declared is a finding, and its grants stand apart (illness.md 4)."""

    async def test_what_an_epoch_of_nobody_grants_stands_apart_also_after_the_books_were_made_again(self, platform):
        await honest(platform, "gate-a", Phone(1))
        other = Gate("gate-a", "e2")
        await platform.takes(other.batch(proofs=dict([other.grants(Phone(2), "r2")])))
        await platform.judges()
        first = await platform.verdict("r2", "gate-a")

        await platform.books.write(lambda tx: rebuild(tx, BOUNDS))
        await platform.judges()

        assert first == ("proved", "shown", 0, "foreign_epoch")
        assert (await platform.verdict("r2", "gate-a"))[2:] == (0, "foreign_epoch")
        assert (await platform.verdict("r1", "gate-a"))[2:] == (1, "")

    async def test_one_that_names_what_we_hold_settles_as_before_and_a_late_word_frees_what_comes_after(self, platform):
        gate = await honest(platform, "gate-a", Phone(1))
        head = {"epoch": "e1", "seq": len(gate.heads), "hash": gate.heads[-1].hex()}
        told, late = Gate("gate-a", "e2"), Gate("gate-a", "e3")
        told.writes("note", {"declares": "e2", "heads": [head], "clock": "trusted"})
        await platform.takes(told.batch(proofs=dict([told.grants(Phone(2), "r2")])))
        await platform.takes(late.batch(proofs=dict([late.grants(Phone(3), "r3")])))
        late.writes("note", {"declares": "e3", "heads": [head], "clock": "trusted"})
        later = late.grants(Phone(4), "r4")
        await platform.takes(late.batch(first=2, proofs=dict([later])))
        await platform.judges()

        standing = [(await platform.verdict(f"r{n}", "gate-a"))[2:] for n in (2, 3, 4)]
        assert standing == [(1, ""), (0, "foreign_epoch"), (1, "")]


class TestAfterSuspension:
    async def ordered(self, platform, action):
        return await platform.books.write(lambda tx: set_state(tx, "gate-a", action, reason="", now_ms=platform.now_ms))

    async def test_what_is_granted_after_an_obeyed_suspension_stands_apart(self, platform):
        gate = await honest(platform, "gate-a", Phone(1))
        number = await self.ordered(platform, "revoke")
        gate.writes("suspended", {"order": number, "action": "revoke"})
        later = gate.grants(Phone(2), "r2")
        await platform.takes(gate.batch(first=2, proofs=dict([later])))
        await platform.judges()

        assert await platform.verdict("r2", "gate-a") == ("proved", "shown", 0, "suspended")
        assert await platform.sums() == (2, 1, 3000)
        assert ("apart", "gate-a", 3) in await named(platform)
        assert (await doubts_about(platform, "gate-a"))["apart"] == 1

    async def test_after_it_was_resumed_grants_settle_again(self, platform):
        gate = await honest(platform, "gate-a", Phone(1))
        for action, phone in (("suspend", Phone(2)), ("resume", Phone(3))):
            number = await self.ordered(platform, action)
            gate.writes("suspended", {"order": number, "action": action})
            first = len(gate.records)
            later = gate.grants(phone, f"r{phone.token_id[-1]}")
            await platform.takes(gate.batch(first=first, proofs=dict([later])))
        await platform.judges()

        assert [(await platform.verdict(f"r{n}", "gate-a"))[2:] for n in (1, 2, 3)] == [
            (1, ""),
            (0, "suspended"),
            (1, ""),
        ]

    async def test_a_resume_that_the_platform_never_ordered_resumes_nothing(self, platform):
        gate = Gate("gate-a")
        number = await self.ordered(platform, "suspend")
        gate.writes("suspended", {"order": number, "action": "suspend"})
        gate.writes("suspended", {"order": number + 1, "action": "resume"})
        later = gate.grants(Phone(1), "r1")
        await platform.takes(gate.batch(proofs=dict([later])))
        await platform.judges()

        assert (await platform.verdict("r1", "gate-a"))[2:] == (0, "suspended")
