"""What a `source` setting means: kind, target and options, parsed once, refused with the mend.

    v4l2:0  v4l2:/dev/video0  v4l2:/dev/v4l/by-id/…    http://camera/stream  https://…    rtsp://camera/…
    file:/path/film.mp4       folder:/path             serial:/dev/serial/by-id/…         hid:/dev/input/by-id/…

Options follow a `#` as `name=value&name=value`, the same way for every kind: a fragment never travels to a camera.
Rules: an unknown kind or option is an error; a password in a URL is kept out of `Spec.name`, which is what logs show.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

CAMERAS = frozenset({"v4l2", "http", "https", "rtsp", "file", "folder"})
KEYBOARDS = frozenset({"serial", "hid"})
WEB = frozenset({"http", "https", "rtsp"})
PERCENT_ZH = "用户名或密码中：# 写作 %23，/ 写作 %2F，? 写作 %3F，@ 写作 %40，: 写作 %3A，% 写作 %25"
FORMS = "v4l2:0, http://…, rtsp://…, file:…, folder:…, serial:… or hid:…"
PERCENT = "In a user name or password write # as %23, / as %2F, ? as %3F, @ as %40, : as %3A and % as %25"


# What Linux' termios knows (CBAUD).
BAUDS: tuple[int, ...] = (
    *(300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000, 576_000),
    *(921_600, 1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000),
)


class SpecError(ValueError):
    """A source setting that cannot be used; the message says how to mend it, `zh` in the first language."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed source. `target` is what to open, `name` the same without secrets, `options` the typed options."""

    kind: str
    target: str
    name: str
    options: Mapping[str, Any]

    @property
    def is_camera(self) -> bool:
        """Whether it yields pictures and so lives in a child process."""
        return self.kind in CAMERAS

    def option(self, name: str) -> Any:
        """Return an option, or its default."""
        return self.options.get(name, OPTIONS[name].default)


@dataclass(frozen=True, slots=True)
class _Option:
    parse: Callable[[str], Any]
    default: Any
    kinds: frozenset[str]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text) or not low <= float(text) <= high:
            raise ValueError(f"seconds from {low} to {high}")
        return float(text)

    return parse


def _one_of(**values: Any) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if text not in values:
            raise ValueError("one of " + ", ".join(values))
        return values[text]

    return parse


def _baud(text: str) -> int:
    if not text.isdecimal() or int(text[:9]) not in BAUDS:
        raise ValueError("a rate that lines have: " + ", ".join(map(str, BAUDS)))
    return int(text)


_ON_OFF = _one_of(on=True, off=False)
_V4L2 = frozenset({"v4l2"})
OPTIONS: Mapping[str, _Option] = {
    "width": _Option(_whole(160, 7680), 1280, _V4L2),
    "height": _Option(_whole(120, 4320), 720, _V4L2),
    "fps": _Option(_whole(1, 120), 15, frozenset({"v4l2", "file", "folder"})),
    "exposure": _Option(_whole(1, 100_000), None, _V4L2),  # absent: automatic
    "focus": _Option(_whole(0, 1023), None, _V4L2),  # absent: automatic
    "gain": _Option(_whole(0, 1023), None, _V4L2),
    "open_s": _Option(_seconds(0.1, 60), 5.0, CAMERAS),
    "read_s": _Option(_seconds(0.1, 60), 3.0, CAMERAS),
    "pace": _Option(
        _ON_OFF, default=True, kinds=frozenset({"file", "folder"})
    ),  # off: every frame, as fast as it is decoded
    "loop": _Option(_ON_OFF, default=False, kinds=frozenset({"file"})),
    "watch": _Option(_ON_OFF, default=True, kinds=frozenset({"folder"})),  # off: end after the last picture
    "mend": _Option(_ON_OFF, default=True, kinds=CAMERAS),  # off: no gate or desk, so no codes of ours
    "budget_ms": _Option(_whole(1, 1000), None, CAMERAS),
    "memory_mb": _Option(_whole(256, 8192), 1024, CAMERAS),
    "nice": _Option(_whole(0, 19), 5, CAMERAS),
    "transport": _Option(_one_of(tcp="tcp", udp="udp"), "tcp", frozenset({"rtsp"})),
    "baud": _Option(_baud, 115_200, frozenset({"serial"})),
    "suffix": _Option(
        _one_of(cr=b"\r", lf=b"\n", crlf=b"\r\n", tab=b"\t", none=b"", any=None), None, frozenset({"serial"})
    ),
    "layout": _Option(_one_of(us="us", de="de", fr="fr", es="es"), "us", frozenset({"hid"})),
    "gap_s": _Option(_seconds(0.01, 10), 0.15, KEYBOARDS),
}


def parse_spec(text: str) -> Spec:
    """Return the parsed source; raise SpecError naming what is wrong and what would be right."""
    bare, _, fragment = text.partition("#")
    _refuse_bare_marks(bare, fragment)
    kind, colon, rest = bare.partition(":")
    if not colon or kind not in CAMERAS | KEYBOARDS or not rest or not bare.isprintable():
        said = "what holds an @" if "@" in text else repr(text)
        raise SpecError(f"{said}：来源应形如 {FORMS}", f"{said}: a source reads like {FORMS}")
    target = name = bare if kind in WEB else rest
    if kind in WEB:
        name = _without_secret(bare)
    return Spec(kind, target, name if "://" in name else f"{kind}:{rest}", _options(kind, fragment))


def _refuse_bare_marks(bare: str, fragment: str) -> None:
    """Refuse a password with a mark that ends it; nothing of it is told."""
    scheme, slashes, rest = bare.partition("://")
    if scheme not in WEB or not slashes:
        return
    netloc = re.split(r"[/?]", rest, maxsplit=1)[0]
    if "@" in fragment or ("@" in rest and "@" not in netloc and ":" in netloc):
        zh = f"来源网址：@ 出现在 #、/ 或 ? 之后。{PERCENT_ZH}"
        raise SpecError(zh, f"source URL: an @ stands behind #, / or ?. {PERCENT}")


def _without_secret(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        zh = f"来源网址：主机或端口无法识别。{PERCENT_ZH}"
        raise SpecError(zh, f"source URL: the host or the port cannot be read. {PERCENT}") from None
    if not host:
        example = "rtsp://192.168.1.20/stream"
        raise SpecError(f"来源网址没有主机；例如 {example}", f"source URL: no host; write for example {example}")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _options(kind: str, fragment: str) -> dict[str, Any]:
    options = {}
    for name, value in parse_qsl(fragment, keep_blank_values=True):
        option = OPTIONS.get(name)
        if option is None or kind not in option.kinds:
            known = ", ".join(sorted(n for n, o in OPTIONS.items() if kind in o.kinds))
            zh = f"{kind} 来源没有 {name!r} 选项；有：{known}"
            raise SpecError(zh, f"option {name!r} is not known for {kind}: sources; known: {known}")
        try:
            options[name] = option.parse(value)
        except ValueError as error:
            zh = f"选项 {name}={value!r} 不对，应为 {error}"
            raise SpecError(zh, f"option {name}={value!r}: expected {error}") from error
    return options
