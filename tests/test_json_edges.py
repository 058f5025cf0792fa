"""Loose dictionaries cross a module's border only where JSON itself does: each such module is named with what it bears.

Whoever adds a module to the table says which JSON it reads or writes; values of ours are dataclasses or structs.
"""

import ast
import re

import pytest

from tests.test_architecture import MODULES

LOOSE = re.compile(r"\b(?:dict|Mapping)\[str, Any\]")
# What is carried → the modules at whose border it is loose; a name that ends in a dot stands for a room.
EDGES = {
    "the body of a fact (docs/records.md)": (
        "cache.journal.bodies",
        "cache.journal.chain",
        "cache.ledger.entries",
        "cache.ledger.permit",
        "cache.ledger.recall",
        "cache.ledger.steps",
        "cache.memory.lives",
        "cache.pen",
        "central.books.arriving.told",
        "central.books.bounds",
        "central.books.counts",
        "central.books.elsewhere.telling",
        "central.books.settling.accounts",
        "central.hub.rows",
        "central.proofs.issued",
        "central.proofs.judging",
        "central.register.standing",
        "credit.records",
        "sync.wire.records.",
    ),
    "an answer, as it is told, kept and shown (docs/api.md)": (
        "cache.ledger.listing",
        "cache.texts",
        "cache.ledger.visit",
        "credit.decide",
        "credit.decision",
        "credit.facts",
        "credit.rules.offers",
        "credit.telling.answers",
        "credit.weighing.choice",
        "credit.weighing.compiled",
        "credit.weighing.eligibility",
        "edge.actuators.paper.slips",
        "edge.actuators.signs.cues",
        "edge.api.calls.given_bodies",
        "edge.lanes.beside.",
        "edge.lanes.presented",
        "sync.beyond.answers",
    ),
    "what status, readiness, events and commands print": (
        "edge.api.app",
        "edge.api.calls.",
        "edge.commands.sync",
        "edge.events",
        "edge.watch.",
        "central.lists.delegations",
        "central.register.reaching",
    ),
    "a message before it has a type": ("sync.wire.messages",),
    "what a controller is told": ("edge.actuators.tables",),
    "a signed document or an operator's own offers": (
        "cache.offers.changes",
        "cache.offers.own",
        "central.lists.cities",
        "central.lists.publishing",
    ),
    "cases and lines of the simulator": ("edge.simulator.",),
    "reports and evidence": (
        "central.books.reconciliation",
        "central.books.reports",
        "central.books.settling.evidence",
        "central.books.settling.half_year",
        "central.demo.story",
    ),
    "what an act of the office asks for, keeps and answers": ("central.office.",),
    "what a page is filled with": ("central.console.",),
    "a description: JSON Schema, OpenAPI": (
        "central.http.description.openapi",
        "edge.api.openapi",
        "sync.wire.described",
    ),
    "what a library or a reading process takes as named arguments": ("scanner.spec", "storage.places"),
}


def loose(path):
    """Return the lines where a public name takes, returns or holds a loose dictionary."""
    found = []

    def look(node):
        for one in ast.iter_child_nodes(node):
            if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and not one.name.startswith("_"):
                told = [one.args, one.returns]
            elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.target.id[0] != "_":
                told = [one.annotation]
            else:
                told = []
            found.extend(one.lineno for part in told if part is not None and LOOSE.search(ast.unparse(part)))
            if isinstance(one, ast.ClassDef):
                look(one)

    look(ast.parse(path.read_text()))
    return found


CROSSING = {name: lines for name, path in MODULES.items() if (lines := loose(path))}


def is_at(edge, name):
    return name == edge or (edge[-1] == "." and name.startswith(edge))


def carried(name):
    """Return what of the table names the module."""
    return [
        what
        for what, edges in EDGES.items()
        for edge in edges
        if name == edge or (edge[-1] == "." and name.startswith(edge))
    ]


@pytest.mark.parametrize("name", sorted(CROSSING))
def test_a_loose_dictionary_crosses_only_where_json_does(name):
    assert carried(name), f"{name}, lines {CROSSING[name]}: give it a type, or name the JSON that it carries"


def test_every_edge_of_the_table_is_one():
    edges = [edge for edges in EDGES.values() for edge in edges]

    assert [edge for edge in edges if not any(is_at(edge, name) for name in CROSSING)] == []
