"""The office journal as a running platform watches it: acts are walked once, and what is damaged is seen anyhow."""

import pytest
from office_town import CITY, NOW, person

from central.register.accounts import acts, watching
from central.register.accounts.acts import Act, ActsBrokenError, append, newest_linked
from central.register.accounts.watching import Watch

MANY = 7


async def write(books, many=1, city=CITY):
    async def job(tx):
        for number in range(many):
            await append(tx, person("clerk"), Act(act="measure.propose", city=city, why=str(number)), now_ms=NOW)

    await books.write(job)


@pytest.fixture
def walked(monkeypatch):
    """Numbers of the acts that were hashed, in order."""
    seen, before = [], acts.next_hash

    def counted(hashed, row):
        seen.append(row.number)
        return before(hashed, row)

    monkeypatch.setattr(acts, "next_hash", counted)
    monkeypatch.setattr(watching, "STRETCH", 2)
    return seen


async def spoil(books, number):
    await books.write(lambda tx: tx.execute("UPDATE acts SET why = 'x' WHERE number = $1", number))


async def mend(books, number):
    why = str(number - 1)
    await books.write(lambda tx: tx.execute("UPDATE acts SET why = $2 WHERE number = $1", number, why))


async def test_an_act_is_walked_when_it_is_new_and_then_a_stretch_of_old_ones_at_each_look(books, walked):
    await write(books, MANY)
    watch = Watch()
    assert (await watch.look(books)).number == MANY
    await write(books)
    walked.clear()

    looks = []
    for _ in range(4):
        await watch.look(books)
        looks.append(tuple(walked))
        walked.clear()

    assert looks == [(3, 4, 8), (5, 6), (7, 8), (1, 2)]


@pytest.mark.parametrize("number", range(1, MANY + 1))
async def test_whatever_is_damaged_after_it_was_verified_is_seen_within_a_round_and_stays_seen(books, walked, number):
    await write(books, MANY)
    watch = Watch()
    await watch.look(books)
    await spoil(books, number)

    found = []
    for _ in range(MANY):
        try:
            await watch.look(books)
        except ActsBrokenError as error:
            found.append(str(error))

    assert found[0] == f"act {number} is not what was written"
    assert len(found) >= MANY // 2  # seen within a round, and at every look from then on
    await mend(books, number)
    assert (await watch.look(books)).number == MANY


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE acts SET hash = (SELECT hash FROM acts WHERE number = 1) WHERE number = 7",
        "DELETE FROM acts WHERE number = 7",
        "UPDATE act_head SET number = 2",
    ],
)
async def test_a_damaged_end_is_seen_at_once(books, attack):
    await write(books, MANY)
    watch = Watch()
    await watch.look(books)
    await books.write(lambda tx: tx.execute(attack))

    with pytest.raises(ActsBrokenError):
        await watch.look(books)


async def test_an_end_that_was_cut_off_with_its_head_is_seen_by_who_has_verified_it(books):
    await write(books, MANY)
    watch = Watch()
    await watch.look(books)
    await books.write(lambda tx: tx.execute("DELETE FROM acts WHERE number = 7"))
    await books.write(
        lambda tx: tx.execute("UPDATE act_head SET number = 6, hash = (SELECT hash FROM acts WHERE number = 6)")
    )

    with pytest.raises(ActsBrokenError, match="act 7"):
        await watch.look(books)


async def test_what_a_page_shows_is_checked_whatever_was_walked_when(books):
    await write(books, MANY)
    await write(books, city="elsewhere")
    assert (await books.read(lambda tx: newest_linked(tx, city=CITY)))[1] == ""
    await spoil(books, 3)

    shown, wrong = await books.read(lambda tx: newest_linked(tx, city=CITY, many=5))
    assert ([one.number for one in shown], wrong) == ([7, 6, 5, 4, 3], "act 3 is not what was written")
    assert (await books.read(lambda tx: newest_linked(tx, city=CITY, many=4)))[1] == ""

    await books.write(lambda tx: tx.execute("DELETE FROM acts WHERE number = 3"))
    assert (await books.read(lambda tx: newest_linked(tx, city=CITY, many=4)))[1] == "act 3 is missing"
