"""What is wrong with a setting, for people: the key, what is wrong, what to write instead, in both languages. Pure.

>>> print(Problem("platform.poll_s", "0 超出范围", "0 is out of range", "请写 1 到 9", "Write 1 to 9"))
platform.poll_s: 0 超出范围。请写 1 到 9 · 0 is out of range. Write 1 to 9
>>> web_address("https://[half") is None
True
"""

from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit


class Problem(NamedTuple):
    """One thing to mend. `key` is where: `lanes[0].id`."""

    key: str
    zh: str
    en: str
    mend_zh: str
    mend_en: str

    def under(self, prefix: str) -> "Problem":
        """Return the same problem of a table within another."""
        dot = "." if self.key else ""
        return self._replace(key=f"{prefix}{dot}{self.key}")

    def __str__(self) -> str:
        where = f"{self.key}: " if self.key else ""
        return f"{where}{self.zh}。{self.mend_zh} · {self.en}. {self.mend_en}"


def web_address(text: str) -> SplitResult | None:
    """Return the parts of a http or https address with a host and a port that is one; None if it is none."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    readable = text.isprintable() and " " not in text
    return parts if parts.scheme in ("http", "https") and host and port != 0 and readable else None
