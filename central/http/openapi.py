"""The platform's calls as OpenAPI 3.1, made from the very structs that decode the messages.

A test holds it equal to the routes that are served: a call that is not described, or described and not served, fails.
"""

import json
from typing import Any, NamedTuple

import msgspec

from central.http.admin_calls import CodeRequest, StateRequest
from central.http.list_calls import IssueRequest, PublishRequest, RestrictRequest, SubjectRequest
from central.http.visitors.shorts import ShortRequest
from sync.wire.claims import ClaimAnswer, ClaimRequest, LeaseAnswer, LeaseRequest
from sync.wire.memory import MemoryPage
from sync.wire.messages import Answer, Batch, EnrolAnswer, EnrolRequest, Problem, TimeAnswer
from sync.wire.profiles import Profile
from sync.wire.reasks import Reask, ReaskAnswer
from sync.wire.shorts import ShortAnswer, ShortMade

NONE, TERMINAL, OPERATOR = "none", "terminal", "operator"
SIGNED = frozenset({Answer, MemoryPage})
REF = "#/components/schemas/{name}"


class Call(NamedTuple):
    """One call: who may make it, what it takes and gives (None: any JSON object), and which errors are its own."""

    method: str
    path: str
    summary: str
    who: str
    takes: type | None = None
    gives: type | None = None
    errors: tuple[int, ...] = ()


CALLS = (
    Call("post", "/v1/enrol", "Enrol with a one-time code", NONE, EnrolRequest, EnrolAnswer, (404, 409, 429)),
    Call("get", "/v1/time", "The time, signed for the asker's nonce", NONE, None, TimeAnswer),
    Call("get", "/v1/terminals/{terminal}/standing", "What is held of a journal", TERMINAL, None, Answer),
    Call("get", "/v1/terminals/{terminal}/memory", "Own facts, given back by pages", TERMINAL, None, MemoryPage),
    Call(
        "post",
        "/v1/terminals/{terminal}/journal",
        "Take in a sealed batch (gzip)",
        TERMINAL,
        Batch,
        Answer,
        (409, 413, 422),
    ),
    Call("post", "/v1/reask", "What stands against one subject now, signed", TERMINAL, Reask, ReaskAnswer),
    Call("post", "/v1/claims", "Ask before giving", TERMINAL, ClaimRequest, ClaimAnswer, (403, 409, 503)),
    Call("post", "/v1/leases", "A lease on a quota", TERMINAL, LeaseRequest, LeaseAnswer, (403, 409, 503)),
    Call(
        "get",
        "/v1/hubs/{hub}/site",
        "What stands at a site, for its hub: a JWS, page by page",
        TERMINAL,
        None,
        None,
        (404,),
    ),
    Call("post", "/v1/admin/codes", "Register a terminal and make a code for it", OPERATOR, CodeRequest),
    Call(
        "post",
        "/v1/admin/terminals/{terminal}/state",
        "Suspend, resume or revoke a terminal",
        OPERATOR,
        StateRequest,
        None,
        (404,),
    ),
    Call(
        "post",
        "/v1/admin/terminals/{terminal}/profile",
        "Give a terminal another profile",
        OPERATOR,
        Profile,
        None,
        (404,),
    ),
    Call("get", "/v1/admin/ledger", "What the journals add up to", OPERATOR),
    Call("post", "/v1/admin/issue", "Issue a static code", OPERATOR, IssueRequest),
    Call("post", "/v1/admin/restrict", "Take a measure and publish it", OPERATOR, RestrictRequest),
    Call("post", "/v1/admin/repair", "Lift measures and publish that", OPERATOR, SubjectRequest),
    Call("post", "/v1/admin/dispute", "Dispute measures, or reject a dispute", OPERATOR, SubjectRequest),
    Call("post", "/v1/admin/publish", "Publish what changed", OPERATOR, PublishRequest),
    Call("post", "/v1/admin/short", "Make a short code", OPERATOR, ShortRequest, ShortMade),
    Call("get", "/v1/short/{code}", "Redeem a short code, once", TERMINAL, None, ShortAnswer, (404, 429)),
    Call("get", "/healthz", "Whether the platform answers", NONE),
)


def _content(schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    return {"content": {media: {"schema": schema}}}


def _parameters(call: Call) -> list[dict[str, Any]]:
    found = []
    if "{terminal}" in call.path:
        found.append({"name": "terminal", "in": "path", "required": True, "schema": {"type": "string"}})
    if "{code}" in call.path:
        found.append({"name": "code", "in": "path", "required": True, "schema": {"type": "string"}})
    if call.path in ("/v1/reask", "/v1/short/{code}"):
        found.append({"name": "terminal", "in": "query", "required": True, "schema": {"type": "string"}})
    if call.path == "/v1/time":
        nonce = {"type": "string", "minLength": 8, "maxLength": 64}
        found.append({"name": "nonce", "in": "query", "required": True, "schema": nonce})
    if call.path.endswith("/standing"):
        wait = {"type": "integer", "minimum": 0, "maximum": 60, "default": 0}
        found.append({"name": "wait", "in": "query", "required": False, "schema": wait})
        found.append({"name": "state", "in": "query", "required": False, "schema": {"type": "string"}})
    if call.path.endswith("/memory"):
        found.append({"name": "epoch", "in": "query", "required": False, "schema": {"type": "string"}})
        found.append({"name": "after", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 0}})
    return found


def document(version: str) -> dict[str, Any]:
    """Return the OpenAPI document of the platform, program version `version`."""
    types = {kind for call in CALLS for kind in (call.takes, call.gives) if kind is not None} | {Problem}
    ordered = sorted(types, key=lambda kind: kind.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REF)
    by_type = dict(zip(ordered, schemas, strict=True))
    problem = _content(by_type[Problem], "application/problem+json")
    paths: dict[str, Any] = {}
    for call in CALLS:
        codes = {400, *call.errors} | ({401} if call.who != NONE else set())
        answer = _content(by_type[call.gives] if call.gives else {"type": "object"})
        if call.gives in SIGNED:  # a compact JWS, whose payload is described
            signed = {"type": "string", "contentMediaType": "application/json", "contentSchema": by_type[call.gives]}
            answer = _content(signed, "application/jwt")
        described: dict[str, Any] = {
            "summary": call.summary,
            "parameters": _parameters(call),
            "responses": {"200": {"description": "done"} | answer}
            | {str(code): {"description": "problem"} | problem for code in sorted(codes)},
            "security": [] if call.who == NONE else [{call.who: []}],
        }
        if call.takes:
            described["requestBody"] = {"required": True} | _content(by_type[call.takes])
        paths.setdefault(call.path, {})[call.method] = described
    bearer = {"type": "http", "scheme": "bearer"}
    found = {
        "openapi": "3.1.0",
        "info": {"title": "Xinguan platform", "version": version, "description": "docs/protocol.md says the rest."},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {TERMINAL: bearer, OPERATOR: bearer}},
    }
    # Python's \Z is "the very end"; ECMA 262, which JSON Schema names, writes it $.
    decoded: dict[str, Any] = json.loads(json.dumps(found).replace("\\\\Z", "$"))
    return decoded
