"""Every act of the office that changes what a visitor gets needs two people, or stands here with the reason why not.

Both tables are held against the program's own: a new call, or a new road into the lists, without an answer here fails.
"""

import json
from datetime import date

import pytest
from office_town import AUTHORITY, CITY, WHO, Office

from central.lists.issuing import Wanted, issue
from central.office import entries
from central.office.approving import grants
from central.office.calls import CALLS
from central.office.drafts import deciding
from central.office.drafts.deciding import Asked
from central.office.importing import residents
from central.office.refusals import RefusedError
from central.register.accounts.duties import Duty, ForbiddenError, Person, Role
from central.register.registry import RegistryError, register
from central.store import sqlite_books

ALL = Person(
    operator="both",
    title="x",
    duties=tuple(Duty(CITY, role, AUTHORITY) for role in Role if role != Role.AUDITOR),
    via="page",
)
WHY = Asked(why="测试")
GUIDE = {
    "id": "yunling.guide",
    "code": 900,
    "version": 1,
    "issuer": CITY,
    "title": {"zh": "专属导览", "en": "Guide"},
    "offer": {"kind": "service", "item": "guide"},
    "who": {"grant": True},
    "where": {"sites": ["yunling-shan"]},
    "when": {"from": "2026-01-01", "until": "2026-12-31"},
}
DECIDING = {"approve", "reject", "decide", "settle", "look-over"}  # these are the second pair of eyes
ALONE = {
    "withdraw": "a draft changes nothing yet",
    "roll-back": "undoing what two decided is one act (office.md)",
    "withdraw-grant": "undoing what two decided is one act, in force within two seconds",
    "undo-import": "undoing is one act; tiers that came with it go by their draft",
    "kill": "the kill-switch needs one person and tells everybody",
    "terminal": "a terminal is suspended at once, with its reason; whoever stands before it is served as anybody",
    "settle-conflict": "says who bears a sum, beside the facts; no visitor gets or loses anything",
    "ask": "an application waits, nothing is given",
    "complete": "an application waits, nothing is given",
    "take-back": "an application that was not decided",
    "nonce": "a number",
    "issue": "carries what two people approved, and claims neither tier nor groups by itself",
    "renew": "says again what a living credential of the same person says",
    "export-person": "reads",
    "forget-person": "the person's own wish; what stands against it is refused",
}


@pytest.fixture
async def office(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        made = Office(tmp_path / "state", books)
        path = made.folder / "cities" / CITY / "benefits.json"
        rules = json.loads(path.read_bytes())
        path.write_text(json.dumps({**rules, "benefits": [*rules["benefits"], GUIDE]}))
        first = await made.measure()
        await made.call(made.checker, "approve", draft=first["number"])
        yield made


async def gets(office):
    """Return all that decides what a visitor gets: measures, tiers and groups, rules, approved uses."""
    with register(office.folder) as conn:
        stands = conn.execute("SELECT number, code, state, lifted_ms FROM entry ORDER BY number").fetchall()
        listed = conn.execute("SELECT subject, tier, code FROM member ORDER BY subject, code").fetchall()
    rules = {path.name: path.read_bytes() for path in sorted((office.folder / "cities" / CITY).glob("*.json"))}
    return stands, listed, rules, await grants.listed(office.desk, CITY)


def files(office):
    return json.dumps({"sites.json": office.rules("sites.json") | {"site_sets": {"town": ["yunling-shan"]}}})


async def by_file(office, who):
    return (await residents.take(office.desk, who, CITY, f"姓名,等级\n{WHO},7\n".encode(), WHY))["draft"]


async def measures_by_file(office, who):
    rows = [{"subject": WHO, "code": 301, "until": date(2026, 12, 31)}]
    return (await deciding.propose_measures(office.desk, who, CITY, rows, WHY)).number


def entry(office):
    return entries.newest(office.folder, CITY)[0].number


async def drafted(office, who, name, **form):
    return (await office.call(who, name, city=CITY, **form))["number"]


async def applied(office, who):
    return (await office.call(who, "apply", city=CITY, subject=WHO, code=900, until="2026-10-31"))["application"]


async def disputed(office, who):
    return (await office.call(who, "dispute", city=CITY, entry=entry(office)))["number"]


async def lifted_by_dispute(office, who, number):
    return await office.call(who, "settle", case=number, upheld=True)


async def approved(office, who, number):
    return await office.call(who, "approve", draft=number, force=True)


async def granted(office, who, number):
    return await office.call(who, "decide", application=number, approved=True)


TWO = {
    "measure": (lambda o, who: drafted(o, who, "measure", subject=WHO, code=301, until="2026-12-31"), approved),
    "repair": (lambda o, who: drafted(o, who, "repair", entry=entry(o)), approved),
    "member": (lambda o, who: drafted(o, who, "member", subject=WHO, tier=5), approved),
    "rules": (lambda o, who: drafted(o, who, "rules", files=files(o), force=True), approved),
    "sites": (lambda o, who: drafted(o, who, "sites", files=files(o), force=True), approved),
    "apply": (applied, granted),
    "dispute": (disputed, lifted_by_dispute),
    "a file of people with tiers": (by_file, approved),
    "a file of measures": (measures_by_file, approved),
}


def test_every_call_has_its_answer_here():
    assert {name for name in TWO if " " not in name} | DECIDING | set(ALONE) == set(CALLS)


@pytest.mark.parametrize("name", TWO)
async def test_one_person_with_every_role_changes_nothing_and_two_do(office, name):
    make, decide = TWO[name]
    before = await gets(office)
    made = await make(office, ALL)
    waiting = await gets(office)
    if name == "dispute":  # it rests while it is disputed: that bars nobody, and waits for somebody else
        assert [one[2:] for one in waiting[0]] == [("disputed", None)]
    else:
        assert waiting == before

    with pytest.raises(RefusedError):
        await decide(office, ALL, made)
    assert await gets(office) == waiting

    second = Person(operator="second", title="y", duties=ALL.duties, via="page")
    await decide(office, second, made)
    assert await gets(office) != waiting


@pytest.mark.parametrize("said", [{"tier": 9}, {"groups": [12]}, {"tier": 1, "groups": [0, 7]}])
async def test_a_credential_that_claims_a_tier_by_itself_is_issued_to_nobody(office, said):
    with pytest.raises((RefusedError, ForbiddenError), match="两人"):
        await office.call(ALL, "issue", city=CITY, subject=WHO, max_uses=1, **said)


def test_neither_does_saying_that_it_renews_somebody_else_s_help(tmp_path):
    office = Office(tmp_path / "state", None)
    other = issue(office.folder, CITY, Wanted(subject="别人", max_uses=1), now_s=office.at.ms // 1000)
    wanted = Wanted(subject=WHO, max_uses=1, tier=9, renews=other.token_id)

    with pytest.raises(RegistryError, match="两人"):
        issue(office.folder, CITY, wanted, now_s=office.at.ms // 1000)
