"""What another vendor had to guess, question by question, is said on the page where they looked for it.

The questions are those of a vendor who wrote wallet, issuer and platform from the pages; a page that loses an answer
fails here. Whether the answers are true is held elsewhere: by vectors, by `tests/foreign/`, by generated tables.
"""

import re

import pytest

from tests.tools.pages import PAGES

ANSWERED = {
    "is alg -8 in a header a matter of shape or of step 7": (
        "token-format.md",
        r"an `alg` that is any integer passes step 5,\s+also −8, and is `bad_signature` at step 7",
    ),
    "are a holder key's values step 10 or 12": (
        "token-format.md",
        r"labels and types are step 10; which values .* step 12",
    ),
    "which step is told for a presentation's claims": (
        "token-format.md",
        r"told as step 10, whether .* within step 13",
    ),
    "claims that are no map": ("token-format.md", r"claims that are no\s+map are step 10 too"),
    "are groups a set": ("token-format.md", r"`groups` are a set: 7, 7 is 7"),
    "what is a minted code's nonce": ("token-format.md", r"no `nonce`, the\s+token id stands for it"),
    "the members of a reservation in vectors": ("token-format.md", r"\{order, site, from_s, until_s, heads\}"),
    "the points of order 8": ("token-format.md", r"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    "where key files lie": ("token-format.md", r"public/targets/issuers/CITY/.*\.keys\.json"),
    "which kinds of records there are, and their bodies": ("records.md", r"### `granted`.*### `paid_late`"),
    "may `redemption` be null": ("protocol.md", r"`redemption` is `null` where a record is about none"),
    "which members a profile must have": (
        "protocol.md",
        r"`site`, `title`, `issuer` and at least one lane must be there",
    ),
    "what grade, texts and pledge hold": (
        "protocol.md",
        r"`texts` are words .* `pledge` is .* `grade` its credit grade",
    ),
    "is Content-Encoding set": ("protocol.md", r"gzip \(`Content-Encoding: gzip`; a platform may also take it plain\)"),
    "how often is asked": ("protocol.md", r"with `wait` \(0 to 60 s\)"),
    "lists_version of which role": ("protocol.md", r"`lists_version` .*newest snapshot"),
    "receipts in a 409": ("protocol.md", r"an end in `held` may bring its receipt here too"),
    "the exact rule of delegation": ("lists.md", r"exactly one path, `issuers/<city>/\*`.*`terminating: true`"),
    "role files, snapshots, keys, expiry": (
        "lists.md",
        r"consistent snapshots \(`7\.targets\.json`.*`ed25519` keys.*expiry",
    ),
    "which roles carry issued_ms": ("lists.md", r"Every role carries `issued_ms`.*a root may leave it out"),
    "which page has the form of keys.json": (
        "lists.md",
        r"`issuers/<city>/keys\.json` is the array of\s+\[token-format",
    ),
    "the platform's commands": ("commands.md", r"## xinguan central .*### xinguan central city"),
    "a gate in the quick start": ("README.md", r"\nactuator = "),
    "a code shown twice": (
        "reasons.md",
        r"used at this lane and is shown again after its grace; its facts say where and when",
    ),
}


@pytest.mark.parametrize("question", ANSWERED)
def test_a_vendors_question_is_answered_on_the_page_where_it_was_asked(question):
    page, words = ANSWERED[question]

    assert re.search(words, PAGES[page], re.DOTALL)
