"""What people may ask about themselves: everything that is held, and to be forgotten; and what goes by itself."""

import hashlib
import json

import pytest
from office_town import CITY, NOW, OTHER, WHO, Office

from central.lists.issuing import Wanted, issue
from central.office import entries
from central.office.approving.evidence import add_evidence
from central.office.persons.retaining import RETENTION, tidy
from central.office.refusals import RefusedError
from central.proofs.keeping import keep_all
from central.register.accounts.acts import newest
from central.register.members import Standing, list_members
from central.register.registry import register
from central.register.warrants import Warrant

DAY_MS = 86_400_000


@pytest.fixture
def office(books, tmp_path):
    return Office(tmp_path / "state", books)


def grant(subject, **more):
    given = [{"issuer": CITY, "benefit": "first", "code": 1, "local": False, "offer": {"kind": "free"}, "version": 1}]
    return {"site": "gate", "lane": "A", "scene": "gate", "intent": "enter", "heads": 1, "given": given} | {
        "subject": subject,
        "issuer": CITY,
        "outcome": "GRANT",
        "reasons": ["ok"],
        "uses": [{"key": f"u|{CITY}/first|subject:{CITY}:{subject}|ever", "n": 1, "max": 1}],
        "sums": [],
        **more,
    }


async def of_books(office, sql):
    return await office.books.read(lambda tx: tx.rows(sql))


async def lived(office, journal):
    """Let somebody have a past: applied with evidence, granted a visit, shown a code; and somebody else."""
    issued = issue(office.folder, CITY, Wanted(subject=WHO, max_uses=3), now_s=NOW // 1000)
    issue(office.folder, CITY, Wanted(subject="李四", max_uses=3), now_s=NOW // 1000)
    path = office.folder / "cities" / CITY / "benefits.json"
    rules = json.loads(path.read_bytes())
    rules["benefits"][0]["who"] = {"grant": True}
    path.write_text(json.dumps(rules))
    wish = {"city": CITY, "subject": WHO, "code": 1, "until": "2026-12-31"}
    number = (await office.call(office.clerk, "apply", **wish))["application"]
    await add_evidence(office.desk, office.clerk, number, name="证.pdf", content=b"%PDF-1.7 x")
    await office.call(office.checker, "decide", application=number, approved=True)
    gate, shown = await journal("gate-1"), b"XG1:shown"
    me, other = issued.subject.hex(), "ab" * 16
    await gate.bring(("granted", "r-1", grant(me)), ("granted", "r-2", grant(other)), ("passed", "r-1", {}))
    await office.books.write(lambda tx: keep_all(tx, [("gate-1", {"r-1": shown, "r-2": shown}, NOW)]))
    return me


async def test_an_export_tells_everything_that_is_held_and_nothing_of_anybody_else(office, journal):
    me = await lived(office, journal)

    told = await office.call(office.clerk, "export-person", city=CITY, subject=WHO)

    held = told["held"]
    assert (told["subject"], held["name"]) == (me, WHO)
    assert len(held["credentials"]) == 2
    assert [one["state"] for one in held["applications"]] == ["approved"]
    assert [(one["name"], one["kind"]) for one in held["evidence"]] == [("证.pdf", "application/pdf")]
    assert [one["code"] for one in held["grants"]] == [1]
    assert [(one["redemption"], one["kind"]) for one in held["facts"]] == [("r-1", "granted")]
    assert "李四" not in json.dumps(told, ensure_ascii=False)
    last = (await office.books.read(newest))[0]
    assert (last.act, last.subject, last.why) == ("person.export", me, "测试")
    assert WHO not in json.dumps(last._asdict(), ensure_ascii=False)


async def test_whoever_is_forgotten_has_no_name_no_code_no_proof_and_the_sums_stay(office, journal):
    me = await lived(office, journal)
    sums = await of_books(office, "SELECT site, benefit, granted FROM totals")

    done = await office.call(office.checker, "forget-person", city=CITY, subject=WHO)

    assert (done["subject"], done["revoked"]) == (me, 2)
    with register(office.folder) as conn:
        names = [row[0] for row in conn.execute("SELECT name FROM subject WHERE city = ?", (CITY,))]
        sql = "SELECT count(*) FROM credential WHERE subject = ? AND revoked_ms IS NULL"
        living = conn.execute(sql, (bytes.fromhex(me),)).fetchone()[0]
    assert (WHO in names, "李四" in names, living) == (False, True, 0)
    assert [row[0] for row in await of_books(office, "SELECT redemption FROM proofs")] == ["r-2"]
    assert await of_books(office, "SELECT 1 FROM evidence") == []
    assert [tuple(row) for row in await of_books(office, "SELECT why, reason FROM applications")] == [("", None)]
    assert await of_books(office, "SELECT site, benefit, granted FROM totals") == sums
    assert len(await of_books(office, "SELECT 1 FROM facts WHERE redemption = 'r-1'")) == 2
    with pytest.raises(RefusedError, match="没有此人"):
        await office.call(office.clerk, "export-person", city=CITY, subject=WHO)


@pytest.mark.parametrize("what", ["a measure", "a draft", "a case", "an application", "a loan"])
async def test_nobody_is_forgotten_while_something_stands_and_it_is_named(office, journal, what):
    if what == "a loan":
        issued = issue(office.folder, CITY, Wanted(subject=WHO, max_uses=3), now_s=NOW // 1000)
        body = grant(issued.subject.hex(), intent="open", due_ms=NOW + DAY_MS)
        await (await journal("desk-1")).bring(("opened", "r-1", body))
        words = "未归还"
    elif what == "an application":
        await lived(office, journal)
        await office.call(office.clerk, "apply", city=CITY, subject=WHO, code=1, until="2026-12-31")
        words = "未办结的申请"
    else:
        draft, words = await office.measure(), "草稿"
        if what != "a draft":
            await office.call(office.checker, "approve", draft=draft["number"])
            words = "有效的措施"
        if what == "a case":
            await office.call(office.clerk, "dispute", city=CITY, entry=entries.newest(office.folder, CITY)[0].number)
            words = "异议"
    with pytest.raises(RefusedError, match=words):
        await office.call(office.checker, "forget-person", city=CITY, subject=WHO)

    with register(office.folder) as conn:
        assert conn.execute("SELECT 1 FROM subject WHERE name = ?", (WHO,)).fetchone() is not None


async def test_what_is_held_no_longer_goes_by_itself(office):
    who = hashlib.sha256(b"x").digest()[:16]
    with register(office.folder) as conn:
        for city, tier in ((CITY, 0), (OTHER, 3)):
            list_members(conn, city, {who: Standing.of(tier, ())}, about="x", warrant=Warrant("li", "han"), now_ms=NOW)
    sql = "INSERT INTO sessions (session, operator, begun_ms, seen_ms) VALUES ($1, 'li', 1, $2)"
    account = "INSERT INTO operators (operator, title, password, made_ms) VALUES ('li', '李', 'x', 1)"
    await office.books.write(lambda tx: tx.execute(account))
    for number, seen_ms in ((1, NOW - 2 * DAY_MS), (2, NOW - 1000)):
        values = (bytes([number]) * 32, seen_ms)
        await office.books.write(lambda tx, values=values: tx.execute(sql, *values))

    gone = await tidy(office.desk)

    assert gone == dict.fromkeys(RETENTION, 0) | {"sessions": 1, "member": 1}
    assert [row[0] for row in await of_books(office, "SELECT seen_ms FROM sessions")] == [NOW - 1000]
    with register(office.folder) as conn:
        assert [row[0] for row in conn.execute("SELECT city FROM member")] == [OTHER]
