"""docs/lists.md: its documents are valid, its commands exist, and it names every document there is."""

import json
import re
from pathlib import Path

from cache.lists.content import open_role
from cache.lists.index import read_index
from cache.lists.status import read_revocations
from central.cli import COMMANDS
from credit.rules.listing import DOCUMENTS, KEYS, LISTS, path_of, role_of

TEXT = (Path(__file__).parents[2] / "docs" / "lists.md").read_text("utf-8")
BLOCKS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
MEMBER = {
    "mapping": "mapping.json",
    "measures": "index.json",
    "tokens": "revocations.json",
    "codes": "measure-codes.json",
    "calendars": "calendars.json",
    "ages": "list-ages.json",
    "site_sets": "sites.json",
    "benefits": "benefits.json",
}


def test_every_document_on_the_page_is_one_a_terminal_accepts():
    shown = {MEMBER[next(name for name in MEMBER if name in block)]: json.dumps(block).encode() for block in BLOCKS}
    shown[KEYS] = b"[]"

    index = read_index("yunling", shown.pop("index.json"))
    assert index.measures.since.start == index.measures.base.root
    assert read_revocations("yunling", "p", shown.pop("revocations.json"), indexes=16).revoked(b"", 0)
    for kind, names in DOCUMENTS.items():
        if kind == LISTS:
            continue
        content = open_role(role_of(kind, "yunling"), {path_of(kind, "yunling", name): shown[name] for name in names})
        assert content.city == "yunling"


def test_every_command_on_the_page_exists():
    named = set(re.findall(r"xinguan central (\w+)", TEXT))

    assert named <= set(COMMANDS)
    assert {"issue", "restrict", "repair", "dispute", "revoke", "publish", "city"} <= named
