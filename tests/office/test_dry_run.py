"""`central publish --dry-run`: what edited rules would change, in words, before anybody changes anything."""

import json
import shutil
from datetime import date
from importlib import import_module

import pytest
from office_town import CITY, NOW, founded

from central.cli import COMMANDS
from central.cli import main as central
from central.platform_state import create_state, open_state
from central.register.accounts.acts import newest
from central.store import looked


@pytest.fixture
def platform(tmp_path, monkeypatch):
    monkeypatch.setattr(import_module(COMMANDS["publish"].module), "now_ms", lambda: NOW)
    create_state(tmp_path / "state")
    shutil.copytree(founded(), tmp_path / "state", dirs_exist_ok=True)
    return tmp_path / "state"


def edited(platform, folder, change):
    rules = json.loads((platform / "cities" / CITY / "benefits.json").read_bytes())
    change(rules["benefits"])
    folder.mkdir()
    (folder / "benefits.json").write_text(json.dumps(rules), "utf-8")
    return folder


def held(platform):
    return {str(path): path.read_bytes() for path in platform.rglob("*.json")}


def dry(platform, rules):
    return central(["publish", "--state", str(platform), "--city", CITY, "--rules", str(rules), "--dry-run"])


def test_it_tells_the_change_in_words_and_changes_nothing(platform, tmp_path, capsys):
    def rename(benefits):
        benefits[0]["title"] = {"zh": "改名优惠", "en": "Renamed"}

    before = held(platform)

    assert dry(platform, edited(platform, tmp_path / "rules", rename)) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["dry_run"], told["files"]) == (True, ["benefits.json"])
    assert any("改名优惠" in one["zh"] for one in told["changes"])
    assert all(one["zh"] and one["en"] for one in told["changes"])
    assert held(platform) == before
    assert looked(open_state(platform), newest) == []


def test_it_tells_doubts_which_one_person_alone_cannot_force(platform, tmp_path, capsys):
    def move(benefits):
        benefits[0].setdefault("when", {})["from"] = date(2026, 12, 1).isoformat()

    rules, before = edited(platform, tmp_path / "rules", move), held(platform)
    assert dry(platform, rules) == 0
    doubts = json.loads(capsys.readouterr().out)["doubts"]
    words = ["publish", "--state", str(platform), "--city", CITY, "--rules", str(rules), "--emergency", "来不及"]

    assert central(words) == 1

    assert any("起始日" in one["zh"] for one in doubts)
    assert doubts[0]["zh"] in capsys.readouterr().err
    assert held(platform) == before


def test_what_a_terminal_would_refuse_is_refused_here(platform, tmp_path, capsys):
    def spoil(benefits):
        benefits[1]["offer"]["percent_off"] = 500

    assert dry(platform, edited(platform, tmp_path / "rules", spoil)) == 1
    assert "benefits[1].offer.percent_off" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--dry-run",), ("--dry-run", "--city", CITY)])
def test_without_files_there_is_nothing_to_say(platform, words):
    with pytest.raises(SystemExit, match="--rules"):
        central(["publish", "--state", str(platform), *words])
