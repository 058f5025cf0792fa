"""The platform's calls as OpenAPI 3.1, made from the very structs that decode and encode the messages.

A test holds it equal to the routes that are served: a call that is not described, or described and not served, fails.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from central.http.admin_calls import CodeRequest, StateRequest
from central.http.description.answers import CodeMade, Health, Issued, Ledger, Ordered, Problem
from central.http.description.phones import CALLS as PHONE
from central.http.description.saying import BODY, problems
from central.http.list_calls import IssueRequest
from central.http.visitors.shorts import ShortRequest
from sync.enrol.successors import LINK, LinksAnswer, PlatformKeys
from sync.wire.claims import ClaimAnswer, ClaimRequest, LeaseAnswer, LeaseRequest
from sync.wire.described import Call, Document, Parameter, Place, described
from sync.wire.hubs import HUB, SITE, HubStanding, LapsedClaims, LapsedKept, SitePage
from sync.wire.memory import MEMORY, MemoryPage
from sync.wire.messages import (
    Answer,
    AuthClaims,
    Batch,
    Command,
    EnrolAnswer,
    EnrolRequest,
    Receipt,
    Seal,
    SignedTime,
    TimeAnswer,
)
from sync.wire.profiles import Profile, SignedProfile
from sync.wire.reasks import REASK, Reask, ReaskAnswer, Reasked
from sync.wire.seals import ANSWER, AUTH, COMMAND, PROFILE, RECEIPT, SEAL, TIME
from sync.wire.shorts import ShortAnswer, ShortMade

TERMINAL, OPERATOR, HOLDER = "terminal", "operator", "holder"
MANY: Final = 2**53 - 1
TERMINAL_ID: Final = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"}
PATHS: Final = {"terminal": TERMINAL_ID, "hub": TERMINAL_ID}
ASKER: Final = Parameter("terminal", TERMINAL_ID, "who asks: the request token's own name", required=True)
NONCE: Final = Parameter(
    "nonce", {"type": "string", "minLength": 8, "maxLength": 64}, "drawn anew; the answer names it", required=True
)
WAIT: Final = Parameter(
    "wait", {"type": "integer", "minimum": 0, "maximum": 60, "default": 0}, "seconds to hold the answer back for news"
)
STATE: Final = Parameter("state", {"type": "string"}, "what the last answer said: equal means no news")
EPOCH: Final = Parameter(
    "epoch", {"type": "string", "pattern": "^[0-9A-Za-z._~-]{1,64}$"}, "where the page begins; none: at the beginning"
)
AFTER: Final = Parameter(
    "after", {"type": "integer", "minimum": 0, "maximum": MANY, "default": 0}, "the record before the page's first"
)
THROUGH: Final = Parameter(
    "through", {"type": "integer", "minimum": 0, "maximum": MANY, "default": 0}, "where the terminal's journal ends"
)
AFTER_KEY: Final = Parameter("after", {"type": "string", "pattern": "^[0-9a-f]{16}$"}, "the newest key that is known")
SITE_AFTER: Final = Parameter("after", {"type": "string", "maxLength": 128}, "the redemption before the page's first")
ENCODING: Final = Parameter(
    "Content-Encoding",
    {"type": "string", "enum": ["gzip", "identity"]},
    "what a token signs is the body as it travels",
    where="header",
)

JWS: Final = {
    RECEIPT: Receipt,
    TIME: SignedTime,
    COMMAND: Command,
    PROFILE: SignedProfile,
    ANSWER: Answer,
    MEMORY: MemoryPage,
    SITE: SitePage,
    AUTH: AuthClaims,
    SEAL: Seal,
    REASK: Reasked,
    HUB: HubStanding,
    LINK: PlatformKeys,
}
"""What each signed form says, by its `typ`; an enrolment proof says the code and nothing else."""
PROVEN: Final = ("bad_token", "unknown_terminal", "clock")
BY_OPERATOR: Final = ("wrong_operator",)


def _asked(*codes: str) -> Mapping[int, list[str]]:
    return problems(*PROVEN, "bad_message", *codes)


def _sent(*codes: str) -> Mapping[int, list[str]]:
    return problems(*PROVEN, *BODY, *codes)


def _ordered(*codes: str) -> Mapping[int, list[str]]:
    return problems(*BY_OPERATOR, *BODY, *codes)


CALLS: dict[str, Call] = {
    "POST /v1/enrol": Call(
        "enrol",
        "Enrol with a one-time code",
        EnrolRequest,
        EnrolAnswer,
        problems=problems(*BODY, "bad_proof", "unknown_code", "code_used", "too_many_tries"),
    ),
    "GET /v1/time": Call(
        "time",
        "The time, signed for the asker's nonce",
        answers=TimeAnswer,
        parameters=(NONCE,),
        problems=problems("bad_message"),
    ),
    "GET /v1/platform-keys": Call(
        "platformKeys",
        "The links to the platform's keys after one that is known",
        answers=LinksAnswer,
        parameters=(AFTER_KEY,),
    ),
    "GET /v1/terminals/{terminal}/standing": Call(
        "standing",
        "What is held of a journal, and what there is to tell",
        answers=Answer,
        signed=True,
        parameters=(WAIT, STATE, THROUGH),
        problems=_asked(),
        path_schemas=PATHS,
    ),
    "GET /v1/terminals/{terminal}/memory": Call(
        "memory",
        "Own facts, given back by pages",
        answers=MemoryPage,
        signed=True,
        parameters=(EPOCH, AFTER),
        problems=_asked(),
        path_schemas=PATHS,
    ),
    "POST /v1/terminals/{terminal}/journal": Call(
        "journal",
        "Take in a sealed batch (gzip)",
        Batch,
        Answer,
        signed=True,
        parameters=(ENCODING, THROUGH),
        problems=_sent("gap", "hash_mismatch", "bad_seal"),
        path_schemas=PATHS,
    ),
    "POST /v1/reask": Call(
        "reask",
        "What stands against one subject now, signed",
        Reask,
        ReaskAnswer,
        parameters=(ASKER,),
        problems=_sent(),
    ),
    "POST /v1/claims": Call(
        "claim",
        "Ask before giving",
        ClaimRequest,
        ClaimAnswer,
        problems=_sent("not_active", "unknown_bound", "withdrawn"),
    ),
    "POST /v1/leases": Call(
        "lease",
        "A lease on a quota",
        LeaseRequest,
        LeaseAnswer,
        problems=_sent("not_active", "unknown_bound", "unknown_lease", "learning"),
    ),
    "GET /v1/hubs/{hub}/site": Call(
        "site",
        "What stands at a site, for its hub, page by page",
        answers=SitePage,
        signed=True,
        parameters=(SITE_AFTER,),
        problems=_asked("not_found"),
        path_schemas=PATHS,
    ),
    "POST /v1/hubs/{hub}/lapsed": Call(
        "lapsed",
        "All claims that have lapsed at a hub: what a lost box may have given",
        LapsedClaims,
        LapsedKept,
        problems=_sent("not_active"),
        path_schemas=PATHS,
    ),
    "POST /v1/admin/codes": Call(
        "newCode",
        "Register a terminal and make a code for it",
        CodeRequest,
        CodeMade,
        problems=_ordered("not_found"),
    ),
    "POST /v1/admin/terminals/{terminal}/state": Call(
        "orderTerminal",
        "Suspend, resume or revoke a terminal",
        StateRequest,
        Ordered,
        problems=_ordered("not_found"),
        path_schemas=PATHS,
    ),
    "POST /v1/admin/terminals/{terminal}/profile": Call(
        "newProfile",
        "Give a terminal another profile",
        Profile,
        Ordered,
        problems=_ordered("not_found"),
        path_schemas=PATHS,
    ),
    "GET /v1/admin/ledger": Call(
        "ledger", "What the journals add up to", answers=Ledger, problems=problems(*BY_OPERATOR)
    ),
    "POST /v1/admin/issue": Call("issue", "Issue a static code", IssueRequest, Issued, problems=_ordered()),
    "POST /v1/admin/short": Call("newShort", "Make a short code", ShortRequest, ShortMade, problems=_ordered()),
    "GET /v1/short/{code}": Call(
        "redeemShort",
        "Redeem a short code, once",
        answers=ShortAnswer,
        parameters=(ASKER,),
        problems=_asked("bad_short", "unknown_short", "too_many_tries"),
    ),
    **PHONE,
    "GET /n/{notice}": Call(
        "notice",
        "The public page of a notice; 404 is a page as well",
        gives="text/html",
        alike=(404,),
        problems=problems(),
    ),
    "POST /n/{notice}": Call(
        "proveNotice",
        "The same page with its reasons, for who posts the form field `code`: a presentation by the holder's phone that"
        " answers the notice's challenge; 403 is a page as well",
        gives="text/html",
        alike=(403, 404),
        problems=problems("too_large", "too_slow"),
    ),
    "GET /healthz": Call("health", "Whether the platform answers", answers=Health),
}
"""Every call by its method and path."""


def security_of(path: str) -> str | None:
    """Return whose token a call wants: the operator's, a terminal's request token, a holder's session, or nobody's."""
    if path.startswith("/v1/wallet/"):
        return None if path == "/v1/wallet/token" else HOLDER
    if path.startswith("/v1/admin/"):
        return OPERATOR
    return None if path in ("/v1/enrol", "/v1/time", "/v1/platform-keys") or not path.startswith("/v1/") else TERMINAL


@cache
def examples() -> dict[str, Any]:
    """Return what a real platform answered, by the call's name (tests/clients)."""
    text = resources.files("central.http.description").joinpath("examples.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def document(version: str) -> dict[str, Any]:
    """Return the OpenAPI document of the platform, program version `version`."""
    calls = []
    for name, call in CALLS.items():
        method, _, path = name.partition(" ")
        calls.append((Place(method, path, security_of(path)), call))
    found = described(
        calls,
        Document(
            title="Xinguan platform",
            version=version,
            description="docs/protocol.md says the rest: request tokens, signed answers, the lists under /lists/.",
            servers=[{"url": "https://platform.example", "description": "an operator's platform; http on loopback"}],
            problem=Problem,
            security=(TERMINAL, OPERATOR, HOLDER),
            examples=examples(),
            more=tuple(JWS.values()),
        ),
    )
    found["x-jws"] = {typ: {"$ref": f"#/components/schemas/{kind.__name__}"} for typ, kind in JWS.items()}
    return found
