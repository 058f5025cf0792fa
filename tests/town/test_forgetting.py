"""What was counted in a period that is over is forgotten a week later, by signed time; what has no period never is."""

from datetime import UTC, datetime

import pytest

from central.hub import forgetting
from central.site.serving import HubClock
from central.store import sqlite_books
from credit.rules.periods import is_over

NOW_MS = int(datetime(2026, 10, 1, 12, tzinfo=UTC).timestamp()) * 1000
OVER = [
    "a|w/meal|subject:w:01|2026-09-20",
    "u|w/boat|day:2026-09-20",
    f"u|w/boat|slot:1-{NOW_MS // 1000 - forgetting.KEPT_S}",
    "u|w/boat|slot:2026-09-19:540",
    "u|w/first|subject:w:01|2026-W38",
    "u|w/first|subject:w:01|2026-08",
    "u|w/first|subject:w:01|2025",
]
STAYS = [
    "u|w/boat|day:2026-09-22",
    f"u|w/boat|slot:1-{NOW_MS // 1000 - forgetting.KEPT_S + 1}",
    "u|w/first|subject:w:01|2026-W39",
    "u|w/first|subject:w:01|2026-09",
    "u|w/first|subject:w:01|2026",
    "u|w/first|subject:w:01|ever",
    "u|w/first|subject:w:01|24h",
    "u|w/first|subject:w:01|window:",
    "u|w/first|subject:w:01|window:2024-01-01",
    "u|stock:w/cup:v2024",
    "i|site:park",
    "o|w/lent|subject:w:01|once",
    "s|begun",
    "u|w/x|all|2026-13",
    "u|w/x|all|2026-02-30",
    "u|w/x|all|9999-12-31",
    "u|w/x|all|" + "9" * 500,
]
TALLY = "INSERT INTO tallies (key, spent) VALUES ($1, 1)"
USE = "INSERT INTO uses (key, terminal, epoch, redemption, seq, at_ms, n) VALUES ($1, 'g', 'e', 'R', 1, 1, 1)"
LEASE = "INSERT INTO leases (quota, terminal, number, total) VALUES ($1, 'g', 0, 1)"


@pytest.mark.parametrize("key", OVER)
def test_a_period_is_over_when_it_is_over_everywhere(key):
    assert is_over(key, NOW_MS // 1000 - forgetting.KEPT_S)


@pytest.mark.parametrize("key", STAYS)
def test_one_that_is_not_over_for_a_week_or_has_no_end_is_not(key):
    assert not is_over(key, NOW_MS // 1000 - forgetting.KEPT_S)


async def test_uses_tallies_and_leases_of_what_is_over_go_and_all_others_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(forgetting, "PAUSE_S", 0)
    async with sqlite_books(tmp_path / "c.db") as books:
        for key in (*OVER, *STAYS):
            for sql in (TALLY, USE, LEASE):
                await books.write(lambda tx, sql=sql, key=key: tx.execute(sql, key))

        monkeypatch.setattr(forgetting, "MOST", 3)
        await forgetting.forget_all(books, now_ms=NOW_MS)

        for table, column in (("tallies", "key"), ("uses", "key"), ("leases", "quota")):
            left = await books.read(lambda tx, table=table, column=column: tx.rows(f"SELECT {column} FROM {table}"))
            assert sorted(row[0] for row in left) == sorted(STAYS)


async def test_a_hub_forgets_by_the_time_that_the_platform_signed_and_by_no_other():
    clock = HubClock()
    assert clock.signed_ms() is None

    await clock.learn(NOW_MS, 5)

    assert 0 <= clock.signed_ms() - NOW_MS < 60_000
