"""What needs two people needs them at every door: operator token, commands, pages, API tokens, imports, the schedule.

The doors are taken from the program itself (routes, commands, calls), so a new one without an answer here fails.
"""

import argparse
import json
import shutil
import sqlite3
from importlib import import_module

import aiohttp
import pytest
from office_town import AUTHORITY, CITY, NOW, OTHER, WHO, Office, founded, person

from central.cli import COMMANDS
from central.cli import main as central
from central.http.app import serving
from central.http.description.openapi import CALLS as PLATFORM_CALLS
from central.lists import cities
from central.office import entries
from central.office.drafts import deciding, keeping, kinds
from central.office.drafts.deciding import Asked
from central.office.refusals import RefusedError
from central.office.urgent import emergencies
from central.platform_state import create_state, open_state
from central.register.accounts.acts import newest
from central.register.accounts.duties import ForbiddenError, Person
from central.register.registry import register
from central.register.warrants import FOUNDING, UnwarrantedError, Warrant
from central.store import looked, sqlite_books

ALONE = ("--emergency", "值班一人，来不及")
ONE_PERSON = {"codes", "issue", "short", "ledger", "state", "profile"}  # what the operator's token does by itself


@pytest.fixture
async def office(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        yield Office(tmp_path / "state", books)


@pytest.fixture
def either(books, tmp_path):
    """An office on each engine."""
    return Office(tmp_path / "state", books)


@pytest.fixture
def platform(tmp_path):
    """A platform's folder whose city is founded and in which one measure stands."""
    folder = tmp_path / "state"
    create_state(folder)
    shutil.copytree(founded(), folder, dirs_exist_ok=True)
    return folder


def stands(folder):
    """Return what two people must have decided: measures as they stand, rules, and what is public of both."""
    with register(folder) as conn:
        taken = conn.execute("SELECT number, code, state, lifted_ms FROM entry ORDER BY number").fetchall()
        taken += conn.execute("SELECT subject, tier, code FROM member ORDER BY subject, code").fetchall()
    rules = {path.name: path.read_bytes() for path in sorted((folder / "cities" / CITY).glob("*.json"))}
    public = sorted(path.name for path in (folder / "public" / "targets").rglob("*") if path.is_file())
    return taken, rules, public


def words_of(folder):
    with register(folder) as conn:
        return conn.execute(
            "SELECT what, about, maker, approver, emergency FROM warrant WHERE maker <> '@founding'"
        ).fetchall()


class TestTheOperatorToken:
    async def test_it_takes_lifts_disputes_and_publishes_nothing(self, platform):
        state, before = open_state(platform), stands(platform)
        headers = {"Authorization": f"Bearer {state.operator_token}"}
        measure = {"city": CITY, "subject": WHO, "code": 302, "until": "2026-12-31", "authority": AUTHORITY}
        heard = set()
        async with serving(state, host="127.0.0.1", port=0, now_ms=lambda: NOW) as url, aiohttp.ClientSession() as http:
            for name in ("restrict", "repair", "dispute", "publish"):
                for body in (measure, {"city": CITY, "subject": WHO}, {"city": CITY}, {}):
                    async with http.post(f"{url}/v1/admin/{name}", json=body, headers=headers) as answer:
                        heard.add(answer.status)

        assert heard == {404}
        assert {name.rsplit("/", 1)[-1] for name in PLATFORM_CALLS if "/v1/admin/" in name} == ONE_PERSON
        assert stands(platform) == before


TWO = {
    "restrict": ("--subject", WHO, "--code", "302", "--until", "2027-12-31"),
    "repair": ("--subject", WHO),
    "dispute": ("--subject", WHO),
    "publish": ("--rules", "RULES"),
    "issue": ("--subject", WHO, "--max-uses", "2", "--grant", "1:0102030405060708:2"),
    "member": ("--subject", WHO, "--tier", "5", "--group", "12"),
}


class TestCommands:
    @pytest.fixture
    def standing(self, platform, monkeypatch, tmp_path):
        for name in TWO:
            monkeypatch.setattr(import_module(COMMANDS[name].module), "now_ms", lambda: NOW)
        files = tmp_path / "rules"
        files.mkdir()
        rules = json.loads((platform / "cities" / CITY / "benefits.json").read_bytes())
        rules["benefits"][0]["title"]["en"] = "By one alone"
        for benefit in rules["benefits"]:  # none outlives its calendar: nobody can force a doubt alone
            benefit["when"] = benefit.get("when", {}) | {"until": "2026-12-31"}
        (files / "benefits.json").write_text(json.dumps(rules), "utf-8")

        def run(name, *more):
            words = [str(files) if one == "RULES" else one for one in TWO[name]]
            return central([name, "--state", str(platform), "--city", CITY, *words, *more])

        assert run("restrict", *ALONE) == 0
        return run

    @pytest.mark.parametrize("name", TWO)
    def test_alone_they_are_refused_and_change_nothing(self, platform, standing, capsys, name):
        before, noted = stands(platform), list(words_of(platform))
        acts = looked(open_state(platform), newest)
        more = ("--code", "301", "--until", "2027-11-30") if name == "restrict" else ()

        assert standing(name, *more) == 1

        assert "需两人" in capsys.readouterr().err.replace("须两人", "需两人")
        assert (stands(platform), list(words_of(platform))) == (before, noted)
        assert looked(open_state(platform), newest) == acts

    @pytest.mark.parametrize("name", TWO)
    def test_an_emergency_needs_its_reason(self, platform, standing, name):
        before = stands(platform)

        assert standing(name, "--emergency", " ") == 1
        assert stands(platform) == before

    @pytest.mark.parametrize("name", [one for one in TWO if one != "restrict"])
    def test_an_emergency_is_done_noted_journalled_and_told_to_everybody(self, platform, standing, name):
        assert standing(name, *ALONE) == 0

        acts = looked(open_state(platform), newest)
        assert [one.outcome for one in acts[:2]] == ["done", "begun"]
        assert acts[0].act.startswith("emergency.")
        assert (acts[0].why, acts[0].of, acts[0].via) == (ALONE[1], acts[1].number, "command")
        assert WHO not in json.dumps([one._asdict() for one in acts], ensure_ascii=False)
        waiting = looked(open_state(platform), lambda tx: emergencies.unseen(tx, CITY))
        assert acts[0].number in [one.number for one in waiting]
        noted = list(words_of(platform))
        assert all((approver, why) == ("", ALONE[1]) for _what, _about, _maker, approver, why in noted)
        assert len(noted) == (1 if name == "issue" else 2)

    def test_every_command_is_known_to_need_two_people_or_not(self):
        """A new command that changes what stands has to be put into this table, and so be tried above."""
        alone = {
            "init",
            "serve",
            "codes",
            "identity",
            "issue-all",
            "hub",
            "terminals",
            "journal",
            "city",
            "root",
            "platform-key",
            "revoke",
        }
        alone |= {"operator", "evidence", "acts", "demo", "backup", "restore", "report", "measures", "reached"}

        assert set(COMMANDS) == alone | set(TWO)
        for name in TWO:
            parser = argparse.ArgumentParser()
            import_module(COMMANDS[name].module).add_arguments(parser)
            assert "--emergency" in parser.format_help()


class TestLookingOver:
    async def declared(self, either):
        from central.register.accounts.acts import Act, append

        who = Person(operator="han", title="韩", duties=(), via="command")
        act = Act(act="emergency.measure.take", city=CITY, why="只有一人")
        return await either.books.write(lambda tx: append(tx, who, act, now_ms=NOW))

    async def test_it_is_told_until_somebody_else_has_looked(self, either):
        number = await self.declared(either)
        same, other = person("checker", "han"), person("checker", "li")
        with pytest.raises(RefusedError, match="另一人"):
            await either.call(same, "look-over", city=CITY, act=number)
        told = await either.books.read(lambda tx: emergencies.unseen(tx, CITY))

        await either.call(other, "look-over", city=CITY, act=number)

        assert [one.number for one in told] == [number]
        assert await either.books.read(lambda tx: emergencies.unseen(tx, CITY)) == []
        assert await either.books.read(lambda tx: emergencies.unseen(tx, OTHER)) == []

    async def test_whoever_typed_the_command_does_not_look_over_it_under_their_own_account(self, either):
        from central.register.accounts.acts import Act, append

        typed = Person(operator="@han", title="韩", duties=(), via="command")
        act = Act(act="emergency.measure.take", city=CITY, why="只有一人")
        number = await either.books.write(lambda tx: append(tx, typed, act, now_ms=NOW))

        with pytest.raises(RefusedError, match="另一人"):
            await either.call(person("checker", "han"), "look-over", city=CITY, act=number)

    async def test_one_that_a_power_cut_left_half_done_is_told_as_well(self, either):
        from central.register.accounts.acts import Act, append

        who = Person(operator="@root", title="root", duties=(), via="command")
        act = Act(act="emergency.measure.lift", city=CITY, why="只有一人", outcome="begun")
        number = await either.books.write(lambda tx: append(tx, who, act, now_ms=NOW))

        told = await either.books.read(lambda tx: emergencies.unseen(tx, CITY))
        assert [(one.number, one.outcome) for one in told] == [(number, "begun")]


class TestTheOffice:
    @pytest.mark.parametrize("via", ["page", "token:0123456789abcdef"])
    async def test_nobody_approves_their_own_draft_by_page_or_by_token(self, office, via):
        both = person("clerk", "both", via=via)
        both = Person(
            operator="both",
            title="x",
            duties=(*both.duties, *person("checker").duties, *person("publisher").duties, *person("merchant").duties),
            via=via,
        )
        sites = office.rules("sites.json") | {"site_sets": {"town": ["yunling-shan"]}}
        files = json.dumps({"sites.json": sites})
        first = await office.measure()
        await office.call(office.checker, "approve", draft=first["number"])
        entry = entries.newest(office.folder, CITY)[0].number
        before = stands(office.folder)
        drafts = [
            await office.measure(both, code=301),
            await office.call(both, "repair", city=CITY, entry=entry),
            await office.call(both, "rules", city=CITY, files=files, force=True),
            await office.call(both, "sites", city=CITY, files=files, force=True),
            await office.call(both, "member", city=CITY, subject=WHO, tier=5),
        ]

        for draft in drafts:
            with pytest.raises((RefusedError, ForbiddenError)):
                await office.call(both, "approve", draft=draft["number"], force=True)

        assert {draft["kind"] for draft in drafts} | {"measures"} == set(kinds.KINDS)
        assert stands(office.folder) == before

    async def test_a_file_of_measures_is_a_draft_and_bars_nobody(self, office):
        before = stands(office.folder)
        rows = [{"subject": WHO, "code": 302, "until": entries.date(2026, 12, 31)}]

        draft = await deciding.propose_measures(office.desk, office.clerk, CITY, rows, Asked(why="名单"))

        assert (draft.state.value, stands(office.folder)) == ("open", before)

    @pytest.mark.parametrize("kind", sorted(kinds.KINDS))
    async def test_what_nobody_approved_cannot_be_put_in_force_by_any_road(self, office, kind):
        if kind in ("rules", "sites"):
            sites = office.rules("sites.json") | {"site_sets": {"town": ["yunling-shan"]}}
            who = office.publisher if kind == "rules" else person("merchant")
            made = await office.call(who, kind, city=CITY, files=json.dumps({"sites.json": sites}), force=True)
        elif kind == "members":
            made = await office.call(office.clerk, "member", city=CITY, subject=WHO, tier=5)
        elif kind == "measures":
            rows = [{"subject": WHO, "code": 302, "until": entries.date(2026, 12, 31)}]
            draft = await deciding.propose_measures(office.desk, office.clerk, CITY, rows, Asked(why="名单"))
            made = draft.to_json()
        else:
            made = await office.measure()
            if kind == "repair":
                await office.call(office.checker, "approve", draft=made["number"])
                entry = entries.newest(office.folder, CITY)[0].number
                made = await office.call(office.clerk, "repair", city=CITY, entry=entry)
        draft = await office.books.read(lambda tx: keeping.get(tx, made["number"]))
        before = stands(office.folder)

        with pytest.raises(UnwarrantedError):
            kinds.KINDS[kind].apply(office.folder, draft, office.at.ms)

        assert stands(office.folder) == before

    async def test_every_measure_that_stands_or_fell_has_two_people_behind_it(self, office):
        first, second = await office.measure(), await office.measure(code=301)
        for one in (first, second):
            await office.call(office.checker, "approve", draft=one["number"])
        newest_entry, older = [one.number for one in entries.newest(office.folder, CITY)]
        repair = await office.call(office.clerk, "repair", city=CITY, entry=older)
        await office.call(office.checker, "approve", draft=repair["number"])
        case = await office.call(office.clerk, "dispute", city=CITY, entry=newest_entry)
        await office.call(office.checker, "settle", case=case["number"], upheld=False)

        assert [tuple(row) for row in words_of(office.folder)] == [
            ("take", str(older), "clerk", "checker", ""),
            ("take", str(newest_entry), "clerk", "checker", ""),
            ("lift", str(older), "clerk", "checker", ""),
            ("undispute", str(newest_entry), "clerk", "checker", ""),
        ]


class TestFilesEditedByHand:
    def edit(self, folder):
        path = folder / "cities" / CITY / "benefits.json"
        rules = json.loads(path.read_bytes())
        rules["benefits"][0]["title"]["en"] = "By hand"
        path.write_text(json.dumps(rules), "utf-8")

    def test_they_are_not_signed_and_the_rest_is(self, platform, monkeypatch, capsys):
        monkeypatch.setattr(import_module(COMMANDS["publish"].module), "now_ms", lambda: NOW + 1)
        before = stands(platform)[2]
        self.edit(platform)

        assert central(["publish", "--state", str(platform)]) == 0

        assert json.loads(capsys.readouterr().out)["not_approved"] == [f"{CITY}/benefits.json"]
        assert stands(platform)[2] == before

    def test_rubbish_in_one_does_not_stop_the_kill_switch(self, platform, monkeypatch, capsys):
        monkeypatch.setattr(import_module(COMMANDS["revoke"].module), "now_ms", lambda: NOW + 1)
        (platform / "cities" / CITY / "benefits.json").write_text("{", "utf-8")

        assert central(["revoke", "--state", str(platform), "--city", CITY, "--all-keys"]) == 0
        assert f"issuers/{CITY}/keys.json" in json.loads(capsys.readouterr().out)["changed"]
        assert looked(open_state(platform), newest)[0].act == "key.kill"

    def test_a_platform_from_before_goes_on_with_the_files_it_has(self, platform):
        with register(platform) as conn:
            conn.execute("DELETE FROM warrant")
        self.edit(platform)

        assert cities.unapproved(platform, CITY) == []
        assert f"rules/{CITY}/benefits.json" in cities.publish(platform, now_ms=NOW + 1).changed


class TestTheWord:
    @pytest.mark.parametrize(
        ("maker", "approver", "emergency"),
        [("", "han", ""), ("li", "", ""), ("li", "li", ""), ("li", "han", "why not"), ("li", "", " x")],
    )
    def test_it_is_two_people_s_or_one_s_with_a_reason(self, maker, approver, emergency):
        with pytest.raises(UnwarrantedError):
            Warrant(maker, approver, emergency)

    @pytest.mark.parametrize("values", [("li", "li", ""), ("li", "", ""), ("li", "han", "why"), ("", "han", "")])
    def test_the_register_says_so_whatever_a_program_says(self, platform, values):
        sql = (
            "INSERT INTO warrant (city, what, about, maker, approver, emergency, at_ms)"
            " VALUES ('x', 'take', '1', ?, ?, ?, 1)"
        )
        with pytest.raises(sqlite3.IntegrityError), register(platform) as conn:
            conn.execute(sql, values)

    def test_a_city_is_founded_by_its_own_word(self, platform):
        with register(platform) as conn:
            told = {row[0] for row in conn.execute("SELECT maker FROM warrant WHERE city = ?", (CITY,))}
        assert told == {FOUNDING.maker}
