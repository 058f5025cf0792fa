"""What tests of the office share: a founded city, named people, and a clock that the test moves."""

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from cache.lists.index import read_index
from cache.lists.keyfile.base import Base
from cache.lists.keyfile.delta import Delta
from cache.lists.keyfile.layout import SUFFIX_BYTES
from cache.lists.keyfile.view import View
from cache.lists.payloads import unpack_measure
from central import example_town
from central.lists.cities import CITIES
from central.lists.issuing import Wanted, issue
from central.office.calls import call
from central.office.desk import Desk
from central.platform_state import create_state
from central.register.accounts.duties import Duty, Person, Role

NOW = 1_790_000_000_000  # 2026-09-21
CITY = example_town.HOME
OTHER = example_town.FOREIGN
AUTHORITY = "云岭文化和旅游局"
WHO = "王小明"


@cache
def founded():
    """Return a founded city, made once: copying its folder is a hundred times faster."""
    folder = Path(tempfile.mkdtemp(prefix="xg-office-")) / "state"
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    create_state(folder)
    example_town.found(folder, now_ms=NOW)
    issue(folder, CITY, Wanted(subject=WHO, max_uses=1), now_s=NOW // 1000)
    return folder


def person(role, name=None, city=CITY, authority=AUTHORITY, via="page"):
    return Person(operator=name or role, title=role, duties=(Duty(city, Role(role), authority),), via=via)


class Office:
    """A desk over a founded city, with calls that tests use."""

    def __init__(self, folder, books):
        self.at = SimpleNamespace(ms=NOW)
        self.folder, self.books = folder, books
        shutil.copytree(founded(), folder)
        self.desk = Desk(folder, books, lambda: self.at.ms)
        self.clerk, self.checker = person("clerk"), person("checker")
        self.publisher, self.second = person("publisher"), person("publisher", "second")

    async def call(self, who, name, **form):
        self.at.ms += 1000
        return await call(self.desk, who, name, {"why": "测试", **form})

    async def measure(self, who=None, **form):
        asked = {"city": CITY, "subject": WHO, "code": 302, "until": "2026-12-31"} | form
        return await self.call(who or self.clerk, "measure", **asked)

    def published(self, name="measures.json", kind="lists"):
        folder = self.folder / "public" / "targets" / kind / CITY
        if name == "measures.json":
            return {"entries": self.entries(folder)}
        newest = max(folder.glob(f"*.{name}"), key=lambda file: file.stat().st_mtime_ns)
        return json.loads(newest.read_bytes())

    def entries(self, folder):
        """Return the rows that the newest index leads to, as a terminal reads them."""
        newest = max(folder.glob("*.index.json"), key=lambda file: file.stat().st_mtime_ns)
        index = read_index(CITY, newest.read_bytes())
        listed = index.measures
        view = View.over(Base.open(folder / f"{listed.base.sha256}.measures.base", root=None))
        if listed.since:
            view = view.applied(Delta.read((folder / f"{listed.since.sha256}.measures.delta").read_bytes()))
        assert view.root.hex() == listed.root
        width = view.layout.row_bytes
        rows = [rows[at : at + width] for rows in view.buckets() for at in range(0, len(rows), width)]
        found = [unpack_measure(CITY, row[SUFFIX_BYTES:], index.authorities) for row in rows]
        return [
            {"code": one.code, "state": one.state.value, "until": str(one.until_day), "authority": one.authority}
            for one in found
        ]

    def rules(self, name):
        return json.loads((self.folder / CITIES / CITY / name).read_bytes())

    def calendars_until(self, last):
        found = self.rules("calendars.json")
        dated = {name: {"dates": one, "covers_until": last} for name, one in found["calendars"].items()}
        return found | {"calendars": dated}
