"""The plug is pulled somewhere between `begun` and `done`: after the next start it is as if it had not been.

Each act is cut at every place where the desk leaves its own process's memory: before and after each job of the books,
before and after each piece of work in the platform's folder, and between register and publication.
"""

import json
from collections import Counter
from dataclasses import dataclass

import pytest
from office_town import CITY, WHO, Office, person

from central.lists import cities
from central.office import calls, changing, entries
from central.office.approving import grants
from central.office.desk import Desk
from central.office.drafts import deciding
from central.office.importing import residents
from central.office.resuming import FINISH, resume, settle_cases
from central.office.urgent import killing
from central.register.accounts.acts import newest
from central.register.registry import register
from central.store import sqlite_books

NEXT_START = 2**53


class PowerCutError(BaseException):
    """Nothing after this happens; no handler of the program sees it."""


class Plug:
    """Counts the places where power can go, and pulls the plug at one of them."""

    def __init__(self, at=None):
        self.at, self.passed = at, 0

    def pass_by(self):
        self.passed += 1
        if self.passed == self.at:
            raise PowerCutError


class Books:
    """The books, until the plug is pulled."""

    def __init__(self, books, plug):
        self._books, self._plug = books, plug

    async def read(self, job):
        return await self._books.read(job)

    async def write(self, job):
        self._plug.pass_by()
        done = await self._books.write(job)
        self._plug.pass_by()
        return done


@dataclass(frozen=True, slots=True)
class CutDesk(Desk):
    """A desk whose work in the folder can be cut before and after."""

    plug: Plug

    async def run(self, work):
        self.plug.pass_by()
        done = await Desk.run(self, work)
        self.plug.pass_by()
        return done


async def draft_to_approve(office):
    return {"draft": (await office.measure())["number"]}


async def entry_of(office):
    await office.call(office.checker, "approve", **(await draft_to_approve(office)))
    return entries.newest(office.folder, CITY)[0].number


async def repair(office):
    draft = await office.call(office.clerk, "repair", city=CITY, entry=await entry_of(office))
    return {"draft": draft["number"]}


async def rules(office):
    sites = office.rules("sites.json") | {"site_sets": {"town": ["yunling-shan"]}}
    files = json.dumps({"sites.json": sites})
    return {
        "draft": (await office.call(office.publisher, "rules", city=CITY, files=files, force=True))["number"],
        "force": True,
    }


async def in_force(office, made):
    form = await made(office)
    await office.call(office.second if made is rules else office.checker, "approve", **form)
    return {"draft": form["draft"]}


async def many(office):
    rows = [{"subject": WHO, "code": code, "until": entries.date(2026, 12, 31)} for code in (301, 302)]
    draft = await deciding.propose_measures(office.desk, office.clerk, CITY, rows, deciding.Asked(why="名单"))
    return {"draft": draft.number}


async def granted(office):
    path = office.folder / "cities" / CITY / "benefits.json"
    changed = json.loads(path.read_bytes())
    changed["benefits"][0]["who"] = {"grant": True}
    path.write_text(json.dumps(changed))
    wish = {"city": CITY, "subject": WHO, "code": 1, "until": "2026-12-31"}
    number = (await office.call(office.clerk, "apply", **wish))["application"]
    await office.call(office.checker, "decide", application=number, approved=True)
    return {"grant": (await grants.listed(office.desk, CITY))[0].grant_id}


async def case_of(office, **more):
    case = await office.call(person("clerk", "opener"), "dispute", city=CITY, entry=await entry_of(office))
    return {"case": case["number"]} | more


ACTS = {
    "a measure": ("approve", draft_to_approve, "checker"),
    "a repair": ("approve", repair, "checker"),
    "rules": ("approve", rules, "second"),
    "measures of a file": ("approve", many, "checker"),
    "a measure undone": ("roll-back", lambda office: in_force(office, draft_to_approve), "checker"),
    "a repair undone": ("roll-back", lambda office: in_force(office, repair), "checker"),
    "rules undone": ("roll-back", lambda office: in_force(office, rules), "publisher"),
    "a dispute opened": ("dispute", entry_of, "clerk"),
    "a dispute upheld": ("settle", lambda office: case_of(office, upheld=True), "checker"),
    "a dispute rejected": ("settle", lambda office: case_of(office, upheld=False), "checker"),
    "a grant withdrawn": ("withdraw-grant", granted, "checker"),
    "a key killed": ("kill", None, "checker"),
}


def stands(office):
    """Return what counts: measures, words behind them, rules, keys, and what terminals are told."""
    with register(office.folder) as conn:
        taken = conn.execute("SELECT number, code, state, lifted_ms IS NULL FROM entry ORDER BY number").fetchall()
        words = conn.execute("SELECT what, about, source FROM warrant WHERE what <> 'rules'").fetchall()
    public = [(one["code"], one["state"]) for one in office.published()["entries"]]
    killed = [one.killed_ms is None for one in killing.keys_of(office.folder, CITY)]
    gone = len(office.published("revocations.json")["tokens"])
    return taken, Counter(map(str, words)), office.rules("sites.json"), public, killed, gone


async def told(office):
    """Return what the books say of drafts, cases and grants."""
    sqls = ("SELECT number, state FROM drafts", "SELECT number, state FROM cases", "SELECT code, state FROM grants")
    return [[tuple(row) for row in await office.books.read(lambda tx, sql=sql: tx.rows(sql))] for sql in sqls]


class Life:
    """One office in which one act is made, cut somewhere or not."""

    def __init__(self, folder, books, monkeypatch):
        self.office, self._monkeypatch = Office(folder / "state", books), monkeypatch

    async def act(self, name, plug):
        call, make, who = ACTS[name]
        if make is None:
            form = {"city": CITY, "kid": killing.keys_of(self.office.folder, CITY)[0].kid}
        else:
            form = await make(self.office)
            form = {"city": CITY, "entry": form} if isinstance(form, int) else form
        self.before = stands(self.office), await told(self.office)
        desk = CutDesk(self.office.folder, Books(self.office.books, plug), self.office.desk.now_ms, plug)

        def published(*args, **more):
            plug.pass_by()
            return cities.publish(*args, **more)

        with self._monkeypatch.context() as patched:
            patched.setattr(changing, "publish", published)
            self.office.at.ms += 1000
            await calls.call(desk, getattr(self.office, who), call, {"why": "测试", **form})

    async def next_start(self):
        self.office.at.ms += 60_000
        await resume(self.office.desk, begun_before_ms=NEXT_START)
        await settle_cases(self.office.desk)
        await deciding.apply_due(self.office.desk)
        cities.publish(self.office.folder, now_ms=self.office.at.ms)

    async def open_acts(self):
        acts = await self.office.books.read(lambda tx: newest(tx, many=500))
        ended = {one.of for one in acts}
        return [one.act for one in acts if one.outcome == "begun" and one.number not in ended]


async def test_a_cut_between_the_work_and_its_row_is_finished_once_at_the_next_start(tmp_path, monkeypatch):
    async with sqlite_books(tmp_path / "central.db") as books:
        life = Life(tmp_path, books, monkeypatch)
        with pytest.raises(PowerCutError):
            await life.act("a measure", Plug(13))
        assert await life.open_acts() == ["draft.apply"]
        assert stands(life.office)[0] == [(1, 302, "active", 1)]

        await life.next_start()

        taken, words, _rules, public, *_rest = stands(life.office)
        assert (taken, public) == ([(1, 302, "active", 1)], [(302, "active")])
        assert (words.total(), (await told(life.office))[0], await life.open_acts()) == (1, [(1, "in_force")], [])


@pytest.mark.e2e
@pytest.mark.timeout(600)  # some eight lives, each cut at another place
@pytest.mark.parametrize("name", ACTS)
async def test_a_cut_anywhere_in_an_act_ends_as_the_act_or_as_nothing(tmp_path, monkeypatch, name):
    async with sqlite_books(tmp_path / "whole.db") as books:
        whole, plug = Life(tmp_path / "whole", books, monkeypatch), Plug()
        await whole.act(name, plug)
        after = stands(whole.office), await told(whole.office)
    assert after != whole.before

    heard = Counter()
    for at in range(1, plug.passed + 1):
        async with sqlite_books(tmp_path / f"{at}.db") as books:
            life = Life(tmp_path / str(at), books, monkeypatch)
            with pytest.raises(PowerCutError):
                await life.act(name, Plug(at))
            begun = bool(await life.open_acts())
            await life.next_start()
            now = stands(life.office), await told(life.office)

            assert now in ([after] if begun else [life.before, after]), f"cut at {at} of {plug.passed}"
            assert await life.open_acts() == []
            heard["after" if now == after else "before"] += 1
    assert heard["after"] >= 2


async def test_a_credential_that_nobody_got_is_said_to_be_lost_and_not_made_up(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        office, plug = Office(tmp_path / "state", books), Plug(6)
        desk = CutDesk(office.folder, Books(books, plug), office.desk.now_ms, plug)
        with pytest.raises(PowerCutError):
            await calls.call(desk, office.clerk, "issue", {"why": "测试", "city": CITY, "subject": WHO, "max_uses": 1})

        assert await resume(office.desk, begun_before_ms=NEXT_START) == []

        last = (await books.read(newest))[0]
        assert (last.act, last.outcome, last.via) == ("credential.issue", "failed", "resumed")
        assert "cut off before anybody got it" in last.after


async def test_an_import_that_came_in_is_finished_and_one_that_did_not_has_failed(tmp_path):
    ends = []
    for at in (3, 4, 5, 6):
        async with sqlite_books(tmp_path / f"{at}.db") as books:
            office, plug = Office(tmp_path / str(at), books), Plug(at)
            desk = CutDesk(office.folder, Books(books, plug), office.desk.now_ms, plug)
            with pytest.raises(PowerCutError):
                asked = deciding.Asked(why="年度更新")
                await residents.take(desk, office.clerk, CITY, "姓名,等级\n张三,3\n".encode(), asked)
            await resume(office.desk, begun_before_ms=NEXT_START)
            with register(office.folder) as conn:
                come = conn.execute("SELECT count(*) FROM subject WHERE name = '张三'").fetchone()[0]
            acts = await books.read(newest)
            ends.append((come, acts[0].outcome if acts else "nothing"))

    assert ends == [(0, "nothing"), (0, "failed"), (0, "failed"), (1, "done")]


async def test_what_a_command_or_another_process_is_still_at_is_left_alone(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        office, plug = Office(tmp_path / "state", books), Plug(4)
        desk = CutDesk(office.folder, Books(books, plug), office.desk.now_ms, plug)
        form = await draft_to_approve(office)
        with pytest.raises(PowerCutError):
            await calls.call(desk, office.checker, "approve", {"why": "测试", **form})

        assert await resume(office.desk, begun_before_ms=0) == []


def test_every_way_to_finish_is_one_that_begins():
    assert set(FINISH) == {
        "draft.apply",
        "draft.roll_back",
        "dispute.mark",
        "dispute.lift",
        "dispute.unmark",
        "key.kill",
        "grant.withdraw",
        "register.import",
        "register.undo",
        "credential.issue",
        "person.forget",
        "overdue.block",
        "overdue.lift",
    }
