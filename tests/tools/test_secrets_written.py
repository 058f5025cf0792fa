"""What looks through the logs of every town finds what it is for."""

import contextlib
import json
import sqlite3

import pytest

from cache.texts import columns
from tests.tools.secrets_written import secrets_of, written

SUBJECT, OTHER, TOKEN = "ab" * 16, "cd" * 16, "s3cret-api-token-of-24-ch"


@pytest.fixture
def secrets(tmp_path):
    tokens, database = tmp_path / "api-tokens.json", tmp_path / "terminal.db"
    tokens.write_text(json.dumps({"desk": TOKEN}))
    with contextlib.closing(sqlite3.connect(database)) as conn, conn:
        conn.execute("CREATE TABLE journal (kind TEXT, body TEXT, packed BLOB)")
        for subject in (SUBJECT, OTHER):
            body, packed = columns("granted", json.dumps({"subject": subject}).encode())
            clear = (body, packed) if subject == OTHER else (json.dumps({"subject": subject}), None)
            conn.execute("INSERT INTO journal VALUES ('granted', ?, ?)", clear)
        conn.execute("INSERT INTO journal VALUES ('granted', '{\"damaged', NULL)")
    return secrets_of(database, tokens, tmp_path / "operator-token")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (f"token {TOKEN} refused", "an API token"),
        (f'{{"subject":"{SUBJECT}"}}', "a pseudonym"),
        (f'{{"subject":"{OTHER}"}}', "a pseudonym"),  # whose fact lies packed
        ("400: Authorization: Bearer abcdefghijklmnopqrstuvwx", "a bearer token"),
        ("could not read XG1:6BFOXN%TSMAHN-HCPGHC1*960EM:RH+R61RO9.S4UO+%I0 at the gate", "a code that was presented"),
        ("Future exception was never retrieved", "a future that nobody asked"),
    ],
)
def test_it_finds_each_of_them_in_a_log(tmp_path, secrets, said, what):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "gate.log").write_text(f"well\n{said}\n")

    assert written(tmp_path, secrets) == [("gate.log", what)]


def test_a_log_without_them_is_clean(tmp_path, secrets):
    (tmp_path / "gate.log").write_text('{"level":"INFO","event":"started","bearer":"Bearer …","code":"XG1:…"}\n')

    assert written(tmp_path, secrets) == []
