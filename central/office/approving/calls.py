"""The calls about applications, grants and credentials, for the table of `central.office.calls`."""

from datetime import date
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from central.lists.issuing import Issued
from central.office.approving import applications, grants, issuing, wallet
from central.office.approving.applications import Wish
from central.office.desk import Desk
from central.office.forms import Call, City, Form, Json, Text, Whole
from central.office.refusals import RefusedError
from central.register.accounts.duties import Person
from credit.claims import Reservation, SubjectKind
from credit.rules.terms import MAX_TIER

Proof = Annotated[str, Meta(max_length=2_000)]
Hex = Annotated[str, Meta(pattern="^[0-9a-f]{12,16}$")]


class ApplyForm(Form, frozen=True, kw_only=True):
    """Enter an application: for whom, which benefit by its code, how often, until which day."""

    city: City
    subject: Text
    code: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    uses: Annotated[int, Meta(ge=1, le=10_000)] = 1
    until: date


class DecideForm(Form, frozen=True, kw_only=True):
    """Decide an application."""

    application: Hex
    approved: bool


class ApplicationForm(Form, frozen=True, kw_only=True):
    """About one application."""

    application: Hex


class GrantForm(Form, frozen=True, kw_only=True):
    """About one grant."""

    grant: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class BookedForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A booked slot that a credential carries; times in seconds UTC."""

    order: Annotated[str, Meta(pattern="^([0-9a-f]{2}){1,16}$")]
    site: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    from_s: Whole
    until_s: Whole
    heads: Annotated[int, Meta(ge=1, le=10_000)] = 1


class IssueForm(Form, frozen=True, kw_only=True):
    """Issue a credential with everything that is approved for somebody."""

    city: City
    subject: Text
    holder_key: Annotated[str, Meta(max_length=2_000)] = ""
    proof: Proof = ""
    max_uses: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    tier: Annotated[int, Meta(ge=0, le=MAX_TIER)] = 0
    groups: Annotated[tuple[Annotated[int, Meta(ge=0, lt=2**32)], ...], Meta(max_length=16)] = ()
    days: Annotated[int, Meta(ge=1, le=366)] = 30
    region: Annotated[int, Meta(ge=0, le=999_999)] | None = None
    kind: SubjectKind = SubjectKind.PERSON
    reservation: BookedForm | None = None


class NonceForm(Form, frozen=True, kw_only=True):
    """Get a nonce that a phone signs to prove its key."""

    city: City


class RenewForm(Form, frozen=True, kw_only=True):
    """Renew a credential: the phone's code, which answers `nonce` (its bytes) as its challenge."""

    city: City
    code: Annotated[str, Meta(min_length=5, max_length=600)]
    nonce: Annotated[str, Meta(min_length=24, max_length=24)]
    days: Annotated[int, Meta(ge=1, le=366)] = 30


async def _apply(desk: Desk, who: Person, form: ApplyForm) -> Json:
    wish = Wish(subject=form.subject, code=form.code, uses=form.uses, until=form.until)
    return (await applications.enter(desk, who, form.city, wish, form.asked())).to_json()


async def _decide(desk: Desk, who: Person, form: DecideForm) -> Json:
    done = await applications.decide(desk, who, form.application, form.asked(), approved=form.approved)
    return done.to_json()


async def _ask(desk: Desk, who: Person, form: ApplicationForm) -> Json:
    return (await applications.ask(desk, who, form.application, form.asked())).to_json()


async def _complete(desk: Desk, who: Person, form: ApplicationForm) -> Json:
    return (await applications.complete(desk, who, form.application, form.asked())).to_json()


async def _take_back(desk: Desk, who: Person, form: ApplicationForm) -> Json:
    return (await applications.withdraw(desk, who, form.application, form.asked())).to_json()


async def _withdraw(desk: Desk, who: Person, form: GrantForm) -> Json:
    return (await grants.withdraw(desk, who, form.grant, form.asked())).to_json()


async def _issue(desk: Desk, who: Person, form: IssueForm) -> Json:
    code = issuing.Code(
        subject=form.subject,
        holder_key=form.holder_key,
        proof=form.proof,
        max_uses=form.max_uses,
        tier=form.tier,
        groups=form.groups,
        days=form.days,
        region=form.region,
        kind=form.kind,
        reservation=_reservation(form.reservation),
    )
    return _told(*await issuing.issue_code(desk, who, form.city, code, form.asked()))


async def _nonce(desk: Desk, who: Person, form: NonceForm) -> Json:
    who.check("credential.issue", form.city)
    nonce = await desk.run(lambda: wallet.make_nonce(desk.folder, form.city, now_s=desk.now_ms() // 1000))
    return {"c_nonce": nonce, "c_nonce_expires_in": wallet.NONCE_S}


async def _renew(desk: Desk, who: Person, form: RenewForm) -> Json:
    old = issuing.Old(code=form.code, nonce=form.nonce, days=form.days)
    return _told(*await issuing.renew(desk, who, form.city, old, form.asked()))


def _told(issued: Issued, names: tuple[str, ...]) -> Json:
    return {
        "token": issued.text,
        "token_id": issued.token_id.hex(),
        "subject": issued.subject.hex(),
        "expires": issued.expires_s,
        "grants": list(names),
    }


def _reservation(form: BookedForm | None) -> Reservation | None:
    if form is None:
        return None
    if form.until_s <= form.from_s:
        raise RefusedError("预约结束早于开始 · a reservation ends after it begins")
    return Reservation(
        order=bytes.fromhex(form.order), site=form.site, from_s=form.from_s, until_s=form.until_s, heads=form.heads
    )


APPROVING: Final[dict[str, Call]] = {
    "apply": Call(ApplyForm, _apply, "受理申请", "Enter an application"),
    "decide": Call(DecideForm, _decide, "审批申请", "Approve or reject an application"),
    "ask": Call(ApplicationForm, _ask, "一次性告知补正", "Ask once for what is missing"),
    "complete": Call(ApplicationForm, _complete, "登记补正", "What was missing has come"),
    "take-back": Call(ApplicationForm, _take_back, "撤回申请", "Take an application back"),
    "withdraw-grant": Call(GrantForm, _withdraw, "撤回批准", "Withdraw a grant"),
    "nonce": Call(NonceForm, _nonce, "取一次性随机数", "Get a nonce for a phone"),
    "renew": Call(RenewForm, _renew, "续发凭证", "Renew a credential"),
    "issue": Call(IssueForm, _issue, "签发凭证码", "Issue a credential"),
}
