"""Logs: JSON lines on standard error; events, not sentences; never a token, a code or a pseudonym (terminal.md).

Rules of this file:

- logging never waits: lines go to a queue that a thread writes from. Where nobody reads (a stuck journald, a full
  pipe), the queue fills and lines are lost and counted; decisions are not;
- one event of one logger makes at most BURST lines at once and PER_S a second; what was left out is counted later;
- whatever looks like a secret is covered in every text, also in what libraries log: bearer tokens, credit codes, and
  the API tokens of this terminal (`hide`). Of a request that the HTTP parser refused only the kind is told.
"""

import collections
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({})))
MAX_WAITING: Final = 2_000  # lines
MAX_LINE: Final = 16_384  # characters
BURST: Final = 50
PER_S: Final = 10.0
LAST_WORDS_S: Final = 0.5  # for the lines that wait when the process ends
COVERED: Final = "[covered]"
_GAP: Final = r"(?:\\+[trn]|[\s:=\"'\\])"  # what stands between a word and its value, also inside quoted JSON
_VALUE: Final = r"[^\s\"',;}\\]{4,}"
SECRET: Final = re.compile(
    rf"(?i)((?:bearer|authorization){_GAP}+(?:(?:bearer|basic){_GAP}+)?|token{_GAP}*[=:]{_GAP}*){_VALUE}"
    r"|XG1:[0-9A-Z $%*+./:-]{8,}"
)
PARSER: Final = "aiohttp.server"

_hidden: set[str] = set()


def hide(secrets: Iterable[str]) -> None:
    """Cover these texts wherever they would be logged."""
    _hidden.update(secret for secret in secrets if secret)


def cover(text: str) -> str:
    """Return the text with every secret covered.

    >>> cover("GET / Authorization: Bearer abc.def rest")
    'GET / Authorization: Bearer [covered] rest'
    >>> cover("lane saw XG1:6BFOXN%TS3DH0YOJ")
    'lane saw [covered]'
    """
    for secret in _hidden:
        text = text.replace(secret, COVERED)
    return SECRET.sub(lambda found: (found[1] or "") + COVERED, text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, event, and whatever `extra` gave."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for one record."""
        line: dict[str, Any] = {
            "at_ms": int(record.created * 1000),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}
        if record.exc_info and record.exc_info[0] is not None:
            if record.name == PARSER:  # its text quotes the refused line, which may hold anything
                line = {**line, "event": "request_refused", "kind": record.exc_info[0].__name__}
            else:
                line["exception"] = self.formatException(record.exc_info)
        return cover(json.dumps(line, ensure_ascii=False, default=str))[:MAX_LINE]


class Sparing(logging.Filter):
    """Lets through at most BURST lines of one event at once, PER_S a second afterwards; counts the rest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._room: dict[tuple[str, str], tuple[float, float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether this record is logged; it then carries how many like it were left out before."""
        key, now = (record.name, str(record.msg)), self._clock()
        room, at, left_out = self._room.get(key, (float(BURST), now, 0))
        room = min(float(BURST), room + (now - at) * PER_S)
        if room < 1:
            self._room[key] = (room, now, left_out + 1)
            return False
        self._room[key] = (room - 1, now, 0)
        if left_out:
            record.left_out = left_out
        if len(self._room) > MAX_WAITING:
            self._room.pop(next(iter(self._room)))
        return True


class Unhurried(logging.Handler):
    """Writes lines from a thread of its own; a reader that stands still costs lines, never time."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        super().__init__()
        self._write = write
        self._lines: collections.deque[bytes] = collections.deque()
        self._ready = threading.Condition()
        self._lost = 0
        threading.Thread(target=self._work, name="logs", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record in; never waits for the reader."""
        try:
            line = self.format(record).encode("utf-8", "replace") + b"\n"
        except Exception:  # noqa: BLE001 - logging's own rule: what cannot be logged must not hurt who logs
            self.handleError(record)
            return
        with self._ready:
            if len(self._lines) >= MAX_WAITING:
                self._lost += 1
                return
            self._lines.append(line)
            self._ready.notify()

    def _work(self) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._lines)
                line, lost = self._lines[0], self._lost
                self._lost = 0
            self._write(line)
            if lost:
                said = {"at_ms": time.time_ns() // 1_000_000, "level": "error", "logger": "logs", "event": "lines_lost"}
                self._write(json.dumps({**said, "lines": lost}).encode() + b"\n")
            with self._ready:
                self._lines.popleft()
                self._ready.notify_all()

    def flush(self) -> None:
        """Wait for the lines that wait, but no longer than LAST_WORDS_S."""
        with self._ready:
            self._ready.wait_for(lambda: not self._lines, LAST_WORDS_S)


def _to_stderr(line: bytes) -> None:
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(sys.stderr.fileno(), rest) :]
    except OSError:  # a reader that is gone, a full disk behind it: the line is lost
        time.sleep(LAST_WORDS_S)


def set_up(level: int = logging.INFO) -> None:
    """Send every log record to standard error as a JSON line."""
    handler = Unhurried(_to_stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Sparing())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
