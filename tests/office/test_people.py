"""Accounts, duties, log-in, sessions, tokens, and the office journal, on both engines."""

import pytest

from central.register.accounts import operators, sessions
from central.register.accounts.acts import Act, ActsBrokenError, RepeatedError, append, newest, verify
from central.register.accounts.duties import RIGHTS, Duty, ForbiddenError, Person, Role
from central.register.accounts.operators import OperatorError, read_duty
from central.register.accounts.passwords import WeakPasswordError, hashed, holds

NOW = 1_790_000_000_000
MINUTE = 60_000
CLERK = Duty("wulong", Role.CLERK, "武隆文旅委")


async def enter(books, name="li", duties=(CLERK,), kept="kept"):
    await books.write(lambda tx: operators.add(tx, name, title="李", password=kept, duties=duties, now_ms=NOW))


def somebody(*duties, scope=None):
    return Person(operator="li", title="李", duties=duties, via="page", scope=scope)


class TestDuties:
    @pytest.mark.parametrize("act", RIGHTS)
    @pytest.mark.parametrize("role", Role)
    def test_nobody_may_do_anything_for_another_city_or_what_another_authority_decided(self, act, role):
        person = somebody(Duty("wulong", role, "甲"))
        own = role in RIGHTS[act].roles

        assert person.may(act, "wulong", "甲") == own
        assert not person.may(act, "other", "甲")
        assert person.may(act, "wulong", "乙") == (own and not RIGHTS[act].authority)
        assert person.may(act, "wulong", "") == (own and not RIGHTS[act].authority)

    @pytest.mark.parametrize("act", [act for act, right in RIGHTS.items() if right.authority])
    def test_a_duty_without_an_authority_reaches_no_measure(self, act):
        everything = somebody(*(Duty("wulong", role) for role in Role))

        assert not any(everything.may(act, "wulong", authority) for authority in ("", "甲"))

    def test_an_auditor_changes_nothing(self):
        assert {act for act, right in RIGHTS.items() if Role.AUDITOR in right.roles} == {
            "read",
            "settlement.read",
            "acts.read",
            "names.read",
        }

    def test_who_proposes_a_measure_is_of_another_role_than_who_approves_it(self):
        for kind in ("measure", "repair"):
            assert not RIGHTS[f"{kind}.propose"].roles & RIGHTS[f"{kind}.approve"].roles

    def test_a_token_narrows_and_never_widens(self):
        person = somebody(CLERK, scope=frozenset({"read", "rules.approve"}))

        assert person.may("read", "wulong")
        assert not person.may("rules.approve", "wulong")
        assert not person.may("measure.propose", "wulong", CLERK.authority)

    def test_the_refusal_names_the_duty_that_is_missing(self):
        with pytest.raises(ForbiddenError, match=r"wulong · 乙.*复核.*checker"):
            somebody(CLERK).check("measure.approve", "wulong", "乙")

    @pytest.mark.parametrize("text", ["", "wulong", "wulong:king", "wulong:Clerk"])
    def test_a_duty_that_is_none_is_refused(self, text):
        with pytest.raises(OperatorError, match="CITY:ROLE"):
            read_duty(text)


class TestPasswords:
    def test_a_password_holds_and_another_does_not_and_nobody_s_never_does(self):
        kept = hashed("马到成功 2026 go")

        assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert holds("马到成功 2026 go", kept)
        assert not holds("马到成功 2026 g", kept)
        assert not holds("", None)

    @pytest.mark.parametrize("password", ["", "short", "a" * 40, "abab" * 10, "x" * 201, "0123456789" * 21])
    def test_what_is_guessed_at_once_is_refused(self, password):
        with pytest.raises(WeakPasswordError, match="10"):
            hashed(password)


class TestLogIn:
    async def tries(self, books, many, device=None):
        for _ in range(many):
            await books.write(lambda tx: sessions.wrong(tx, "li", device, now_ms=NOW))
        return await books.read(lambda tx: sessions.trying(tx, "li", None, now_ms=NOW))

    async def test_five_wrong_tries_wait_and_each_more_waits_longer_and_the_right_one_forgives(self, books):
        await enter(books)

        assert (await self.tries(books, 4)).wait_ms == 0
        assert (await self.tries(books, 1)).wait_ms == 30_000
        assert (await self.tries(books, 1)).wait_ms == 60_000
        assert (await self.tries(books, 20)).wait_ms == 15 * MINUTE
        await books.write(lambda tx: sessions.begin(tx, "li", "s", "d", now_ms=NOW))
        assert (await books.read(lambda tx: sessions.trying(tx, "li", None, now_ms=NOW))).wait_ms == 0

    async def test_whoever_guesses_from_elsewhere_does_not_lock_the_person_out_at_their_own_desk(self, books):
        await enter(books)
        await books.write(lambda tx: sessions.begin(tx, "li", "s", "own-desk", now_ms=NOW))

        elsewhere = await self.tries(books, 30)
        here = await books.read(lambda tx: sessions.trying(tx, "li", "own-desk", now_ms=NOW))

        assert (elsewhere.wait_ms > 0, elsewhere.known_device) == (True, False)
        assert (here.wait_ms, here.known_device, here.kept) == (0, True, "kept")

    async def test_a_stolen_device_mark_has_its_own_count(self, books):
        await enter(books)
        await books.write(lambda tx: sessions.begin(tx, "li", "s", "own-desk", now_ms=NOW))
        for _ in range(5):
            await books.write(lambda tx: sessions.wrong(tx, "li", "own-desk", now_ms=NOW))

        here = await books.read(lambda tx: sessions.trying(tx, "li", "own-desk", now_ms=NOW))
        elsewhere = await books.read(lambda tx: sessions.trying(tx, "li", None, now_ms=NOW))

        assert (here.wait_ms, elsewhere.wait_ms) == (30_000, 0)

    async def test_an_unknown_account_is_told_nothing_else_than_a_wrong_password(self, books):
        tried = await books.read(lambda tx: sessions.trying(tx, "nobody", None, now_ms=NOW))

        assert tried == sessions.Tried(None, 0, known_device=False)

    async def test_a_wrong_password_writes_a_row_whether_the_account_is_there_or_not(self, books):
        """A row to disk takes longer than none: the time of an answer would tell which accounts there are."""
        await enter(books)

        for at_ms in (NOW, NOW + 1):
            await books.write(lambda tx, at_ms=at_ms: sessions.wrong(tx, "nobody", None, now_ms=at_ms))
            noted = await books.read(lambda tx: tx.rows("SELECT value FROM marks WHERE name = 'unknown account'"))
            assert [tuple(row) for row in noted] == [(str(at_ms),)]

    async def test_a_session_ends_when_idle_when_old_and_when_it_is_ended(self, books):
        await enter(books)
        await books.write(lambda tx: sessions.begin(tx, "li", "s", "d", now_ms=NOW))

        async def alive(at_ms):
            return await books.read(lambda tx: sessions.found(tx, "s", now_ms=at_ms)) is not None

        assert await alive(NOW + 30 * MINUTE)
        assert not await alive(NOW + 31 * MINUTE)
        for half_hour in range(1, 25):
            at_ms = NOW + half_hour * 29 * MINUTE
            await books.write(lambda tx, at_ms=at_ms: sessions.touch(tx, "s", now_ms=at_ms))
        assert await alive(at_ms)
        await books.write(lambda tx: sessions.touch(tx, "s", now_ms=NOW + 12 * 60 * MINUTE + 1))
        assert not await alive(NOW + 12 * 60 * MINUTE + 1)
        await books.write(lambda tx: sessions.touch(tx, "s", now_ms=NOW))
        await books.write(lambda tx: sessions.end(tx, "s"))
        assert not await alive(NOW)

    @pytest.mark.parametrize("what", ["lock", "password"])
    async def test_a_locked_account_or_a_new_password_ends_every_session(self, books, what):
        await enter(books)
        await books.write(lambda tx: sessions.begin(tx, "li", "s", "d", now_ms=NOW))
        if what == "lock":
            await books.write(lambda tx: operators.lock(tx, "li", now_ms=NOW))
        else:
            await books.write(lambda tx: operators.set_password(tx, "li", "other"))

        assert await books.read(lambda tx: sessions.found(tx, "s", now_ms=NOW)) is None
        assert (await books.read(lambda tx: sessions.trying(tx, "li", None, now_ms=NOW))).kept == (
            None if what == "lock" else "other"
        )

    async def test_secrets_are_not_in_the_database(self, books):
        await enter(books)
        await books.write(lambda tx: sessions.begin(tx, "li", "secret-session", "secret-device", now_ms=NOW))

        kept = await books.read(lambda tx: tx.rows("SELECT session FROM sessions UNION ALL SELECT device FROM devices"))

        assert len(kept) == 2
        assert not any(b"secret" in bytes(row[0]) for row in kept)


class TestTokens:
    async def make(self, books, scope=("read",), until_ms=NOW + MINUTE):
        return await books.write(
            lambda tx: sessions.make_token(
                tx, "li", "secret", title="mini", scope=frozenset(scope), until_ms=until_ms, now_ms=NOW
            )
        )

    async def test_a_token_is_its_person_within_its_scope_until_it_ends(self, books):
        await enter(books)
        token = await self.make(books)

        person = await books.read(lambda tx: sessions.of_token(tx, "secret", now_ms=NOW))

        assert (person.operator, person.via, person.scope) == ("li", f"token:{token}", {"read"})
        assert await books.read(lambda tx: sessions.of_token(tx, "secret", now_ms=NOW + MINUTE)) is None
        assert await books.read(lambda tx: sessions.of_token(tx, "other", now_ms=NOW)) is None

    async def test_a_revoked_token_and_one_of_a_locked_account_are_nobody(self, books):
        await enter(books)
        token = await self.make(books)
        await books.write(lambda tx: sessions.revoke_token(tx, "li", token, now_ms=NOW))

        assert await books.read(lambda tx: sessions.of_token(tx, "secret", now_ms=NOW)) is None

    @pytest.mark.parametrize(
        ("scope", "until_ms"),
        [((), NOW + 1), (("king",), NOW + 1), (("read",), NOW), (("read",), NOW + 400 * 86_400_000)],
    )
    async def test_a_token_for_anything_or_for_ever_is_refused(self, books, scope, until_ms):
        await enter(books)

        with pytest.raises(OperatorError):
            await self.make(books, scope, until_ms)


class TestActs:
    async def write(self, books, **said):
        act = Act(act="rules.approve", city="wulong", **said)
        return await books.write(lambda tx: append(tx, somebody(CLERK), act, now_ms=NOW))

    async def test_acts_are_numbered_and_hold_together(self, books):
        for why in ("a", "b", "c"):
            await self.write(books, why=why, before={"off": 10}, after={"off": 90})

        held = await books.read(verify)
        told = await books.read(newest)

        assert (held.number, [one.why for one in told]) == (3, ["c", "b", "a"])
        assert (told[0].before, told[0].after) == ('{"off":10}', '{"off":90}')

    @pytest.mark.parametrize(
        "attack",
        [
            "UPDATE acts SET why = 'x' WHERE number = 2",
            "UPDATE acts SET operator = 'x' WHERE number = 3",
            "DELETE FROM acts WHERE number = 2",
            "DELETE FROM acts WHERE number = 3",
            "UPDATE acts SET hash = (SELECT hash FROM acts WHERE number = 1) WHERE number = 2",
            "UPDATE act_head SET number = 2",
        ],
    )
    async def test_whatever_is_changed_afterwards_shows(self, books, attack):
        for why in ("a", "b", "c"):
            await self.write(books, why=why)
        await books.write(lambda tx: tx.execute(attack))

        with pytest.raises(ActsBrokenError):
            await books.read(verify)

    async def test_an_end_that_was_cut_off_with_its_head_shows_against_a_head_written_down(self, books):
        for why in ("a", "b"):
            await self.write(books, why=why)
        written_down = (await books.read(verify)).head
        await books.write(lambda tx: tx.execute("DELETE FROM acts WHERE number = 2"))
        await books.write(
            lambda tx: tx.execute("UPDATE act_head SET number = 1, hash = (SELECT hash FROM acts WHERE number = 1)")
        )

        assert (await books.read(verify)).number == 1
        with pytest.raises(ActsBrokenError, match="cut off"):
            await books.read(lambda tx: verify(tx, through=written_down))

    async def test_a_form_sent_twice_is_one_act(self, books):
        number = await self.write(books, once="form-1")

        with pytest.raises(RepeatedError) as repeated:
            await self.write(books, once="form-1")
        assert (repeated.value.number, (await books.read(verify)).number) == (number, 1)
