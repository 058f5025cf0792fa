"""How what one holder did is found: by the last of the pseudonym, in two narrow trees (ADR 0181).

The hard idea: in an order by holder no two visitors of an hour lie beside each other, so each of them writes pages of
such a tree alone. What can be made small is the tree. An entry holds just enough of the pseudonym that hardly ever two
holders meet under it; whoever asks compares the whole of it in the row.

    uses         the mark of a holder's key: the last ten letters of the pseudonym, the last five of the period
    redemptions  the last five bytes of the pseudonym, then the time

Rules of this file:

- the expressions are those of the indexes `uses_holder` and `redemptions_holder`, letter for letter: SQLite finds an
  index by its text; `+` keeps it from putting the value into them in the column's place;
- a mark is compared beside the key and never for it: two holders may have one.
"""

from typing import Final

HOLDERS: Final = "|subject:"  # in a key of what one holder used: `u|wulong/first|subject:wulong:0f3a…|2026-09`
SHARED: Final = "key NOT GLOB '*|subject:*'"  # what is nobody's own, as its indexes have it
OWN: Final = "key GLOB '*|subject:*'"
WHOSE: Final = slice(22, 32)  # of 32 letters: one of a million holders meets another in one of a million
PERIOD: Final = 5  # of a key: who came daily for a year is not read through for today
_MARK: Final = (
    "substr({0}, instr({0}, '|subject:') + 31 + instr(substr({0}, instr({0}, '|subject:') + 9), ':'), 10)"
    " || substr({0}, -5)"
)
BY_MARK: Final = f"{_MARK.format('key')} IN ({{}}) AND {OWN}"
BY_KEY: Final = f"{_MARK.format('key')} = {_MARK.format('?1')} AND +key = ?1 AND {OWN}"  # the key is parameter 1
BY_SHARED: Final = f"key = ?1 AND {SHARED}"
BY_SUBJECT: Final = "substr(subject, -5) = substr(?1, -5) AND +subject = ?1"  # the pseudonym is parameter 1


def mark(key: str) -> str:
    """Return under what a holder's key is found, as the schema has it.

    >>> mark("u|wulong/first|subject:wulong:0f3a000000000000000000000067e9c2|2026-09")
    '000067e9c226-09'
    """
    at = key.find(HOLDERS) + len(HOLDERS)
    at = key.find(":", at) + 1 or at
    return f"{key[at:][WHOSE]}{key[-PERIOD:]}"
