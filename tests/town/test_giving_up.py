"""What a gate gave up and the platform has not heard survives a start of the hub: the gate has forgotten it."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from central.books.bounds import Bounds
from central.books.pledges import LAPSE_MS
from central.hub import lifting
from central.hub.claims import Asker, answer_claim
from central.site.counting import Counting, Lists
from central.site.giving_up import MOST_HERE, GivenUp
from central.site.upward import PlatformAwayError
from central.store import sqlite_books
from sync.wire.claims import ClaimAnswer, ClaimKey, ClaimRequest

WIDE_KEY, SITE_KEY = "u|w/first|subject:w:1|ever", "u|w/first@site:s|subject:w:1|ever"
WHOSE = ("gate-a", "r")


class Platform:
    """Hears what is released, or is away."""

    def __init__(self):
        self.released, self.away = [], False

    async def claim(self, ask):
        if self.away:
            raise PlatformAwayError("the line is cut")
        self.released += ask.release
        return ClaimAnswer(granted=True)


class Served:
    hub_no, site = 1, "s"

    def names(self):
        return []

    def find(self, _terminal):
        return SimpleNamespace(state="active")


@pytest.fixture
async def books(tmp_path):
    async with sqlite_books(tmp_path / "books.db") as opened:
        yield opened


async def hub_over(books, platform):
    """Return a hub that has just started and learned."""
    lists = Lists(Bounds, dict, lambda: None)
    hub = Counting(books, Served(), platform, lists=lists, now_ms=lambda: 0, folder=Path("/nowhere"))
    await hub.given_up.recall()
    hub.begin()
    hub._learning._over = True
    return hub


def ask(redemption, key, release=()):
    keys = [ClaimKey(key=key, n=1, bound=9, borne="grant")]
    return ClaimRequest(run="r", hub_no=1, redemption=redemption, at_ms=1, keys=keys, release=list(release))


async def test_a_release_is_said_at_the_platform_though_the_hub_that_heard_it_started_anew(
    books,
):
    platform = Platform()
    hub = await hub_over(books, platform)
    await hub.answer(ask("one", WIDE_KEY), "gate-a")
    platform.away = True
    assert (await hub.answer(ask("two", WIDE_KEY, ["one"]), "gate-a")).reach == "site"

    hub, platform.away = await hub_over(books, platform), False
    await hub.release_up(WHOSE)

    assert platform.released == ["one"]
    await hub.given_up.forget()
    assert (await hub_over(books, platform)).given_up.whose() == []


async def test_what_an_earlier_start_was_asked_is_released_at_the_platform_and_what_was_asked_here_alone_is_not(
    books,
):
    hub = await hub_over(books, Platform())
    await hub.answer(ask("here", SITE_KEY), "gate-a")

    await hub.answer(ask("next", SITE_KEY, ["here", "asked before"]), "gate-a")

    assert hub.given_up.of(WHOSE) == ["asked before"]


def test_of_ids_that_were_asked_for_here_alone_no_more_than_so_many_are_known():
    given_up = GivenUp(None)
    for number in range(MOST_HERE + 1):
        given_up.note_here(str(number))

    assert given_up.fresh(["0", "1"], WHOSE) == {"0": WHOSE}


async def test_a_key_of_the_site_is_answered_in_full_with_the_line_cut_and_never_goes_up(books):
    platform = Platform()
    platform.away = True
    hub = await hub_over(books, platform)

    answer = await hub.answer(ask("one", SITE_KEY), "gate-a")

    assert (answer.granted, answer.reach) == (True, "all")


class Counts(Platform):
    """A platform that counts: the real authority over books of its own."""

    def __init__(self, books):
        super().__init__()
        self.books, self.now_ms = books, 0

    async def claim(self, ask, terminal="gate-a"):
        if self.away:
            raise PlatformAwayError("the line is cut")
        job = lambda tx: answer_claim(tx, Asker(ask.terminal or terminal), ask, Bounds(), now_ms=self.now_ms)  # noqa: E731
        return await self.books.write(job)


def copied(path, fresh):
    """Copy a database as a backup does, while it is in use."""
    with contextlib.closing(sqlite3.connect(path)) as conn, contextlib.closing(sqlite3.connect(fresh)) as copy:
        conn.backup(copy)


async def test_a_hub_restored_from_an_older_copy_forgets_a_release_and_people_lift_the_doubt_that_stays(tmp_path):
    only = [ClaimKey(key=WIDE_KEY, n=1, bound=1, borne="grant")]
    other = lambda one: ClaimRequest(run="q", hub_no=1, redemption=one, at_ms=1, keys=only)  # noqa: E731
    async with sqlite_books(tmp_path / "platform.db") as held, sqlite_books(tmp_path / "hub.db") as books:
        platform = Counts(held)
        hub = await hub_over(books, platform)
        asked = msgspec.structs.replace(ask("one", WIDE_KEY), keys=only)
        assert (await hub.answer(asked, "gate-a")).reach == "all"
        await asyncio.to_thread(copied, tmp_path / "hub.db", tmp_path / "older.db")
        platform.away = True
        await hub.answer(ask("two", SITE_KEY, ["one"]), "gate-a")
        assert hub.given_up.whose() == [WHOSE]

        async with sqlite_books(tmp_path / "older.db") as older:
            hub, platform.away = await hub_over(older, platform), False
            assert hub.given_up.whose() == []  # the copy has not heard of it, and the gate will not say it again

        assert (await platform.claim(other("A"), "gate-b")).refused.state == "held"
        platform.now_ms = LAPSE_MS
        assert (await platform.claim(other("B"), "gate-b")).doubtful == [WIDE_KEY]
        await held.write(lambda tx: lifting.apply(tx, "gate-a", "lift", now_ms=platform.now_ms))
        assert (await platform.claim(other("C"), "gate-b")).granted
