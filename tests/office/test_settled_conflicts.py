"""An overrun bound is settled once, by finance of the city whose bound it is, with a reason."""

import pytest
from office_town import CITY, OTHER, Office, person

from central.office import conflicts
from central.office.refusals import NotThereError, RefusedError
from central.register.accounts.duties import ForbiddenError

KEY = f"u|{CITY}/first@site:gate|subject:{CITY}:07|ever"


@pytest.fixture
async def office(books, journal, tmp_path):
    made = Office(tmp_path / "state", books)
    for terminal in ("t1", "t2"):
        body = {"issuer": CITY, "uses": [{"key": KEY, "n": 1, "max": 1}]}
        await (await journal(terminal)).bring(("granted", f"r-{terminal}", body))
    return made


@pytest.mark.parametrize(
    ("key", "city"),
    [
        (KEY, CITY),
        ("n|wulong:0a0b", "wulong"),
        ("u|grant:yunling:00|yunling/guide", "yunling"),
        ("u|token:wulong:0a", "wulong"),
        ("", ""),
        ("u|../x", ""),
    ],
)
def test_a_key_says_whose_bound_it_is(key, city):
    assert conflicts.issuer_of(key) == city


async def test_it_is_listed_settled_once_and_stays_beside_the_facts(office):
    finance = person("finance")
    about = {"city": CITY, "key": KEY, "decision": "charged"}
    assert [one.decision for one in await office.books.read(lambda tx: conflicts.listed(tx, CITY))] == [None]

    await office.call(finance, "settle-conflict", **about)

    told = await office.books.read(lambda tx: conflicts.listed(tx, CITY))
    assert [(one.key, one.decision, one.by, one.why) for one in told] == [(KEY, "charged", "finance", "测试")]
    assert await office.books.read(lambda tx: conflicts.listed(tx, OTHER)) == []
    with pytest.raises(RefusedError, match="已处理"):
        await office.call(finance, "settle-conflict", **about)


async def test_nobody_else_settles_it_and_nothing_that_is_none(office):
    about = {"city": CITY, "key": KEY, "decision": "stands"}

    with pytest.raises(ForbiddenError):
        await office.call(office.checker, "settle-conflict", **about)
    with pytest.raises(NotThereError):
        await office.call(person("finance", city=OTHER), "settle-conflict", **{**about, "city": OTHER})
    with pytest.raises(NotThereError):
        await office.call(person("finance"), "settle-conflict", **{**about, "key": f"u|{CITY}/none|x|ever"})


async def test_a_city_s_conflict_is_not_pushed_out_by_newer_ones_of_other_cities(office):
    many = 5 * conflicts.MAX_SHOWN + 1

    async def others(tx):
        for number in range(many):
            key = f"u|{OTHER}/first@site:gate|subject:{OTHER}:{number:04x}|ever"
            await tx.execute(
                "INSERT INTO overruns (key, kind, bound, noticed_ms) VALUES ($1, 'limit', 1, $2)", key, 2**50 + number
            )

    await office.books.write(others)

    assert [one.key for one in await office.books.read(lambda tx: conflicts.listed(tx, CITY))] == [KEY]
    assert len(await office.books.read(lambda tx: conflicts.listed(tx, OTHER))) == conflicts.MAX_SHOWN
