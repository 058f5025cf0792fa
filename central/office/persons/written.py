"""What people may write into the office: texts that everybody sees as they stand, and no ID numbers. Pure.

Rules of this file:

- a name has nothing that nobody sees; a text of its own words may have lines, and the joiners of an emoji, but nothing
  that turns other words around (a reason that reads backwards is not what its approver read), and no half character,
  which no database stores;
- the number of an identity card, known by its own check digit, is held nowhere: what stands in the office journal stays
  there. The old ones of fifteen digits have none, so they are looked for where a name belongs and not in prose, where
  fifteen digits are somebody's order number.

Errors are ValueErrors whose text is `Chinese|English`.
"""

import re
from typing import Final

from storage.jobs import storable

MAX_NAME: Final = 100
ID_18: Final = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9])")
ID_15: Final = re.compile(r"(?<![0-9])[1-9][0-9]{5}[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}(?![0-9])")
WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS: Final = "10X98765432"
UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
TURNED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def has_id_number(text: str) -> bool:
    """Return whether a text holds what is an ID number by its own check digit, or an old one of fifteen digits."""
    return has_checked_id_number(text) or ID_15.search(text) is not None


def has_checked_id_number(text: str) -> bool:
    """Return whether a text holds what is an ID number by its own check digit."""
    for found in ID_18.finditer(text):
        digits = found.group().upper()
        if CHECKS[sum(int(one) * weight for one, weight in zip(digits, WEIGHTS, strict=False)) % 11] == digits[17]:
            return True
    return False


def name(text: str) -> str:
    """Return a name; raise ValueError."""
    if not text or len(text) > MAX_NAME:
        raise ValueError(f"应为 1 至 {MAX_NAME} 字|1 to {MAX_NAME} characters")
    if UNSEEN.search(text) or not storable(text):
        raise ValueError("含不可见字符|has characters that nobody sees")
    return text


def seen(text: str) -> str:
    """Return a text that is what it looks like; raise ValueError."""
    if TURNED.search(text) or not storable(text):
        raise ValueError("含不可见或改变文字方向的字符|has characters that nobody sees, or that turn others around")
    return text


def prose(text: str) -> str:
    """Return somebody's own words; raise ValueError."""
    if has_checked_id_number(text):
        raise ValueError("不得出现身份证号|no ID numbers here")
    return seen(text)
