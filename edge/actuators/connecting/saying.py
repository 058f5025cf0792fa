"""What a controller's answer says where no setting names the member to look at: how controllers usually say no. Pure.

Rules of this file:

- an answer that says nothing at all is a yes: the many that answer 200 with "OK", a page or an empty body;
- names count without regard to case and marks between words, in the answer or one level within it; XML as JSON;
- a login page is no open gate, whatever its status: a page with a password field, or one that sends to a login. A page
  that loads itself again is none: cheap relays answer so;
- a short text that begins as a refusal is one.

>>> said_no(b'{"status_code": 4, "statusString": "Invalid Operation"}')
'status_code is 4'
>>> said_no(b"<html><form action=/login><input type='password'></form></html>")
'a login page'
>>> said_no(b"<html><body>Relay 1: ON</body></html>")
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

YES_WORDS: Final = frozenset({"ok", "success", "succeed", "succeeded", "true", "open", "opened", "on", "done"})
NO_WORDS: Final = re.compile(
    r"(?:err(?:or|no)?\b|fail|den(?:y|ied)|refus|reject|invalid|illegal|unauthori[sz]ed|unknown\b|forbidden|"
    r"not[ _-]?(?:allowed|found|authori[sz]ed|logged)|no[ _-]permission|need user|nak\b|ng\b|false\b|"
    r"失败|错误|拒绝|无效|非法|未登录|未授权|没有权限|无权限|请登录)",
    re.IGNORECASE,
)
# By name, in lower case without marks: the numbers that mean yes.
NUMBERS: Final[dict[str, frozenset[int]]] = {
    **dict.fromkeys(("success", "issuccess", "succeed", "ok"), frozenset({1})),
    **dict.fromkeys(("code", "responsecode", "resultcode", "httpcode"), frozenset({0, 200})),
    "statuscode": frozenset({0, 1, 200}),
    **dict.fromkeys(("errcode", "errorcode", "errno", "error", "errors", "err"), frozenset({0})),
    **dict.fromkeys(("ret", "retcode", "returncode", "rc"), frozenset({0, 200})),
    "result": frozenset({0, 1, 200}),
}
ERRORS: Final = frozenset({"errcode", "errorcode", "errno", "error", "errors", "err", "warning"})
WORDS: Final = frozenset({"status", "state", "statusstring", "responsestring", "command", "warning"})
MARKS: Final = re.compile(r"[_\-. ]")
LOGIN: Final = re.compile(
    rb"type\s*=\s*['\"]?password|(?:http-equiv\s*=\s*['\"]?refresh|\.location\b|location\.(?:href|replace))"
    rb"[^<>]{0,200}(?:log[_-]?[io]n|sign[_-]?in|auth|session)",
    re.IGNORECASE,
)
ELEMENT: Final = re.compile(rb"<([A-Za-z][\w.:-]{0,60})(?:\s[^<>]*)?>([^<>]{0,200})</\1>")
TAG: Final = re.compile(rb"<[^<>]*>")
SHORT: Final = 200  # characters of a text that is looked at for words


def said_no(body: bytes) -> str | None:
    """Return what in an answer says that it did not work, None if nothing does."""
    try:
        document = msgspec.json.decode(body) if body.strip() else None
    except msgspec.DecodeError:
        return _text_no(body)
    if isinstance(document, str):
        return _text_no(document.encode())
    if document is False:
        return "the answer is false"
    return next((no for name, value in _members(document) if (no := _member_no(name, value)) is not None), None)


def named(document: Any, name: str) -> Iterator[Any]:
    """Yield every member of that name that an answer has, in whatever spelling: `redemption`, `Redemption_Id`."""
    wanted = (name, f"{name}id")
    yield from (value for member, value in _members(document) if MARKS.sub("", member).lower() in wanted)


def is_whole(body: bytes) -> bool:
    """Return whether this reads as a whole answer, where nothing says how long it is: JSON, or a word."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return bool(body.strip()) and body.lstrip()[:1] not in (b"{", b"[", b"<", b'"')
    return True


def _members(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield the members of an answer, then those one level within."""
    within = document if isinstance(document, list) else [document]
    for one in within:
        yield from one.items() if isinstance(one, dict) else ()
    for one in within:
        for value in one.values() if isinstance(one, dict) else ():
            yield from value.items() if isinstance(value, dict) else ()


def _member_no(name: str, value: Any) -> str | None:
    plain = MARKS.sub("", name).lower()
    if plain not in NUMBERS and plain not in WORDS:
        return None
    return None if _is_yes(plain, value) else f"{name} is {value!r}"[:200]


def _is_yes(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value is not (name in ERRORS) or name in WORDS - ERRORS
    if value is None or value in ("", [], {}):
        return name in ERRORS or name in WORDS
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value.strip()):
        value = int(value)
    if isinstance(value, int | float):
        return name in WORDS or value in NUMBERS[name]
    if not isinstance(value, str):
        return name not in ERRORS
    if name in WORDS - ERRORS:
        return NO_WORDS.match(value.strip()) is None
    return name not in ERRORS and value.strip().lower() in YES_WORDS


def _text_no(body: bytes) -> str | None:
    if LOGIN.search(body):
        return "a login page"
    elements = [(_shown(name).rpartition(":")[2], _shown(value).strip()) for name, value in ELEMENT.findall(body)]
    said = next((no for name, value in elements if (no := _member_no(name, value)) is not None), None)
    text = _shown(TAG.sub(b" ", body)).strip()
    if said is None and len(text) <= SHORT and NO_WORDS.match(text):
        return f"it says {text!r}"[:200]
    return said


def _shown(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")
