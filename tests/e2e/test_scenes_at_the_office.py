"""Scenes whose platform side is the office's pages in a real Chromium, and whose code is held before the gate's camera.

Real processes on both sides: `central serve --console` with named accounts, a terminal with a camera. The visitor of
S20 comes in by the city's identity service and gets the credential at the phone.
"""

import importlib.util
import json
import secrets
import sys
from pathlib import Path

import jwt
import pytest
import pytest_asyncio
import scene_town
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from scene_town import BENEFITS, CODES, FOREIGN, HOME, TOMORROW, now_s

from central.demo.running.processes import python, run_once
from central.demo.street import town as street
from central.demo.street.visitors import Person
from credit.codec import base45

_spec = importlib.util.spec_from_file_location("browser_hands", Path(__file__).parents[1] / "browser" / "conftest.py")
browser_hands = importlib.util.module_from_spec(_spec)
sys.modules["browser_hands"] = browser_hands
_spec.loader.exec_module(browser_hands)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]
chromium = pytest_asyncio.fixture(scope="module", loop_scope="module", name="chromium")(browser_hands.started_chromium)
AUTHORITY = street.AUTHORITIES[HOME]
PASSWORD = "长河落日圆 2026 yuan"
SERVICE = "one-code"
OWING = {
    "title": {"zh": "逾期未付", "en": "payment overdue"},
    "effect": "withhold",
    "scenes": ["gate"],
    "authority": AUTHORITY,
    "basis": "《先用后付服务协议》第五条",
    "remedy": {"zh": "付清后自动解除", "en": "lifted by itself once it is paid"},
    "x-when": "overdue",
}


def rules():
    """The scenes' rules with what these need: a benefit by approval and one for everybody at the gate."""
    at_gate = {"sites": [street.SITE], "scenes": ["gate"], "lanes": ["A"]}
    more = [
        {**BENEFITS[0], "id": "s20", "code": 40, "title": {"zh": "专属通行 by approval"}, "who": {"grant": True}},
        {**BENEFITS[0], "id": "s8-gate", "code": 41, "title": {"zh": "守信通行 entry"}, "who": {"groups_any": [61]}},
        {**BENEFITS[0], "id": "s10-gate", "code": 42, "title": {"zh": "互认 recognition"}},
    ]
    more[2]["who"] = {"issuers": [HOME, FOREIGN], "min_tier": 9}
    for one in more:
        one |= {"where": at_gate, "limits": [], "needs": ["bound-token"]}
    later = next(one for one in BENEFITS if one["id"] == "s15")
    due = {"open_close": {"due": "PT2S", "on_overdue": "flag"}}
    more += [later | {"id": "s15-due", "code": 43, "lifecycle": due, "who": {"groups_any": [62]}}]
    code = CODES["302"] | {"scenes": ["gate"], "authority": AUTHORITY, "basis": "《云溪市守信激励办法》第九条"}
    return {
        "benefits.json": {"issuer": HOME, "version": 2, "benefits": [*BENEFITS, *more]},
        "measure-codes.json": {"issuer": HOME, "codes": {"302": code, "303": OWING}},
    }


class OfficeTown:
    """The scenes' town with an office: `page(role)` is somebody's browser, `enter(name)` a visitor at their phone."""

    def __init__(self, scenes, chromium):
        self.scenes, self.chromium = scenes, chromium
        self.identity, self.pages = Ed25519PrivateKey.generate(), {}

    async def command(self, name, *words, given=None):
        command = python("central", name, "--state", str(self.scenes.state), *words)
        return await run_once(name, command, self.scenes.folder / "office.log", **({"given": given} if given else {}))

    async def start(self):
        for role in ("clerk", "checker", "finance"):
            duty = f"{HOME}:{role}:{AUTHORITY}"
            await self.command("operator", "add", role, "--duty", duty, given=f"{PASSWORD}\n")
        await self.command("operator", "add", "abroad", "--duty", f"{FOREIGN}:checker", given=f"{PASSWORD}\n")
        key = self.scenes.folder / "identity.pem"
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        key.write_bytes(self.identity.public_key().public_bytes(serialization.Encoding.PEM, form))
        await self.command("identity", "add", SERVICE, "--city", HOME, "--key", str(key))
        await self.scenes.signed(rules())
        self.scenes.begin("s20")

    async def page(self, role):
        if role not in self.pages:
            context = await self.chromium.new_context(viewport={"width": 1280, "height": 800})
            page = await context.new_page()
            page.set_default_timeout(20_000)
            await page.goto(f"{self.scenes.platform.office_url}/login")
            await page.fill("[name=operator]", role)
            await page.fill("[name=password]", PASSWORD)
            await page.click("button.main")
            await page.wait_for_selector("nav")
            self.pages[role] = page
        return self.pages[role]

    async def go(self, role, path):
        page = await self.page(role)
        await page.goto(self.scenes.platform.office_url + path)
        return page

    async def send(self, page, call, why, **hidden):
        """Fill in the reason of a form of the page and send it; returns once the next page is there."""
        form = f"form[action='/do/{call}']" + "".join(
            f":has([name={name}][value='{value}'])" for name, value in hidden.items()
        )
        for folded in await page.query_selector_all(f"details:has({form}):not([open]) > summary"):
            await folded.click()
        await page.fill(f"{form} [name=why]", why)
        async with page.expect_navigation():
            await page.click(f"{form} button")
        self.scenes.story.happens(f"办公 {call}: {why}", f"the office: {call}")

    async def enter(self, name):
        """Hand somebody over and get a credential for a key of their phone; return them, with the session's header."""
        at, phone = now_s(), Ed25519PrivateKey.generate()
        said = {"iss": SERVICE, "aud": f"xinguan:{HOME}", "sub": name, "iat": at, "exp": at + 120}
        head = {"typ": "xg-handover+jwt", "kid": SERVICE}
        code = jwt.encode(said | {"jti": secrets.token_urlsafe()}, self.identity, algorithm="EdDSA", headers=head)
        grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
        told = await self.ask("token", None, {"grant_type": grant, "pre-authorized_code": code})
        session = told["access_token"]
        nonce = (await self.ask("nonce", session, {}))["c_nonce"]
        jwk = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(phone.public_key()))
        proof = jwt.encode(
            {"aud": f"xinguan:{HOME}", "iat": at, "nonce": nonce},
            phone,
            algorithm="EdDSA",
            headers={"typ": "openid4vci-proof+jwt", "jwk": jwk},
        )
        told = await self.ask("credential", session, {"proofs": {"jwt": [proof]}})
        raw = base45.decode(told["credentials"][0]["credential"].removeprefix("XG1:"))
        subject = bytes.fromhex(name)
        self.scenes.called[subject] = "持码人 holder"
        return Person(issuer=HOME, subject=subject, credential=raw, phone=phone), session

    async def ask(self, call, session, body=None):
        url, headers = f"{self.scenes.platform.url}/v1/wallet/{call}", {}
        if session:
            headers["Authorization"] = f"Bearer {session}"
        asking = self.scenes.platform._session.request(
            "GET" if body is None else "POST", url, json=body, headers=headers
        )
        async with asking as answer:
            told = await answer.json()
            assert answer.status == 200, told
            return told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory, chromium):
    async with scene_town.scene_town(tmp_path_factory.mktemp("office")) as built:
        made = OfficeTown(built, chromium)
        await made.start()
        yield made


def brief(answer):
    return answer["outcome"], answer["reasons"][0]["code"]


async def until_gate(office, who, *wanted):
    """Hold a fresh code before the gate's camera until it answers so, and return that answer."""
    seen = []

    async def so():
        seen.append(await office.scenes.at_gate(who))
        return brief(seen[-1]) in wanted

    await office.scenes.until(so, within_s=90.0)
    return seen[-1]


async def passed(office, answer):
    await office.scenes.step(answer["redemption"], "passed")


async def applied(office, name, uses):
    """Let the clerk enter an application and the checker approve it, on their pages."""
    page = await office.go("clerk", "/applications")
    form = "form[action='/do/apply']"
    await page.fill(f"{form} [name=subject]", name)
    await page.select_option(f"{form} [name=code]", "40")
    await page.fill(f"{form} [name=uses]", str(uses))
    await page.fill(f"{form} [name=until]", TOMORROW.isoformat())
    async with page.expect_navigation():
        await office_send(page, form)
    path = page.url.removeprefix(office.scenes.platform.office_url)
    checker = await office.go("checker", path)
    await office.send(checker, "decide", "材料齐全", approved="true")


async def office_send(page, form):
    await page.fill(f"{form} [name=why]", "带家人参观")
    await page.click(f"{form} button")


async def test_s20_apply_approve_two_visits_the_third_is_told_two_of_two_and_a_grant_taken_back_in_the_line(office):
    name = office.scenes.holder().subject.hex()
    await applied(office, name, 2)
    who, session = await office.enter(name)

    for left in (1, 0):
        visit = await until_gate(office, who, ("GRANT", "ok"))
        assert (visit["benefit"], visit["left"]) == ("s20", {"s20": left})
        await passed(office, visit)
    third = await until_gate(office, who, ("STANDARD", "limit_used"))
    used = next(one for one in third["reasons"] if one["code"] == "limit_used")
    assert (used["facts"]["used"], used["facts"]["max"]) == (2, 2)

    async def both_are_known():
        (grant,) = (await office.ask("grants", session))["grants"]
        return (grant["used"], grant["uses"], grant["left"]) == (2, 2, 0)

    await office.scenes.until(both_are_known)
    desk = await office.go("clerk", f"/registers/receipts?city={HOME}&subject={name}")
    assert "2 / 2" in await desk.inner_text("main")
    receipts = (await office.ask("receipts", session))["receipts"]
    assert [one["benefits"] for one in receipts] == [["s20"], ["s20"]]

    waiting = office.scenes.holder().subject.hex()
    await applied(office, waiting, 2)
    other, _session = await office.enter(waiting)
    await passed(office, await until_gate(office, other, ("GRANT", "ok")))
    page = await office.go("checker", "/applications")
    grant = await page.inner_text(f"tr:has-text('{waiting[:8]}') td.code >> nth=0")
    await office.send(page, "withdraw-grant", "申请材料不实", grant=grant)
    await until_gate(office, other, ("STANDARD", "not_eligible"), ("REFUSE", "revoked"))


async def measured(office, who):
    """Let the clerk draft a measure against somebody and the checker approve it, on their pages."""
    page = await office.go("clerk", "/measures")
    form = "form[action='/do/measure']"
    await page.fill(f"{form} [name=subject]", who.subject.hex())
    await page.select_option(f"{form} [name=code]", "302")
    await page.fill(f"{form} [name=until]", TOMORROW.isoformat())
    await page.fill(f"{form} [name=why]", "多次不文明行为")
    async with page.expect_navigation():
        await page.click(f"{form} button")
    await approved(office, page.url)
    listed = await office.go("clerk", f"/measures?subject={who.subject.hex()}")
    return await listed.get_attribute("main a[href^='/measures/']", "href")


async def approved(office, url):
    page = await office.go("checker", url.removeprefix(office.scenes.platform.office_url))
    await office.send(page, "approve", "核对无误")


async def test_s8_s9_barred_disputed_rejected_and_repaired_by_two_people_on_their_pages(office):
    who = office.scenes.holder(groups=[61])
    await passed(office, await until_gate(office, who, ("GRANT", "ok")))
    entry = await measured(office, who)
    await until_gate(office, who, ("REFUSE", "restricted"))

    clerk = await office.go("clerk", entry)
    await office.send(clerk, "dispute", "本人提出异议")
    await passed(office, await until_gate(office, who, ("GRANT", "ok")))
    checker = await office.go("checker", entry)
    await office.send(checker, "settle", "异议不成立", upheld="false")
    await until_gate(office, who, ("REFUSE", "restricted"))

    clerk = await office.go("clerk", entry)
    await office.send(clerk, "repair", "已完成信用修复")
    await approved(office, clerk.url)
    await until_gate(office, who, ("GRANT", "ok"))
    journal = await office.go("checker", "/acts")
    assert "完整" in await journal.inner_text("main")


async def test_s12_what_came_back_at_the_till_stands_on_the_page_of_finance_to_the_fen(office):
    who = office.scenes.holder()
    await office.scenes.scan(who, "shop", intent="buy", amount_fen=10_000)
    part = await office.scenes.scan(who, "shop", intent="return", amount_fen=4_000)
    assert part["obligations"]["refund_fen"] == 3_600

    async def told():
        page = await office.go("finance", "/money")
        row = page.locator("tr:has-text('s12')")
        words = await row.first.inner_text() if await row.count() else ""
        return "36.00" in words and "6.00" in words

    await office.scenes.until(told)


async def test_s10_a_foreign_city_stops_its_own_key_on_its_page_and_its_visitor_is_refused_at_our_gate(office):
    who = office.scenes.holder(city=FOREIGN, tier=9)
    await office.scenes.signed({"mapping.json": {"issuer": HOME, "mapping": {FOREIGN: {"tiers": {"9": 9}}}}})
    await passed(office, await until_gate(office, who, ("GRANT", "ok")))

    page = await office.go("abroad", f"/rules?city={FOREIGN}")
    await office.send(page, "kill", "签名密钥外泄")

    await until_gate(office, who, ("REFUSE", "key_revoked"))


async def test_s15_who_owes_overdue_is_blocked_by_the_platform_and_free_again_once_it_is_paid(office):
    who = office.scenes.holder(groups=[61, 62])
    await passed(office, await until_gate(office, who, ("GRANT", "ok")))
    owed = await office.scenes.scan(who, "s15", intent="open", amount_fen=5_000)
    assert (brief(owed), owed["offer"]["later_fen"]) == (("GRANT", "ok"), 5_000)

    await until_gate(office, who, ("STANDARD", "withheld"))
    page = await office.go("clerk", f"/measures?subject={who.subject.hex()}")
    assert "303" in await page.inner_text("main")
    finance = await office.go("finance", "/money")
    assert "50.00" in await finance.inner_text("tr:has-text('s15-due')")

    await office.scenes.scan(who, "s15", intent="close")
    await until_gate(office, who, ("GRANT", "ok"))
