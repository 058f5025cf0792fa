"""ADR 0172: exchanging the platform's key; the folder serves wherever that is cut, and after a restore."""

from pathlib import Path

import pytest

from central import example_town
from central import platform_key as exchanging
from central.cli import main
from central.commands.backup import pack
from central.commands.restore import unpack
from central.platform_key import rotate
from central.platform_state import KEY, KEYS, NEXT_KEY, StateError, create_state, open_state
from storage.files import replace_file
from sync.enrol.successors import MAX_LINKS, Chain

NOW = 1_795_000_000_000


class PlugPulledError(Exception):
    """The power went."""


@pytest.fixture
def folder(tmp_path):
    create_state(tmp_path / "p")
    return tmp_path / "p"


def of_a_terminal(first, links):
    """Return the chain of whoever was enrolled with `first` and is given `links`."""
    chain = Chain.begun([first])
    for text in links:
        chain = chain.followed_by(text)
    return chain


def cut(monkeypatch, *, at, before):
    """Let the plug be pulled at the write to `at`: before it, or right after."""
    renamed = Path.replace

    def writing(path, data, **more):
        if path.name == at and before:
            raise PlugPulledError
        replace_file(path, data, **more)
        if path.name == at:
            raise PlugPulledError

    def renaming(path, target):
        if path.name == NEXT_KEY and at == KEY and before:
            raise PlugPulledError
        found = renamed(path, target)
        if path.name == NEXT_KEY and at == KEY:
            raise PlugPulledError
        return found

    monkeypatch.setattr(exchanging, "replace_file", writing)
    monkeypatch.setattr(Path, "replace", renaming)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("at", [NEXT_KEY, KEYS, KEY])
@pytest.mark.parametrize("exchanges", [0, 2])
def test_a_cut_at_any_write_leaves_a_platform_whose_key_terminals_reach_and_the_next_try_ends_it(
    folder, monkeypatch, at, before, exchanges
):
    first = open_state(folder).signer.public
    for _ in range(exchanges):
        rotate(folder, now_ms=NOW)
    with monkeypatch.context() as pulled, pytest.raises(PlugPulledError):
        cut(pulled, at=at, before=before)
        rotate(folder, now_ms=NOW)

    after = open_state(folder)
    terminal = of_a_terminal(first, after.chain.links)
    assert list(terminal.in_force) == [after.signer.public.kid]

    ended = rotate(folder, now_ms=NOW + 1)

    whole = at == KEY and not before  # that exchange was over: the next try is another
    assert ended.chain.number == exchanges + (2 if whole else 1)
    assert list(of_a_terminal(first, ended.chain.links).in_force) == [ended.signer.public.kid]
    assert not (folder / NEXT_KEY).exists()
    assert (folder / KEY).stat().st_mode & 0o777 == 0o600


def test_links_are_given_by_eight_from_the_key_that_is_known(folder):
    first = open_state(folder).signer.public.kid
    for _ in range(MAX_LINKS + 2):
        state = rotate(folder, now_ms=NOW)

    assert state.chain.after(first) == list(state.chain.links[:MAX_LINKS])
    assert state.chain.after(state.chain.former[-1].kid) == [state.chain.links[-1]]
    assert state.chain.after(state.signer.public.kid) == []
    assert state.chain.after("0" * 16) == []


@pytest.mark.parametrize("name", [KEY, KEYS])
def test_a_key_that_is_not_the_one_of_the_links_is_named_with_the_mend(folder, name):
    rotate(folder, now_ms=NOW)
    before = (folder / name).read_bytes()
    rotate(folder, now_ms=NOW)
    (folder / name).write_bytes(before)

    with pytest.raises(StateError, match="central restore"):
        open_state(folder)


def test_links_that_somebody_edited_are_named(folder):
    rotate(folder, now_ms=NOW)
    text = (folder / KEYS).read_text()
    (folder / KEYS).write_text(text[:-6] + ("A" if text[-6] != "A" else "B") + text[-5:])

    with pytest.raises(StateError, match="cannot be read"):
        open_state(folder)


@pytest.mark.parametrize("lost", [False, True])
def test_a_restored_platform_signs_with_the_newest_key_that_is_left(folder, tmp_path, lost):
    example_town.found(folder, now_ms=NOW)
    rotate(folder, now_ms=NOW)
    pack(folder, tmp_path / "b.tar", at_ms=NOW)
    packed, newest = open_state(folder).chain, rotate(folder, now_ms=NOW).chain
    if lost:
        (folder / KEY).unlink()

    unpack(folder, tmp_path / "b.tar", root=None, at_ms=NOW + 1)

    assert open_state(folder).chain == (packed if lost else newest)


def test_the_command_shows_asks_and_exchanges(folder, capsys):
    before = open_state(folder).signer.public

    assert main(["platform-key", "rotate", "--state", str(folder)]) == 1
    assert open_state(folder).signer.public == before
    assert "--yes" in capsys.readouterr().err
    assert main(["platform-key", "rotate", "--state", str(folder), "--yes"]) == 0
    assert "重启" in capsys.readouterr().out
    assert main(["platform-key", "show", "--state", str(folder)]) == 0

    after, said = open_state(folder).signer.public, capsys.readouterr().out.splitlines()
    assert [after.kid in said[0], before.kid in said[1]] == [True, True]
    assert after != before
    assert "PRIVATE" not in "".join(said)
