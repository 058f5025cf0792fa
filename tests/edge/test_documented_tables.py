"""Every table in README and docs/ is made by a script, or held against the code by a test: none is only prose.

`HELD` names, by page and head of a table, what does; a table without one fails here, and so does a name without a test.
A table of figures stands beside the command that measures it; one whose rows are behaviour names a test in each row.
"""

import re
from pathlib import Path

import msgspec
import pytest
import segno

from central.http.description.openapi import CALLS
from central.http.problems import CODES, OTHER
from central.lists.role_keys import TOP_LEVEL
from credit.claims import TokenClass
from credit.opening.layers import MAX_CHARACTERS
from credit.reasons import Outcome
from credit.rules.benefits import parse_benefits
from credit.rules.catalogue import OfferKind
from credit.rules.listing import DOCUMENTS, OPTIONAL, role_of
from credit.rules.reading import CatalogueError
from credit.tokens import FRESH_S, MINTED_LIFETIME_S
from edge.api.access import Role
from edge.screens.pages import PAGES as SCREENS
from scanner.reading.cascade import STEPS
from scanner.reading.mending import Mender
from scanner.spec import OPTIONS, parse_spec
from sync.wire.messages import Answer
from tests.foreign.codes import Issuer, Tagged, base45, cbor
from tests.tools.pages import DECISIONS, NAMED, PAGES, ROOT, TABLE, cells, table, without_blocks

HERE = "tests/edge/test_documented_tables.py"
MADE = "tests/edge/test_documentation.py::test_the_commands_page_is_what_the_program_says_and_no_link_is_dead"
KEYS = "tests/edge/test_configuration_page.py::test_each_key_stands_there_with_its_default"
BLOCKS = "tests/edge/test_documented_blocks.py"
WAY = "tests/edge/test_documentation.py::test_both_readmes_name_the_way_of_a_decision_and_every_folder_that_there_is"
SCENES = "tests/edge/test_scenes_page.py"
ROWS = f"{HERE}::test_each_row_names_a_test_that_there_is"
FIGURES = f"{HERE}::test_figures_stand_beside_a_command_that_there_is"
KEPT = (
    "tests/edge/test_housekeeping.py::test_what_the_platform_signed_for_leaves_after_half_a_year_and_nothing_else_does"
)
OUTCOMES = f"{HERE}::test_readmes_answers_are_the_outcomes"
REASONS = "tests/credit/test_texts.py::test_every_reason_has_its_row_in_the_documentation"
STEPS_OF_OPENING = (
    "tests/credit/test_token_format_page.py::test_every_reason_that_opening_gives_is_in_the_table_of_steps"
)
HELD = {
    "README.md": {"| answer | meaning |": OUTCOMES, "| folder |": WAY},
    "README.zh-CN.md": {"| 答复 | 含义 |": OUTCOMES, "| 目录 |": WAY},
    "api.md": {"|": MADE},
    "benefits.md": {"| kind | members |": f"{HERE}::test_each_kind_of_offer_takes_the_members_of_its_row_and_no_other"},
    "claims.md": {
        "| rule |": ROWS,
        "| planted fault |": "tests/town/test_seeds.py::test_each_planted_fault_has_its_row_and_each_row_its_fault",
        "| rule that is left out |": "tests/town/test_model.py::test_without_any_rule_a_short_story_breaks_the_town",
    },
    "configuration.md": {"| key | default | meaning |": KEYS},
    "devices.md": {"| outcome | when |": f"{BLOCKS}::test_the_table_of_outcomes_names_each"},
    "durability.md": {
        "| fault | what happens |": ROWS,
        "| ill state | what happens |": ROWS,
        "| what | where | kept |": KEPT,
    },
    "federation.md": {"| key | what a thief can do |": f"{HERE}::test_each_key_that_can_be_stolen_is_there"},
    "hub.md": {"| | hub answers |": ROWS},
    "install.md": {"| unit | what |": "tests/systemd/test_units.py::test_the_page_says_how_exposed_a_unit_is"},
    "kiosk.md": {
        "| page | for whom |": f"{HERE}::test_each_screen_is_there_with_a_token_that_there_is",
        "| flag | why |": f"{HERE}::test_the_kiosk_starts_with_the_flags_of_its_page",
    },
    "lists.md": {
        "| role | documents |": f"{HERE}::test_each_role_signs_the_documents_of_its_row",
        "| to | run |": f"{BLOCKS}::test_every_command_line_is_one_that_the_program_takes",
        "| a problem says |": f"{HERE}::test_each_problem_of_lists_is_one_that_is_said",
        "| in the alliance |": FIGURES,
        "| with so many measures |": FIGURES,
    },
    "monitoring.md": {"| file in": f"{HERE}::test_what_reads_the_metrics_is_in_the_package"},
    "office.md": {
        "| 角色 role |": f"{BLOCKS}::test_the_offices_roles_are_those_of_the_page",
        "| 调用 call |": f"{HERE}::test_each_call_of_a_phone_is_there",
    },
    "performance.md": {"| figure | value | command |": FIGURES},
    "protocol.md": {
        "| typ | signed by |": f"{BLOCKS}::test_the_protocols_tables_name_each_form_and_each_word",
        "| status | code |": f"{HERE}::test_each_problem_of_the_protocol_has_its_status",
        "| member | |": f"{HERE}::test_an_answers_members_are_those_of_its_table",
        "| member | type | |": MADE,
    },
    "reasons.md": {"| reason | outcome |": REASONS},
    "records.md": {"|": MADE},
    "scale.md": {
        "| step | when | how |": f"{BLOCKS}::test_every_command_line_is_one_that_the_program_takes",
        "| | SQLite |": FIGURES,
        "| line | target | figure |": FIGURES,
    },
    "scanner.md": {
        "| source | meaning |": f"{HERE}::test_each_source_of_the_page_is_one",
        "| option | for |": f"{HERE}::test_each_option_of_a_source_is_there_with_its_default",
        "| step | looks at |": f"{HERE}::test_each_step_of_the_cascade_is_there",
        "| on | ours |": FIGURES,
        "| | as drawn |": FIGURES,
        "| fault | answer |": ROWS,
        "| metric | meaning |": f"{HERE}::test_each_metric_of_the_scanner_is_one",
    },
    "scenes.md": {
        "| scene | played by |": f"{SCENES}::test_whatever_is_named_exists",
        "| # | what is asked |": f"{SCENES}::test_a_row_names_a_vector_or_a_test",
        "| scene | case file |": f"{SCENES}::test_a_scene_has_its_case_file_and_its_story",
        "| flow | vectors |": f"{SCENES}::test_whatever_is_named_exists",
    },
    "testing.md": {
        "| row | state |": "tests/test_ill_rows.py::test_what_a_row_names_is_a_test",
        "| row | played there |": (
            "tests/test_ill_rows.py::test_what_a_row_met_before_is_asked_by_one_of_the_tests_that_hold_it"
        ),
        "| box | promise |": "tests/test_box_rows.py::test_what_holds_a_promise_of_a_box_is_a_test",
        "| command | what it proves |": f"{HERE}::test_each_target_has_the_minutes_that_the_ci_gives_it",
        "| s | test |": f"{HERE}::test_each_file_that_the_page_on_tests_names_is_there",
        "| file | what for |": f"{HERE}::test_each_layer_of_packages_is_counted",
        "| package | for |": "tests/test_closure.py::test_the_documented_debian_packages_are_those_of_the_setup",
        "| what | where |": f"{HERE}::test_each_file_that_the_page_on_tests_names_is_there",
        "| blocker | found by |": f"{HERE}::test_what_finds_a_blocker_is_there",
        "| file | what is done |": f"{HERE}::test_each_file_of_ill_states_is_there",
    },
    "token-format.md": {
        "| class | shown as |": f"{HERE}::test_the_classes_of_tokens_are_those_of_the_page",
        "| step | check |": STEPS_OF_OPENING,
        "| token | bytes |": f"{HERE}::test_a_token_is_as_long_as_the_page_says",
    },
    "when-things-break.md": {"|": MADE},
}


def test_every_table_says_what_holds_it_and_every_name_is_there():
    tables = [(page, head) for page, words in PAGES.items() for head in TABLE.findall(without_blocks(words))]
    free = [(p, h) for p, h in tables if not any(h.startswith(begin) for begin in HELD.get(p, {}))]
    gone = [(p, begin) for p in HELD for begin in HELD[p] if not any(h.startswith(begin) for q, h in tables if p == q)]

    assert (free, gone) == ([], [])
    for name in {one for page in HELD.values() for one in page.values()}:
        path, _, test = name.partition("::")
        assert re.search(rf"(?m)^(async )?def {test}\(", (ROOT / path).read_text()), name


def held_by(holder):
    return [(page, begin) for page in HELD for begin, one in HELD[page].items() if one == holder]


@pytest.mark.parametrize(("page", "head"), held_by(ROWS))
def test_each_row_names_a_test_that_there_is(page, head):
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))

    for row in table(page, head):
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert [name for name in named if f"def {name}(" not in tests] == []


@pytest.mark.parametrize(("page", "head"), held_by(FIGURES))
def test_figures_stand_beside_a_command_that_there_is(page, head):
    section = next(one for one in PAGES[page].split("\n## ") if head in one)
    commands = re.findall(r"(bench/\w+\.py|make [a-z]+|tests/\w+/test_\w+\.py)([^`]*)`", section)

    assert commands
    for name, options in commands:
        target = name.partition(" ")[2]
        text = (ROOT / "Makefile").read_text() if target else (ROOT / name).read_text()
        assert not target or re.search(rf"(?m)^{target}:", text), name
        text += "".join(one.read_text() for one in (ROOT / "bench").glob("_*.py")) if name.startswith("bench/") else ""
        assert [one for one in re.findall(r"--[a-z-]+", options) if f'"{one}"' not in text] == [], name


@pytest.mark.parametrize("page", [name for name, said in DECISIONS.items() if TABLE.search(without_blocks(said))])
def test_a_decision_with_a_table_names_the_program_or_test_that_measures_or_holds_it(page):
    assert NAMED.search(DECISIONS[page])


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_readmes_answers_are_the_outcomes(page):
    head = next(begin for begin in HELD[page] if HELD[page][begin] == OUTCOMES)

    assert [cells(row)[0].split()[0] for row in table(page, head)] == [one.value for one in Outcome]


# ---- benefits, lists, protocol ----
GIVEN = {
    "percent_off": 10,
    "cap_fen": 100,
    "min_spend_fen": 1,
    "off_fen": 1,
    "price_fen": 1,
    "max_items": 3,
    "by_tier": {"3": 1},
    "cap": 5,
    "days": 1,
    "minutes": 1,
    "unit": "days",
    "lane": "B",
    "item": "tea",
    "stock": 3,
    "times": 2,
    "until": "24:00",
}


def takes(kind, member):
    """Tell whether an offer of a kind knows a member, whatever else is wrong with it."""
    one = {"id": "a.b", "code": 1, "version": 1, "issuer": "a", "title": {"zh": "z"}}
    try:
        offer = {"kind": kind, member: GIVEN[member]}
        parse_benefits({"issuer": "a", "version": 1, "benefits": [one | {"offer": offer}]})
    except CatalogueError as error:
        return f"$.benefits[0].offer.{member}:" not in str(error)
    return True


def test_each_kind_of_offer_takes_the_members_of_its_row_and_no_other():
    found = {}
    for row in table("benefits.md", "| kind | members |"):
        kinds, members = (re.findall(r"`(\w+)`", cell) for cell in cells(row)[:2])
        found |= {kind: {member for member in members if member in GIVEN} for kind in kinds}

    assert found == {kind.value: {member for member in GIVEN if takes(kind.value, member)} for kind in OfferKind}


def test_each_role_signs_the_documents_of_its_row():
    found = {}
    for row in table("lists.md", "| role | documents |"):
        role, documents, _kept = cells(row)
        found[role.strip("`")] = (set(re.findall(r"`([^`]+\.json)`", documents)), "(optional)" in documents)

    assert found == {
        role_of(kind, "<city>"): ({f"{kind}/<city>/{first}", *others}, bool(OPTIONAL & set(others)))
        for kind, (first, *others) in DOCUMENTS.items()
    }


def test_each_problem_of_lists_is_one_that_is_said():
    import tuf.api.metadata as tuf  # what a terminal verifies with speaks too

    folders = (ROOT / "sync", ROOT / "cache", Path(tuf.__file__).parents[1])
    said = "\n".join(path.read_text("utf-8") for one in folders for path in one.rglob("*.py"))

    for row in table("lists.md", "| a problem says |"):
        for phrase in re.findall(r"`([^`]+)`", cells(row)[0]):
            parts = [part for part in re.split(r"…|\d+", phrase) if len(part.strip()) > 2]
            assert [part for part in parts if part.strip() not in said] == [], phrase


def test_each_key_that_can_be_stolen_is_there():
    named = {name for row in table("federation.md", "| key |") for name in re.findall(r"`([^`]+)`", cells(row)[0])}

    assert named == {*TOP_LEVEL, *(role_of(kind, "<city>") for kind in DOCUMENTS)}


def test_each_problem_of_the_protocol_has_its_status():
    found = {}
    for row in table("protocol.md", "| status | code |"):
        statuses, words = cells(row)[:2]
        for status, part in zip(statuses.split(", "), words.split("; "), strict=False):
            found |= {word: int(status) for word in re.findall(r"`(\w+)`", part) if status.isdigit()}

    expected = {**CODES, "fault": 500}
    assert {word: expected[word] for word in found} == found
    assert set(CODES) - found.keys() == {"wrong_operator", "bad_short"}  # the operator's; told under "Short codes"
    assert "fault" in OTHER


def test_an_answers_members_are_those_of_its_table():
    named = [name for row in table("protocol.md", "| member | |") for name in re.findall(r"`(\w+)`", cells(row)[0])]

    assert sorted(named) == sorted(field.name for field in msgspec.structs.fields(Answer))


# ---- tokens ----
def test_the_classes_of_tokens_are_those_of_the_page():
    rows = [cells(row) for row in table("token-format.md", "| class | shown as |")]

    assert {row[0].strip("*") for row in rows} == {one.value for one in TokenClass}
    assert f"{FRESH_S} s" in rows[0][3]
    assert rows[2][3] == f"{MINTED_LIFETIME_S} s"
    assert f"at most {MAX_CHARACTERS} characters" in PAGES["token-format.md"]


def size(message):
    text = f"XG1:{base45(cbor(message))}"
    versions = [segno.make(text, error=level, boost_error=False, micro=False).version for level in "lm"]
    return [str(len(cbor(message))), str(len(text)), "{} / {}".format(*versions)]


def test_a_token_is_as_long_as_the_page_says():
    issuer, at, zero = Issuer("wulong"), 1_789_996_400, bytes(64)
    plain = {1: bytes(16), 2: 4, 3: [12, 300], 6: 123_456}
    booked = {9: [bytes(8), "xiannvshan", at, at + 7200, 2], 4: [7, [8, bytes(8), 3]], 5: 500_156}

    def shown(credit, *, p256=False, **claims):
        credential = issuer.credential(credit, iat=at, lives_s=30 * 86_400, holder=issuer.key)
        if p256:
            header, empty, payload, signature = credential.item
            credential = Tagged([header, empty, payload + bytes(35), signature])
        pres = {6: at + 3600, 7: bytes(8)} | {int(name[1:]): value for name, value in claims.items()}
        return Tagged([cbor({1: -19, 13: credential, 16: 294}), {}, cbor(pres), zero])

    site = {"_3": "xiannvshan"}
    made = {
        "minted, two groups": issuer.credential(plain, iat=at, lives_s=120),
        "printed": issuer.credential(plain | {7: 5}, iat=at, lives_s=120),
        "bound, no audience": shown(plain),
        "bound, with audience": shown(plain, **site),
        "bound, with audience and 16-byte challenge": shown(plain, **site, _39=bytes(16)),
        "bound, P-256 holder": shown(plain, p256=True),
        "bound, with two grants, region and reservation": shown(plain | booked, **site),
    }

    assert {row[0]: row[1:] for row in map(cells, table("token-format.md", "| token | bytes |"))} == {
        name: size(message) for name, message in made.items()
    }


# ---- screens, boxes, the scanner ----
def test_each_screen_is_there_with_a_token_that_there_is():
    rows = [cells(row) for row in table("kiosk.md", "| page | for whom |")]

    assert {re.search(r"/(\w+)", row[0])[1] for row in rows} == set(SCREENS)
    assert {row[2].split(",")[0] for row in rows} <= {role.value for role in Role}


def test_the_kiosk_starts_with_the_flags_of_its_page():
    script = (ROOT / "systemd" / "kiosk-start.sh").read_text()
    flags = [one for row in table("kiosk.md", "| flag |") for one in re.findall(r"--[a-z=-]+", cells(row)[0])]

    assert [one for one in flags if one not in script] == []
    assert len(flags) > 5


def test_the_kiosk_page_names_all_that_a_screen_can_be_told():
    script, screens = ROOT / "systemd" / "kiosk-start.sh", ROOT / "edge" / "screens" / "static"
    code = "".join(path.read_text() for path in screens.glob("*.js"))
    read = set(re.findall(r"(?:\.get|\.has)\(\"(\w+)\"\)", code)) - {"token"}

    assert {one for one in re.findall(r"XINGUAN_[A-Z]+", script.read_text()) if one not in PAGES["kiosk.md"]} == set()
    assert {one for one in read if f"{one}=" not in PAGES["kiosk.md"]} == set()


def test_what_reads_the_metrics_is_in_the_package():
    named = [cells(row)[0].strip("`") for row in table("monitoring.md", "| file in")]

    assert {path.name for path in (ROOT / "systemd" / "monitoring").glob("*.[yj]*")} == set(named)


def test_each_source_of_the_page_is_one():
    named = [one for row in table("scanner.md", "| source |") for one in re.findall(r"`([^`]+)`", cells(row)[0])]

    kinds = {parse_spec(one.replace("…", "x/y").replace("PATH", "/x")).kind for one in named}

    assert kinds == {"v4l2", "http", "https", "rtsp", "file", "folder", "serial", "hid"}


SAID = {"None": {"automatic", "any", "20"}, "True": {"on"}, "False": {"off"}}


def test_each_option_of_a_source_is_there_with_its_default():
    found = {}
    for row in table("scanner.md", "| option |"):
        names, _kinds, defaults, _meaning = cells(row)
        named = re.findall(r"`(\w+)`", names)
        told = defaults.split(", ")
        found |= dict(zip(named, told if len(told) == len(named) else told * len(named), strict=True))

    assert found.keys() == OPTIONS.keys()
    for name, told in found.items():
        wanted = OPTIONS[name].default
        assert told in SAID.get(str(wanted), {f"{wanted:g}" if isinstance(wanted, float) else str(wanted)}), name


def test_each_step_of_the_cascade_is_there():
    named = [one for row in table("scanner.md", "| step |") for one in cells(row)[0].split(", ")]

    assert sorted(named) == sorted({step.name for step in STEPS} | {Mender.name})  # one may have two places


def test_each_metric_of_the_scanner_is_one():
    source = (ROOT / "edge" / "metrics.py").read_text()
    begin = ""
    for row in table("scanner.md", "| metric |"):
        for one in re.findall(r"`(\w+)`", cells(row)[0]):
            begin = one.rsplit("_", 1)[0] if one.startswith("xinguan") else begin
            stem = re.match(r"xinguan_[a-z]+", begin)[0]
            whole = one if one.startswith("xinguan") else f"xinguan{one}"
            name = whole if one.startswith(("xinguan", "_camera")) else f"{stem}{one}"
            assert f'"{name.removesuffix("_total")}"' in source, name


# ---- tests ----
def test_each_target_has_the_minutes_that_the_ci_gives_it():
    run = (ROOT / ".ci" / "run").read_text()
    stages = {command: minutes for minutes, command in re.findall(r"(?m)^stage (\d+) (make .+)$", run)}
    targets = set(re.findall(r"(?m)^([a-z0-9]+):", (ROOT / "Makefile").read_text()))
    found = {cells(row)[0].strip("`"): cells(row)[2] for row in table("testing.md", "| command |")}

    assert {command: found[command] for command in stages} == stages
    assert {command.split()[1] for command in found} <= targets


def unfolded(name):
    """Yield each name that one with braces stands for."""
    if not (braces := re.search(r"\{([^}]*)\}", name)):
        yield name
        return
    for one in braces[1].split(","):
        yield from unfolded(name.replace(braces[0], one, 1))


def test_each_file_that_the_page_on_tests_names_is_there():
    page = without_blocks(PAGES["testing.md"])
    named = [one for name in re.findall(r"`([\w/{},*.]+\.(?:py|json|md|c))`", page) for one in unfolded(name)]
    folders = (ROOT, ROOT / "tests", ROOT / "tests" / "ill", ROOT / "tests" / "look", ROOT / "docs")

    assert [one for one in named if not any(any(folder.glob(one)) for folder in folders)] == []
    assert len(named) > 30


def test_each_layer_of_packages_is_counted():
    files = (ROOT / "requirements").glob("*.txt")
    own = {path.stem: len(re.findall(r"(?m)^[a-z].*==", path.read_text())) for path in files}
    below = {"terminal": [], "gpio": ["terminal"], "central": ["terminal", "bootstrap"]}
    below["dev"] = ["terminal", "gpio", "central", "bootstrap"]
    below["clients"] = [*below["dev"], "dev"]
    found = {}
    for row in table("testing.md", "| file | what for |"):
        files, _what, packages, mine = cells(row)
        for name in re.findall(r"`(\w+)\.txt`", files):
            found[name] = (packages, mine)

    for name, others in below.items():
        total = own[name] + sum(own[one] for one in others)
        assert (found[name][0], found[name][1].split(",")[0]) == (str(total), str(own[name])), name
    assert found.keys() == own.keys()


def test_what_finds_a_blocker_is_there():
    look = ROOT / "tests" / "look"
    states = "".join(path.read_text() for path in look.glob("*states.py"))

    for row in table("testing.md", "| blocker |"):
        found_by = cells(row)[1]
        files = re.findall(r"`(\w+\.py)`", found_by)
        named = re.findall(r"`((?:gate|desk|counter|staff|service) [^`]*)`", found_by)
        assert files or named, row
        assert [one for one in files if not (look / one).is_file()] == []
        assert [one for one in named if f'"{one}"' not in states and not re.search(r" \d+$", one)] == []


def test_each_file_of_ill_states_is_there():
    named = {re.search(r"`(\S+)`", row)[1] for row in table("testing.md", "| file | what is done |")}

    assert named == {path.name for path in (ROOT / "tests" / "ill").glob("test_*.py")}


def test_each_call_of_a_phone_is_there():
    rows = table("office.md", "| 调用 call |")
    said = [re.search(r"`([A-Z]+ /v1/wallet/[a-z]+)", row)[1] for row in rows]

    assert sorted(said) == sorted(
        call for call in CALLS if "/v1/wallet/" in call and not call.endswith("/v1/wallet/token")
    )
