"""Decisions that rested on a measure are found again by whoever issued the code, and by nobody else."""

import hashlib

import pytest
from office_town import CITY, NOW, WHO, Office

from central.books.bounds import Bounds
from central.books.rebuilding import rebuild
from central.lists.issuing import Wanted, issue
from central.office import affected, entries

HOUR_MS = 3_600_000


@pytest.fixture
def office(books, tmp_path):
    return Office(tmp_path / "state", books)


def denial(token_id, reason, at_ms, city=CITY):
    hashed = hashlib.sha256(city.encode() + token_id).digest()[:16].hex()
    return "not_granted", None, {"site": "gate", "reasons": [reason], "token_hash": hashed}, at_ms


async def test_the_refusals_of_this_person_s_codes_while_it_stood_and_no_others(office, books, journal):
    codes = [
        issue(office.folder, CITY, Wanted(subject=who, max_uses=1), now_s=NOW // 1000).token_id
        for who in (WHO, "other")
    ]
    draft = await office.measure()
    await office.call(office.checker, "approve", draft=draft["number"])
    entry = entries.newest(office.folder, CITY)[0]
    gate = await journal("gate-1")
    await gate.bring(
        denial(codes[0], "restricted", NOW - HOUR_MS),  # before it stood
        denial(codes[0], "restricted", NOW + HOUR_MS),
        denial(codes[0], "withheld", NOW + 2 * HOUR_MS),
        denial(codes[0], "limit_used", NOW + 2 * HOUR_MS),  # for another reason
        denial(codes[1], "restricted", NOW + HOUR_MS),  # of somebody else
        denial(codes[0], "restricted", NOW + HOUR_MS, "linhai"),  # another city's code
        ("not_granted", None, {"reasons": ["restricted"], "token_hash": 7}, NOW),
        ("not_granted", None, {"reasons": 7, "token_hash": "x"}, NOW),
    )
    expected = [("restricted", NOW + HOUR_MS, "gate", "gate-1"), ("withheld", NOW + 2 * HOUR_MS, "gate", "gate-1")]

    async def told():
        return [
            (one.reason, one.at_ms, one.site, one.terminal)
            for one in (await affected.by_entry(office.desk, entry)).shown
        ]

    assert await told() == expected
    await books.write(lambda tx: rebuild(tx, Bounds()))
    assert await told() == expected
