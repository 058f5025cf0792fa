"""The examples in the services' descriptions: what the stories asked, and what they were answered.

Rules of this file:

- an example is one real exchange: the first good one of a call, and the first problem of each status;
- secrets of the run (tokens, codes' signatures) are good for nothing after it: the town is gone;
- what is kept is held against a new run by its members, not by its values: ids and times differ each time.
"""

import json
import re
import sys

import jsonschema

FILES = {
    "terminal": "edge/api/examples.json",
    "platform": "central/http/description/examples.json",
    "office": "central/console/examples.json",
}
MANY = 2


def hold(folder, build, root, *, write):
    """Hold the kept examples against what was recorded in `folder`; with `write` keep these."""
    recorded = {}
    for file in sorted(folder.glob("*.json")):
        if file.stem != "told":
            for exchange, asked in json.loads(file.read_text()).items():
                recorded.setdefault(exchange, []).extend(asked)
    wrong = []
    for service, name in FILES.items():
        document = json.loads((build / f"{service}.json").read_text())
        found = of_service(service, document, recorded)
        path = root / name
        if write:
            path.write_text(json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
        kept = json.loads(path.read_text())
        wrong += [f"{service} {one}" for one in differences(kept, found)]
        wrong += [f"{service} {one}" for one in misfits(document, kept)]
    if wrong:
        sys.exit("\n".join(["examples are not what was answered (make clients ARGS=--write):", *wrong]))


def of_service(service, document, recorded):
    """Return {call: {takes, answers, STATUS}} of what was recorded."""
    found = {}
    for path, methods in document["paths"].items():
        pattern = re.compile(re.sub(r"\{.*?\}", "[^/]+", path) + r"\Z")
        for method, call in methods.items():
            kept = found.setdefault(call["operationId"], {})
            for exchange, asked in recorded.items():
                if (words := exchange.split(" ", 2))[:2] == [service, method.upper()] and pattern.match(words[2]):
                    for one in asked:
                        keep(kept, call, one)
    return {name: kept for name, kept in sorted(found.items()) if kept}


def keep(kept, call, one):
    """Keep an exchange unless there is one of its kind."""
    status = str(one["status"])
    content = call["responses"].get(status, {}).get("content", {})
    if "text/event-stream" in content or "text/html" in content or "text/plain" in content:
        return
    answered = one["answered"] if "application/jwt" in content else json.loads(one["answered"])
    if not status.startswith("2"):
        kept.setdefault(status, answered)
    elif "answers" not in kept:
        if one["asked"] is not None and "requestBody" in call:
            kept["takes"] = one["asked"]
        kept["answers"] = answered[:MANY] if isinstance(answered, list) else answered


def differences(kept, found):
    """Yield where kept examples have other members than what was recorded now."""
    for name in sorted(kept.keys() | found.keys()):
        for part in sorted(kept.get(name, {}).keys() | found.get(name, {}).keys()):
            old, new = (shape(one.get(name, {}).get(part)) for one in (kept, found))
            if old != new:
                yield f"{name} {part}: {old}, now {new}"


def shape(value):
    """Return the members of a value, by name."""
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return sorted(value) if isinstance(value, dict) else type(value).__name__


def misfits(document, kept):
    """Yield where an example is not what its own schema says."""
    registry = {"components": document["components"]}
    for path, methods in document["paths"].items():
        for call in methods.values():
            for part, schema in parts(call):
                value = kept.get(call["operationId"], {}).get(part)
                if value is not None and not isinstance(value, str):
                    judge = jsonschema.Draft202012Validator(schema | registry)
                    yield from (f"{path} {part}: {one.message[:200]}" for one in judge.iter_errors(value))


def parts(call):
    """Yield (part of an example, its schema) of a call."""
    if "requestBody" in call:
        yield "takes", call["requestBody"]["content"]["application/json"]["schema"]
    good = min(status for status in call["responses"] if status.startswith("2"))
    for status, response in call["responses"].items():
        if status.startswith("2") and status != good:
            continue
        for content in response.get("content", {}).values():
            yield ("answers" if status.startswith("2") else status), content["schema"]
