"""From an application to a code that is good so often and no oftener, and what withdrawing it does."""

import json

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from office_town import CITY, NOW, OTHER, WHO, Office, person

from central.lists.issuing import Wanted, issue
from central.office.approving import applications, evidence, grants
from central.office.refusals import NotThereError, RefusedError
from central.register.accounts.duties import ForbiddenError
from central.register.registry import RegistryError
from credit.claims import Grant
from credit.keys import Keyring
from credit.tokens import open_token

DAY_MS = 86_400_000
GUIDE = 900
PDF = b"%PDF-1.7 evidence"


def pem(private):
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


PHONE = pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))).decode()


@pytest.fixture
def office(books, tmp_path):
    made = Office(tmp_path / "state", books)
    path = made.folder / "cities" / CITY / "benefits.json"
    rules = json.loads(path.read_bytes())
    guide = {
        "id": "yunling.guide",
        "code": GUIDE,
        "version": 1,
        "issuer": CITY,
        "title": {"zh": "专属导览", "en": "Guide"},
        "offer": {"kind": "service", "item": "guide"},
        "who": {"grant": True},
        "where": {"sites": ["yunling-shan"]},
        "when": {"from": "2026-01-01", "until": "2027-12-31"},
    }
    path.write_text(json.dumps({**rules, "benefits": [*rules["benefits"], guide]}))
    return made


async def apply(office, **form):
    asked = {"city": CITY, "subject": WHO, "code": GUIDE, "uses": 2, "until": "2026-12-31"} | form
    return await office.call(office.clerk, "apply", **asked)


async def approved(office, **form):
    one = await apply(office, **form)
    await office.call(office.checker, "decide", application=one["application"], approved=True)
    return (await grants.listed(office.desk, CITY))[0]


class TestApplications:
    async def test_an_application_is_entered_decided_by_another_and_becomes_a_grant(self, office):
        one = await apply(office)
        assert (one["state"], one["due_ms"] - one["made_ms"]) == ("entered", 6 * DAY_MS)

        done = await office.call(office.checker, "decide", application=one["application"], approved=True)

        grant = (await grants.listed(office.desk, CITY))[0]
        assert (done["state"], done["checker"]) == ("approved", "checker")
        assert (grant.code, grant.uses, grant.used, grant.state) == (GUIDE, 2, 0, "active")
        assert (len(grant.grant_id), grant.application) == (16, one["application"])

    @pytest.mark.parametrize(
        ("form", "words"),
        [
            ({"subject": "王小名"}, "没有此人"),
            ({"code": 1}, "可申请：900 专属导览"),
            ({"until": "2026-09-20"}, "有效期"),
            ({"until": "2028-01-01"}, "最晚 2027-12-31"),
        ],
    )
    async def test_what_cannot_be_applied_for_is_refused_with_what_can(self, office, form, words):
        with pytest.raises(RefusedError, match=words):
            await apply(office, **form)

    @pytest.mark.parametrize("form", [{"uses": 0}, {"uses": 10_001}, {"code": -1}, {"until": "x"}, {"king": 1}])
    async def test_what_is_no_form_is_no_form(self, office, form):
        with pytest.raises(msgspec.ValidationError):
            await apply(office, **form)

    async def test_whoever_entered_it_cannot_decide_it(self, office):
        one = await apply(office)
        both = person("checker", "clerk")

        with pytest.raises(RefusedError, match="受理人"):
            await office.call(both, "decide", application=one["application"], approved=True)

    async def test_what_is_missing_is_asked_for_once_and_the_days_stand_still(self, office):
        one = await apply(office)
        about = {"application": one["application"]}
        await office.call(office.checker, "ask", **about)
        with pytest.raises(RefusedError, match="待补正"):
            await office.call(office.checker, "decide", **about, approved=False)
        office.at.ms += 10 * DAY_MS
        completed = await office.call(office.clerk, "complete", **about)

        assert completed["due_ms"] - one["due_ms"] == 10 * DAY_MS + 2000  # two calls, a second each
        with pytest.raises(RefusedError, match="不能再如此"):
            await office.call(office.checker, "ask", **about)
        rejected = await office.call(office.checker, "decide", **about, approved=False)
        assert (rejected["state"], await grants.listed(office.desk, CITY)) == ("rejected", [])

    async def test_what_waits_is_listed_before_whatever_was_decided_however_long_ago(self, office):
        names = [(await apply(office))["application"] for _ in range(3)]
        for one in names[:2]:
            await office.call(office.checker, "decide", application=one, approved=False)

        async def listed(many, state=""):
            found = await office.books.read(lambda tx: applications.listed(tx, CITY, many=many, state=state))
            return [one.application for one in found]

        assert await listed(1) == [names[2]]
        assert await listed(9) == [names[2], names[1], names[0]]
        assert await listed(1, "rejected") == [names[1]]
        assert await listed(9, "entered") == [names[2]]

    async def test_a_decided_application_is_decided(self, office):
        one = await apply(office)
        await office.call(office.checker, "decide", application=one["application"], approved=True)

        for name, more in (("decide", {"approved": True}), ("take-back", {}), ("ask", {}), ("complete", {})):
            who = office.checker if name in ("decide", "ask") else office.clerk
            with pytest.raises(RefusedError):
                await office.call(who, name, application=one["application"], **more)
        assert len(await grants.listed(office.desk, CITY)) == 1

    async def test_another_city_s_application_is_not_there(self, office):
        one = await apply(office)

        with pytest.raises(NotThereError):
            await office.call(person("checker", city=OTHER), "decide", application=one["application"], approved=True)

    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"", "空"), (b"MZ\x90", "PDF"), (b"<script>", "PDF"), (PDF + bytes(5 * 1024 * 1024), "5 MB")],
        ids=["empty", "program", "script", "too large"],
    )
    async def test_evidence_is_what_it_is_and_not_what_it_is_called(self, office, content, words):
        one = await apply(office)

        with pytest.raises(RefusedError, match=words):
            name = "照片.pdf"
            await evidence.add_evidence(office.desk, office.clerk, one["application"], name=name, content=content)

    async def test_evidence_is_kept_once_given_back_whole_and_to_this_city_alone(self, office):
        one = (await apply(office))["application"]
        for _ in range(2):
            digest = await evidence.add_evidence(
                office.desk, office.clerk, one, name="../../etc/\u202epasswd.pdf", content=PDF
            )

        told = await evidence.read_evidence(office.desk, office.checker, one, digest)

        assert told == ("passwd.pdf", "application/pdf", PDF)
        with pytest.raises(NotThereError):
            await evidence.read_evidence(office.desk, person("checker", city=OTHER), one, digest)
        with pytest.raises(NotThereError):
            await evidence.read_evidence(office.desk, office.checker, one, "00" * 32)
        with pytest.raises(ForbiddenError):
            await evidence.read_evidence(office.desk, person("finance"), one, digest)

    async def test_ten_files_and_no_more(self, office):
        one = (await apply(office))["application"]
        for n in range(10):
            await evidence.add_evidence(office.desk, office.clerk, one, name="a", content=PDF + bytes([n]))

        with pytest.raises(RefusedError, match="10"):
            await evidence.add_evidence(office.desk, office.clerk, one, name="a", content=PDF + b"x")


class TestGrants:
    def keyring(self, office):
        keys = json.dumps(office.published("keys.json", "issuers")).encode()
        return Keyring.from_json(keys)

    async def test_a_code_carries_what_is_approved_with_id_and_uses(self, office):
        grant = await approved(office)

        told = await office.call(office.clerk, "issue", city=CITY, subject=WHO, max_uses=5, region=620722)

        token = open_token(told["token"], self.keyring(office), now=office.at.ms // 1000)
        assert told["grants"] == [grant.grant_id]
        assert token.grants == (Grant(code=GUIDE, grant_id=bytes.fromhex(grant.grant_id), uses=2),)
        assert (token.region, token.id_check) == (620722, True)

    @pytest.mark.parametrize(
        ("form", "words"),
        [
            ({}, "二选一"),
            ({"max_uses": 1, "holder_key": PHONE}, "二选一"),
            ({"holder_key": "x"}, "PEM"),
            ({"holder_key": pem(x25519.X25519PrivateKey.generate()).decode()}, "P-256"),
            ({"holder_key": pem(ec.generate_private_key(ec.SECP384R1())).decode()}, "P-256"),
            ({"subject": "王小名", "max_uses": 1}, "没有此人"),
        ],
    )
    async def test_a_code_for_nobody_s_phone_is_refused(self, office, form, words):
        with pytest.raises(RefusedError, match=words):
            await office.call(office.clerk, "issue", **({"city": CITY, "subject": WHO} | form))

    async def test_a_phone_gets_a_bound_code_with_its_reservation(self, office):
        booked = {
            "order": "0b0c",
            "site": "yunling-shan",
            "from_s": NOW // 1000,
            "until_s": NOW // 1000 + 3600,
            "heads": 2,
        }

        told = await office.call(office.clerk, "issue", city=CITY, subject=WHO, holder_key=PHONE, reservation=booked)

        assert told["token"].startswith("XG1:")

    async def test_used_n_of_m_over_all_terminals_and_a_reversal_gives_back(self, office, journal):
        grant = await approved(office)
        key = f"u|grant:{CITY}:{grant.grant_id}|{CITY}/yunling.guide"
        keys = grants.keys(office.desk, CITY)
        assert [key.rsplit("|", 1)[1]] == keys[GUIDE]
        for terminal in ("t1", "t2"):
            body = {"issuer": CITY, "uses": [{"key": key, "n": 1, "max": 2}]}
            await (await journal(terminal)).bring(("granted", f"r-{terminal}", body))

        assert [one.used for one in await grants.listed(office.desk, CITY)] == [2]
        assert await grants.carried(office.desk, CITY, grant.subject) == ()

        third = await journal("t3")
        await third.bring(("reversed", "r-t1", {"step": "reversed", "whole": True, "fen": 0, "heads": 1}))
        told = (await grants.listed(office.desk, CITY))[0].to_json()
        assert (told["used"], told["left"]) == (1, 1)

    async def test_what_is_withdrawn_is_revoked_by_its_id_and_no_new_code_carries_it(self, office):
        grant = await approved(office)

        done = await office.call(office.checker, "withdraw-grant", grant=grant.grant_id)

        assert (done["state"], office.published("revocations.json")["tokens"]) == ("withdrawn", [grant.grant_id])
        assert await grants.carried(office.desk, CITY, grant.subject) == ()
        with pytest.raises(RefusedError, match="已撤回"):
            await office.call(office.checker, "withdraw-grant", grant=grant.grant_id)
        with pytest.raises(NotThereError):
            await office.call(person("checker", city=OTHER), "withdraw-grant", grant=grant.grant_id)

    async def test_an_ended_grant_is_carried_no_more(self, office):
        grant = await approved(office, until="2026-09-22")

        assert len(await grants.carried(office.desk, CITY, grant.subject)) == 1
        office.at.ms += 2 * DAY_MS
        assert await grants.carried(office.desk, CITY, grant.subject) == ()

    async def test_a_blank_cheque_is_issued_by_nobody(self, office):
        with pytest.raises(RegistryError, match="blank cheque"):
            issue(office.folder, CITY, Wanted(subject=WHO, max_uses=1, grants=[Grant(code=GUIDE)]), now_s=NOW // 1000)
