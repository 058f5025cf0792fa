"""Every form and call of the office with everything that should not be in it, from the program's own tables.

A call is taken as it is good (`good_forms`); then each of its fields is spoiled in each way that its type allows, one
at a time. What is refused is refused in words and changes nothing; what is anybody's text is kept as that. A new call,
a new field or a new route without an answer here fails.
"""

import ast
import json
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import msgspec.inspect as types
import pytest
from aiohttp import FormData
from at_the_console import at_the_console, by_form, by_token, cookie, everything
from good_forms import GOOD, Town, good
from office_town import CITY, NOW, OTHER
from yarl import URL

from central.console.api import FILES, NEXT
from central.console.app import build_console
from central.console.doors import MAX_FIELDS, MAX_STRANGER
from central.office.calls import CALLS
from central.register.accounts.duties import Role

TEXTS = {
    "emoji": "😀👨‍👩‍👧",
    "RLO": "张\u202e三",
    "formula": '=HYPERLINK("http://evil.example","x")',
    "script": "<script>alert(1)</script>",
    "SQL": "'; DROP TABLE drafts; --",
    "path": "../../etc/passwd",
    "NUL": "a\0b",
    "half a character": "\ud800",
    "an ID number": "11010519491231002X",
}
READ_AS_TEXT = {"emoji", "formula", "script", "SQL", "path"}
"""Kinds that a text of a person's own may be; what nobody sees and ID numbers are refused in those as well."""
FREE = {"why": READ_AS_TEXT, "once": set(TEXTS), "basis": READ_AS_TEXT}
OPTIONAL = {"tier", "groups", "force", "authority", "basis", "uses", "once"}
"""What a page may leave empty: the catalogue says it, or nothing is meant."""
IDS = {"entry", "draft", "case", "key", "kid", "act", "batch", "terminal", "application", "grant", "code"} - {"code"}
WORDS = {TEXTS[one] for one in READ_AS_TEXT} | {TEXTS["half a character"], OTHER}
REFUSED = {400, 403, 404, 409}
AGAIN = {
    "nonce": "another number, and the first is good as well",
    "member": "the very draft that the first made",
}
"""Calls that are answered again, and why nothing is done twice."""


def allowed(call, field):
    """Return the kinds of texts that are no fault in this field of this call."""
    return set(TEXTS) if call == "nonce" and field == "why" else FREE.get(field, set())


def spoiled(kind, name="", call=""):
    """Return what a field of this type cannot be: (what is wrong with it, value)."""
    if isinstance(kind, types.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, types.NoneType))
        return [one for one in spoiled(kind, name, call) if one[1] is not None]
    odd = [("null", None), ("a list", [1]), ("an object", {"a": 1})]
    match kind:
        case types.StrType(max_length=most):
            texts = [(what, text) for what, text in TEXTS.items() if what not in allowed(call, name)]
            found = [*odd, ("a number", 7), ("a truth", True), ("too long", "9" * ((most or 5_000) + 1)), *texts]
        case types.IntType(ge=least, le=most, lt=below):
            top = most if most is not None else (below or 2**64) - 1
            bounds = [("too little", (0 if least is None else least) - 1), ("too much", top + 1), ("huge", 10**40)]
            found = [*odd, *bounds, ("a text", "1"), ("a part", 1.5), ("a truth", True), ("endless", 1e308)]
        case types.BoolType():
            found = [*odd, ("a text", "true"), ("a number", 1)]
        case types.DateType():
            days = [
                "",
                "2026-02-30",
                "31.12.2026",
                "2026-12-31T00:00:00Z",
                "0001-01-01",
                "9999-12-31",
                "２０２６-12-31",
            ]
            found = [*odd, ("Excel's number", 46_387), *((f"the day {one}", one) for one in days)]
        case types.LiteralType() | types.EnumType():
            found = [*odd, ("a number", 7), ("king", "king"), ("nothing", "")]
        case types.VarTupleType(item_type=item, max_length=most):
            inner = [(f"of {what}", [value]) for what, value in spoiled(item)]
            found = [("null", None), ("an object", {}), ("a text", "1"), ("too many", [1] * (most + 1)), *inner]
        case types.StructType(fields=fields):
            inner = [
                (f"{one.name}: {what}", {one.encode_name: value}) for one in fields for what, value in spoiled(one.type)
            ]
            found = [("null", None), ("a text", "x"), ("an unknown member", {"king": 1}), *inner]
        case _:
            raise AssertionError(f"no way to spoil {kind} is known here")
    return found


def fields_of(name):
    return types.type_info(CALLS[name].form).fields


def bad_forms(name, form):
    """Give each way to spoil a good form: (what was done, form)."""
    for field in fields_of(name):
        if field.required:
            yield f"{field.name} left out", {one: form[one] for one in form if one != field.name}
        for what, value in spoiled(field.type, field.name, name):
            whole = form.get(field.name)
            if isinstance(value, dict) and isinstance(whole, dict):
                value = whole | value  # noqa: PLW2901 - one member of it spoiled, the rest good
            if value != whole:
                yield f"{field.name}: {what}", form | {field.name: value}
    yield "an unknown field", form | {"king": 1}
    yield "another city's name", form | {"city": OTHER} if "city" in form else form | {"x": 1}


PLACES = {"application": "0" * 12, "sha256": "0" * 64, "number": "1", "kind": "csv"}


def asked_by_pages():
    """Return the questions that pages read from their address, by the module that reads them."""
    found = {}
    for path in Path(str(resources.files("central.console"))).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("request.query.get"):
                found.setdefault(path.stem, set()).add(ast.literal_eval(node.args[0]))
    return found


@pytest.fixture
async def office(tmp_path):
    async with at_the_console(tmp_path) as made:
        yield made


class TestCalls:
    def test_every_call_has_a_good_form_here(self):
        assert set(GOOD) == set(CALLS)

    @pytest.mark.parametrize("name", GOOD)
    async def test_what_is_spoiled_is_refused_in_words_and_what_is_sent_twice_is_done_once(self, office, name):
        who, form = await good(office, name)
        form = {"why": "测试一下", "once": "0123456789abcdef", **form}
        before = await everything(office)

        wrong = [one async for one in spoiled_calls(office, who, name, form)]
        wrong += [one async for one in spoiled_pages(office, who, name, form)]

        assert wrong == []
        assert await everything(office) == before
        first = await by_token(office, who, name, form)
        after = await everything(office)
        again = await by_token(office, who, name, form)
        assert first[0] == 200, first
        assert again[0] in ({200} if name in AGAIN else REFUSED), again
        assert await everything(office) == after

    @pytest.mark.parametrize("name", GOOD)
    async def test_another_city_s_is_not_there_and_nobody_elses_business(self, office, name):
        own, theirs = await good(office, name), await good(office, name, OTHER)
        stranger = Town(office, OTHER).one(GOOD[name][0])
        before = await everything(office)

        as_stranger = await by_token(office, stranger, name, own.form | {"why": "测试"})
        as_ours = {**theirs.form, "why": "测试", **({"city": CITY} if "city" in own.form else {})}

        assert as_stranger[0] in (403, 404)
        if set(own.form) & IDS:
            assert (await by_token(office, own.who, name, as_ours))[0] in REFUSED
        assert await everything(office) == before


async def spoiled_calls(office, who, name, form):
    """Give what a program's call was not refused for in words: (what, status, words)."""
    for what, bad in bad_forms(name, form):
        status, words = await by_token(office, who, name, bad)
        if status not in REFUSED or "·" not in words:
            yield what, status, words


async def spoiled_pages(office, who, name, form):
    """Give what a page's form was not refused for: (field, what, status)."""
    if name not in NEXT and name not in FILES:
        return
    form = {one: str(value) if value is not True else "true" for one, value in form.items()}
    numbers = {field.name for field in fields_of(name) if isinstance(field.type, types.IntType)}
    for field in form:
        texts = [(what, text) for what, text in TEXTS.items() if what not in allowed(name, field)]
        texts += [("too long", "9" * (4_300_000 if field == "files" else 5_000))]
        texts += [] if field in OPTIONAL else [("nothing", "")]
        texts += [(one, one) for one in ("１２", "1e3", "0x10", "1_0", "²", "-1", "+1") if field in numbers]
        for what, text in texts:
            if field in FREE and what == "half a character":
                continue  # a browser's form with one arrives with a whole one in its place
            status, shown = await by_form(office, who, f"/do/{name}", form | {field: text})
            if status not in REFUSED or "<script>alert" in shown:
                yield field, what, status


class TestPages:
    def test_every_route_that_takes_something_is_tried_in_this_room(self, tmp_path):
        from central.office.desk import Desk

        app = build_console(Desk(tmp_path, None, lambda: NOW))
        takes = {one.resource.canonical for one in app.router.routes() if one.method == "POST"}

        assert takes == {
            "/v1/office/{name}",  # TestCalls
            "/do/{name}",  # above
            "/rules",  # TestPages
            "/login",  # TestPages
            "/logout",  # takes nothing
            "/lang",  # TestPages
            "/registers",  # test_bad_files
            "/applications/{application}/evidence",  # test_bad_files
        }

    async def test_whatever_stands_in_an_address_is_answered_and_never_run(self, office):
        who, questions, wrong = Town(office, CITY).one(Role.AUDITOR), asked_by_pages(), []
        values = [*TEXTS.values(), "", "-1", "9" * 30, "x" * 5_000, "2026-02-30", "１２"]
        texts = [quote(text, safe="", errors="surrogatepass") for text in values]
        asked = []
        for route in office.client.server.app.router.routes():
            path, module = route.resource.canonical, route.handler.__module__.rpartition(".")[2]
            if route.method != "GET" or path.startswith(("/static", "/healthz", "/v1/")):
                continue
            for one in sorted(questions.get(module, set()) | {"city"}):
                asked += [f"{path.format_map(PLACES)}?{one}={text}" for text in texts]
            for place in PLACES:
                if f"{{{place}}}" in path:
                    asked += [path.format_map(PLACES | {place: text or "%20"}) for text in texts]

        for one in asked:
            async with office.client.get(URL(one, encoded=True), headers=cookie(who), allow_redirects=False) as answer:
                shown = await answer.text(errors="replace")
            if answer.status not in {200, 400, 403, 404} or "<script>alert" in shown:
                wrong.append((one[:120], answer.status))

        assert wrong == []
        assert len(asked) > 500

    async def test_the_form_of_rules_takes_no_other_city_file_or_text(self, office):
        who, before = Town(office, CITY).one(Role.PUBLISHER), await everything(office)
        text = json.loads(Town(office, CITY).files())["sites.json"]
        fields = {"city": CITY, "file": "sites.json", "text": json.dumps(text), "why": "测试", "force": "true"}
        spoiled_ones = [{one: value} for one in fields for value in (*TEXTS.values(), "", OTHER, "x" * 5_000_000)]
        deep = ["[" * 100_000, '{"a":' * 100_000, "1" * 100_000, '{"a": 1e999}', "NaN", '{"sites": 1, "sites": 2}']
        wrong = []
        for bad in [*spoiled_ones, *({"text": one} for one in deep)]:
            (field, value) = next(iter(bad.items()))
            if field == "force" or (field == "why" and value in WORDS):
                continue
            status, shown = await by_form(office, who, "/rules", fields | bad)
            if status not in REFUSED or "<script>alert" in shown:
                wrong.append((field, value[:40], status))

        assert wrong == []
        assert await everything(office) == before
        assert (await by_form(office, who, "/rules", fields))[0] == 303

    async def test_whatever_is_typed_at_the_door_lets_nobody_in(self, office):
        who, wrong = Town(office, CITY).one(Role.CLERK), []
        for field in ("operator", "password", "king"):
            for text in (*TEXTS.values(), "", "x" * 100_000):
                form = {"operator": "nobody-at-all", "password": "wrong", field: text}
                status, shown = await by_form(office, who, "/login", form)
                malformed = len(text) > MAX_STRANGER or (field == "operator" and "\0" in text)
                if status != (400 if malformed else 403) or "<script>alert" in shown:
                    wrong.append((field, text[:20], status))
        for text in (*TEXTS.values(), "", "x" * 5_000):
            status, _shown = await by_form(office, who, "/lang", {"to": text})
            if status != 303:
                wrong.append(("lang", text[:20], status))

        assert wrong == []

    async def test_a_form_is_read_so_far_and_no_further_and_a_strangers_less_far(self, office):
        who, before = Town(office, CITY).one(Role.CLERK), await everything(office)
        fields = {f"x{number}": "" for number in range(MAX_FIELDS + 2)}
        nobody = {"Origin": office.base}

        many = await by_form(office, who, "/do/measure", {"city": CITY, "why": "测试", **fields})
        heard = []
        for path in ("/login", "/lang"):
            for sent in ({"operator": "x" * MAX_STRANGER}, fields):
                async with office.client.post(path, data=sent, headers=nobody, allow_redirects=False) as answer:
                    heard.append(answer.status)
            form = FormData(quote_fields=False)
            form.add_field("operator", b"x" * 3_000_000, filename="x")
            async with office.client.post(path, data=form, headers=nobody, allow_redirects=False) as answer:
                heard.append(answer.status)

        assert (many[0], "表单过大" in many[1]) == (400, True)
        assert heard == [400] * 6
        assert await everything(office) == before
