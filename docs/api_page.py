"""The tables of docs/api.md, from the types and tables of the API itself (`docs/make.py`)."""

import re

import msgspec
from type_words import name_of

from edge.api import answers, messages, problems
from edge.api.access import ALLOWED, MEANS, May, Role
from edge.api.calls import event_bodies, given_bodies, looking_bodies, offer_bodies, printing, staff_bodies
from edge.api.calls.member_words import meaning
from edge.api.messages import OpenAgainBody
from edge.api.openapi import CALLS, EVENTS, problems_of
from edge.api.steps import OPEN, STEPS

EVERY = {
    400: "every call with a body or a query",
    401: "every call below `/v1`",
    403: "every call below `/v1`",
    408: "every call with a body",
    413: "every call with a body",
    500: "every call",
}
MEANS_OF = {
    "bad_request": "the body, a parameter or Host is not what this call takes; `detail` names the place",
    "no_token": "no token, or one that is not known here (any more)",
    "not_allowed": "this role, this person or this host name may not; a wrong name or PIN",
    "not_there": "there is no such lane, redemption, offer, person, step or short code",
    "no_such_method": "this address is not called so",
    "too_slow": "the body was not here within 5 s",
    "step_refused": "the step cannot happen: `reason` says why, `redemption` how it stands. It is a fact all the same",
    "other_request": "this `request_id` was used for another request",
    "no_gate": "the lane of this redemption has no gate here",
    "not_printed": "the printer did not print; `detail` says why",
    "here_already": "somebody of this name is here",
    "not_now": "the offer cannot be changed so",
    "too_large": "more than 16 KiB",
    "locked_out": "too many wrong PINs of this person: wait `Retry-After` seconds",
    "too_many": "too many presentations of one token, listeners, or wrong short codes: wait `Retry-After` seconds",
    "fault": "a fault of the terminal; its log has the details",
    "ill": "the store does not answer now; nothing was done. Ask again",
}
MEANING = {
    "passed": "went through: the end of grace; changes no count",
    "annul": "did not go through: the use is given back, the same code is decided about afresh",
    "not_turned": "the same as `annul`, as gate controllers say it",
    "paid": "the rest (`obligations.pay_fen`) was paid under this order; opens the gate. Other sums are `wrong_amount`,"
    " an order pays once (`order_used`)",
    "actuated": "a controller of yours opened; a lane with an actuator says so itself",
    "close": "left, brought back: ends a stay or a loan",
    "claim": "damage 扣赔: at most what was waived; above it `override {by, why}` of a supervisor",
    "reverse": "returned 退货: by sum, by heads, or all that is left; `refund_fen` is what goes back. Past its time"
    " `override {by, why}`",
    "open": "a person has the gate opened once more; answers the attempt and its outcome",
}


def page(text: str) -> str:
    """Return docs/api.md with its tables made anew; the words between them are written by hand."""
    tables = {
        "roles": roles_table,
        "problems": problems_table,
        "steps": steps_table,
        "events": events_table,
        "calls": calls_table,
        "answers": answers_tables,
    }
    for name, table in tables.items():
        head, rest = text.split(f"<!-- {name} -->\n")
        text = f"{head}<!-- {name} -->\n{table()}<!-- /{name} -->\n{rest.split(f'<!-- /{name} -->', 1)[1][1:]}"
    return text


def table_of(head: str, rows: list[str]) -> str:
    """Return a table: its head, a line, its rows."""
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows]) + "\n"


def roles_table() -> str:
    """Return which token may do what."""
    rows = [f"| `{role.value}` | {'; '.join(MEANS[may] for may in May if may in ALLOWED[role])} |" for role in Role]
    return table_of("| token | may |", rows)


def problems_table() -> str:
    """Return the stable word of every problem, its status, and the calls that say it."""
    said: dict[tuple[int, str], list[str]] = {}
    for path, call in CALLS.items():
        may = May.LOOK if "/v1/" in path else None
        for status, codes in problems_of(call, may).items():
            for code in codes:
                said.setdefault((status, code), []).append(f"`{call.name}`")
    rows = []
    for (status, code), names in sorted(said.items()):
        calls = EVERY.get(status, ", ".join(names))
        rows.append(f"| {status} | `{code}` | {MEANS_OF[code]} | {calls} |")
    return table_of("| status | `code` | means | of |", rows)


def steps_table() -> str:
    """Return the steps, what each takes, and what it does."""
    rows = []
    for name, body in {**{name: kind.body for name, kind in STEPS.items()}, OPEN: OpenAgainBody}.items():
        fields = [one for one in msgspec.structs.fields(body) if one.name != "request_id"]
        members = ", ".join(f"`{one.name}`{'' if one.required else '?'}" for one in fields) or "—"
        rows.append(f"| `{name}` | {members} | {MEANING[name]} |")
    return table_of("| step | takes | |", rows)


def events_table() -> str:
    """Return every event and what its data is."""
    rows = [
        f"| `{name}` | {kind.__name__} | {(kind.__doc__ or '').splitlines()[0].removeprefix(f'`{name}`: ')} |"
        for name, kind in EVENTS.items()
    ]
    return table_of("| event | data | |", rows)


def calls_table() -> str:
    """Return every call with its name in generated clients, what it answers, and the errors that are its own."""
    rows = []
    for path, call in CALLS.items():
        answer = call.gives if call.answers is None else name_of(call.answers)
        errors = ", ".join(str(status) for status in sorted(call.problems)) or "—"
        query = ", ".join(f"`{one.name}`" for one in call.parameters) or "—"
        takes = "—" if call.takes is None else call.takes.__name__
        rows.append(f"| `{path}` | `{call.name}` | {call.summary} | {takes} | {query} | {answer} | {errors} |")
    return table_of("| call | name | what | body | parameters | answers | errors |", rows)


SHOWN = (given_bodies, answers, looking_bodies, offer_bodies, staff_bodies, event_bodies, messages, printing, problems)


def shown(kind: object) -> str:
    """Return a type as the page shows it; the reasons have a page of their own."""
    return re.sub(r"Reason: (`\w+`( · )?)+", "[Reason](reasons.md)", name_of(kind))


def answers_tables() -> str:
    """Return each body and answer with its members."""
    parts = []
    for module in SHOWN:
        kinds = [
            kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__
        ]
        for kind in kinds:
            fields = msgspec.structs.fields(kind) if issubclass(kind, msgspec.Struct) else ()
            rows = [
                f"| `{one.encode_name}`{'' if one.required else '?'} | {shown(one.type)} "
                f"| {meaning(kind.__name__, one.encode_name)} |"
                for one in fields
            ]
            if rows:
                summary = " ".join((kind.__doc__ or "").split())
                parts.append(f"### {kind.__name__}\n\n{summary}\n\n{table_of('| member | type | |', rows)}")
    return "\n".join(parts)
