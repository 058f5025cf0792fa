"""The office's calls as OpenAPI 3.1, from the very structs that decode and encode them, and how a refusal is told.

The table of calls is `central.office.calls`; `ANSWERS` says what each gives, a test that none is left out.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from central.office.approving.applications import Application
from central.office.calls import CALLS
from central.office.cases import Case
from central.office.drafts.states import State
from central.office.terminals import Action
from sync.wire.described import PROBLEM, Call, Document, Place, described

PERSON: Final = "person"


class Words(Struct, frozen=True, kw_only=True):
    """Words for people, in both languages."""

    zh: str
    en: str


class DraftResult(Struct, frozen=True, kw_only=True):
    """What became of a draft in force: the publication, the entries that it made, how many it lists."""

    published: int
    changed: list[str]
    entry: int | UnsetType = UNSET
    entries: list[int] | UnsetType = UNSET
    people: int | UnsetType = UNSET


class DraftShown(Struct, frozen=True, kw_only=True):
    """A draft: its state, what it changes in words, what is doubtful about it, and what came of it."""

    number: int
    city: str
    kind: str
    authority: str
    subject: str
    state: State
    words: list[Words]
    doubts: list[Words]
    maker: str
    approver: str | None
    from_ms: int
    applied_ms: int | None
    result: DraftResult | None


class GrantShown(Struct, frozen=True, kw_only=True):
    """What was approved, and what is left of it. `subject` and `grant_id` in hex; it ends at `until_s`, seconds UTC."""

    grant_id: str
    city: str
    subject: str
    code: int
    uses: int
    until_s: int
    state: str
    application: str | None
    made_ms: int
    withdrawn_ms: int | None
    reason: str | None
    used: int
    left: int


class CredentialIssued(Struct, frozen=True, kw_only=True):
    """A credential: the text for the QR, its id, pseudonym and grants in hex; `expires` in seconds UTC."""

    token: str
    token_id: str
    subject: str
    expires: int
    grants: list[str]


class TerminalOrdered(Struct, frozen=True, kw_only=True):
    """An order to a terminal, and its number."""

    terminal: str
    action: Action
    number: int


class ConflictSettled(Struct, frozen=True, kw_only=True):
    """What was decided about an overrun bound."""

    key: str
    decision: str


class KeyKilled(Struct, frozen=True, kw_only=True):
    """A signing key that is good for nothing any more, and the publication that says so."""

    kid: str
    count: int
    published: int
    at_ms: int
    changed: list[str]


class ImportUndone(Struct, frozen=True, kw_only=True, rename={"batch": "import"}):
    """An import that was taken back: who left the register, who stays, whose tier was restored."""

    batch: str
    gone: int
    kept: int
    members: int


class LookedOver(Struct, frozen=True, kw_only=True):
    """The emergency that somebody else has looked at, by its number in the office journal."""

    act: int


class PersonExported(Struct, frozen=True, kw_only=True):
    """Everything that is held about somebody, by where it is held; `subject` in hex."""

    city: str
    subject: str
    at_ms: int
    held: dict[str, Any]


class PersonForgotten(Struct, frozen=True, kw_only=True):
    """How many codes were revoked with it, and the publication that says so; `subject` in hex names nobody now."""

    subject: str
    revoked: int
    published: int


class NonceMade(Struct, frozen=True, kw_only=True):
    """A nonce for one proof of a phone's key (base64url), and for how many seconds it is good."""

    c_nonce: str
    c_nonce_expires_in: int


ANSWERS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(
        ("measure", "member", "repair", "rules", "sites", "approve", "reject", "withdraw", "roll-back"), DraftShown
    ),
    **dict.fromkeys(("dispute", "settle"), Case),
    **dict.fromkeys(("apply", "decide", "ask", "complete", "take-back"), Application),
    "withdraw-grant": GrantShown,
    "issue": CredentialIssued,
    "renew": CredentialIssued,
    "nonce": NonceMade,
    "terminal": TerminalOrdered,
    "settle-conflict": ConflictSettled,
    "kill": KeyKilled,
    "undo-import": ImportUndone,
    "look-over": LookedOver,
    "export-person": PersonExported,
    "forget-person": PersonForgotten,
}
"""What each call gives."""

CODES: Final[Mapping[int, str]] = {
    400: "refused",
    401: "not_proven",
    403: "not_your_duty",
    404: "not_there",
    405: "no_such_way",
    409: "not_now",
    413: "too_large",
    500: "fault",
    503: "store_failed",
}
PROBLEM_CODES: Final = tuple(CODES.values())
TITLES: Final[Mapping[str, str]] = {
    "refused": "this cannot be done as asked",
    "not_proven": "who asks is not proven",
    "not_your_duty": "this is somebody else's duty",
    "not_there": "there is no such thing here",
    "no_such_way": "this is not called so",
    "not_now": "it changed in the meantime, or is at another stage",
    "too_large": "too large",
    "fault": "the platform is ill",
    "store_failed": "the database does not answer now",
}


class Problem(Struct, frozen=True, kw_only=True):
    """A refusal (RFC 9457). `code` is the stable word, `detail` the words for a person, in both languages."""

    title: str
    status: int
    code: Literal[PROBLEM_CODES]  # type: ignore[valid-type]  # the words of the one table
    detail: str
    type: str | UnsetType = UNSET


def problem(status: int, detail: str) -> web.Response:
    """Return a refusal for whoever called with a token."""
    code = CODES.get(status, "refused")
    told = Problem(title=TITLES[code], status=status, code=code, detail=detail, type="about:blank")
    return web.Response(status=status, body=msgspec.json.encode(told), content_type=PROBLEM)


@cache
def examples() -> dict[str, Any]:
    """Return what a real office answered, by the call's name (tests/clients)."""
    found: dict[str, Any] = json.loads(resources.files("central.console").joinpath("examples.json").read_text("utf-8"))
    return found


def name_of(call: str) -> str:
    """Return what generated clients name a call: `rollBack` for `roll-back`."""
    first, *rest = call.split("-")
    return first + "".join(part.capitalize() for part in rest)


def document(version: str) -> dict[str, Any]:
    """Return the calls as OpenAPI 3.1."""
    may = {status: [CODES[status]] for status in (400, 401, 403, 404, 409, 503)}
    calls = [
        (
            Place("POST", f"/v1/office/{name}", PERSON),
            Call(name_of(name), f"{one.zh} · {one.en}", one.form, ANSWERS[name], problems=may),
        )
        for name, one in CALLS.items()
    ]
    return described(
        calls,
        Document(
            title="Xinguan office",
            version=version,
            description="What the pages of the office do, for programs: docs/office.md.",
            servers=[{"url": "https://office.example", "description": "the office's console; http on loopback"}],
            problem=Problem,
            security=(PERSON,),
            examples=examples(),
        ),
    )
