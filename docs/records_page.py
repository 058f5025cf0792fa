"""docs/records.md and docs/records.schema.json, made from sync/wire/records; `make docs` writes both."""

import inspect
import json
from typing import Any

import msgspec

from sync.wire.records import events, parts, steps, visits
from sync.wire.records.kinds import KINDS, Kind
from sync.wire.records.parts import Body
from sync.wire.records.words import meaning

REF = "#/$defs/{name}"
TOP = {"at_ms": {"type": "integer", "minimum": 0}, "id": {"type": "string"}, "seq": {"type": "integer", "minimum": 1}}

HEAD = """# Records: what a journal says

Written by `make docs` from `sync/wire/records`. [records.schema.json](records.schema.json) says the same as JSON
Schema (2020-12); `tests/vectors/records/records.json` has {good} records that are well and {bad} that are none, each
with a name, and `set-aside.json` beside it what may stand in a record's place: a platform keeps all of it, answers
for all of it, and names under `set_aside` what it could make nothing of.

A record is `{{at_ms, body, id, kind, redemption, seq}}` ([protocol.md](protocol.md) says how it is hashed and sent).
`kind` says what `body` holds; `redemption` names what it is about, where it is about one. Sums are in fen, times are
milliseconds UTC. `?` marks a member that may be absent. Pass over members that are not named here, and over kinds
that are not: a later version may add some. Nothing in a body is a reason to refuse a batch.

## How accounts are settled

Take every record of every terminal once: (terminal, epoch, seq) and its octets name it, so of a fork (protocol.md)
both sides count. Pass over `corrupt` records and whatever is set aside. Then, for each redemption, whoever wrote its
records:

1. `granted` or `opened` says whose money (`issuer`), where (`site`), and what each benefit in `given` moves:
   `off_fen` taken off, `waived_fen` of deposit waived, `later_fen` to be paid later; absent is 0. The sums stand
   there; nothing is worked out again. What the visitor pays is `to_pay_fen` of the grant's `offer`, or where there is
   none of the only `given`'s `offer`; never more than `amount_fen`. What is `local` the shop itself pays for.
2. With `awaiting` nothing counts until `paid`. `annulled` takes all of it away, unless `passed` came after all, or it
   was annulled for want of payment (`cause: "unpaid"`) and `paid` came.
3. `reversed` with `whole` takes everything back, and the visitor gets `to_pay_fen` of the grant. A part of `fen`
   takes its share of everything: of `fen` (of all parts together) out of `amount_fen` the visitor gets `to_pay_fen ×
   fen / amount_fen`, rounded down, each benefit gives back `off_fen × fen / amount_fen` and so on, rounded down; what
   is left over to the fen comes off the first figure that still has something, in the order off, waived, later,
   benefit by benefit. `heads` says how many people or pieces came back and moves no money by itself.
4. Pay-later is repaid with `closed`, overdue after `overdue` until then. `closed` with `step: "claimed"` is a damage
   claim of `fen` beside it, and ends what was open. `paid` is money taken at a gate; `paid_late` is money to be given
   back.
5. Figures belong to the grant's own `site` and `issuer`, and to the civil day of the grant's `at_ms` in the time zone
   that is settled in (`--zone`, Asia/Shanghai unless said), whenever its records came.

`xinguan central report` has one line for each day, site, issuer and benefit. Its figures by the rules above, 0 where
nothing is said: `granted` grants · `heads` theirs · `undone` those annulled or wholly reversed, by rules 2 and 3 ·
`net` granted less undone · `off_fen`, `waived_fen`, `later_fen` what stands after all that came back · `back_fen`
what the benefit got back · `repaid_fen`, `overdue_fen` of `later_fen`. What belongs to a redemption as a whole stands
at the first of its `given` alone: `refund_fen` to the visitor · `returns` 1 where something came back · `claims`,
`claim_fen` · `overdue` 1 · `paid_fen`. Beside them it counts doubts, which change no figure above: `conflicts`,
`late`, verdicts on proofs, `apart` (grants under an epoch nobody declared, or of a key after its end); `settled` is
what has none of them.

`tests/tools/settle.py` is a program of this page alone, and a test lets it agree with `xinguan central report` to the
fen.
"""

PATTERNS = {  # of texts; one that is not here fails
    "^([0-9a-f]{2})+$": " of hexadecimal octets",
    "^[0-9a-f]{64}$": " of 32 hexadecimal octets",
    "^[0-9a-f]{16}$": " of 8 hexadecimal octets",
    "^[A-Za-z0-9_-]{22}$": " of 16 octets in base64url without padding",
}
NAMED = {
    name: kind
    for module in (parts, visits, steps, events)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Body)
}


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
    for name, one in defs.items():
        for member, of in one.get("properties", {}).items():
            of["description"] = meaning(NAMED[name], member)
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
    summary = " ".join(one.get("description", "").split())
    if not one.get("properties"):
        return "\n".join([f"**{name}** {summary} It says nothing.", ""])
    rows = [
        f"| `{member}`{'' if member in one.get('required', []) else '?'} | {_type(of)} | {of['description']} |"
        for member, of in one["properties"].items()
    ]
    return "\n".join([f"**{name}** {summary}", "", "| member | type | |", "|---|---|---|", *rows, ""])


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
    return words[of["type"]] + low + PATTERNS[of["pattern"]] if "pattern" in of else words[of["type"]] + low
