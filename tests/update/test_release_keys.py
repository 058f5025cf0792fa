"""Whose signature counts on a box: the package's keys, or those that an update named which stayed."""

import importlib.util
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edge.commands.update.bundle import Update, UpdateError, opened
from edge.commands.update.keys import SUCCESSORS, adopt, release_keys
from tests.tools.pages import BLOCKS

ROOT = Path(__file__).parents[2]
OLD, NEW, NEWER = ("1" * 64, "2" * 64, "3" * 64)


def update(number, *keys):
    return Update(version="9", number=number, debian=12, arch="amd64", size=1, sha256="0" * 64, keys=keys)


@pytest.fixture
def package(tmp_path):
    file = tmp_path / "release-keys"
    file.write_text(f"# number 100\n# whoever releases\n{OLD}\n")
    return file


def test_the_keys_of_the_package_count_until_an_update_that_stayed_names_others(tmp_path, package):
    assert release_keys(tmp_path, package) == (OLD,)

    adopt(tmp_path, update(101, OLD, NEW))
    assert release_keys(tmp_path, package) == (OLD, NEW)
    adopt(tmp_path, update(102, NEW))
    assert release_keys(tmp_path, package) == (NEW,)


def test_an_update_that_names_nobody_or_is_older_changes_nothing(tmp_path, package):
    adopt(tmp_path, update(102, NEW))

    adopt(tmp_path, update(103))
    adopt(tmp_path, update(101, OLD))

    assert release_keys(tmp_path, package) == (NEW,)


def test_a_newer_package_wins_over_what_an_update_named_and_one_without_keys_never_does(tmp_path, package):
    adopt(tmp_path, update(102, NEW))

    package.write_text(f"# number 103\n{NEWER}\n")
    assert release_keys(tmp_path, package) == (NEWER,)
    package.write_text("# number 104\n# nobody\n")
    assert release_keys(tmp_path, package) == (NEW,)


@pytest.mark.parametrize("text", ["", "# number 5\n# Public release keys\n", "not a key\n", f"{OLD}0\n", None])
def test_a_box_without_a_release_key_says_so_and_what_to_do(tmp_path, text):
    package = tmp_path / "release-keys"
    if text is not None:
        package.write_text(text)

    with pytest.raises(UpdateError, match="本机没有发布密钥.*has no release key.*Install the package"):
        release_keys(tmp_path, package)


def test_damaged_successors_stop_updates_and_name_the_mend(tmp_path, package):
    (tmp_path / SUCCESSORS).write_text('{"number": 10')

    with pytest.raises(UpdateError, match="remove it, and the package's keys count"):
        release_keys(tmp_path, package)


def test_the_repository_as_it_is_builds_packages_that_take_no_update_and_says_so(tmp_path):
    """What a user sees who types `xinguan update` on a box with the package of this very tree."""
    with pytest.raises(UpdateError, match="empty systemd/release-keys"):
        release_keys(tmp_path, ROOT / "systemd/release-keys")


@pytest.fixture
def build():
    spec = importlib.util.spec_from_file_location("builder_of_keys", ROOT / "systemd/packaging/build.py")
    found = sys.modules["builder_of_keys"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_builder_names_who_signs_the_next_update_and_what_the_package_s_list_is_worth(build):
    assert build.keys_of(f"# a line\n{OLD}\n{NEW}\n{NEW}0\n") == (OLD, NEW)
    assert build.keys_of((ROOT / "systemd/release-keys").read_text("utf-8")) == ()


def made_by_the_page(folder):
    """Type what docs/boxes.md says; return where the private half lies."""
    (lines,) = [text for page, kind, text in BLOCKS if (page, kind) == ("boxes.md", "sh")]
    subprocess.run(["sh", "-euc", lines], cwd=folder, check=True, capture_output=True)
    return folder / "release.pem"


def test_a_release_key_made_by_the_page_signs_what_a_box_takes(build, tmp_path):
    """From the page's two lines to a box that takes the update; dpkg and pip have no part in who may sign."""
    secret = made_by_the_page(tmp_path)
    args = build.asked(["update", "--keys", str(tmp_path / "release-keys"), "--sign", str(secret)])
    target = build.Target(debian=12, arch="amd64", version="1", epoch=5, keys=args.keys.read_text("utf-8"))
    trees = tmp_path / "xinguan", tmp_path / "xinguan-central"
    build.add_environment(target, trees[0])
    build.put(trees[1] / target.home / "share/central", "x")

    made = build.update(target, trees, tmp_path, args.sign)

    keys = release_keys(tmp_path, trees[0] / "usr/share/xinguan/release-keys")
    with made.open("rb") as file:
        update = opened(file, keys)
    assert (update.number, update.keys) == (5, keys)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_key_that_its_own_list_does_not_name_is_said_when_an_update_is_built(build, tmp_path, capsys):
    """As after a release that names the next key alone: boxes that missed the one before would refuse it."""
    secret, target = made_by_the_page(tmp_path), build.Target(debian=12, arch="amd64", version="1", epoch=5, keys=OLD)

    build.update(target, (), tmp_path, secret)

    assert "boxes must have it from before" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"), [(["update"], "--sign KEY.pem"), (["deb", "--keys", "nobody"], "nobody names no key")]
)
def test_what_no_box_could_use_is_not_built(build, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    Path("nobody").write_text("# nobody yet\n")

    with pytest.raises(SystemExit) as ended:
        build.main([*words, "--out", str(tmp_path)])

    assert said in f"{ended.value}{capsys.readouterr().err}"
