"""Codes on paper for everybody in a file: all of them or none, each good, and as fast as a city needs them."""

import csv
import json
import shutil
import time

import pytest
from office_town import CITY, WHO, founded

from central.cli import main
from central.commands.office import printing
from central.lists.cities import signing_keys
from central.lists.issuing import Wanted, issue_all
from central.platform_state import open_state
from central.register.accounts.acts import newest, verify
from central.register.registry import RegistryError, pseudonym, register
from central.store import looked
from credit.keys import Keyring
from credit.tokens import open_token


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(founded(), tmp_path / "state")
    return tmp_path / "state"


def known(folder, *names):
    with register(folder) as conn:
        for name in names:
            pseudonym(conn, CITY, name)


def codes(folder):
    with register(folder) as conn:
        return conn.execute("SELECT count(*) FROM credential").fetchone()[0]


def printed(folder, text, out="codes.csv"):
    people = folder.parent / "people.csv"
    people.write_text(text, encoding="utf-8")
    where = ["--state", str(folder), "--city", CITY, "--from", str(people), "--out", str(folder.parent / out)]
    return main(["issue-all", *where, "--max-uses", "3", "--days", "60"]), folder.parent / out


def test_everybody_in_the_file_gets_a_code_that_opens_with_their_own_pseudonym(folder, monkeypatch):
    names = [WHO, "=1+1", "李雷", "韩梅", "周正"]
    known(folder, *names)
    monkeypatch.setattr(printing, "PIECE", 2)
    before = codes(folder)

    done, out = printed(folder, "姓名\n" + "\n".join(names) + "\n")

    rows = list(csv.reader(out.read_text("utf-8-sig").splitlines()))[1:]
    keyring = Keyring.from_json(signing_keys(folder, CITY))
    found = [open_token(row[1], keyring, now=int(time.time())) for row in rows]
    with register(folder) as conn:
        assert [one.subject for one in found] == [pseudonym(conn, CITY, name) for name in names]
    assert (done, codes(folder) - before, oct(out.stat().st_mode & 0o777)) == (0, len(names), "0o600")
    assert {(one.max_uses, one.tier, len(one.groups)) for one in found} == {(3, 0, 0)}
    assert [row[0] for row in rows] == [WHO, "'=1+1", "李雷", "韩梅", "周正"]
    state = open_state(folder)
    acts = looked(state, newest)
    told = [one for act in acts if act.outcome == "done" and act.act == "credential.issue" for one in ids(act)]
    assert sorted(told) == sorted(row[2] for row in rows)
    assert looked(state, verify).number == 6  # three pieces, begun and done


def ids(act):
    return json.loads(act.after)["token_ids"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("姓名\n王小明\n王小名\n", "第 3 行 姓名：登记册中没有此人"),
        ("姓名\n王小明\n王小明\n", "第 3 行 姓名：与前面重复"),
        ("姓名\n11010519491231002X\n", "第 2 行 姓名：不得出现身份证号"),
        ("名字们\n王小明\n", "不认识的列"),
        ("", ""),
    ],
)
def test_one_wrong_row_and_nobody_gets_a_code(folder, capsys, text, words):
    before = codes(folder)

    done, out = printed(folder, text)

    assert (done, codes(folder), out.exists()) == (1, before, False)
    assert words in capsys.readouterr().err


def test_a_file_that_is_there_is_not_written_over(folder, capsys):
    (folder.parent / "codes.csv").write_text("somebody's codes")
    before = codes(folder)

    assert printed(folder, f"姓名\n{WHO}\n")[0] == 1
    assert (codes(folder), (folder.parent / "codes.csv").read_text()) == (before, "somebody's codes")
    assert "exists" in capsys.readouterr().err


def test_together_means_all_or_none_of_one_class_and_nobody_new(folder):
    before = codes(folder)
    good = Wanted(subject=WHO, max_uses=1)

    for wrong in (Wanted(subject="nobody", max_uses=1), Wanted(subject=WHO), Wanted(subject=WHO, max_uses=1, tier=3)):
        with pytest.raises(RegistryError):
            issue_all(folder, CITY, [good, wrong], now_s=int(time.time()))
    assert codes(folder) == before
