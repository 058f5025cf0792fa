import pytest

HOUR_MS = 3_600_000


def grant(key="u|wulong/first@site:tiankeng|subject:w:1|ever", n=1, most=1, **more):
    return {"issuer": "wulong", "class": "bound", "token": "aa", "uses": [{"key": key, "n": n, "max": most}]} | more


async def told(terminal):
    """Send, hear, and send what was written down about it; return the conflicts in the terminal's own journal."""
    pusher = terminal.pusher()
    await pusher.drain()
    await pusher.drain()
    query = "SELECT json_extract(body, '$.conflict'), json_extract(body, '$.with.terminal') FROM journal WHERE kind = ?"
    return await terminal.store.read(lambda conn: conn.execute(query, ("claim_conflict",)).fetchall())


@pytest.fixture
async def pair(town):
    return await town.terminal("gate-a"), await town.terminal("gate-b")


async def test_two_cut_off_terminals_that_gave_the_same_away_are_both_told_and_both_facts_stay(town, pair):
    a, b = pair
    await a.write(redemption="r-a", body=grant())
    await b.write(redemption="r-b", body=grant())

    await a.pusher().drain()
    heard_b = await told(b)
    heard_a = await told(a)

    assert heard_b == [("limit", "gate-a")]
    assert heard_a == [("limit", "gate-b")]
    assert town.ledger()["by_kind"] == {"granted": 2, "claim_conflict": 2}
    assert town.rows("SELECT heard FROM conflicts") == [(1,), (1,)]


async def test_a_conflict_is_written_down_once_however_often_it_is_told(town, pair):
    a, b = pair
    await a.write(redemption="r-a", body=grant())
    await a.pusher().drain()
    await b.write(redemption="r-b", body=grant())
    pusher = b.pusher()
    await pusher._line.ask()
    await pusher._send_next()
    for _ in range(3):
        await pusher._line.ask()

    assert await told(b) == [("limit", "gate-a")]


async def test_within_the_bound_two_terminals_are_no_conflict(town, pair):
    for terminal, redemption in zip(pair, "ab", strict=True):
        await terminal.write(redemption=redemption, body=grant(most=2))
        await terminal.pusher().drain()

    assert town.ledger()["conflicts"] == []


async def test_one_terminal_over_its_own_bound_is_no_conflict_between_terminals(town):
    terminal = await town.terminal()
    await terminal.write(redemption="a", body=grant())
    await terminal.write(redemption="b", body=grant())

    await terminal.pusher().drain()

    assert town.ledger()["conflicts"] == []


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("annulled", {"step": "annulled"}, 0),
        ("reversed", {"step": "reversed", "whole": True, "heads": 0}, 0),
        ("reversed", {"step": "reversed_part", "whole": False, "heads": 1}, 0),
        ("reversed", {"step": "reversed_part", "whole": False, "heads": 0}, 2),
        ("passed", {"step": "passed"}, 2),
        ("closed", {"step": "closed"}, 2),
    ],
)
async def test_what_was_given_back_does_not_count(town, pair, kind, body, expected):
    a, b = pair
    await a.write(redemption="r-a", body=grant())
    await a.write(kind=kind, redemption="r-a", body=body)
    await a.pusher().drain()
    await b.write(redemption="r-b", body=grant())
    await b.pusher().drain()

    assert len(town.ledger()["conflicts"]) == expected


async def test_an_open_thing_is_free_again_when_it_was_closed(town, pair):
    a, b = pair
    key = "o|wulong/umbrella|subject:w:1|once"
    await a.write(kind="opened", redemption="r-a", body=grant(key))
    await b.write(kind="opened", redemption="r-b", body=grant(key))
    await a.pusher().drain()
    await b.pusher().drain()
    assert [one["kind"] for one in town.ledger()["conflicts"]] == ["open", "open"]

    await a.write(kind="closed", redemption="r-a", body={"step": "closed"})
    await b.write(kind="closed", redemption="r-b", body={"step": "claimed"})
    await a.write(kind="opened", redemption="r-c", body=grant(key))
    await b.pusher().drain()
    await a.pusher().drain()

    assert len(town.ledger()["conflicts"]) == 2


async def test_a_code_drawn_by_the_platform_is_good_at_one_terminal(town, pair):
    for terminal, redemption in zip(pair, "ab", strict=True):
        await terminal.write(redemption=redemption, body={"issuer": "w", "class": "minted", "token": "01"})
        await terminal.pusher().drain()

    assert {one["kind"] for one in town.ledger()["conflicts"]} == {"replay"}


@pytest.mark.parametrize(("apart_ms", "expected"), [(23 * HOUR_MS, 2), (24 * HOUR_MS, 0)])
async def test_a_rolling_bound_looks_back_its_hours(town, pair, apart_ms, expected):
    a, b = pair
    key = "u|wulong/tea|subject:w:1|24h"
    await a.write(redemption="r-a", body=grant(key))
    b.clock.at_ms += apart_ms
    await b.write(redemption="r-b", body=grant(key))
    await a.pusher().drain()
    b.clock.at_ms -= apart_ms
    await b.pusher().drain()

    assert len(town.ledger()["conflicts"]) == expected


async def test_a_redemption_granted_by_two_terminals_is_a_conflict_and_counted_twice(town, pair):
    for terminal in pair:
        await terminal.write(redemption="same", body={})
        await terminal.pusher().drain()

    assert {one["kind"] for one in town.ledger()["conflicts"]} == {"redemption"}
    assert town.ledger()["duplicates"] == 1


@pytest.mark.parametrize(
    "uses", [None, 7, "x", [7], [{}], [{"key": 7, "n": 1}], [{"key": "u|x", "n": -1}], [{"key": "u|x", "n": True}]]
)
async def test_uses_of_another_form_are_no_uses_and_block_nothing(town, uses):
    terminal = await town.terminal()
    await terminal.write(body={"uses": uses})

    await terminal.pusher().drain()

    assert town.rows("SELECT count(*) FROM uses") == [(0,)]


async def test_two_terminals_that_were_cut_off_for_long_tell_each_late_use_once_and_not_each_pair(town, pair):
    a, b = pair
    for terminal in pair:
        for number in range(6):
            await terminal.write(redemption=f"{terminal.identity.terminal}-{number}", body=grant())
        await terminal.pusher().drain()

    sides = town.rows("SELECT terminal, count(DISTINCT seq), count(*), max(other_seq) FROM conflicts GROUP BY terminal")
    assert sides == [("gate-a", 1, 6, 6), ("gate-b", 6, 6, 6)]
    assert (len(await told(a)), len(await told(b))) == (6, 6)
