"""Reading a case file, with errors that name path and mend (decision.md; contract.md §6).

Rules of this file:

- the whole file is read and checked before the first step is played: a wrong file plays nothing;
- steps count from 1, events included; `at` carries an offset and never decreases; what an event names must exist.
"""

import json
from typing import Any

from credit.inputs import Place, SecondResult
from credit.keys import Keyring, KeyringError
from credit.rules.reading import CatalogueError, Node
from credit.rules.terms import DEFAULT_ZONE, zone
from edge.simulator.case import Case, Published, Verifier
from edge.simulator.case_steps import Reader
from edge.simulator.publications import published_from

TOP = (
    "title",
    "zone",
    "terminals",
    "catalogue",
    "measures",
    "calendars",
    "mapping",
    "steps",
    "keys",
    "site_sets",
    "ages",
    "sites",
    "verifiers",
    "test",
    "id",
    "version",
    "scene",
    "tags",
    "author",
    "grace_s",
)
GRACE_S = 10
MAX_BYTES = 16 * 1024 * 1024


def parse_case(raw: bytes) -> Case:
    """Return the case that `raw` (JSON, UTF-8) describes; raise CatalogueError."""
    if len(raw) > MAX_BYTES:
        raise CatalogueError("$", f"is larger than {MAX_BYTES} bytes; split the case")
    try:
        document = json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError) as error:
        raise CatalogueError("$", f"is no JSON: {error}") from None
    top = Node(document).members(*TOP)
    title, zone_node, grace, test = top.get("title"), top.get("zone"), top.get("grace_s"), top.get("test")
    zone_name = zone_node.text() if zone_node else DEFAULT_ZONE
    zone(zone_node, DEFAULT_ZONE)
    published = published_from(top, Published(), zone_name)
    terminals = _terminals(top.need("terminals"))
    reader = Reader(zone=zone_name, terminals=terminals, published=published)
    return Case(
        title=title.text() if title else "",
        zone=zone_name,
        terminals=terminals,
        published=published,
        steps=reader.steps(top.need("steps")),
        keyring=_keyring(top.get("keys")),
        verifiers=_verifiers(top.get("verifiers")),
        test=test.flag() if test else False,
        grace_ms=(grace.whole() if grace else GRACE_S) * 1000,
    )


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice!r} stands twice in one object; keep one")
    return found


def _terminals(node: Node) -> dict[str, Place]:
    found = {}
    for name, one in node.pairs():
        one.members("site", "scene", "lane", "merchant_tier", "title", "name", "city", "kind")
        lane, tier = one.get("lane"), one.get("merchant_tier")
        found[name] = Place(
            site=one.need("site").text(),
            scene=one.need("scene").text(),
            lane=lane.text() if lane else name,
            terminal=name,
            merchant_tier=tier.whole() if tier else None,
        )
    if not found:
        raise node.wrong("names no terminal; add one")
    return found


def _keyring(node: Node | None) -> Keyring:
    if node is None:
        return Keyring.empty()
    try:
        return Keyring.from_json(json.dumps(node.value).encode())
    except KeyringError as error:
        raise node.wrong(str(error)) from None


def _verifiers(node: Node | None) -> dict[str, Verifier]:
    found = {}
    for name, one in node.pairs() if node else ():
        one.members("codes", "down", "when_down")
        codes, down, policy = one.get("codes"), one.get("down"), one.get("when_down")
        policies = {f"{word}": SecondResult(f"down_{word}") for word in ("pass", "refer", "refuse")}
        word = policy.text() if policy else "refer"
        if word not in policies:
            raise one.wrong(f'when_down {word!r} is unknown; use "pass", "refer" or "refuse"')
        found[name] = Verifier(
            codes={code: good.flag() for code, good in codes.pairs()} if codes else {},
            when_down=policies[word] if down and down.flag() else None,
        )
    return found
