"""A hub's mirror: the same files as the platform's, for gates that stand elsewhere than the hub did."""

from contextlib import asynccontextmanager

import pytest

from cache.lists.index import named_files, read_index
from central.example_town import HOME
from central.lists import keyed
from central.register.registry import pseudonym, register
from sync.pull.mirror import Mirror, bringing

PEOPLE = ("wang", "lin", "zhao")


@pytest.fixture
def hub(platform, site, terminal, tmp_path):
    """A hub whose mirror follows its lists; its mirror is `hub.mirror`."""

    @asynccontextmanager
    async def opened():
        async with terminal.open() as t:
            t.mirror = Mirror(t.lists, tmp_path / "mirror", terminal.trust_root)
            t.mirror.bringing = bringing(t.session, site.url)
            t.puller.refreshed = t.mirror.write
            await t.puller.once()
            for who in PEOPLE:  # the hub goes by single steps
                platform.restrict(who)
                await t.puller.once()
            yield t

    return opened


@pytest.fixture
def gate(site, terminal, tmp_path):
    """A gate behind the mirror, with nothing at first."""

    @asynccontextmanager
    async def opened():
        (tmp_path / "gate").mkdir(exist_ok=True)
        async with (
            type(site)(tmp_path / "mirror").serving() as url,
            type(terminal)(tmp_path / "gate", terminal.trust_root, url, terminal.clock).open() as found,
        ):
            yield found

    return opened


def known(lists, platform):
    with register(platform.state) as conn:
        return [bool(lists.current.measures(HOME, pseudonym(conn, HOME, who))) for who in PEOPLE]


async def test_a_gate_that_comes_new_finds_at_the_hub_what_the_hub_itself_never_needed(platform, hub, gate):
    async with hub() as t, gate() as g:
        pulled = await g.puller.once()

        assert dict(pulled.problems) == {}
        assert known(g.lists, platform) == known(t.lists, platform) == [True] * 3


async def test_a_gate_that_slept_while_the_hub_followed_goes_on_by_whichever_way_is_signed(
    platform, hub, gate, monkeypatch
):
    async with hub() as t:
        async with gate() as g:
            await g.puller.once()
        monkeypatch.setattr(keyed, "RECENT", 1)
        for who in PEOPLE:
            platform.repair(who)
            await t.puller.once()
        async with gate() as g:
            assert dict((await g.puller.once()).problems) == {}
            assert known(g.lists, platform) == [False] * 3


async def test_while_such_a_file_cannot_be_had_the_news_goes_out_to_who_needs_it_not(platform, site, hub, gate, caplog):
    async with hub() as t, gate() as g:
        await g.puller.once()
        platform.repair("wang")
        (held,) = [one for one in t.lists.current.states.values() if one.role == f"lists.{HOME}"]
        await t.puller.once()
        index = index_of(t)
        assert index.measures.since is not None
        assert held.documents != t.lists.current.states[f"lists.{HOME}"].documents
        since = t.mirror.public / f"targets/lists/{HOME}/{index.measures.since.sha256}.measures.delta"
        since.unlink()
        site.answers[f"targets/lists/{HOME}/{since.name}"] = 503

        await t.puller.once()
        assert not since.exists()
        assert "a file for others is not here" in caplog.text
        assert dict((await g.puller.once()).problems) == {}
        assert known(g.lists, platform) == [False, True, True]

        site.answers.clear()
        await t.puller.once()
        assert since.exists()


async def test_what_nobody_names_any_more_leaves_the_mirror_too(platform, hub, monkeypatch):
    monkeypatch.setattr(keyed, "REBASE_LEAST", 0)
    async with hub() as t:
        for _ in range(2):  # what the state before this one needs stays until the next
            for who in PEOPLE:
                platform.repair(who)
                platform.restrict(who)
                await t.puller.once()
        await t.mirror.write()

        folder = t.mirror.public / "targets" / "lists" / HOME
        named = {f"{sha256}.{name}" for sha256, name in named_files(index_of(t))}
        assert named <= {path.name for path in folder.iterdir()}
        held = t.lists.current.states[f"lists.{HOME}"].documents
        own = {f"{one.sha256}.{one.path.rpartition('/')[2]}" for one in held}
        assert {path.name for path in folder.iterdir()} <= named | own


def index_of(t):
    document = t.lists.current.states[f"lists.{HOME}"].documents[0]
    return read_index(HOME, t.lists.files.read(document.sha256))
