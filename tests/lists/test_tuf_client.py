"""The adapter for the public TUF conformance suite, against our own repository (docs/testing.md says how to run it)."""

import asyncio
import importlib.util
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from central.example_town import HOME

spec = importlib.util.spec_from_file_location("tuf_client", Path(__file__).with_name("tuf_client.py"))
tuf_client = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tuf_client)
SITES = f"rules/{HOME}/sites.json"


@pytest.fixture
async def client(platform, site, tmp_path):
    """The three commands, on an initialised client; each returns its exit code."""
    folder, got, root = tmp_path / "metadata", tmp_path / "targets", tmp_path / "root.json"
    folder.mkdir()
    got.mkdir()
    root.write_bytes(platform.repository.trust_root())
    base = ("--metadata-dir", str(folder), "--metadata-url", f"{site.url}metadata/")

    async def refresh():
        return await asyncio.to_thread(tuf_client.main, [*base, "refresh"])

    async def download(*names):
        named = [word for name in names for word in ("--target-name", name)]
        more = [*named, "--target-base-url", f"{site.url}targets/", "--target-dir", str(got)]
        return await asyncio.to_thread(tuf_client.main, [*base, *more, "download"])

    assert tuf_client.main(["--metadata-dir", str(folder), "init", str(root)]) == 0
    assert site.asked == [], "the repository is not asked"
    return SimpleNamespace(folder=folder, got=got, refresh=refresh, download=download)


def version_of(client, role):
    return json.loads((client.folder / f"{role}.json").read_bytes())["signed"]["version"]


@pytest.fixture(autouse=True)
def this_moment(platform, monkeypatch):
    """The repository's moment is the client's: it reads the machine's clock."""
    monkeypatch.setattr(tuf_client.time, "time_ns", lambda: platform.clock.ms * 1_000_000)


async def test_refresh_writes_out_what_is_trusted(client, platform):
    assert await client.refresh() == 0

    here = sorted(path.name for path in client.folder.glob("*.json"))
    assert here == ["root.json", "snapshot.json", "targets.json", "timestamp.json"]
    first = version_of(client, "timestamp")
    platform.restrict("wang")
    assert await client.refresh() == 0
    assert version_of(client, "timestamp") > first


async def test_a_document_is_downloaded_verified_and_not_fetched_again(client, platform, site):
    assert await client.download(SITES) == 0
    (place,) = client.got.iterdir()
    assert json.loads(place.read_bytes())["issuer"] == HOME

    site.asked.clear()
    assert await client.download(SITES) == 0
    assert not [path for path in site.asked if path.startswith("targets/")]


async def test_what_is_not_signed_or_not_what_was_signed_is_refused(client, site, capsys):
    assert await client.download(f"rules/{HOME}/nothing.json") == 1
    assert "nobody signs it" in capsys.readouterr().err
    assert await client.download(SITES) == 0
    (path,) = [path for path in site.asked if path.endswith(".sites.json")]
    (place,) = client.got.iterdir()
    site.answers[path] = bytes(len(place.read_bytes()))
    place.unlink()

    assert await client.download(SITES) == 1
    assert list(client.got.iterdir()) == []


async def test_an_older_state_is_refused_and_what_is_trusted_stays(client, platform, tmp_path):
    shutil.copytree(platform.public, tmp_path / "old")
    platform.restrict("wang")
    assert await client.refresh() == 0
    newest = version_of(client, "timestamp")
    shutil.rmtree(platform.public)
    shutil.copytree(tmp_path / "old", platform.public)

    assert await client.refresh() == 1
    assert version_of(client, "timestamp") == newest


async def test_past_its_expiry_it_is_refused_by_our_time(client, platform):
    assert await client.refresh() == 0
    platform.later(40 * 86_400_000)

    assert await client.refresh() == 1
