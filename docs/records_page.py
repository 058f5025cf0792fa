"""docs/records.md and docs/records.schema.json, made from sync/wire/records; `make docs` writes both."""

import inspect
import json
from typing import Any

import msgspec

from sync.wire.records.kinds import KINDS, Kind
from sync.wire.records.parts import Body

REF = "#/$defs/{name}"
TOP = {"at_ms": {"type": "integer", "minimum": 0}, "id": {"type": "string"}, "seq": {"type": "integer", "minimum": 1}}

HEAD = """# Records: what a journal says

Written by `make docs` from `sync/wire/records`. [records.schema.json](records.schema.json) says the same as JSON
Schema (2020-12); `tests/vectors/records/records.json` has {good} records that are well and {bad} that are none,
each with a name.

A record is `{{at_ms, body, id, kind, redemption, seq}}` ([protocol.md](protocol.md) says how it is hashed and
sent). `kind` says what `body` holds; `redemption` names what it is about, where it is about one. Sums are in fen,
times are milliseconds UTC. Pass over members that are not named here, and over kinds that are not: a later version
may add some. Nothing in a body is a reason to refuse a batch.

## How accounts are settled

Take every record of every terminal once: (terminal, epoch, seq) names it. Then, for each redemption:

1. `granted` or `opened` says whose money (`issuer`), where (`site`), and what each benefit in `given` moves:
   `off_fen` taken off, `waived_fen` of deposit waived, `later_fen` to be paid later. The sums stand there; nothing
   is worked out again.
2. With `awaiting` nothing counts until `paid`. `annulled` takes all of it away, unless `passed` came after all, or
   it was annulled for want of payment (`cause: "unpaid"`) and `paid` came.
3. `reversed` with `whole` takes everything back, and the visitor gets `to_pay_fen` of the grant. A part of `fen`
   takes its share of everything: of `fen` out of `amount_fen` the visitor gets `to_pay_fen × fen / amount_fen`,
   rounded down, each benefit gives back `off_fen × fen / amount_fen` and so on, rounded down; what is left over to
   the fen comes off the first figure that still has something, in the order off, waived, later, benefit by benefit.
4. Pay-later is repaid with `closed`, overdue after `overdue` until then. `closed` with `step: "claimed"` is a
   damage claim of `fen` beside it, and ends what was open. `paid` is money taken at a gate; `paid_late` is money to
   be given back.
5. Figures belong to the grant's own `site` and `issuer`, and to the day of the grant's `at_ms` there.

`tests/tools/settle.py` is a program of this page alone, and a test lets it agree with `xinguan central report` to
the fen.
"""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of one record."""
    bodies = list(dict.fromkeys(body for kind in KINDS.values() for body in kind.bodies))
    refs, defs = msgspec.json.schema_components(bodies, ref_template=REF)
    by_type = dict(zip(bodies, refs, strict=True))
    branches = [
        {
            "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
            "then": {"properties": {"body": _any(kind, by_type), "redemption": _redemption(kind)}},
        }
        for name, kind in KINDS.items()
    ]
    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A record of a Xinguan journal",
        "type": "object",
        "required": ["at_ms", "body", "id", "kind", "redemption", "seq"],
        "additionalProperties": False,
        "properties": TOP
        | {"kind": {"enum": list(KINDS)}, "redemption": {"type": ["string", "null"]}, "body": {"type": "object"}},
        "allOf": branches,
        "$defs": defs,
    }
    plain: dict[str, Any] = json.loads(json.dumps(found), object_hook=_undented)
    return plain


def _undented(said: dict[str, Any]) -> dict[str, Any]:
    """Return the object with its docstring as Python 3.13 keeps one: without the indentation of the source."""
    text = said.get("description")
    return said | {"description": inspect.cleandoc(text)} if isinstance(text, str) else said


def _any(kind: Kind, by_type: dict[type[Body], dict[str, Any]]) -> dict[str, Any]:
    refs = [by_type[body] for body in kind.bodies]
    return refs[0] if len(refs) == 1 else {"anyOf": refs}


def _redemption(kind: Kind) -> dict[str, Any]:
    if kind.of is None:
        return {}
    return {"type": "string"} if kind.of else {"type": "null"}


def schema_text() -> str:
    """Return docs/records.schema.json."""
    return json.dumps(schema(), ensure_ascii=False, indent=1) + "\n"


def page(vectors: list[dict[str, Any]]) -> str:
    """Return docs/records.md; `vectors` are counted and lend their examples."""
    defs = schema()["$defs"]
    good = [one for one in vectors if one["valid"]]
    parts = [HEAD.format(good=len(good), bad=len(vectors) - len(good)), "## Kinds\n"]
    told: list[str] = []
    for name, kind in KINDS.items():
        about = {True: "about a redemption", False: "about no redemption", None: "about a redemption or none"}[kind.of]
        parts.append(
            f"### `{name}`\n\nIt is {about}. Body: {' or '.join(f'`{body.__name__}`' for body in kind.bodies)}.\n"
        )
        for body in kind.bodies:
            if body.__name__ not in told:
                told.append(body.__name__)
                parts.append(_table(body.__name__, defs[body.__name__]))
        example = next(one["record"] for one in good if one["record"]["kind"] == name)
        parts.append(f"```json\n{json.dumps(example, ensure_ascii=False)}\n```\n")
    parts.append("## Parts\n")
    parts += [_table(name, one) for name, one in defs.items() if name not in told and "properties" in one]
    words = [(name, one["enum"]) for name, one in defs.items() if "enum" in one]
    parts.append("## Words\n\n| type | one of |\n|---|---|")
    parts[-1] += "".join(f"\n| `{name}` | {' · '.join(f'`{word}`' for word in of)} |" for name, of in words) + "\n"
    return "\n".join(parts)


def _table(name: str, one: dict[str, Any]) -> str:
    summary = one.get("description", "").splitlines()[:1]
    if not one.get("properties"):
        return "\n".join([f"**{name}** {''.join(summary)} It says nothing.", ""])
    rows = [f"| `{member}` | {_type(of)} | {_absent(one, member)} |" for member, of in one["properties"].items()]
    return "\n".join([f"**{name}** {''.join(summary)}", "", "| member | type | |", "|---|---|---|", *rows, ""])


def _absent(one: dict[str, Any], member: str) -> str:
    return "" if member in one.get("required", []) else "may be absent"


def _type(of: dict[str, Any]) -> str:
    if "$ref" in of:
        return f"`{of['$ref'].rpartition('/')[2]}`"
    if "anyOf" in of:
        return " or ".join(_type(one) for one in of["anyOf"])
    if "enum" in of:
        return " · ".join(f"`{one}`" for one in of["enum"])
    if of.get("type") == "array":
        return f"list of {_type(of['items'])}"
    words = {"integer": "integer", "string": "text", "boolean": "true or false", "null": "null", "object": "object"}
    low = f", at least {of['minimum']}" if of.get("minimum", 0) > 0 else ""
    hexed = " in hexadecimal" if "pattern" in of else ""
    return words[of["type"]] + low + hexed
