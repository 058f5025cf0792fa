"""An office behind its console: everybody's account, session and token; calls, forms and files as they are sent."""

import json
from contextlib import asynccontextmanager
from urllib.parse import urlencode

from aiohttp import CookieJar, FormData
from aiohttp.test_utils import TestClient, TestServer
from good_forms import AUTHORITIES, Town
from office_town import CITY, NOW, OTHER, Office

from central.console.app import build_console
from central.console.doors import SESSION
from central.register.accounts import operators, sessions
from central.register.accounts.duties import RIGHTS, Duty, Role
from central.register.registry import register
from central.store import sqlite_books

SECRET = "s" * 43


async def everything(office):
    """Return all that the office holds but the rows that say what was begun and failed: books, register, files."""
    tables = [
        row[0]
        for row in await office.books.read(lambda tx: tx.rows("SELECT name FROM sqlite_master WHERE type = 'table'"))
        if row[0] not in ("acts", "act_head", "sessions")
    ]
    held = {one: await office.books.read(lambda tx, one=one: tx.rows(f"SELECT * FROM {one}")) for one in tables}
    with register(office.folder) as conn:
        names = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        held |= {f"register.{one}": conn.execute(f"SELECT * FROM {one}").fetchall() for one in names}
    done = await office.books.read(lambda tx: tx.rows("SELECT number FROM acts WHERE outcome = 'done'"))
    rules = {path.name: path.read_bytes() for path in sorted((office.folder / "cities" / CITY).glob("*.json"))}
    public = sorted(path.name for path in (office.folder / "public" / "targets").rglob("*.*"))
    return held, done, rules, public


@asynccontextmanager
async def at_the_console(tmp_path):
    """Give an office of two cities with an account, a session and a token for each role of each, served."""
    async with sqlite_books(tmp_path / "central.db") as books:
        made = Office(tmp_path / "state", books)

        async def accounts(tx):
            for city in (CITY, OTHER):
                town = Town(made, city)
                for role in Role:
                    name = town.one(role).operator
                    duties = (Duty(city, role, AUTHORITIES[city]),)
                    await operators.add(tx, name, title=name, password="-", duties=duties, now_ms=NOW)
                    token = {"title": "t", "scope": frozenset(RIGHTS), "until_ms": NOW + 10**10, "now_ms": NOW}
                    await sessions.make_token(tx, name, f"{SECRET}{name}", **token)
                    await sessions.begin(tx, name, f"{name}{SECRET}", f"desk-{name}", now_ms=NOW)

        await books.write(accounts)
        server = TestServer(build_console(made.desk))
        async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
            made.client, made.base = client, str(server.make_url("")).rstrip("/")
            yield made


async def by_token(office, who, name, form):
    """Make a call as a program does; return status and words."""
    headers = {"Authorization": f"Bearer {SECRET}{who.operator}", "Content-Type": "application/json"}
    async with office.client.post(f"/v1/office/{name}", data=json.dumps(form).encode(), headers=headers) as answer:
        raw = await answer.read()
        told = json.loads(raw) if answer.content_type.endswith("json") else {"detail": raw.decode()}
        return answer.status, told.get("detail", told)


def cookie(who):
    return {"Cookie": f"{SESSION}={who.operator}{SECRET}"}


async def by_form(office, who, path, form):
    """Send a form as a page does; return status and what was shown."""
    headers = cookie(who) | {"Origin": office.base, "Content-Type": "application/x-www-form-urlencoded"}
    data = urlencode(form, errors="surrogatepass").encode()
    async with office.client.post(path, data=data, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text(errors="replace")


async def by_file(office, who, path, content, filename="x.csv", **fields):
    """Send a file as a page's form does; return status, where it leads, and what was shown."""
    form = FormData(quote_fields=False)
    for name, value in fields.items():
        form.add_field(name, value)
    if content is not None:
        form.add_field("file", content, filename=filename, content_type="text/html")
    headers = cookie(who) | {"Origin": office.base}
    async with office.client.post(path, data=form, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text(errors="replace")
