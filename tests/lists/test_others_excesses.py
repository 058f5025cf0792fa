"""What a partner city, a stolen online key or a mirror can cost a terminal in memory, disk and flash."""

import random

import pytest

from cache.lists import files as documents
from cache.lists.keyfile import view as views
from cache.lists.keyfile.building import write_rows
from cache.lists.keyfile.layout import MEASURES, KeyFileError, Layout
from cache.lists.keyfile.view import Base, View
from central.example_town import FOREIGN, HOME, RESTRICT
from central.lists import keyed
from central.lists.cities import publish
from central.register.registry import register

ROW = (
    "INSERT INTO entry (city, subject, code, from_day, until_day, authority, recorded_ms)"
    " VALUES (?, ?, ?, '2026-01-01', '2027-12-31', '南山', 0)"
)
LONG = 20_000


def filled(platform, city, many):
    """Record many measures at once, and publish."""
    drawn = random.Random(many)
    with register(platform.state) as conn:
        conn.executemany(ROW, [(city, drawn.randbytes(16), RESTRICT) for _ in range(many)])
    publish(platform.state, now_ms=platform.later())


@pytest.fixture
def long_base(platform, monkeypatch):
    """Let the partner's base be a long document, the only one; return its path."""
    monkeypatch.setattr(documents, "LONG", LONG)
    filled(platform, FOREIGN, 2_000)
    folder = platform.public / "targets" / "lists" / FOREIGN
    (base,) = [path for path in folder.glob("*.measures.base") if path.stat().st_size >= LONG]
    return f"targets/lists/{FOREIGN}/{base.name}"


async def test_a_partner_s_long_file_is_not_begun_where_the_ledger_needs_the_room(
    platform, site, terminal, long_base, monkeypatch
):
    monkeypatch.setattr(documents, "RESERVE", 1 << 60)
    async with terminal.open() as t:
        pulled = await t.puller.once()

        assert list(pulled.problems) == [f"lists.{FOREIGN}"]
        assert "of this disk for anything else" in pulled.problems[f"lists.{FOREIGN}"]
        assert long_base not in site.asked
        assert f"lists.{HOME}" in t.lists.current.versions

        monkeypatch.setattr(documents, "RESERVE", 0)
        assert dict((await t.puller.once()).problems) == {}


@pytest.mark.parametrize("sent", ["as long", "longer"])
async def test_rubbish_in_place_of_a_long_file_is_not_fetched_each_minute(platform, site, terminal, long_base, sent):
    size = (platform.public / long_base).stat().st_size
    site.answers[long_base] = bytes(size + (sent == "longer"))
    now_s = 0.0
    async with terminal.open() as t:
        t.lists.files._running_s = lambda: now_s
        for minute in range(60):
            now_s = 60.0 * minute
            assert list((await t.puller.once()).problems) == [f"lists.{FOREIGN}"]
        assert site.asked.count(long_base) == 5, "at 0, 2, 6, 14 and 30 minutes"

        site.answers.clear()
        now_s += 3600
        assert dict((await t.puller.once()).problems) == {}


class TestChanges:
    @pytest.fixture
    def listed(self, tmp_path, monkeypatch):
        monkeypatch.setattr(views, "MAX_PENDING", 3)
        layout = Layout(kind=MEASURES, payload=1, bits=1)
        return View.over(Base.open(tmp_path / "base", root=write_rows([], layout=layout, out=tmp_path / "base")))

    def test_deltas_one_after_the_other_heap_up_to_a_bound(self, listed):
        for letter in b"ab":
            listed = listed.applied(listed.delta({bytes([letter]) * 16: b"1"}))
        with pytest.raises(KeyFileError, match="more than 3 changes on one base; fetch the next"):
            listed.applied(listed.delta({b"c" * 16: b"1", b"d" * 16: b"1"}))
        assert listed.pending == 2

    async def test_more_at_once_than_a_delta_may_hold_are_a_new_base(self, platform, terminal, monkeypatch):
        monkeypatch.setattr(keyed, "MAX_CHANGES", 4)
        async with terminal.open() as t:
            await t.puller.once()
            filled(platform, HOME, 5)
            assert dict((await t.puller.once()).problems) == {}
            signed = t.lists.listed[f"lists.{HOME}", "measures"].signed
            assert (signed.count, signed.since, signed.recent, signed.before) == (5, None, (), None)

            filled(platform, HOME, 3)  # three of four: more than half, so the next base comes, and a way to it
            assert dict((await t.puller.once()).problems) == {}
            signed = t.lists.listed[f"lists.{HOME}", "measures"].signed
            assert (signed.count, signed.since, len(signed.recent), signed.before is None) == (8, None, 1, False)

    async def test_a_terminal_that_would_hold_too_many_changes_goes_on_from_the_base(
        self, platform, terminal, monkeypatch
    ):
        changes = [(platform.restrict, "wang"), (platform.restrict, "lin"), (platform.repair, "wang")]
        async with terminal.open() as t:
            await t.puller.once()
            for change, who in changes:
                change(who)
                with monkeypatch.context() as small:
                    small.setattr(views, "MAX_PENDING", 2)
                    assert dict((await t.puller.once()).problems) == {}
            listed = t.lists.listed[f"lists.{HOME}", "measures"]
            assert (listed.view.count, len(listed.pile)) == (1, 2), "base and since, not three steps"
