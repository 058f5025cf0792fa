"""Whatever lies on the stick: one kind of error, what is in force stays in force, and an honest bundle is taken after.

A bundle is changed in its bytes, in its names, in what its members hold and in how they say they are packed.
`XINGUAN_BUNDLES=2000` plays more by hand; the seed is in what fails.
"""

import io
import os
import random
import struct
import zipfile

import pytest
from tuf.api.exceptions import DownloadError

from central.example_town import HOME
from central.lists.bundles import bundle
from sync.pull.bundle import BASE, BundleFetcher
from sync.pull.puller import PullFailedError
from sync.pull.verify import ListRefusedError
from tests.tools.decodable import CORPUS, anything, kept

CASES = int(os.environ.get("XINGUAN_BUNDLES", "60"))
SEED = 20261127
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NAMES = (
    "",
    "/",
    "../../etc/passwd",
    "metadata/",
    "metadata/timestamp.json",
    "信用",
    "\u202e",
    "x" * 60_000,
    "a\\b",
    "C:x",
)
HEAD_MAGICS = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")
MEMBERS = ("metadata/timestamp.json", "metadata/1.root.json", "metadata/1.snapshot.json", "targets/x")
MOST = 1 << 20


def in_its_bytes(draw, data):
    """Turn bytes over, cut, doubled or put in anywhere: most often where the headers are."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        magic = draw.choice(HEAD_MAGICS)
        places = [at for at in range(len(changed) - 30) if changed[at : at + 4] == magic] or [0]
        at = draw.choice(places) + draw.randrange(30) if draw.random() < 0.8 else draw.randrange(len(changed))
        how = draw.random()
        if how < 0.6:
            changed[at] = draw.choice((0, 1, 8, 12, 14, 0x7F, 0xFF, draw.randrange(256)))
        elif how < 0.8:
            changed[at : at + 4] = struct.pack("<L", draw.choice((0, 1, 2**31, 2**32 - 1, len(data))))
        elif how < 0.9:
            del changed[at : at + draw.randint(1, 40)]
        else:
            changed[at:at] = draw.randbytes(draw.randint(1, 40))
    return bytes(changed)


def packed_anew(draw, data):
    """Pack the same members otherwise, with other names and other contents among them."""
    members = {}
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        for name in old.namelist():
            members[name] = old.read(name)
    for _ in range(draw.randint(1, 3)):
        name = draw.choice(sorted(members))
        how = draw.random()
        if how < 0.3:
            members[draw.choice(NAMES)] = members.pop(name)
        elif how < 0.6:
            members[name] = str(anything(draw)).encode("utf-8", "replace")
        elif how < 0.8:
            members[name] = b"[" * 50_000
        else:
            del members[name]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as new:
        for name, content in members.items():
            new.writestr(zipfile.ZipInfo(name), content, compress_type=draw.choice(PACKED))
    return target.getvalue()


def any_bundle(seed, data):
    draw = random.Random(seed)
    changed = packed_anew(draw, data) if draw.random() < 0.4 else data
    if changed is data or draw.random() < 0.6:
        changed = in_its_bytes(draw, changed)
    return changed


def read_through(path):
    """Read what a fetcher is asked for; whatever lies there, nothing else comes out than its two errors."""
    try:
        fetcher = BundleFetcher(path)
    except ListRefusedError:
        return
    try:
        for name in (*MEMBERS, *fetcher._zip.namelist()[:40]):
            try:
                assert len(fetcher.download_bytes(BASE + name, MOST)) <= MOST
                fetcher.download_document(BASE + name, path.with_name("out"), MOST)
            except DownloadError:
                continue
        fetcher.issued_ms()
    except ListRefusedError:
        pass
    finally:
        fetcher.close()


@pytest.fixture
def small(tmp_path):
    """A bundle of a few members, each packed in another way."""
    path = tmp_path / "small.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, how in zip(MEMBERS, PACKED, strict=True):
            file.writestr(zipfile.ZipInfo(name), b'{"signed": {}}' * 50, compress_type=how)
    return path.read_bytes()


def test_whatever_a_stick_holds_is_read_or_refused_in_one_of_two_ways(small, tmp_path):
    path = tmp_path / "b.zip"
    for seed in range(SEED, SEED + CASES):
        path.write_bytes(any_bundle(seed, small))
        try:
            read_through(path)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("name", sorted(one.name for one in (CORPUS / "bundles").glob("*")))
def test_what_once_came_through_is_refused(name, tmp_path):
    path = tmp_path / "b.zip"
    path.write_bytes((CORPUS / "bundles" / name).read_bytes())

    read_through(path)


async def test_any_bundle_ends_nothing_changes_nothing_and_an_honest_one_is_taken_after_it(
    platform, terminal, tmp_path
):
    path, wang = tmp_path / "b.zip", platform.issue("wang").subject
    honest = bundle(platform.state)
    async with terminal.open() as t:
        path.write_bytes(honest)
        await t.puller.take_bundle(path)
        versions = dict(t.lists.current.versions)
        platform.restrict("wang")
        newer = bundle(platform.state)

        for number, changed in enumerate([*kept("bundles"), *(any_bundle(SEED + n, newer) for n in range(CASES // 4))]):
            path.write_bytes(changed)
            try:
                await t.puller.take_bundle(path)
            except PullFailedError:
                assert dict(t.lists.current.versions) == versions, number
            else:  # nothing that counts was changed
                assert dict(t.lists.current.versions) != {}, number
                versions = dict(t.lists.current.versions)

        path.write_bytes(newer)
        await t.puller.take_bundle(path)
        assert dict(t.lists.current.problems) == {}
        assert t.lists.current.measures(HOME, wang)
