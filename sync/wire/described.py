"""How a call is described: OpenAPI 3.1 from the very structs that decode and encode the bodies. No I/O.

Terminal, platform and office each have a table of `Call`s and make their document with `described`. Rules of this file:

- every call has a name (`operationId`): generated clients call their methods by it;
- every answer has a type; `signed` says that it travels as a compact JWS, whose payload the type is;
- a member that may be left out is one that is not required, and no more: generators take `default` for "always there";
- an error is a problem; the description names the stable codes that each status may bear;
- examples are answers that a real service gave (tests/clients), one for each call that has them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

REF = "#/components/schemas/{name}"
JSON = "application/json"
JWS = "application/jwt"
PROBLEM = "application/problem+json"


class Parameter(NamedTuple):
    """One parameter beside the path's: its name, JSON Schema, what it is for, and where it stands."""

    name: str
    schema: Mapping[str, Any]
    why: str
    where: str = "query"
    required: bool = False


class Call(NamedTuple):
    """One call: its name in generated clients, what it takes and answers, and which problems may come of it.

    `answers`: the type of a JSON answer (or, `signed`, of a JWS's payload); None: `gives` names another media type.
    `problems`: status → codes. `refused`: a problem that bears more than others, by its status. `also`: what else is
    answered as JSON, by its status; `alike`: statuses answered as the good one is.
    """

    name: str
    summary: str
    takes: Any = None
    answers: Any = None
    gives: str = JSON
    done: int = 200
    signed: bool = False
    parameters: tuple[Parameter, ...] = ()
    problems: Mapping[int, Sequence[str]] = {}
    refused: Mapping[int, Any] = {}
    also: Mapping[int, Any] = {}
    alike: tuple[int, ...] = ()
    path_schemas: Mapping[str, Mapping[str, Any]] = {}


class Document(NamedTuple):
    """What stands around the calls. `words` gives the meaning of a type's member, for each."""

    title: str
    version: str
    description: str
    servers: Sequence[Mapping[str, Any]]
    problem: Any
    security: Sequence[str]
    examples: Mapping[str, Mapping[str, Any]]
    more: Sequence[Any] = ()
    words: Callable[[str, str], str] | None = None


class Place(NamedTuple):
    """Where a call is served, and by whose token."""

    method: str
    path: str
    security: str | None
    roles: str = ""


def described(calls: Sequence[tuple[Place, Call]], around: Document) -> dict[str, Any]:
    """Return the OpenAPI document of these calls."""
    schemas = _Schemas([around.problem, *around.more, *_types(calls)])
    if around.words:
        schemas.say(around.words)
    paths: dict[str, Any] = {}
    for place, call in calls:
        operation = _operation(place, call, around, schemas)
        paths.setdefault(place.path, {})[place.method.lower()] = operation
    bearer = {"type": "http", "scheme": "bearer"}
    found = {
        "openapi": "3.1.0",
        "info": {"title": around.title, "version": around.version, "description": around.description},
        "servers": list(around.servers),
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": dict.fromkeys(around.security, bearer),
        },
    }
    # Python's \Z is "the very end"; ECMA 262, which JSON Schema names, writes it $.
    decoded: dict[str, Any] = json.loads(json.dumps(found, ensure_ascii=False).replace("\\\\Z", "$"))
    return decoded


def _types(calls: Sequence[tuple[Place, Call]]) -> list[Any]:
    return [
        kind
        for _place, call in calls
        for kind in (call.takes, call.answers, *call.refused.values(), *call.also.values())
        if kind is not None
    ]


class _Schemas:
    """The JSON Schema of each type that a call takes or answers."""

    def __init__(self, types: Sequence[Any]) -> None:
        self._types: list[Any] = []
        for kind in types:
            if kind not in self._types:
                self._types.append(kind)
        self._schemas, self.components = msgspec.json.schema_components(self._types, ref_template=REF)
        for component in self.components.values():
            for member in component.get("properties", {}).values():
                _say_default(member)
            _say_pairs(component)

    def say(self, words: Callable[[str, str], str]) -> None:
        """Say what each member means; one that is a type of its own is said there: generators look no further."""
        for kind, component in self.components.items():
            for name, member in component.get("properties", {}).items():
                said = words(kind, name)
                if "$ref" not in member:
                    member["description"] = "; ".join(filter(None, (said, member.get("description", ""))))

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type."""
        return self._schemas[self._types.index(kind)]


def _say_default(member: dict[str, Any]) -> None:
    """Say in words what a member is taken for when it is left out."""
    default = member.pop("default", None)
    if default not in (None, [], {}):
        member["description"] = f"left out: {json.dumps(default, ensure_ascii=False)}"


def _say_pairs(node: Any) -> None:
    """Say of arrays of one kind of item what their items are, in place of each item's place: generators know that."""
    if isinstance(node, dict):
        places = node.get("prefixItems")
        if places and all(one == places[0] for one in places):
            node["items"] = node.pop("prefixItems")[0]
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            _say_pairs(one)


def _operation(place: Place, call: Call, around: Document, schemas: _Schemas) -> dict[str, Any]:
    example = around.examples.get(call.name, {})
    found: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.summary,
        "parameters": [*_of_path(place.path, call), *map(_parameter, call.parameters)],
        "responses": _responses(call, around, schemas, example),
        "security": [] if place.security is None else [{place.security: []}],
    }
    if place.roles:
        found["description"] = f"Roles: {place.roles}"
    if call.takes is not None:
        body = {"schema": schemas.of(call.takes)} | _example(example, "takes")
        found["requestBody"] = {"required": True, "content": {JSON: body}}
    return found


def _of_path(path: str, call: Call) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [
        {"name": name, "in": "path", "required": True, "schema": call.path_schemas.get(name, {"type": "string"})}
        for name in names
    ]


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.where,
        "required": one.required,
        "schema": one.schema,
        "description": one.why,
    }


def _responses(call: Call, around: Document, schemas: _Schemas, example: Mapping[str, Any]) -> dict[str, Any]:
    answered: dict[str, Any] = {"type": "string"} if call.answers is None else schemas.of(call.answers)
    media = call.gives
    if call.signed:
        parts = {"type": "array", "minItems": 2, "prefixItems": [{"type": "object"}, answered]}  # JSON Schema 8.6
        answered, media = {"type": "string", "contentMediaType": JWS, "contentSchema": parts}, JWS
    found: dict[str, Any] = {
        str(call.done): {
            "description": "done",
            "content": {media: {"schema": answered} | _example(example, "answers")},
        }
    }
    found |= {str(status): found[str(call.done)] for status in call.alike}
    for status, kind in call.also.items():
        found[str(status)] = {"description": "done", "content": {JSON: {"schema": schemas.of(kind)}}}
    for status, codes in sorted(call.problems.items()):
        schema = schemas.of(call.refused.get(status, around.problem))
        content = {"schema": schema} | _example(example, str(status))
        found[str(status)] = {"description": f"problem: {', '.join(codes)}", "content": {PROBLEM: content}}
    return found


def _example(example: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {"example": example[name]} if name in example else {}
