"""Finds in everything that a town's processes printed what must never be written down (illness.md 9).

Tokens of the APIs and the operator's, whatever follows a Bearer, codes as they were presented, pseudonyms of those who
were given something; and futures that nobody asked, which are no secret but a silence.
"""

import contextlib
import json
import re
import sqlite3

from cache.journal.bodies import said_in
from cache.texts import BODY

NEVER = {
    "a code that was presented": re.compile(r"XG1:[0-9A-Z $%*+./:-]{40}"),
    "a bearer token": re.compile(r"Bearer [A-Za-z0-9._~+/=-]{16}"),
    "a future that nobody asked": re.compile(r"exception was never retrieved"),
}
BODIES = f"SELECT {BODY} FROM journal WHERE kind IN ('granted', 'opened')"
SHORT = 12  # characters: what is shorter could stand anywhere


def secrets_of(database, *token_files):
    """Return {what: words} that stand in this terminal's database and in these files of tokens."""
    words = {"an API token": set(), "a pseudonym": set()}
    for path in token_files:
        text = path.read_text("utf-8").strip() if path.exists() else ""
        words["an API token"] |= set(json.loads(text).values()) if text.startswith("{") else {text}
    if database.exists():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(database)) as conn:
            words["a pseudonym"] |= {said_in(row[0]).get("subject") for row in conn.execute(BODIES)}
    return {what: {word for word in found if word and len(word) >= SHORT} for what, found in words.items()}


def written(folder, secrets):
    """Return (file, what was written there) for every log below `folder` that has something in it that it must not."""
    found = []
    for log in sorted(folder.rglob("*.log")):
        text = log.read_text("utf-8", "replace")
        found += [(log.name, what) for what, pattern in NEVER.items() if pattern.search(text)]
        found += [(log.name, what) for what, words in secrets.items() if any(word in text for word in words)]
    return found
