"""Pages from templates, with everything escaped (Jinja2, autoescape for whatever file).

A template says each text twice, side by side: `{{ t("中文", "English") }}`; one is shown. `StrictUndefined`: a name
that is misspelt in a template is an error in a test, and never an empty place in a page.
"""

import secrets
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FunctionLoader, StrictUndefined

from central.console.describing import problem
from central.console.doors import DESK, PERSON, PROGRAMS, language, status_of, words_of
from central.office.drafts.states import TITLES as DRAFT_STATES
from central.register.accounts.duties import TITLES as ROLES
from central.register.accounts.duties import Person

ZONE: Final = ZoneInfo("Asia/Shanghai")
BARS: Final = (
    ("work", "/", "待办", "Work list", "read"),
    ("measures", "/measures", "惩戒与修复", "Measures", "names.read"),
    ("drafts", "/drafts", "草稿与复核", "Drafts", "read"),
    ("applications", "/applications", "申请与批准", "Applications", "read"),
    ("rules", "/rules", "规则与商户", "Rules and sites", "read"),
    ("registers", "/registers", "登记册", "Registers", "names.read"),
    ("money", "/money", "结算与报告", "Settlement", "settlement.read"),
    ("fleet", "/fleet", "终端", "Terminals", "read"),
    ("acts", "/acts", "操作记录", "Office journal", "acts.read"),
)


def _load(name: str) -> str:
    return resources.files("central.console").joinpath("templates", name).read_text("utf-8")


def yuan(fen: int) -> str:
    """Return money as people read it."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def moment(at_ms: int | None) -> str:
    """Return a time as people read it."""
    if at_ms is None:
        return "—"
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


@cache
def environment() -> Environment:
    """Return the templates, with every value escaped whatever a file is called."""
    made = Environment(loader=FunctionLoader(_load), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters["yuan"] = yuan
    made.filters["moment"] = moment
    return made


def mark() -> str:
    """Return a fresh mark for a form, so that one sent twice is one act."""
    return secrets.token_urlsafe(12)


def city_of(request: web.Request, person: Person) -> str:
    """Return the city a page is about: the one asked for if the person works there, else their first."""
    cities = person.cities()
    asked = request.query.get("city", "")
    return asked if asked in cities else next(iter(cities), "")


def page(
    request: web.Request, name: str, *, status: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> web.Response:
    """Return the page `name` with the frame that every page has."""
    lang = language(request)
    person: Person | None = request.get(PERSON)
    city = "" if person is None else city_of(request, person)
    frame: dict[str, Any] = {
        "lang": lang,
        "t": lambda zh, en: zh if lang == "zh" else en,
        "person": person,
        "city": city,
        "here": name,
        "bars": [one for one in BARS if person is not None and person.may(one[4], city)],
        "role_titles": ROLES,
        "draft_states": DRAFT_STATES,
        "mark": mark,
        "now_ms": request.app[DESK].now_ms(),
    }
    text = environment().get_template(f"{name}.html").render({**frame, **values})
    return web.Response(text=text, content_type="text/html", status=status, headers=headers)


def refused(request: web.Request, error: Exception) -> web.Response:
    """Return a refusal as a page, as JSON for our own script, or as a problem for a program."""
    if request.path.startswith(PROGRAMS):
        return problem(status_of(error), words_of(error))
    if "json" in request.headers.get("Accept", ""):
        return web.json_response({"error": words_of(error)}, status=status_of(error))
    return page(request, "refused", status=status_of(error), words=words_of(error))
