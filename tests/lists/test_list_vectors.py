"""The vectors of list files (tests/vectors/lists): read as another vendor would, and made again as they are."""

import json
import runpy
from pathlib import Path

import pytest

from cache.lists.index import read_index
from cache.lists.keyfile.base import Base
from cache.lists.keyfile.delta import Delta
from cache.lists.keyfile.layout import MEASURES, KeyFileError
from cache.lists.keyfile.view import View
from cache.lists.payloads import entry_id, membership_of, unpack_measure
from cache.lists.refusals import ContentRefusedError
from cache.lists.status import read_revocations
from credit.rules.ages import parse_ages
from credit.rules.reading import CatalogueError

HERE = Path(__file__).parents[1] / "vectors" / "lists"
VECTORS = json.loads((HERE / "lists.json").read_text("utf-8"))
BASES = {one["name"]: one for one in VECTORS["bases"]}


def named(vector):
    return vector["name"]


def opened(folder, vector):
    path = folder / "base"
    path.write_bytes(bytes.fromhex(vector["file"]))
    return View.over(Base.open(path, root=bytes.fromhex(vector["root"])))


def check(view, rows):
    assert {key: view.look_up(bytes.fromhex(key)).hex() for key in rows} == rows


@pytest.mark.parametrize("vector", VECTORS["bases"], ids=named)
def test_bases(tmp_path, vector):
    if vector["error"]:
        with pytest.raises(KeyFileError) as refused:
            opened(tmp_path, vector)
        assert str(refused.value) == vector["error"].replace("opened", "base", 1)
        return
    view = opened(tmp_path, vector)
    assert view.count == vector["count"]
    check(view, vector["rows"])
    assert [view.look_up(bytes.fromhex(key)) for key in vector["absent"]] == [b""]


@pytest.mark.parametrize("vector", VECTORS["deltas"], ids=named)
def test_deltas(tmp_path, vector):
    view = opened(tmp_path, BASES[vector["base"]])
    if vector["error"]:
        with pytest.raises(KeyFileError) as refused:
            view.applied(Delta.read(bytes.fromhex(vector["delta"])))
        assert str(refused.value) == vector["error"]
    else:
        view = view.applied(Delta.read(bytes.fromhex(vector["delta"])))
    assert view.root.hex() == vector["root"]
    check(view, vector["rows"])


@pytest.mark.parametrize("vector", VECTORS["indexes"], ids=named)
def test_indexes(vector):
    document = json.dumps(vector["document"]).encode()
    if not vector["error"]:
        assert read_index(VECTORS["city"], document).measures.count == 41
        return
    with pytest.raises(ContentRefusedError) as refused:
        read_index(VECTORS["city"], document)
    assert str(refused.value) == vector["error"]


@pytest.mark.parametrize("vector", VECTORS["status"], ids=named)
def test_status_lists(vector):
    data = json.dumps(vector["document"]).encode()
    if vector["error"]:
        with pytest.raises(ContentRefusedError) as refused:
            read_revocations(VECTORS["city"], "revocations.json", data, indexes=vector["indexes"])
        assert str(refused.value) == vector["error"]
        return
    found = read_revocations(VECTORS["city"], "revocations.json", data, indexes=vector["indexes"])
    assert [found.revoked(b"", at) for at in vector["revoked"]] == [True] * len(vector["revoked"])
    assert [found.revoked(b"", at) for at in vector["not_revoked"]] == [False] * len(vector["not_revoked"])


@pytest.mark.parametrize("vector", VECTORS["ages"], ids=named)
def test_ages(vector):
    if vector["error"]:
        with pytest.raises(CatalogueError) as refused:
            parse_ages(vector["document"])
        assert str(refused.value) == vector["error"]
        return
    policy = parse_ages(vector["document"])
    given = [[hours, kind, policy.most_fen(kind, hours * 3600)] for hours, kind, _most in vector["given"]]
    assert given == vector["given"]


@pytest.mark.parametrize("vector", VECTORS["payloads"], ids=lambda one: one["payload"])
def test_payloads(vector):
    payload, means = bytes.fromhex(vector["payload"]), vector["means"]
    if vector["kind"] == MEASURES:
        entry = unpack_measure(VECTORS["city"], payload, ("one",))
        assert (entry.code, entry.until_day and entry.until_day.isoformat()) == (means["code"], means["until"])
        assert entry.state.value == means.get("state", "active")
        assert entry.authority == ("one" if "authority" in means else None)
    else:
        found = membership_of(payload)
        assert (found.tier, found.groups) == (means["tier"], {means["group"]} - {0})


@pytest.mark.parametrize("vector", VECTORS["entry_ids"], ids=lambda one: one["id"])
def test_entry_ids(vector):
    made = entry_id(vector["city"], bytes.fromhex(vector["pseudonym"]), bytes.fromhex(vector["payload"]))

    assert made == vector["id"]


def test_the_vectors_are_what_their_script_makes():
    assert runpy.run_path(str(HERE / "make.py"))["vectors"]() == VECTORS
