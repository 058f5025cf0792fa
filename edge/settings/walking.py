"""From TOML's values to tables, with every fault of kind told: msgspec alone would stop at the first.

Rules of this file:

- a key is converted by itself; one that cannot be is told, and a harmless value takes its place, so that the others
  are still judged;
- an unknown key is told together with the nearest known one;
- what the type wants is said in words, from the type itself;
- a text holds no control characters, but for what is sent to a controller; a number is a number (no nan, no inf).
"""

import difflib
import enum
import math
import types
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from edge.config import Config, LaneTable, PlatformTable, TerminalTable, VerifierTable
from edge.problems import Problem

T = TypeVar("T", bound=msgspec.Struct)

_HARMLESS: Final[dict[type, dict[str, Any]]] = {
    Config: {
        "terminal": TerminalTable(data="/var/lib/xinguan"),
        "platform": PlatformTable(url="https://platform.example"),
        "lanes": (),
    },
    TerminalTable: {"data": "/var/lib/xinguan"},
    PlatformTable: {"url": "https://platform.example"},
    LaneTable: {"id": "", "scene": "gate"},
    VerifierTable: {"name": "", "url": "https://verifier.example"},
}
SENT: Final = frozenset({"send", "expect", "refuse", "ask", "asked_open", "json", "form"})
KINDS: Final = {
    bool: ("true 或 false", "true or false"),
    int: ("整数", "a whole number"),
    float: ("数字", "a number"),
    str: ("引号内的文字", "text in quotes"),
}


class Walk:
    """One way through a file. `faulty` are the keys whose values are not those of the file."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.faulty: set[str] = set()

    def table(self, raw: object, kind: type[T], *, key: str) -> T:
        """Return the table at `key`; what is wrong with it is told, and stands at a harmless value."""
        harmless, given = _HARMLESS.get(kind, {}), {}
        if not isinstance(raw, dict):
            self._tell(key, "不是表", "is no table", ("请写成表", "Write a table"))
            raw = dict.fromkeys(harmless)  # its own keys are not told as missing
        fields = {one.encode_name: one for one in msgspec.structs.fields(kind)}
        tag = kind.__struct_config__.tag_field
        for name in raw:
            if name not in fields and name != tag:
                self._unknown(key, str(name), list(fields))
        for name, field in fields.items():
            if name in raw:
                found = self._value(raw[name], field.type, key=_join(key, name)) if raw[name] is not None else None
                if found is not None:
                    given[field.name] = found
            elif field.required:
                self._tell(_join(key, name), "缺少此键", f"key {name!r} is missing", ("请补上", "Add it"))
        for name, field in fields.items():
            if field.required and field.name not in given:
                given[field.name] = harmless.get(name, "")
        return kind(**given)

    def _value(self, raw: Any, kind: Any, *, key: str) -> Any:
        """Return the value of one key, None when it is faulty: then its default stands there."""
        inner = _bare(kind)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return self.table(raw, inner, key=key)
        if get_origin(inner) is tuple and _is_struct(get_args(inner)[0]):
            return self._tables(raw, get_args(inner)[0], key=key)
        before = len(self.problems)
        if isinstance(raw, dict) and (tagged := _tagged(inner)):
            return self._gate(raw, tagged, key=key)
        try:
            found = msgspec.convert(raw, kind)
        except (msgspec.ValidationError, OverflowError, RecursionError):
            self._kind(key, raw, kind)
            return None
        self._texts(raw, key)
        return found if len(self.problems) == before else None

    def _tables(self, raw: object, kind: type[T], *, key: str) -> tuple[T, ...] | None:
        if not isinstance(raw, list):
            self._tell(key, "不是表的列表", "is no list of tables", (f"请写 [[{key}]]", f"Write [[{key}]]"))
            return None
        return tuple(self.table(one, kind, key=f"{key}[{number}]") for number, one in enumerate(raw))

    def _gate(self, raw: dict[str, Any], tagged: dict[str, type[msgspec.Struct]], *, key: str) -> Any:
        """Return a table of the kind that it names itself."""
        name, before = raw.get("kind"), len(self.problems)
        if not isinstance(name, str) or name not in tagged:
            near = difflib.get_close_matches(str(name), tagged, n=1)
            known = near[0] if near else ", ".join(sorted(tagged))
            mend = f"请写 {known}", f"Write {known}"
            self._tell(f"{key}.kind", f"没有 {name!r} 这一种", f"there is no kind {name!r}", mend)
            return None
        found = self.table(raw, tagged[name], key=key)
        return found if len(self.problems) == before else None

    def _unknown(self, key: str, name: str, known: list[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1)
        mend = (f"是否应为 {near[0]}？", f"Did you mean {near[0]}?") if near else ("", "")
        mend = f"请删除或改正拼写。{mend[0]}", f"Remove it or correct its spelling. {mend[1]}".rstrip()
        where = key or "文件顶层 the file's top"
        self._tell(where, f"没有 {name!r} 这个键", f"unknown key {name!r}", mend, faulty=False)

    def _kind(self, key: str, raw: object, kind: object) -> None:
        zh, en = told(kind)
        shown = repr(raw)[:40]
        self._tell(key, f"{shown} 不对", f"{shown} is of the wrong kind", (f"请写{zh}", f"Write {en}"))

    def _texts(self, raw: object, key: str) -> None:
        """Tell of texts with control characters, and of numbers that are none."""
        sent = key.rpartition(".")[2] in SENT
        for one in _leaves(raw):
            if isinstance(one, float) and not math.isfinite(one):
                self._tell(key, f"{one} 不是数", f"{one} is no number", ("请写数字", "Write a number"))
            elif isinstance(one, str) and not one.isprintable() and ("\0" in one or not sent):
                mend = "请删除换行等控制字符", "Remove line ends and control characters"
                self._tell(key, "含控制字符", "holds control characters", mend)

    def _tell(self, key: str, zh: str, en: str, mend: tuple[str, str], *, faulty: bool = True) -> None:
        self.problems.append(Problem(key, zh, en, *mend))
        if faulty:
            self.faulty.add(key)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _leaves(raw: object) -> list[object]:
    if isinstance(raw, dict):
        return [leaf for name, value in raw.items() for leaf in (name, *_leaves(value))]
    if isinstance(raw, list):
        return [leaf for value in raw for leaf in _leaves(value)]
    return [raw]


def _bare(kind: Any) -> Any:
    """Return a type without "or None" and without its bounds."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        rest = [one for one in get_args(kind) if one is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else kind
    return kind


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _tagged(kind: Any) -> dict[str, type[msgspec.Struct]]:
    """Return the tables of a union by the name that they bear in the file."""
    return {str(one.__struct_config__.tag): one for one in get_args(kind) if _is_struct(one)}


def told(kind: Any) -> tuple[str, str]:
    """Return what a type wants, in both languages.

    >>> told(Literal["a", "b"])
    (' "a" 或 "b"', '"a" or "b"')
    """
    inner, bounds = _bare(kind), ""
    if get_origin(kind) is Annotated:
        meta = get_args(kind)[1]
        if meta.ge is not None or meta.le is not None:
            bounds = f" {meta.ge} … {meta.le}"
        if meta.pattern is not None:
            bounds = f" {meta.pattern}"
    if get_origin(inner) is Literal or (isinstance(inner, type) and issubclass(inner, enum.Enum)):
        known = [str(getattr(one, "value", one)) for one in (get_args(inner) or inner)]
        quoted = [f'"{one}"' for one in known]
        return " " + " 或 ".join(quoted), " or ".join(quoted)
    if inner in KINDS:
        zh, en = KINDS[inner]
        return f"{zh}{bounds}", f"{en}{bounds}"
    if get_origin(inner) in (tuple, list):
        return "列表 [ … ]", "a list [ … ]"
    if get_origin(inner) in (Union, types.UnionType):
        return "引号内的文字或带 kind 的表", "text in quotes, or a table with kind"
    return "表 { … }", "a table { … }"
