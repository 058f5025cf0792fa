"""A visitor at a phone: handed over by the city's identity service, and from then on sees and gets what is theirs."""

import base64
import json
import secrets
from importlib import resources

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from office_town import CITY, NOW, OTHER, WHO, Office

from central.console.app import build_console
from central.http.problems import answer_problems
from central.http.visitors.wallets import WalletCalls
from central.lists.cities import signing_keys
from central.lists.issuing import Wanted, issue
from central.office.approving.wallet import PROOF_TYPE
from central.office.holders import doing, handing, receipts
from central.office.holders.handing import TYP, NoHandOverError, hand_over, holder_of
from central.register.accounts import identities, operators, sessions
from central.register.accounts.acts import newest
from central.register.accounts.duties import Duty, ForbiddenError, Role
from central.register.accounts.identities import Identity, IdentityError
from central.register.minting import present, to_text
from central.register.registry import register
from credit.codec import base45
from credit.keys import Keyring
from credit.tokens import open_token

SERVICE = "yunling-one-code"
KEY = ed25519.Ed25519PrivateKey.generate()
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
PHONE = ed25519.Ed25519PrivateKey.generate()
GUIDE = {
    "id": "yunling.guide",
    "code": 900,
    "version": 1,
    "issuer": CITY,
    "title": {"zh": "专属导览", "en": "Guide"},
    "offer": {"kind": "service", "item": "guide"},
    "who": {"grant": True},
    "where": {"sites": ["yunling-shan"]},
    "when": {"from": "2026-01-01", "until": "2027-12-31"},
}
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:pre-authorized_code"


def pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.fixture
async def office(books, tmp_path):
    made = Office(tmp_path / "state", books)
    path = made.folder / "cities" / CITY / "benefits.json"
    rules = json.loads(path.read_bytes())
    path.write_text(json.dumps({**rules, "benefits": [*rules["benefits"], GUIDE]}))
    for name, city, key in ((SERVICE, CITY, KEY), ("other-city", OTHER, OTHER_KEY)):
        one = Identity(name, city, "一码通", pem(key), NOW, None)
        await books.write(lambda tx, one=one: identities.add(tx, one))
    return made


def handed(office, /, header=None, key=KEY, alg="EdDSA", **said):
    now_s = office.at.ms // 1000
    body = {"iss": SERVICE, "sub": WHO, "aud": f"xinguan:{CITY}", "iat": now_s, "exp": now_s + 120}
    body |= {"jti": secrets.token_urlsafe(16)} | said
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(body, key, algorithm=alg, headers={"typ": TYP, "kid": SERVICE} | (header or {}))


async def inside(office, **said):
    secret, _holder = await hand_over(office.desk, handed(office, **said))
    return await holder_of(office.desk, secret)


def pseudonym(office, name=WHO, city=CITY):
    with register(office.folder) as conn:
        return bytes(
            conn.execute("SELECT pseudonym FROM subject WHERE city = ? AND name = ?", (city, name)).fetchone()[0]
        ).hex()


WRONG = [
    {"header": {"typ": "JWT"}},
    {"header": {"kid": "nobody"}},
    {"header": {"kid": "../x"}},
    {"header": {"kid": "other-city"}},
    {"key": ed25519.Ed25519PrivateKey.generate()},
    {"key": OTHER_KEY, "alg": "ES256"},
    {"key": "a shared secret of at least 32 bytes", "alg": "HS256"},
    {"key": rsa.generate_private_key(65537, 2048), "alg": "RS256"},
    {"key": None, "alg": "none"},
    {"iss": "other-city"},
    {"aud": f"xinguan:{OTHER}"},
    {"aud": [f"xinguan:{CITY}", "x"]},
    {"sub": "王小名"},
    {"sub": ""},
    {"sub": "0" * 32},
    {"iat": NOW // 1000 + 3600, "exp": NOW // 1000 + 3700},
    {"exp": NOW // 1000},
    {"exp": NOW // 1000 + 86_400},
    {"exp": "tomorrow"},
    {"exp": True},
    {"jti": "short"},
    {"jti": "x" * 200},
    {"jti": 7},
    *({name: None} for name in handing.MEMBERS),
]


class TestHandOver:
    async def test_the_session_is_whose_the_service_says_and_the_journal_names_by_whose_word(self, office):
        holder = await inside(office)

        assert (holder.city, holder.subject, holder.identity) == (CITY, pseudonym(office), SERVICE)
        (act,) = await office.books.read(newest)
        assert (act.act, act.operator, act.subject) == ("holder.enter", f"wallet:{SERVICE}", holder.subject)
        assert WHO not in json.dumps(act)

    async def test_it_is_good_once(self, office):
        code = handed(office)
        await hand_over(office.desk, code)

        with pytest.raises(NoHandOverError, match="已用过"):
            await hand_over(office.desk, code)
        office.at.ms += (handing.MOST_S + 1) * 1000
        with pytest.raises(NoHandOverError, match="过期"):  # also once its mark may be forgotten
            await hand_over(office.desk, code)

    async def test_whatever_else_is_brought_hands_nobody_over(self, office):
        codes = [handed(office, **wrong) for wrong in WRONG] + ["", "x", "a.b.c", "." * 3_000, "…"]
        for code, wrong in zip(codes, [*WRONG, *codes[len(WRONG) :]], strict=True):
            with pytest.raises(NoHandOverError, match="·"):  # said in both languages
                await hand_over(office.desk, code)
                pytest.fail(f"taken: {wrong}")

        assert await office.books.read(newest) == []

    async def test_a_session_ends_by_itself_by_leaving_and_with_its_service(self, office):
        secret, _holder = await hand_over(office.desk, handed(office))
        assert await holder_of(office.desk, secret) is not None
        office.at.ms += handing.SESSION_MS
        assert await holder_of(office.desk, secret) is None

        secret, _holder = await hand_over(office.desk, handed(office))
        await handing.leave(office.desk, secret)
        assert await holder_of(office.desk, secret) is None

        secret, _holder = await hand_over(office.desk, handed(office))
        await office.books.write(lambda tx: identities.end(tx, SERVICE, now_ms=office.at.ms))
        assert await holder_of(office.desk, secret) is None
        with pytest.raises(NoHandOverError, match="不是本市认可"):
            await hand_over(office.desk, handed(office))

    async def test_a_service_that_cannot_be_is_not_entered(self, office):
        for name, key in (
            ("Ümlaut", pem(KEY)),
            ("x", "no key"),
            ("x", pem(rsa.generate_private_key(65537, 2048))),
            ("x", pem(ec.generate_private_key(ec.SECP384R1()))),
            (SERVICE, pem(OTHER_KEY)),
        ):
            one = Identity(name, CITY, "x", key, NOW, None)
            with pytest.raises(IdentityError, match="·"):
                await office.books.write(lambda tx, one=one: identities.add(tx, one))
        assert [one.identity for one in await office.books.read(identities.listed)] == ["other-city", SERVICE]


def proof(office, nonce, key=PHONE):
    named = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key()))
    body = {"aud": f"xinguan:{CITY}", "iat": office.at.ms // 1000, "nonce": nonce}
    return jwt.encode(body, key, algorithm="EdDSA", headers={"typ": PROOF_TYPE, "jwk": named})


def a_grant(subject, redemption="r1", /, **more):
    offer = {"kind": "percent", "off_fen": 500, "to_pay_fen": 1500}
    item = {"benefit": "yunling/tea", "code": 1, "issuer": CITY, "offer": offer}
    body = {"issuer": CITY, "subject": subject, "site": "gate", "heads": 1, "given": [item], "amount_fen": 2000}
    return "granted", redemption, body | more


class TestOwn:
    async def test_a_phone_is_issued_a_credential_that_is_its_holder_s_and_renews_it(self, office):
        holder = await inside(office)
        nonce = await doing.nonce(office.desk, holder)

        issued, _grants = await doing.credential(office.desk, holder, proof(office, nonce))
        again = await doing.nonce(office.desk, holder)
        renewed, _grants = await doing.renewal(office.desk, holder, shown(office, issued.text, again), again)

        token = opened(office, renewed.text)
        assert (token.subject.hex(), token.tier, token.groups, token.challenged) == (holder.subject, 0, set(), True)
        assert renewed.token_id != issued.token_id

    async def test_nobody_renews_what_is_somebody_else_s(self, office):
        holder = await inside(office)
        other = Wanted(subject="李雷", holder_key=PHONE.public_key())
        theirs = issue(office.folder, CITY, other, now_s=office.at.ms // 1000)
        nonce = await doing.nonce(office.desk, holder)

        with pytest.raises(handing.RefusedError, match="不属于本人"):
            await doing.renewal(office.desk, holder, shown(office, theirs.text, nonce), nonce)

    async def test_one_person_gets_so_many_credentials_a_day(self, office):
        holder = await inside(office)

        async def another():
            return await doing.credential(office.desk, holder, proof(office, await doing.nonce(office.desk, holder)))

        for _ in range(doing.CREDENTIALS - 1):  # the town was founded with one
            await another()
        with pytest.raises(handing.RefusedError, match="一天最多"):
            await another()
        office.at.ms += doing.DAY_S * 1000
        assert await another()

    async def test_what_one_applies_for_is_decided_by_the_office_and_seen_to_be_used(self, office, journal):
        holder = await inside(office)
        benefit = next(one for one in doing.applications.by_approval(office.desk, CITY))
        wish = doing.Wished(code=benefit.code, uses=2, until=doing.date(2026, 12, 31), why="带家人参观")

        made = await doing.apply(office.desk, holder, wish)
        await office.call(office.checker, "decide", application=made.application, approved=True)
        (grant,) = await doing.own_grants(office.desk, holder)
        key = f"u|grant:{CITY}:{grant.grant_id}|{benefit.key}"
        used = a_grant(holder.subject, uses=[{"key": key, "n": 1, "max": 2}])
        await (await journal()).bring(used)

        (seen,) = await doing.own_grants(office.desk, holder)
        assert (seen.uses, seen.used, seen.to_json()["left"]) == (2, 1, 1)
        (told,) = await doing.own_applications(office.desk, holder)
        assert (told.state, told.clerk, told.checker) == ("approved", f"wallet:{SERVICE}", "checker")

    async def test_so_many_applications_wait_at_a_time(self, office):
        holder = await inside(office)
        code = next(one.code for one in doing.applications.by_approval(office.desk, CITY))
        wish = doing.Wished(code=code, uses=1, until=doing.date(2026, 12, 31), why="参观")
        for _ in range(doing.applications.MAX_OPEN):
            await doing.apply(office.desk, holder, wish)

        with pytest.raises(handing.RefusedError, match="待办结"):
            await doing.apply(office.desk, holder, wish)


def shown(office, token, nonce):
    raw, now = base45.decode(token.removeprefix("XG1:")), office.at.ms // 1000
    challenge = base64.urlsafe_b64decode(nonce)
    return to_text(present(raw, PHONE, iat=now, nonce=secrets.token_bytes(8), challenge=challenge))


def opened(office, token):
    nonce = "eHh4eHh4eHh4eHh4"
    keyring = Keyring.from_json(signing_keys(office.folder, CITY))
    return open_token(shown(office, token, nonce), keyring, now=office.at.ms // 1000, challenge=b"x" * 12)


class TestReceipts:
    async def test_one_says_where_when_how_much_and_what_became_of_it(self, office, journal):
        holder = await inside(office)
        terminal = await journal()
        await terminal.bring(a_grant(holder.subject, "r1"), at_ms=NOW)
        await terminal.bring(
            ("reversed", "r1", {"step": "reversed_part", "whole": False, "fen": 1000, "heads": 0}), at_ms=NOW + 1
        )

        (one,) = await doing.own_receipts(office.desk, holder)

        assert (one.redemption, one.at_ms, one.site, one.place) == ("r1", NOW, "gate", {"zh": "z"})
        assert (one.amount_fen, one.to_pay_fen, one.refund_fen, one.off_fen) == (2000, 1500, 750, 250)
        assert (one.benefits, one.stands) == (["yunling/tea"], True)

    async def test_what_was_taken_back_stands_no_more(self, office, journal):
        holder = await inside(office)
        terminal = await journal()
        await terminal.bring(a_grant(holder.subject), ("annulled", "r1", {"step": "annulled"}))

        (one,) = await doing.own_receipts(office.desk, holder)
        assert (one.stands, one.state, one.off_fen) == (False, "annulled", 0)

    async def test_nobody_else_s_are_seen(self, office, journal):
        mine, stranger = pseudonym(office), "0b" * 16
        terminal = await journal()
        await terminal.bring(a_grant(stranger, "r1"), a_grant(mine, "r2"), a_grant(mine, "r3", issuer=OTHER))
        holder = await inside(office)

        assert [one.redemption for one in await doing.own_receipts(office.desk, holder)] == ["r2"]
        assert [one.redemption for one in await doing.own_receipts(office.desk, holder, before="r1")] == ["r2"]
        assert await office.books.read(lambda tx: receipts.get(tx, CITY, mine, "r1")) is None

    async def test_they_come_by_pages_the_newest_first_each_once(self, office, journal):
        holder = await inside(office)
        many = [(*a_grant(holder.subject, f"r{n:02d}"), NOW + n // 3) for n in range(2 * receipts.PAGE + 5)]
        await (await journal()).bring(*many)

        found, before = [], ""
        while page := await doing.own_receipts(office.desk, holder, before=before):
            assert len(page) <= receipts.PAGE
            found, before = found + page, page[-1].redemption

        assert [one.redemption for one in found] == [f"r{n:02d}" for n in reversed(range(len(many)))]

    async def test_a_fact_that_names_nobody_is_booked_and_is_nobody_s(self, office, journal):
        holder, terminal = await inside(office), await journal()
        wrong = [{"subject": "x\0y"}, {"subject": 7}, {"issuer": "A"}, {"issuer": None}]
        for number, who in enumerate(wrong):
            await terminal.bring(a_grant(holder.subject, f"r{number}", **who))

        rows = await office.books.read(lambda tx: tx.rows("SELECT redemption, holder FROM redemptions ORDER BY 1"))
        assert [tuple(row) for row in rows] == [(f"r{number}", None) for number in range(len(wrong))]
        assert await doing.own_receipts(office.desk, holder) == []

    async def test_what_was_booked_before_gets_its_holder_when_the_database_is_opened(self, office, journal, request):
        mine, terminal = pseudonym(office), await journal()
        await terminal.bring(a_grant(mine, "r1"), a_grant("x\0y", "r2"), a_grant(mine, "r3", issuer="A"))
        await terminal.bring(a_grant(mine, "r4", asset="\0"), a_grant(mine, "r5", issuer=7))
        holders = "SELECT redemption, holder FROM redemptions ORDER BY redemption"
        kept = [tuple(row) for row in await office.books.read(lambda tx: tx.rows(holders))]
        engine = "sqlite" if "sqlite" in request.node.name else "postgres"
        (script,) = resources.files("central").joinpath("schema", engine).glob("*_holders.sql")
        filling = script.read_text("utf-8").partition("ADD COLUMN holder TEXT;\n")[2].partition("CREATE INDEX")[0]
        made, found, update = filling.partition("UPDATE")

        async def before_the_column(tx):
            await tx.execute("UPDATE redemptions SET holder = NULL")
            if made.strip():
                await tx.execute(made)
            await tx.execute(found + update)

        await office.books.write(before_the_column)

        assert kept[0] == ("r1", f"{CITY}:{mine}")
        assert [tuple(row) for row in await office.books.read(lambda tx: tx.rows(holders))] == kept


class TestCalls:
    @pytest.fixture
    async def phone(self, office):
        app = web.Application(middlewares=[answer_problems])
        app.add_routes(WalletCalls(office.folder, office.books, lambda: office.at.ms).routes())
        async with TestClient(TestServer(app, loop=None)) as client:
            yield client

    async def enter(self, office, phone):
        sent = {"grant_type": GRANT_TYPE, "pre-authorized_code": handed(office)}
        async with phone.post("/v1/wallet/token", json=sent) as answer:
            assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
            told = await answer.json()
        assert (told["token_type"], told["expires_in"]) == ("Bearer", 1800)
        return {"Authorization": f"Bearer {told['access_token']}"}

    async def test_a_visitor_s_day_over_http(self, office, phone, journal):
        token = await self.enter(office, phone)
        await (await journal()).bring(a_grant(pseudonym(office)))

        async def get(path):
            async with phone.get(f"/v1/wallet/{path}", headers=token) as answer:
                return answer.status, await answer.json()

        async def post(path, **sent):
            async with phone.post(f"/v1/wallet/{path}", json=sent, headers=token) as answer:
                return answer.status, await answer.json()

        nonce = (await post("nonce"))[1]["c_nonce"]
        wish = {"proofs": {"jwt": [proof(office, nonce)]}}
        status, told = await post("credential", **wish)
        assert (status, opened(office, told["credentials"][0]["credential"]).subject.hex()) == (200, pseudonym(office))
        status, told = await post("credential", **wish)
        assert (status, told["code"]) == (400, "invalid_nonce")

        code = next(one.code for one in doing.applications.by_approval(office.desk, CITY))
        status, told = await post("applications", code=code, until="2026-12-31", why="参观")
        assert (status, told["state"], "clerk" in told) == (200, "entered", False)
        status, told = await post("applications", code=9_999, until="2026-12-31", why="参观")
        assert (status, told["code"], "不是需审批" in told["detail"]) == (400, "refused", True)
        assert [one["state"] for one in (await get("applications"))[1]["applications"]] == ["entered"]
        assert (await get("grants"))[1] == {"grants": []}
        told = (await get("receipts"))[1]
        assert ([one["redemption"] for one in told["receipts"]], told["before"]) == (["r1"], "")

        assert await post("leave") == (200, {"left": True})
        assert (await get("receipts"))[0] == 401

    async def test_without_a_session_nothing_is_told(self, office, phone):
        for given in ("", "Bearer ", "Bearer x", "Basic x", "Bearer " + "x" * 5_000):
            for method, path in (("GET", "receipts"), ("GET", "grants"), ("POST", "nonce"), ("POST", "credential")):
                headers = {"Authorization": given} if given else {}
                async with phone.request(method, f"/v1/wallet/{path}", headers=headers) as answer:
                    assert (answer.status, (await answer.json())["code"]) == (401, "invalid_token")

    async def test_what_is_no_hand_over_is_said_to_be_none(self, office, phone):
        for sent, status in (
            ({}, 400),
            ({"grant_type": "password", "pre-authorized_code": "x"}, 400),
            ({"grant_type": GRANT_TYPE}, 400),
            ([], 400),
            ("x" * 20_000, 413),
            ({"grant_type": GRANT_TYPE, "pre-authorized_code": "a.b.c"}, 400),
        ):
            async with phone.post("/v1/wallet/token", json=sent) as answer:
                assert answer.status == status
                code = (await answer.json())["code"]
        assert code == "invalid_grant"


async def test_the_desk_shows_one_person_s_grants_and_receipts_in_both_languages_to_who_may_see_names(office, journal):
    mine, nasty = pseudonym(office), "<script>alert(1)</script>"
    await (await journal()).bring(a_grant(mine, "r1"), a_grant(mine, "r2", site=nasty), ("annulled", "r2", {}))
    await office.call(office.clerk, "apply", city=CITY, subject=WHO, code=900, uses=3, until="2026-12-31")
    (application,) = await office.books.read(lambda tx: doing.applications.listed(tx, CITY))
    await office.call(office.checker, "decide", application=application.application, approved=True)
    tokens = {}
    for role in (Role.CLERK, Role.FINANCE):
        tokens[role] = secret = sessions.fresh_secret()

        async def enter(tx, role=role, secret=secret):
            await operators.add(tx, role.value, title="x", password="-", duties=(Duty(CITY, role),), now_ms=NOW)
            scope, end = frozenset({"read", "names.read"}), NOW + sessions.DAY_MS
            await sessions.make_token(tx, role.value, secret, title="x", scope=scope, until_ms=end, now_ms=NOW)

        await office.books.write(enter)
    async with TestClient(TestServer(build_console(office.desk))) as desk:

        async def seen(role, subject, lang="zh"):
            headers = {"Authorization": f"Bearer {tokens[role]}", "Cookie": f"__Host-xg-lang={lang}"}
            params = {"city": CITY, "subject": subject}
            async with desk.get("/registers/receipts", params=params, headers=headers) as answer:
                return answer.status, await answer.text()

        zh, en = await seen(Role.CLERK, WHO), await seen(Role.CLERK, WHO, "en")
        stranger, other = await seen(Role.CLERK, "王小名"), await seen(Role.FINANCE, WHO)

    assert (zh[0], en[0], other[0]) == (200, 200, 403)
    for words, told in ((zh[1], ("王* · 回执", "0 / 3", "15.00", "已撤销或冲正")), (en[1], ("receipts", "taken back"))):
        assert [one for one in told if one not in words] == []
    assert nasty not in zh[1]
    assert "没有此人" in stranger[1]
    assert "r1" not in other[1] + stranger[1]


async def test_a_form_of_the_office_is_no_door_for_a_holder(office):
    holder = await inside(office)
    who = holder.person()

    for name, form in (
        ("issue", {"city": CITY, "subject": WHO, "max_uses": 1}),
        ("apply", {"city": CITY, "subject": WHO, "code": 1, "until": "2026-12-31"}),
        ("export-person", {"city": CITY, "subject": WHO}),
    ):
        with pytest.raises(ForbiddenError):
            await office.call(who, name, **form)
