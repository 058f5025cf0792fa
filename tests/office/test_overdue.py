"""Whoever has not paid in time gets no second pay-later, by itself, and gets it again once they have paid."""

import json

import pytest
from office_town import CITY, NOW, WHO, Office

from central.lists.cities import CITIES, put_rules
from central.lists.issuing import Wanted, issue
from central.office import entries
from central.office.overdue import keep_blocked
from central.register.accounts.acts import newest
from central.register.warrants import Warrant

DAY_MS = 86_400_000
BLOCKING = 303


@pytest.fixture
def office(books, tmp_path):
    made = Office(tmp_path / "state", books)
    codes = made.rules("measure-codes.json")
    codes["codes"][str(BLOCKING)] = {
        "title": {"zh": "先用后付逾期，暂停先用后付", "en": "Pay-later overdue"},
        "effect": "withhold",
        "scenes": ["shop"],
        "authority": "云岭文化和旅游局",
        "basis": "先用后付服务协议",
        "x-when": "overdue",
        "x-max_days": 90,
    }
    files = {"measure-codes.json": json.dumps(codes).encode()}
    put_rules(made.folder, CITY, files, warrant=Warrant.by_two("li", "han"), now_ms=NOW)
    made.me = issue(made.folder, CITY, Wanted(subject=WHO, max_uses=3), now_s=NOW // 1000).subject.hex()
    return made


def bought(redemption, subject, kind="pay_later"):
    given = [{"issuer": CITY, "benefit": "later", "code": 9, "local": False, "version": 1}]
    given[0]["offer"] = {"kind": kind, "later_fen": 3_000}
    body = {"site": "shop", "lane": "A", "scene": "shop", "intent": "open", "heads": 1, "given": given}
    body |= {"subject": subject, "issuer": CITY, "outcome": "GRANT", "reasons": ["ok"], "uses": [], "sums": []}
    return "opened", redemption, body | {"due_ms": NOW + DAY_MS}


def overdue(redemption):
    return "overdue", redemption, {"step": "overdue"}


async def test_it_is_taken_once_and_lifted_when_nothing_is_owed_any_more(office, journal):
    shop = await journal("shop-1")
    await shop.bring(bought("r-1", office.me), bought("r-2", office.me))
    assert await keep_blocked(office.desk) == (0, 0)

    await shop.bring(overdue("r-1"), overdue("r-2"))
    rounds = [await keep_blocked(office.desk) for _ in range(2)]
    standing = office.published()["entries"]
    await shop.bring(("closed", "r-1", {"step": "closed"}))
    rounds.append(await keep_blocked(office.desk))
    await shop.bring(("closed", "r-2", {"step": "closed"}))
    rounds += [await keep_blocked(office.desk) for _ in range(2)]

    assert rounds == [(1, 0), (0, 0), (0, 0), (0, 1), (0, 0)]
    assert [(one["code"], one["until"]) for one in standing] == [(BLOCKING, "2026-12-19")]
    assert office.published()["entries"] == []
    acts = [(one.operator, one.act, one.outcome) for one in await office.books.read(newest)][::-1]
    assert acts == [
        ("@overdue", name, outcome) for name in ("overdue.block", "overdue.lift") for outcome in ("begun", "done")
    ]


async def test_what_people_lifted_is_not_taken_again_but_the_next_one_is(office, journal):
    shop = await journal("shop-1")
    await shop.bring(bought("r-1", office.me), bought("r-2", office.me), overdue("r-1"))
    await keep_blocked(office.desk)
    draft = await office.call(office.clerk, "repair", city=CITY, entry=entries.newest(office.folder, CITY)[0].number)
    await office.call(office.checker, "approve", draft=draft["number"])

    assert await keep_blocked(office.desk) == (0, 0)
    await shop.bring(overdue("r-2"))
    assert await keep_blocked(office.desk) == (1, 0)


async def test_it_bars_nobody_unknown_and_nobody_for_what_is_no_pay_later(office, journal):
    shop = await journal("shop-1")
    await shop.bring(bought("r-1", "ab" * 16), bought("r-2", office.me, kind="deposit_waiver"))
    await shop.bring(overdue("r-1"), overdue("r-2"))

    assert await keep_blocked(office.desk) == (0, 0)
    assert await office.books.read(newest) == []


async def test_without_such_a_code_in_the_catalogue_nothing_is_taken(office, journal):
    codes = office.rules("measure-codes.json")
    del codes["codes"][str(BLOCKING)]["x-when"]
    files = {"measure-codes.json": json.dumps(codes).encode()}
    put_rules(office.folder, CITY, files, warrant=Warrant.by_two("li", "han"), now_ms=NOW)
    shop = await journal("shop-1")
    await shop.bring(bought("r-1", office.me), overdue("r-1"))

    assert await keep_blocked(office.desk) == (0, 0)


def rewritten(office, **said):
    """Return the measure catalogue with the blocking code changed; None takes a member away."""
    codes = office.rules("measure-codes.json")
    one = codes["codes"][str(BLOCKING)] | said
    codes["codes"][str(BLOCKING)] = {name: value for name, value in one.items() if value is not None}
    return json.dumps(codes).encode()


def by_two(office, **said):
    files = {"measure-codes.json": rewritten(office, **said)}
    put_rules(office.folder, CITY, files, warrant=Warrant.by_two("li", "han"), now_ms=NOW)


async def test_a_catalogue_that_one_person_edited_by_hand_takes_nothing_against_anybody(office, journal, caplog):
    by_two(office, **{"x-when": None})
    (office.folder / CITIES / CITY / "measure-codes.json").write_bytes(rewritten(office, **{"x-when": "overdue"}))
    shop = await journal("shop-1")
    await shop.bring(bought("r-1", office.me), overdue("r-1"))

    assert await keep_blocked(office.desk) == (0, 0)
    assert "edited by hand" in caplog.text


async def test_whoever_has_paid_is_free_also_when_the_catalogue_blocks_nobody_any_more(office, journal):
    shop = await journal("shop-1")
    await shop.bring(bought("r-1", office.me), overdue("r-1"))
    await keep_blocked(office.desk)
    by_two(office, **{"x-when": None})
    still_owing = await keep_blocked(office.desk)
    await shop.bring(("closed", "r-1", {"step": "closed"}))

    assert still_owing == (0, 0)
    assert await keep_blocked(office.desk) == (0, 1)
    assert office.published()["entries"] == []


@pytest.mark.parametrize("text", ['{"codes": 7}', '{"codes": {"x": {"x-when": "overdue"}}}', "[]", "{"])
async def test_a_catalogue_that_cannot_be_read_takes_nothing_and_ends_nothing(office, journal, text):
    (office.folder / CITIES / CITY / "measure-codes.json").write_text(text)
    shop = await journal("shop-1")
    await shop.bring(bought("r-1", office.me), overdue("r-1"))

    assert await keep_blocked(office.desk) == (0, 0)
