import gzip
import json

import pytest

from cache.journal.chain import current_epoch
from central.books.arriving.chains import GapError
from central.books.arriving.told import _weigh
from central.books.bounds import Bounds
from central.books.conflicts import most_at_once
from central.books.intake import take_in
from central.books.rebuilding import rebuild
from credit.records import Record, chain_next, chain_start, encode
from sync.wire.messages import Seal
from sync.wire.seals import open_batch, seal_batch

HOUR_MS = 3_600_000
BENEFIT = {
    "id": "first",
    "code": 1,
    "version": 1,
    "title": {"zh": "首次"},
    "offer": {"kind": "free"},
    "who": {},
    "where": {},
    "when": {"from": "2026-01-01", "until": "2027-12-31"},
}


def grant(key="u|wulong/first@site:tiankeng|subject:w:1|ever", n=1, most=1, **more):
    return {"issuer": "wulong", "class": "bound", "token": "aa", "uses": [{"key": key, "n": n, "max": most}]} | more


async def told(terminal):
    """Send, hear, and send what was written down about it; return the conflicts in the terminal's own journal."""
    pusher = terminal.pusher()
    await pusher.drain()
    await pusher.drain()
    names = "json_extract(body, '$.conflict'), json_extract(body, '$.with[0].terminal')"
    query = f"SELECT {names} FROM journal WHERE kind = ?"
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
    assert town.ledger()["by_kind"] == {"granted": 2, "claim_conflict": 2, "note": 1}  # its site has a second lane
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


async def test_one_terminal_that_gives_the_same_away_twice_is_a_conflict_as_well(town):
    terminal = await town.terminal()
    await terminal.write(redemption="a", body=grant())
    await terminal.write(redemption="b", body=grant())

    assert await told(terminal) == [("limit", "gate-a"), ("limit", "gate-a")]


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


async def test_a_late_use_is_told_once_and_not_with_each_earlier_one(town, pair):
    a, b = pair
    for terminal in pair:
        for number in range(6):
            await terminal.write(redemption=f"{terminal.identity.terminal}-{number}", body=grant(most=6))
        await terminal.pusher().drain()

    sides = town.rows("SELECT terminal, count(DISTINCT seq), count(*) FROM conflicts GROUP BY terminal")
    assert sides == [("gate-a", 1, 1), ("gate-b", 6, 6)]
    assert (len(await told(a)), len(await told(b))) == (1, 6)


async def undone(a, b):
    """Let `a` grant and annul, and then `b` grant; all that is known is that both granted."""
    await a.write(redemption="r-a", body=grant())
    await a.pusher().drain()
    a.clock.at_ms += 1000
    await a.write(kind="annulled", redemption="r-a", body={"step": "annulled"})
    b.clock.at_ms += 2000
    await b.write(redemption="r-b", body=grant())


async def test_granted_granted_annulled_is_no_conflict_once_the_annulment_is_heard(town, pair):
    """Both at the time of the grants knew of nobody; the first was undone before the second was given."""
    a, b = pair
    await undone(a, b)
    assert await told(b) == [("limit", "gate-a")]
    await a.pusher().drain()

    assert await told(b) == [("limit", "gate-a"), ("dissolved", "gate-a")]
    assert {one["kind"] for one in town.ledger()["conflicts"]} == {"dissolved"}
    assert town.rows("SELECT sum(clashes) FROM totals") == [(0,)]


async def test_a_real_overrun_is_not_explained_away_by_a_later_annulment(town, pair):
    a, b = pair
    await a.write(redemption="r-a", body=grant())
    b.clock.at_ms += 1000
    await b.write(redemption="r-b", body=grant())
    a.clock.at_ms += 2000
    await a.write(kind="annulled", redemption="r-a", body={"step": "annulled"})
    await b.pusher().drain()
    await a.pusher().drain()
    await a.write(redemption="r-c", body=grant())
    await a.pusher().drain()

    assert {one["kind"] for one in town.ledger()["conflicts"]} == {"limit"}


async def test_what_came_back_at_another_gate_before_its_grant_was_known_ends_it_on_arrival(town, pair):
    a, b = pair
    key = "o|wulong/umbrella|subject:w:1|once"
    await a.write(kind="opened", redemption="r-a", body=grant(key))
    await b.write(kind="closed", redemption="r-a", body={"step": "closed"})
    await b.pusher().drain()
    await a.pusher().drain()
    await b.write(kind="opened", redemption="r-b", body=grant(key))
    await b.pusher().drain()

    assert town.ledger()["conflicts"] == []
    assert town.rows("SELECT spent FROM tallies WHERE key = ?", key) == [(1,)]


async def test_giving_back_twice_gives_back_once(town, pair):
    a, b = pair
    await a.write(kind="opened", redemption="r-a", body=grant("o|wulong/umbrella|subject:w:1|once", most=2))
    for terminal in (a, b):
        await terminal.write(kind="closed", redemption="r-a", body={"step": "closed"})
        await terminal.pusher().drain()

    assert town.rows("SELECT spent FROM tallies WHERE key LIKE 'o|%'") == [(0,)]


class TestAStolenKey:
    """findings/code.md C3, red.md 2 and 5: what one terminal's key can do to others."""

    KEY = "u|wulong/first@site:tiankeng|subject:w:1|ever"

    async def test_uses_beyond_all_measure_stop_nobody_else_and_are_a_finding(self, town, pair):
        stolen, honest = pair
        for n in (2**53 - 1, 10_001):
            for _ in range(20):
                await stolen.write(body=grant(self.KEY, n=n, most=200))
        await stolen.pusher().drain()
        await honest.write(redemption="fine", body=grant(self.KEY))
        await honest.pusher().drain()

        assert (await honest.cursor()).acked_through == (await honest.head()).seq
        assert {one["kind"] for one in town.ledger()["findings"]} == {"unbookable"}
        assert town.rows("SELECT spent FROM tallies WHERE key = ?", self.KEY) == [(1,)]
        assert town.ledger()["records"] == 41 + 1  # and the order that tells the first gate of the second

    async def test_one_unbookable_fact_takes_no_other_of_its_batch_with_it(self, town, pair):
        stolen, _ = pair
        await stolen.write(redemption="a", body=grant(self.KEY, most=9))
        await stolen.write(redemption="b", body=grant(self.KEY, n=10_001))
        await stolen.write(redemption="c", body=grant(self.KEY, most=9))
        await stolen.pusher().drain()

        assert town.rows("SELECT redemption FROM uses ORDER BY redemption") == [("a",), ("c",)]
        assert town.ledger()["by_kind"] == {"granted": 2, "note": 1}

    @pytest.mark.parametrize("most", [0, None, "x"])
    async def test_a_bound_of_its_own_making_accuses_nobody(self, town, pair, most):
        stolen, honest = pair
        await honest.write(redemption="a", body=grant(self.KEY, most=2))
        await honest.pusher().drain()
        await stolen.write(redemption="b", body=grant(self.KEY, most=most))
        await stolen.pusher().drain()

        assert await told(honest) == []

    async def test_the_bound_is_the_signed_catalogue_s_whatever_it_says_itself(self, town, pair):
        limits = [{"max": 1, "per": "subject", "scope": "site", "period": "ever"}]
        catalogue = {"issuer": "wulong", "version": 1, "benefits": [BENEFIT | {"limits": limits}]}
        folder = town.state.folder / "cities" / "wulong"
        folder.mkdir(parents=True)
        (folder / "benefits.json").write_text(json.dumps(catalogue))
        stolen, honest = pair
        await honest.write(redemption="a", body=grant(self.KEY))
        await honest.pusher().drain()
        await stolen.write(redemption="b", body=grant(self.KEY, most=10**9))
        await stolen.pusher().drain()

        assert await told(honest) == [("limit", "gate-a")]

    async def test_a_batch_cannot_begin_an_epoch_anew_that_is_held(self, town):
        terminal = await town.terminal()
        await terminal.write(many=2)
        await terminal.pusher().drain()
        epoch = (await terminal.store.read(current_epoch)).id
        key = terminal.identity.key
        start = chain_start("gate-a", epoch)
        record = encode(Record(seq=100, id="x", at_ms=1, kind="note", redemption=None, body={}))
        seal = Seal(
            terminal="gate-a",
            epoch=epoch,
            first=100,
            last=100,
            count=1,
            prev_hash=start.hex(),
            head_hash=chain_next(start, record).hex(),
        )
        sealed = open_batch(gzip.decompress(seal_batch(seal, [record], key)), terminal="gate-a", key=key.public_key())

        with pytest.raises(GapError):
            town.change(lambda tx: take_in(tx, sealed, now_ms=1))


KEY = "u|wulong/first@site:tiankeng|subject:w:1|ever"


class TestWhatWasToldAndIsOver:
    """A terminal's own fact is the witness of what it was told: answers get lost, and are given before a restore."""

    async def test_a_gate_whose_word_was_under_way_when_the_conflict_dissolved_is_told_so(self, town, pair):
        a, b = pair
        await undone(a, b)
        pusher = b.pusher()
        await pusher._line.ask()
        await pusher._send_next()  # its answer tells; what b writes down is not sent yet

        heard_a = await told(a)  # its standing tells; what it writes down goes up in one batch with the annulment
        assert town.rows("SELECT 1 FROM conflicts WHERE terminal = 'gate-b'") == []
        assert await told(b) == [("limit", "gate-a"), ("dissolved", "gate-a")]

        assert heard_a == [("limit", "gate-b"), ("dissolved", "gate-b")]
        assert town.rows("SELECT kind, heard FROM conflicts") == [("dissolved", 1), ("dissolved", 1)]

    async def test_who_never_heard_of_it_is_told_nothing(self, town, pair, monkeypatch):
        a, b = pair
        await undone(a, b)
        monkeypatch.setattr("sync.push.line.take_in", lambda *_args, **_kwargs: 1 / 0)  # the answer is lost on the way
        pusher = b.pusher()
        with pytest.raises(ZeroDivisionError):
            await pusher.drain()
        monkeypatch.undo()

        await a.pusher().drain()

        assert (await told(b), await told(a)) == ([], [])

    async def test_what_stands_again_and_is_taken_back_again_is_told_each_time(self, town, pair):
        """The second taking back stumbled over the row of the first, and the batch that told of it was unbookable."""
        a, b = pair
        c = await town.terminal("gate-c")
        await undone(a, b)
        await told(b)
        await told(a)
        c.clock.at_ms = b.clock.at_ms + 1000
        await c.write(kind="reversed", redemption="r-b", body={"step": "reversed", "whole": True, "heads": 0})
        a.clock.at_ms = c.clock.at_ms + 1000
        await a.write(redemption="r-c", body=grant())
        assert await told(a) == [("limit", "gate-b"), ("dissolved", "gate-b"), ("limit", "gate-b")]
        assert await told(b) == [("limit", "gate-a"), ("dissolved", "gate-a"), ("limit", "gate-a")]

        await told(c)

        for gate in (a, b):
            assert [word for word, _other in await told(gate)] == ["limit", "dissolved"] * 2
        assert town.ledger()["findings"] == []
        assert town.rows("SELECT terminal, kind, heard FROM conflicts ORDER BY seq, terminal") == [
            ("gate-a", "dissolved", 1),
            ("gate-b", "dissolved", 1),
            ("gate-a", "dissolved", 1),
        ]

    @pytest.mark.parametrize(
        ("annulled", "words"),
        [(True, [("limit", "gate-b"), ("dissolved", "gate-b")]), (False, [("limit", "gate-b")])],
    )
    async def test_a_platform_restored_from_an_older_copy_answers_once_it_knows_whom_a_word_names(
        self, town, pair, annulled, words
    ):
        """The copy knew of neither grant; the gate that was told brings its facts first."""
        a, b = pair
        await a.write(redemption="r-a", body=grant())
        seq = (await a.head()).seq
        other = {"terminal": "gate-b", "redemption": "r-b", "at_ms": b.clock.at_ms + 2000}
        await a.write(kind="claim_conflict", body={"seq": seq, "conflict": "limit", "key": KEY, "with": [other]})
        if annulled:
            a.clock.at_ms += 1000
            await a.write(kind="annulled", redemption="r-a", body={"step": "annulled"})
        await told(a)
        assert town.ledger()["conflicts"] == []  # a word is none
        b.clock.at_ms += 2000
        await b.write(redemption="r-b", body=grant())

        await b.pusher().drain()

        assert await told(a) == words
        assert town.rows("SELECT count(*) FROM conflicts WHERE terminal = 'gate-a' AND heard = 0") == [(0,)]

    async def test_a_grant_that_overran_two_bounds_clashes_until_both_are_explained_away(self, town, pair):
        a, b = pair
        keys = [KEY, "u|wulong/other@site:tiankeng|subject:w:1|ever"]
        await a.write(redemption="r-a", body={"uses": [{"key": key, "n": 1, "max": 1} for key in keys]})
        b.clock.at_ms = a.clock.at_ms - 2000
        for number, key in enumerate(keys):
            await b.write(redemption=f"r-{number}", body=grant(key))
        found = []
        await a.pusher().drain()
        for number in range(3):
            await b.pusher().drain()
            found += town.rows("SELECT clash FROM redemptions WHERE redemption = 'r-a'")
            b.clock.at_ms = a.clock.at_ms - 1000
            await b.write(kind="annulled", redemption=f"r-{number}", body={"step": "annulled"})

        assert found == [(1,), (1,), (0,)]
        assert town.rows("SELECT sum(clashes) FROM totals") == [(0,)]

    async def test_a_word_about_a_rolling_bound_is_weighed_no_more_until_something_stands(self, town, pair):
        """No fact ends such a word: it was taken out and put back by every answer, one that told no news as well."""
        a, b = pair
        key = "u|wulong/tea|subject:w:1|24h"
        await a.write(redemption="r-a", body=grant(key))
        await b.write(redemption="r-b", body=grant(key, most=2))
        other = {"terminal": "gate-b", "redemption": "r-b", "at_ms": b.clock.at_ms}
        await a.write(kind="claim_conflict", body={"seq": 1, "conflict": "limit", "key": key, "with": [other]})
        await a.pusher().drain()
        await b.pusher().drain()
        assert town.rows("SELECT kind FROM conflicts") == [("said",)]

        assert town.change(lambda tx: _weigh(tx, "gate-a")) is False

    async def test_of_one_terminals_words_so_many_wait_and_no_more(self, town, monkeypatch):
        """Each waits at the cost of all its answers: somebody may write down what nobody ever told."""
        monkeypatch.setattr("central.books.arriving.told.MAX_SAID", 3)
        liar = await town.terminal("gate-l")
        for number in range(5):
            other = {"terminal": "gate-z", "redemption": f"r-{number}", "at_ms": 1}
            body = {"seq": 1, "conflict": "limit", "key": f"u|x|{number}", "with": [other]}
            await liar.write(kind="claim_conflict", body=body)
        await liar.pusher().drain()

        assert town.rows("SELECT count(*) FROM conflicts WHERE kind = 'said'") == [(3,)]

    @pytest.mark.parametrize("key", ["u|w/x|subject:w:9|ever", "", "n|x", "\0", "u" * 5000])
    @pytest.mark.parametrize("others", [[], [{"terminal": "gate-z", "redemption": None, "at_ms": 1}], "x", [7]])
    async def test_a_word_of_what_nobody_knows_tells_nobody_anything(self, town, key, others):
        terminal = await town.terminal()
        for word in ("limit", "nonce", "dissolved", "other", None):
            body = {"seq": 1, "conflict": word, "key": key, "with": others}
            await terminal.write(kind="claim_conflict", body=body)
        before = (await terminal.head()).seq

        await terminal.pusher().drain()

        assert (await terminal.head()).seq == before
        assert (town.ledger()["conflicts"], town.ledger()["findings"]) == ([], [])


@pytest.mark.parametrize(
    ("events", "most"),
    [
        ([], 0),
        ([(1, 1, 0, None), (2, 1, 0, None)], 2),
        ([(1, 1, 1, 2), (2, 1, 0, None)], 1),
        ([(1, 2, 1, 5), (3, 1, 0, None)], 3),
        ([(5, 1, 1, 3), (5, 1, 0, None)], 2),  # a give-back "before" its grant, by clocks that differ: no help
        ([(1, 3, 3, 2), (2, 3, 3, 3), (3, 3, 0, None)], 3),
    ],
)
def test_most_at_once_is_what_stood_together(events, most):
    assert most_at_once(events) == most


async def test_the_books_are_what_the_facts_say(town, pair):
    """Kept as facts come, or made anew from all of them: the same books."""
    _, b = pair
    for number in range(12):
        terminal, redemption = pair[number % 2], f"r-{number}"
        await terminal.write(redemption=redemption, body=grant(most=3) | {"given": [{"benefit": "wulong/first"}]})
        if number % 3 == 0:
            await terminal.write(kind="annulled", redemption=redemption, body={})
        if number % 4 == 0:
            await pair[1].write(kind="closed", redemption=redemption, body={})
        await terminal.pusher().drain()
        town.clock.at_ms += 1000
    await b.pusher().drain()
    tables = ("uses", "tallies", "redemptions", "endings", "totals", "kinds")
    kept = [sorted(town.rows(f"SELECT * FROM {table}")) for table in tables]

    town.change(lambda tx: rebuild(tx, Bounds()))

    for table, before in zip(tables, kept, strict=True):
        assert sorted(town.rows(f"SELECT * FROM {table}")) == before, table
