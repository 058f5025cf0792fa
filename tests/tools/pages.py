"""The pages of the documentation as tests read them: their text, their blocks, their tables."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = (*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("README*.md")))
PAGES = {path.name: path.read_text("utf-8") for path in FILES}
DECISIONS = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs" / "adr").glob("*.md"))}
NAMED = re.compile(r"\b((?:bench|tests)/[\w/]+\.py)(?:::(\w+))?")  # a program or test that a page names
BLOCK = re.compile(r"^([ ]*)```(\w*)\n(.*?)^[ ]*```$", re.DOTALL | re.MULTILINE)
TABLE = re.compile(r"^(\|.*\|)\n\|[-| :]+\|$", re.MULTILINE)
BLOCKS = [
    (page, kind, re.sub(rf"(?m)^{indent}", "", text))
    for page, words in PAGES.items()
    for indent, kind, text in BLOCK.findall(words)
]


def without_blocks(words):
    """Return a page's text without what stands in boxes."""
    return BLOCK.sub("", words)


def table(page, head):
    """Return the rows of the tables of a page whose head begins so."""
    found, lines = [], without_blocks(PAGES[page]).splitlines()
    for at, line in enumerate(lines[:-1]):
        if line.startswith(head) and re.fullmatch(r"\|[-| :]+\|", lines[at + 1]):
            for row in lines[at + 2 :]:
                if not row.startswith("|"):
                    break
                found.append(row)
    return found


def cells(row):
    """Return the cells of a row."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
