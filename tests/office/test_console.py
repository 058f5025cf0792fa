"""The console as a browser and as an attacker sees it."""

import asyncio
import json
import re
from contextlib import AsyncExitStack

import pytest
from aiohttp import CookieJar, FormData
from aiohttp.test_utils import TestClient, TestServer
from office_town import AUTHORITY, CITY, NOW, WHO, Office
from yarl import URL

from central.console import entrance
from central.console.api import NEXT
from central.console.app import build_console
from central.console.describing import ANSWERS, document
from central.console.doors import DEVICE, SESSION
from central.console.pages import registers
from central.console.rendering import BARS
from central.office.calls import CALLS
from central.office.importing import residents, rule_files
from central.register.accounts import operators, sessions
from central.register.accounts.duties import RIGHTS, Duty, Role
from central.register.accounts.passwords import hashed
from central.store import sqlite_books

PASSWORD = "马到成功 2026 go"
KEPT = hashed(PASSWORD)
NASTY = "<script>alert(1)</script>\"'&\u202e"
WORDS = NASTY[:-1]  # which anybody may write


class Browser:
    """One person's browser: cookies, the Origin of our own pages, and forms as pages give them."""

    def __init__(self, client, base):
        self.client, self.base = client, base
        self.origin = {"Origin": base}

    async def get(self, path):
        answer = await self.client.get(path, allow_redirects=False)
        return answer.status, await answer.text()

    async def post(self, path, headers=None, **fields):
        sent = self.origin if headers is None else headers
        return await self.client.post(path, data=fields, headers=sent, allow_redirects=False)

    async def log_in(self, name, password=PASSWORD):
        return await self.post("/login", operator=name, password=password)


@pytest.fixture
async def console(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        office = Office(tmp_path / "state", books)
        for role in Role:
            duties = (Duty(CITY, role, AUTHORITY),)
            await books.write(
                lambda tx, role=role, duties=duties: operators.add(
                    tx, role.value, title=f"{role.value}{NASTY}", password=KEPT, duties=duties, now_ms=NOW
                )
            )
        server = TestServer(build_console(office.desk))
        await server.start_server()
        base = str(server.make_url("")).rstrip("/")
        clients = []

        def browser():
            client = TestClient(server, cookie_jar=CookieJar(unsafe=True, treat_as_secure_origin=URL(base)))
            clients.append(client)
            return Browser(client, base)

        office.browser = browser
        yield office
        for client in clients:
            await client.close()


@pytest.fixture
async def people(console):
    """Return logged-in browsers by role; logging in itself is tried at the door."""
    found = {}
    for role in Role:
        browser, secret = console.browser(), sessions.fresh_secret()
        await console.books.write(
            lambda tx, role=role, secret=secret: sessions.begin(tx, role.value, secret, f"desk-{role}", now_ms=NOW)
        )
        browser.client.session.cookie_jar.update_cookies({SESSION: secret}, URL(browser.base))
        found[role.value] = browser
    return found


class TestWaiting:
    """Passwords are compared a few at a time; strangers who bring thousands make themselves wait, and nobody else."""

    async def test_one_address_too_many_is_told_so_at_once_and_a_person_at_their_own_device_comes_in(
        self, console, monkeypatch
    ):
        known, let_go, begun = console.browser(), asyncio.Event(), []
        assert (await known.log_in("clerk")).status == 303
        loop, before = asyncio.get_running_loop(), entrance.holds

        def slow(password, kept):
            if password == "guess":
                loop.call_soon_threadsafe(begun.append, password)
                asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result(10)
            return before(password, kept)

        monkeypatch.setattr(entrance, "holds", slow)
        stranger = console.browser()
        guesses = [asyncio.create_task(stranger.log_in("checker", "guess")) for _ in range(entrance.QUEUED)]
        turns = stranger.client.server.app[entrance.TURNS]
        async with asyncio.timeout(10):
            while turns.waiting("127.0.0.1") < entrance.QUEUED:
                await asyncio.sleep(0.01)

        told = await stranger.log_in("auditor", PASSWORD)
        own = await known.log_in("clerk")
        let_go.set()

        assert (told.status, told.headers["Retry-After"]) == (429, str(entrance.RETRY_S))
        assert "登录请求过多" in await told.text()
        assert own.status == 303
        assert {answer.status for answer in await asyncio.gather(*guesses)} == {403}
        assert turns.waiting("127.0.0.1") == 0
        assert (await stranger.log_in("auditor")).status == 303

    async def test_many_addresses_together_are_bounded_too(self):
        turns, held = entrance.Turns(), AsyncExitStack()
        let_go = asyncio.Event()

        async def waits(address):
            async with turns.turn(address, known_device=False):
                await let_go.wait()

        async with held, asyncio.TaskGroup() as group:
            for number in range(entrance.ALL_QUEUED):
                group.create_task(waits(f"10.0.0.{number}"))
            await asyncio.sleep(0)
            with pytest.raises(entrance.QueueFullError):
                await held.enter_async_context(turns.turn("10.9.9.9", known_device=False))
            await held.enter_async_context(turns.turn("10.9.9.9", known_device=True))
            let_go.set()


class TestTheDoor:
    @pytest.mark.parametrize("path", ["/", *(bar[1] for bar in BARS), "/drafts/1", "/measures/1", "/nothing/here"])
    async def test_nobody_learns_what_there_is_before_logging_in(self, console, path):
        assert await console.browser().get(path) == (303, "")

    async def test_the_session_is_a_host_cookie_and_new_at_each_log_in(self, console):
        browser = console.browser()
        browser.client.session.cookie_jar.update_cookies({SESSION: "fixed-by-an-attacker"}, URL(browser.base))

        answer = await browser.log_in("clerk")
        cookies = answer.headers.getall("Set-Cookie")
        session = next(one for one in cookies if one.startswith(f"{SESSION}="))

        assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} <= {one.strip() for one in session.split(";")[1:]}
        assert "Domain" not in session
        assert "fixed-by-an-attacker" not in session
        assert (await browser.get("/"))[0] == 200

    @pytest.mark.parametrize(
        "headers",
        [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
        ids=["none", "evil", "null", "cross-site"],
    )
    async def test_a_form_of_another_site_changes_nothing(self, console, people, headers):
        answer = await people["clerk"].post(
            "/do/measure", headers, city=CITY, subject=WHO, code="302", until="2026-12-31", why="x y"
        )

        assert answer.status == 403
        assert (await people["checker"].get("/drafts"))[1].count("/drafts/1") == 0

    async def test_every_page_says_what_it_may_load_and_is_kept_by_nobody(self, people):
        for _name, path, *_rest in BARS:
            answer = await people["auditor"].client.get(path)
            policy = answer.headers["Content-Security-Policy"]
            text = await answer.text()

            assert answer.status == 200, path
            assert "unsafe" not in policy
            assert policy.startswith("default-src 'none'; script-src 'self'")
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["Cache-Control"] == "no-store"
            assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=|javascript:", text), path
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert" in text  # the person's own title, shown and not run

    async def test_logging_out_and_a_lock_end_it_at_once(self, console, people):
        await people["clerk"].post("/logout")
        assert (await people["clerk"].get("/"))[0] == 303

        await console.books.write(lambda tx: operators.lock(tx, "checker", now_ms=NOW))
        assert (await people["checker"].get("/"))[0] == 303

    async def test_a_wrong_password_and_an_unknown_account_are_told_alike_and_a_guesser_waits(self, console):
        own_desk, guesser = console.browser(), console.browser()
        await own_desk.log_in("clerk")
        told = {await (await guesser.log_in(name, "wrong wrong 1")).text() for name in ("clerk", "nobody")}
        for _ in range(6):
            await guesser.log_in("clerk", "wrong wrong 1")

        right_but_late = await guesser.log_in("clerk")
        at_home = await own_desk.log_in("clerk")

        assert len(told) == 1
        assert (right_but_late.status, at_home.status) == (403, 303)
        assert DEVICE in str(at_home.headers.getall("Set-Cookie"))

    async def test_the_pages_of_a_role_are_those_it_may_read(self, people):
        assert (await people["clerk"].get("/money"))[0] == 403
        assert (await people["clerk"].get("/acts"))[0] == 403
        assert (await people["finance"].get("/measures"))[0] == 403
        assert 'href="/money"' not in (await people["clerk"].get("/"))[1]
        assert 'href="/money"' in (await people["finance"].get("/"))[1]

    async def test_in_english_every_page_is_english(self, people):
        await people["auditor"].post("/lang", to="en")

        for _name, path, _zh, en, _right in BARS:
            text = (await people["auditor"].get(path))[1]
            assert f">{en}</a>" in text
            assert '<html lang="en">' in text


class TestTheWork:
    async def test_a_measure_is_drafted_by_one_form_and_approved_by_another(self, console, people):
        page = (await people["clerk"].get("/measures"))[1]
        once = re.search(r'action="/do/measure".*?name="once" value="([^"]+)"', page, re.DOTALL)[1]
        fields = {"city": CITY, "subject": WHO, "code": "302", "from_day": "", "until": "2026-12-31", "why": WORDS}

        drafted = await people["clerk"].post("/do/measure", once=once, **fields)
        again = await people["clerk"].post("/do/measure", once=once, **fields)
        waiting = (await people["checker"].get("/"))[1]
        status, shown = await people["checker"].get("/drafts/1")
        approved = await people["checker"].post("/do/approve", draft="1", why="核对无误")

        assert (drafted.status, drafted.headers["Location"]) == (303, "/drafts/1")
        assert again.status == 409
        assert "/drafts/1" in waiting
        assert (status, "王* 自" in shown, WORDS not in shown) == (200, True, True)
        assert (approved.status, len(console.published()["entries"])) == (303, 1)
        assert WHO not in (await people["auditor"].get("/acts"))[1]

    async def test_a_refusal_is_a_page_and_for_our_script_a_sentence(self, people):
        fields = {"city": CITY, "subject": "王小名", "code": "302", "until": "2026-12-31", "why": "测试"}

        page = await people["clerk"].post("/do/measure", **fields)
        script = await people["clerk"].post(
            "/do/measure", {**people["clerk"].origin, "Accept": "application/json"}, **fields
        )

        assert (page.status, "没有此人" in await page.text()) == (400, True)
        assert (script.status, "没有此人" in (await script.json())["error"]) == (400, True)

    async def test_an_application_with_evidence_is_decided_and_the_file_only_kept(self, console, people):
        path = console.folder / "cities" / CITY / "benefits.json"
        rules = json.loads(path.read_bytes())
        rules["benefits"][0]["who"] = {"grant": True}
        path.write_text(json.dumps(rules))
        fields = {"city": CITY, "subject": WHO, "code": "1", "uses": "2", "until": "2026-12-31", "why": "志愿服务"}
        where = (await people["clerk"].post("/do/apply", **fields)).headers["Location"]

        def upload(content, name="照片.pdf"):
            form = FormData()
            form.add_field("file", content, filename=name, content_type="text/html")
            clerk = people["clerk"]
            return clerk.client.post(f"{where}/evidence", data=form, headers=clerk.origin, allow_redirects=False)

        taken, refused = await upload(b"%PDF-1.7 x"), await upload(b"<html><script>")
        page = (await people["checker"].get(where))[1]
        link = re.search(r'href="(/applications/[^"]+/evidence/[0-9a-f]{64})"', page)[1]
        file = await people["checker"].client.get(link)
        decided = await people["checker"].post(
            "/do/decide", application=where.split("/")[2], approved="true", why="同意"
        )

        assert (taken.status, refused.status, decided.status) == (303, 400, 303)
        assert file.headers["Content-Type"] == "application/octet-stream"
        assert file.headers["Content-Disposition"].startswith("attachment;")
        assert "sandbox" in file.headers["Content-Security-Policy"]
        assert "0 / 2" in (await people["checker"].get("/applications"))[1]

    async def test_rules_are_edited_checked_and_drafted(self, console, people):
        text = json.dumps(console.rules("sites.json") | {"site_sets": {"town": ["yunling-shan"]}})
        fields = {"city": CITY, "file": "sites.json", "text": text, "why": "调整", "force": "true"}

        merchant = await people["merchant"].post("/rules", **fields)
        stranger = await people["clerk"].post("/rules", **fields)
        broken = await people["publisher"].post("/rules", **{**fields, "text": "{"})

        assert (merchant.status, stranger.status, broken.status) == (303, 403, 400)

    async def test_a_terminal_is_suspended_by_who_may_and_only_in_its_city(self, console, people, tmp_path):
        def profile(issuer):
            return json.dumps(
                {"site": "x", "title": {"zh": "门"}, "issuer": issuer, "lanes": [{"id": "A", "scene": "gate"}]}
            )

        enter = "INSERT INTO terminals (terminal, site, profile) VALUES ('gate-1', 'x', $1), ('far-1', 'y', $2)"
        await console.books.write(lambda tx: tx.execute(enter, profile(CITY), profile("far")))
        order = {"city": CITY, "action": "suspend", "why": "投诉待查"}

        done = await people["merchant"].post("/do/terminal", terminal="gate-1", **order)
        far = await people["merchant"].post("/do/terminal", terminal="far-1", **order)
        clerk = await people["clerk"].post("/do/terminal", terminal="gate-1", **order)

        assert (done.status, far.status, clerk.status) == (303, 404, 403)
        shown = (await people["merchant"].get("/fleet"))[1]
        assert ("已暂停" in shown, "gate-1" in shown, "far-1" in shown) == (True, True, False)
        await console.books.write(lambda tx: tx.execute("UPDATE terminals SET twin_ms = 1, state = 'active'"))
        assert "有两台同号" in (await people["merchant"].get("/fleet"))[1]

    async def test_the_money_of_a_period_and_the_half_year_as_files(self, people):
        status, text = await people["finance"].get("/money?first=2026-09-01&last=2026-09-30")
        sheet = await people["finance"].client.get("/money/report.xlsx?half=2026H2")
        comma = await people["finance"].client.get("/money/report.csv?half=2026H2")

        assert (status, "这段时间没有核销" in text) == (200, True)
        assert (await sheet.read())[:2] == b"PK"
        assert (await comma.read())[:3] == b"\xef\xbb\xbf"
        for path in ("/money?first=x", "/money?first=2020-01-01&last=2026-01-01", "/money/report.xlsx?half=2026H3"):
            assert (await people["finance"].get(path))[0] == 400


def a_file(city=CITY, what="sites", text="场所,名称\nyunling-shop,云岭茶庄\n", **more):
    form = FormData(quote_fields=False)
    for name, value in {"city": city, "what": what, "why": "年度更新", **more}.items():
        form.add_field(name, value)
    form.add_field("file", text.encode(), filename="x.csv")
    return form


class TestFiles:
    async def send(self, browser, form):
        return await browser.client.post("/registers", data=form, headers=browser.origin, allow_redirects=False)

    async def test_the_merchant_office_brings_a_file_and_sees_the_draft(self, people):
        page = (await people["merchant"].get("/rules?file=sites.json"))[1]
        done = await self.send(people["merchant"], a_file(force="true"))
        told = await people["checker"].get(done.headers["Location"])

        assert ('name="what" value="sites"' in page, done.status, "云岭茶庄" in told[1]) == (True, 303, True)

    async def test_a_clerk_s_file_with_tiers_leads_to_its_draft(self, console, people):
        page = (await people["clerk"].get("/registers"))[1]
        done = await self.send(people["clerk"], a_file(what="residents", text=f"姓名,等级\n{WHO},5\n"))
        status, text = await people["checker"].get(done.headers["Location"])

        assert ('action="/do/member"' in page, done.status, status) == (True, 303, 200)
        assert "等级 无 → 5：1 人" in text

    @pytest.mark.parametrize("what", ["residents", "measures", "sites", "calendars", "kings", ""])
    @pytest.mark.parametrize("role", ["auditor", "finance", "checker", "clerk", "merchant"])
    async def test_nobody_s_file_is_read_but_theirs_whose_duty_it_is(self, monkeypatch, people, role, what):
        own = {("clerk", "residents"), ("clerk", "measures"), ("merchant", "sites")}
        if (role, what) in own:
            return
        for module in (registers, rule_files, residents):
            monkeypatch.setattr(module, "read_table", lambda _data: pytest.fail("it was read"))

        assert (await self.send(people[role], a_file(what=what))).status == 403

    @pytest.mark.parametrize("city", ["linhai", "nowhere", "", "../yunling"])
    async def test_neither_is_one_for_another_city(self, people, city):
        for role, what in (("clerk", "residents"), ("merchant", "sites"), ("publisher", "calendars")):
            assert (await self.send(people[role], a_file(city, what))).status == 403

    async def test_a_form_of_a_thousand_parts_is_not_gathered(self, people):
        more = {f"x{number}": "y" * 1_000 for number in range(1_000)}

        assert (await self.send(people["merchant"], a_file(**more))).status == 400


class TestTokens:
    async def token(self, console, who="clerk", scope=("measure.propose", "read")):
        secret = sessions.fresh_secret()
        await console.books.write(
            lambda tx: sessions.make_token(
                tx, who, secret, title="t", scope=frozenset(scope), until_ms=NOW + 10**9, now_ms=NOW
            )
        )
        return {"Authorization": f"Bearer {secret}"}

    async def test_a_token_makes_the_calls_of_its_scope_and_no_others_and_opens_no_page(self, console):
        headers, client = await self.token(console), console.browser().client
        form = {"why": "测试", "city": CITY, "subject": WHO, "code": 302, "until": "2026-12-31"}

        done = await client.post("/v1/office/measure", json=form, headers=headers)
        beyond = await client.post("/v1/office/repair", json={"why": "测试", "city": CITY, "entry": 1}, headers=headers)
        strict = await client.post("/v1/office/measure", json={**form, "code": "302"}, headers=headers)
        nothing = await client.post("/v1/office/measure", data=b"{", headers=headers)
        double = json.dumps(form)[:-1] + ', "city": "elsewhere"}'
        twice = await client.post("/v1/office/measure", data=double.encode(), headers=headers)
        nobody = await client.post("/v1/office/measure", json=form, headers={"Authorization": "Bearer x"})
        no_such = await client.post("/v1/office/king", json=form, headers=headers)

        statuses = [one.status for one in (done, beyond, strict, nothing, twice, nobody, no_such)]
        assert statuses == [200, 403, 400, 400, 400, 401, 404]
        assert (await done.json())["state"] == "open"
        told = [await one.json() for one in (beyond, strict, nothing, nobody, no_such)]
        assert [one["code"] for one in told] == ["not_your_duty", "refused", "refused", "not_proven", "not_there"]
        assert {one.content_type for one in (beyond, strict, nobody)} == {"application/problem+json"}

    @pytest.mark.parametrize("path", [bar[1] for bar in BARS])
    async def test_a_token_reads_what_its_scope_lets_it_read(self, console, path):
        client = console.browser().client
        blind = await client.get(path, headers=await self.token(console, "auditor", ("measure.propose",)))
        sees = await client.get(path, headers=await self.token(console, "auditor", tuple(RIGHTS)))

        assert (blind.status, sees.status) == (403, 200)

    @pytest.mark.parametrize("origin", ["ours", "none", "evil"])
    async def test_a_cookie_makes_no_api_call_and_a_program_without_a_token_is_told_so(self, people, origin):
        headers = {"ours": people["clerk"].origin, "none": {}, "evil": {"Origin": "https://evil.example"}}[origin]
        answer = await people["clerk"].client.post("/v1/office/measure", json={}, headers=headers)

        assert (answer.status, answer.content_type) == (401, "application/problem+json")
        assert (await answer.json())["code"] == "not_proven"

    def test_every_call_is_described(self):
        described = document("0")["paths"]

        assert set(described) == {f"/v1/office/{name}" for name in CALLS}
        assert CALLS.keys() == ANSWERS.keys()
        assert len({one["post"]["operationId"] for one in described.values()}) == len(CALLS)
        assert set(NEXT) <= set(CALLS)


class TestPersonalData:
    async def test_a_clerk_keeps_what_is_held_as_a_file_and_a_checker_forgets_from_the_page(self, console, people):
        page = (await people["clerk"].get("/registers"))[1]
        fields = {"city": CITY, "subject": WHO, "why": "本人申请"}

        file = await people["clerk"].post("/do/export-person", **fields)
        refused = await people["clerk"].post("/do/forget-person", **fields)
        gone = await people["checker"].post("/do/forget-person", **fields)

        assert 'action="/do/export-person"' in page
        assert 'action="/do/forget-person"' not in page
        assert file.headers["Content-Disposition"] == 'attachment; filename="person.json"'
        assert (await file.json())["held"]["name"] == WHO
        assert (refused.status, gone.status, gone.headers["Location"]) == (403, 303, "/registers")
        assert (await people["clerk"].post("/do/export-person", **fields)).status == 400


class TestLetters:
    async def test_a_measure_and_its_dispute_are_told_on_paper_in_both_languages(self, console, people):
        await console.call(console.checker, "approve", draft=(await console.measure())["number"])
        case = await console.call(console.clerk, "dispute", city=CITY, entry=1)
        told = [await people["clerk"].get(path) for path in ("/letters/measure/1", "/letters/case/1")]
        await console.call(console.checker, "settle", case=case["number"], upheld=True)
        told.append(await people["clerk"].get("/letters/case/1"))

        assert [status for status, _text in told] == [200, 200, 200]
        for (_status, text), zh, en in zip(
            told,
            ("采取措施：限制进入景区", "异议已受理，案号 1", "成立，第 1 号措施已于"),
            ("both days included: Entry to the scenic area restricted", "taken in as case 1", "was upheld; measure 1"),
            strict=True,
        ):
            assert zh in text
            assert en in text
            assert WHO in text

    @pytest.mark.parametrize("path", ["/letters/measure/9", "/letters/case/9", "/letters/case/x"])
    async def test_what_is_not_there_is_no_letter(self, people, path):
        assert (await people["clerk"].get(path))[0] == 404

    @pytest.mark.parametrize("role", ["finance", "merchant", "publisher"])
    async def test_whoever_may_not_read_names_gets_none(self, console, people, role):
        await console.call(console.checker, "approve", draft=(await console.measure())["number"])

        status, text = await people[role].get("/letters/measure/1")

        assert (status, WHO in text) == (403, False)
