"""Each command line of the pages is run: here in the order of an office's day, or by the test that is named.

`DAY` has the lines that a platform of its own can run, in their order; `ELSEWHERE` names the test of each other. What a
page leaves open is filled in: `…` is folder and city, capitals are names and files, what stands in brackets is taken. A
line that neither names fails, and so does one of the day that stands on no page any more.
"""

import json
import re
import shlex
from contextlib import chdir
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.edge.test_documented_blocks import spoken
from tests.tools.pages import PAGES, ROOT
from tests.tools.shell import platform, xinguan

RULES = ROOT / "central" / "example_offices" / "yunling"
PASSWORD = "长河落日圆 2026 yuan\n"
FEDERATION = tuple(
    re.sub("^xinguan ", "", line)
    for text in re.findall(r"```sh\n(.*?)```", PAGES["federation.md"], re.DOTALL)
    for line in text.strip().splitlines()
)
DAY = (
    "central init --state DIR",
    "central city --state DIR --city yunling --add RULES",
    "central issue … --subject NAME --holder-key PHONE.pem --qr code.png",
    "central restrict … --subject NAME --code 302 --until 2027-04-30 --emergency WHY",
    "central measures … [--subject NAME]",
    "central dispute … [--reject] --emergency WHY",
    "central repair … --subject NAME [--code 302] [--authority WHO] --emergency WHY",
    "central member … --subject NAME --tier 2 --group 12 --emergency WHY",
    "central revoke … --token HEX",
    "central publish … --city yunling --rules DIR --dry-run",
    "central publish … --city yunling --rules DIR --emergency WHY",
    "central publish … --bundle lists.zip",
    "central reached --state DIR --city yunling",
    "central codes --state DIR --terminal hub-1 --profile hub.json --platform https://platform.example",
    "central operator --state DIR add li --title 李雷 --duty wulong:clerk:武隆区文化和旅游发展委员会",
    "central operator --state DIR add han --title 韩梅 --duty wulong:checker:武隆区文化和旅游发展委员会",
    "central operator --state DIR token li --scope measure.propose --days 90",
    "central operator --state DIR lock li",
    "central identity --state DIR add wulong-one-code --city wulong --title 一码通 --key service.pem",
    "central identity --state DIR end wulong-one-code",
    "central issue-all --state DIR --city wulong --from people.csv --max-uses 3 --days 365 --out codes.csv",
    "central report --state DIR --half-year 2026H1 --city wulong --out report.xlsx",
    "central acts --state DIR --verify",
    "central evidence --checker",
    "token show CODE --keys keys.json",
    "simulate CASE.json --explain",
    "simulate docs/examples/wulong.json --explain",
    "lists check FILE",
    "version",
    "--help",
)
RUNS = "tests/processes/test_staff.py::test_what_a_technician_types_beside_a_running_terminal_answers"
INSTALLED = "tests/e2e/test_install_page.py::test_from_nothing_to_a_decided_code_on_a_screen"
PROVISIONED = "tests/processes/test_provision.py::test_a_stick_makes_a_box_of_a_machine"
MEMORY = "tests/ill/test_memory.py::test_a_database_that_a_person_restored_serves_nobody_twice"
ACCEPTED = (
    "tests/ill/test_memory.py::test_without_a_network_benefits_with_limits_are_referred_everybody_may_leave_and_a_person"
    "_may_accept_it"
)
WIPED = "tests/edge/test_wipe.py::test_a_wiped_box_knows_nothing_and_its_receipt_holds"
SWAPPED = (
    "tests/processes/test_swap.py::test_a_box_is_swapped_its_card_is_rescued_and_the_old_one_says_that_it_was_replaced"
)
EXCHANGED = "tests/central/test_platform_key.py::test_the_command_shows_asks_and_exchanges"
BACKED_UP = "tests/central/test_backup.py::test_a_backup_is_the_whole_platform_and_what_was_there_stays_beside_it"
STICKS = "tests/lists/test_federation.py::test_every_command_on_the_page_works_and_nobody_is_enrolled_again"
STICK = "tests/lists/test_import.py::test_import_status_and_check_without_a_running_terminal"
HUB = "tests/town/test_site.py::test_entry_is_stopped_from_the_hub_and_from_the_platform"
EVIDENCE = "tests/office/test_evidence.py::test_what_is_true_holds_and_shows_the_facts"
OWN = "tests/office/test_documented_commands.py"
HERE = f"{OWN}::test_a_line_of_the_office_s_day_does_what_it_is_there_for"
FOUNDED = f"{OWN}::test_a_platform_is_founded_on_postgresql"
MONTH = "tests/office/test_settling_from_the_page.py::test_a_month_is_settled_to_the_fen_by_whoever_read_the_page"
BUNDLE = "tests/edge/test_support_bundle.py::test_it_is_shown_first_and_written_only_when_somebody_agrees"
STAGES = "tests/edge/test_documented_tables.py::test_each_target_has_the_minutes_that_the_ci_gives_it"
ELSEWHERE = {
    "provision": PROVISIONED,
    "enrol": INSTALLED,
    "enrol --again": "tests/sync/test_enrol.py::test_a_terminal_with_unsent_facts_is_not_enrolled_again",
    "sync now": RUNS,
    "lists status": RUNS,
    "lists check": RUNS,
    "config check": RUNS,
    "journal export": RUNS,
    "lists import FILE": STICK,
    "backup FILE": MEMORY,
    "restore FILE": MEMORY,
    "restore --from-platform": MEMORY,
    "restore --accept-loss": ACCEPTED,
    "journal export --sealed FILE --set-aside terminal.db.replaced-…": (
        "tests/sync/test_restored_copies.py::test_what_was_set_aside_is_brought_home_as_from_a_rescued_card"
    ),
    "journal export --sealed card.xgj --data /mnt/card/var/lib/xinguan": SWAPPED,
    "central journal import card.xgj --state /var/lib/xinguan-central": SWAPPED,
    "wipe": WIPED,
    "wipe --receipt FILE": WIPED,
    "doctor": INSTALLED,
    "doctor --open LANE": "tests/edge/test_doctor_opens.py::test_a_gate_that_opens_is_well_and_says_how_long_it_took",
    "support-bundle FILE": BUNDLE,
    "update FILE|URL": "tests/update/test_update.py::test_a_good_update_serves_and_keeps_what_was_not_sent",
    "scan --source": "tests/scanner/test_command.py::test_a_source_is_read_as_the_service_reads_it",
    "staff add NAME --role supervisor": (
        "tests/processes/test_staff.py::test_the_command_lists_who_works_here_and_shows_no_hash"
    ),
    "hub enrol CODE": HUB,
    "hub serve": HUB,
    "hub stop-entry": HUB,
    "central": STICKS,
    "central codes": INSTALLED,
    "central city add": STICKS,
    "central revoke --key KID": "tests/central/test_list_commands.py::test_what_cannot_be_done_is_said_and_exits_1",
    "central restore FILE": (
        "tests/central/test_backup.py::test_a_backup_is_the_whole_platform_and_what_was_there_stays_beside_it"
    ),
    "central serve": INSTALLED,
    "central serve --state DIR --console 127.0.0.1:8490": (
        "tests/processes/test_contract.py::test_the_office_answers_every_role_as_its_description_says"
    ),
    "central restrict|repair|dispute|member … --emergency 理由": HERE,
    "central evidence --state DIR REDEMPTION --out e.json": EVIDENCE,
    "central report": MONTH,
    "central init --state DIR --database postgresql://user@a,b/xinguan": FOUNDED,
    "make demo": STAGES,
    "make test": STAGES,
    "make deb": INSTALLED,
    **dict.fromkeys(FEDERATION, STICKS),
    "central platform-key rotate --state /var/lib/xinguan-central --yes": EXCHANGED,
    "central backup --state /var/lib/xinguan-central /mnt/stick/platform.tar": BACKED_UP,
}


def lines():
    """Yield each line of our program once, without what belongs to the shell."""
    found = {}
    for page, line in spoken():
        words = re.sub(r"^(\$ )?(sudo )?(xinguan )?", "", " ".join(re.split(r"#| && | \|\| | > ", line)[0].split()))
        found.setdefault(words, page)
    return found


LINES = lines()


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with what the lines name."""
    folder = tmp_path_factory.mktemp("desk")
    key = Ed25519PrivateKey.generate().public_key()
    public = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for name in ("PHONE.pem", "service.pem"):
        (folder / name).write_bytes(public)
    profile = {"site": "tiankeng", "title": {"zh": "天坑"}, "issuer": "yunling", "lanes": [], "role": "hub"}
    (folder / "hub.json").write_text(json.dumps(profile))
    (folder / "people.csv").write_text("姓名\nNAME\n", "utf-8")
    (folder / "CASE.json").write_text((ROOT / "docs" / "examples" / "hotel.json").read_text("utf-8"))
    (folder / "docs").symlink_to(ROOT / "docs")
    edited = folder / "EDITED"
    edited.mkdir()
    for path in RULES.iterdir():
        (edited / path.name).write_text(path.read_text("utf-8").replace("限制进入景区", "限制进入各景区"), "utf-8")
    calendars = json.loads((RULES / "calendars.json").read_bytes())
    for name, dates in calendars["calendars"].items():
        told = dates if isinstance(dates, dict) else {"dates": dates}
        calendars["calendars"][name] = told | {"covers_until": "2099-12-31"}
    (edited / "calendars.json").write_text(json.dumps(calendars), "utf-8")
    return folder


def filled(line, folder):
    """Return the words of a line with what its page leaves open, and those of what stands in brackets left out."""
    [keys] = (
        (folder / "DIR" / "public" / "targets" / "issuers").glob("yunling/*.keys.json") if "token" in line else [""]
    )
    shown = json.loads((folder / "issued").read_text()) if (folder / "issued").exists() else {}
    printed = (folder / "codes.csv").read_text("utf-8-sig") if (folder / "codes.csv").exists() else ""
    codes = re.findall(r"XG1:[0-9A-Z $%*+\-./:]+", printed)
    until = (datetime.now(tz=UTC) + timedelta(days=150)).date().isoformat()
    half = f"{datetime.now(tz=UTC).year - 1}H1"
    values = {
        "RULES": str(RULES),
        "--rules DIR": "--rules EDITED",
        "HEX": shown.get("token_id", ""),
        "CODE": shlex.quote(codes[0] if codes else ""),
        "keys.json": str(keys),
        "FILE": str(RULES / "benefits.json"),
        "2027-04-30": until,
        "2026H1": half,
        "--city wulong --from": "--city yunling --from",
        "add wulong-one-code --city wulong": "add wulong-one-code --city yunling",
        "--authority WHO": "--authority 云岭文化和旅游局",
    }
    for open_, value in values.items():
        line = re.sub(rf"(?<![\w.]){re.escape(open_)}(?![\w])", lambda _found, value=value: value, line)
    subject = "" if "--subject" in line or "revoke" in line or "publish" in line else "--subject NAME"
    city = "" if "--city" in line else "--city yunling"
    return shlex.split(re.sub(r"…", f"--state DIR {city} {subject}", line).replace("[", "").replace("]", ""))


@pytest.mark.parametrize("line", DAY)
def test_a_line_of_the_office_s_day_does_what_it_is_there_for(desk, line):
    with chdir(desk):
        words = filled(line, desk)
        done = platform(*words[1:], typed=PASSWORD) if words[0] == "central" else xinguan(*words)
        if words[1:2] == ["issue"]:
            (desk / "issued").write_text(done.stdout)

    assert done.returncode == 0, done.stderr + done.stdout[-500:]
    assert "Traceback" not in done.stderr


def test_a_line_that_is_none_fails(desk):
    with chdir(desk):
        assert platform("restrict", "--state", "DIR", "--city", "yunling", "--subject", "NAME").returncode != 0


@pytest.mark.postgres
def test_a_platform_is_founded_on_postgresql(postgres_url, tmp_path):
    done = platform("init", "--state", tmp_path / "state", "--database", postgres_url)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "state" / "database-url").read_text().strip() == postgres_url
    assert not (tmp_path / "state" / "central.db").exists()
    assert platform("report", "--state", tmp_path / "state").returncode == 0


def test_a_platform_whose_database_is_not_there_is_not_founded_and_says_so(tmp_path):
    done = platform("init", "--state", tmp_path / "state", "--database", f"postgresql://x@/x?host={tmp_path}")

    assert done.returncode != 0
    assert "no database server takes writes" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_line_is_run_here_or_by_a_test_that_is_there():
    assert sorted(LINES.keys() - ELSEWHERE.keys() - {*DAY}) == []
    assert sorted({*DAY} - LINES.keys()) == []
    for name in set(ELSEWHERE.values()):
        path, _, test = name.partition("::")
        assert re.search(rf"(?m)^ *(async )?def {test}\(", (ROOT / path).read_text("utf-8")), name
