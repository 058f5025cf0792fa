"""Every call of the office: one table that pages, the API and its description share.

Each call asks for its duty itself (`central.register.accounts.duties`). `city` is always said; somebody else's draft,
case, application or grant is "not there".
"""

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from central.office import cases, conflicts, entries, terminals
from central.office.approving.calls import APPROVING
from central.office.desk import Desk
from central.office.drafts import deciding
from central.office.forms import Call, City, Form, FormData, Json, Number, Rules, Text, Whole, check_texts
from central.office.importing import columns, residents
from central.office.persons import exporting, forgetting
from central.office.refusals import RefusedError
from central.office.urgent import emergencies, killing
from central.register.accounts.duties import Person
from central.register.members import Standing
from credit.rules.terms import MAX_TIER


class MeasureForm(Form, frozen=True, kw_only=True):
    """Draft a measure."""

    city: City
    subject: Text
    code: Annotated[int, Meta(ge=0, le=65_535)]
    until: date
    from_day: date | None = None
    authority: Text = ""
    basis: Text = ""


class MemberForm(Form, frozen=True, kw_only=True):
    """Draft somebody's tier and groups: `groups` are codes with commas or spaces between them; 0 and none take away."""

    city: City
    subject: Text
    tier: Annotated[int, Meta(ge=0, le=MAX_TIER)] = 0
    groups: Text = ""


class EntryForm(Form, frozen=True, kw_only=True):
    """About one measure in the register: repair it, or dispute it."""

    city: City
    entry: Number


class RulesForm(Form, frozen=True, kw_only=True):
    """Draft rule files: `files` is one JSON object {name: document}; `force` in spite of doubts."""

    city: City
    files: Rules
    from_ms: Whole = 0
    force: bool = False


class DraftForm(Form, frozen=True, kw_only=True):
    """About one draft."""

    draft: Number
    force: bool = False


class SettleForm(Form, frozen=True, kw_only=True):
    """Settle a case: for the person (`upheld`) or against them."""

    case: Number
    upheld: bool


class TerminalForm(Form, frozen=True, kw_only=True):
    """Suspend a terminal, or let it serve again."""

    city: City
    terminal: Annotated[str, Meta(min_length=1, max_length=63)]
    action: terminals.Action


class ConflictForm(Form, frozen=True, kw_only=True):
    """About one overrun bound."""

    city: City
    key: Annotated[str, Meta(min_length=1, max_length=512)]
    decision: conflicts.Decision


async def _conflict(desk: Desk, who: Person, form: ConflictForm) -> Json:
    return await conflicts.settle(desk, who, form.city, form.key, form.decision, form.asked())


class KillForm(Form, frozen=True, kw_only=True):
    """About one signing key."""

    city: City
    kid: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


async def _kill(desk: Desk, who: Person, form: KillForm) -> Json:
    return await killing.kill(desk, who, form.city, form.kid, form.asked())


class LookForm(Form, frozen=True, kw_only=True):
    """About one emergency."""

    city: City
    act: Number


async def _look(desk: Desk, who: Person, form: LookForm) -> Json:
    return await emergencies.look(desk, who, form.city, form.act, form.asked())


class PersonForm(Form, frozen=True, kw_only=True):
    """About one person, by name or pseudonym."""

    city: City
    subject: Text


async def _export(desk: Desk, who: Person, form: PersonForm) -> Json:
    return await exporting.export(desk, who, form.city, form.subject, form.asked())


async def _forget(desk: Desk, who: Person, form: PersonForm) -> Json:
    return await forgetting.forget(desk, who, form.city, form.subject, form.asked())


class ImportForm(Form, frozen=True, kw_only=True):
    """About one import."""

    city: City
    batch: Annotated[str, Meta(pattern="^[0-9a-f]{12}$")]


async def _undo_import(desk: Desk, who: Person, form: ImportForm) -> Json:
    return await residents.undo(desk, who, form.city, form.batch, form.asked())


async def _terminal(desk: Desk, who: Person, form: TerminalForm) -> Json:
    number = await terminals.order(desk, who, form.city, form.terminal, form.action, form.asked())
    return {"terminal": form.terminal, "action": form.action, "number": number}


async def _measure(desk: Desk, who: Person, form: MeasureForm) -> Json:
    wished = entries.Wished(
        subject=form.subject,
        code=form.code,
        until=form.until,
        from_day=form.from_day,
        authority=form.authority,
        basis=form.basis,
    )
    return (await deciding.propose_measure(desk, who, form.city, wished, form.asked())).to_json()


async def _member(desk: Desk, who: Person, form: MemberForm) -> Json:
    who.check("member.propose", form.city)
    try:
        shall = Standing.of(form.tier, columns.groups(form.groups))
    except ValueError as error:
        raise RefusedError(str(error).replace("|", " · ")) from error
    key = await desk.run(lambda: bytes.fromhex(entries.pseudonym_of(desk.folder, form.city, form.subject)))
    wish = secrets.token_hex(6)
    draft = await deciding.propose_members(desk, who, form.city, {key: shall}, form.asked(), wish=wish)
    if draft is None:
        raise RefusedError("没有任何变化 · nothing changes")
    return draft.to_json()


async def _repair(desk: Desk, who: Person, form: EntryForm) -> Json:
    return (await deciding.propose_repair(desk, who, form.city, form.entry, form.asked())).to_json()


async def _rules(desk: Desk, who: Person, form: RulesForm) -> Json:
    asked = form.asked(from_ms=form.from_ms, force=form.force)
    files = deciding.as_files(form.files)
    return (await deciding.propose_rules(desk, who, form.city, files, asked)).to_json()


async def _sites(desk: Desk, who: Person, form: RulesForm) -> Json:
    asked = form.asked(from_ms=form.from_ms, force=form.force)
    files = deciding.as_files(form.files)
    return (await deciding.propose_rules(desk, who, form.city, files, asked, kind="sites")).to_json()


async def _approve(desk: Desk, who: Person, form: DraftForm) -> Json:
    return (await deciding.approve(desk, who, form.draft, form.asked(force=form.force))).to_json()


async def _reject(desk: Desk, who: Person, form: DraftForm) -> Json:
    return (await deciding.reject(desk, who, form.draft, form.asked())).to_json()


async def _withdraw(desk: Desk, who: Person, form: DraftForm) -> Json:
    return (await deciding.withdraw(desk, who, form.draft, form.asked())).to_json()


async def _roll_back(desk: Desk, who: Person, form: DraftForm) -> Json:
    return (await deciding.roll_back(desk, who, form.draft, form.asked())).to_json()


async def _dispute(desk: Desk, who: Person, form: EntryForm) -> Json:
    return (await cases.open_dispute(desk, who, form.city, form.entry, form.asked())).to_json()


async def _settle(desk: Desk, who: Person, form: SettleForm) -> Json:
    return (await cases.settle(desk, who, form.case, form.asked(), upheld=form.upheld)).to_json()


CALLS: Final[Mapping[str, Call]] = {
    "measure": Call(MeasureForm, _measure, "起草惩戒措施", "Draft a measure"),
    "member": Call(MemberForm, _member, "起草等级与人群", "Draft somebody's tier and groups"),
    "repair": Call(EntryForm, _repair, "起草信用修复", "Draft the repair of a measure"),
    "rules": Call(RulesForm, _rules, "起草规则修改", "Draft a change of the rules"),
    "sites": Call(RulesForm, _sites, "起草场所与商户修改", "Draft a change of sites and merchants"),
    "approve": Call(DraftForm, _approve, "复核批准草稿", "Approve a draft"),
    "reject": Call(DraftForm, _reject, "退回草稿", "Send a draft back"),
    "withdraw": Call(DraftForm, _withdraw, "撤回草稿", "Withdraw a draft"),
    "roll-back": Call(DraftForm, _roll_back, "一键回退", "Roll a draft back"),
    "dispute": Call(EntryForm, _dispute, "登记异议", "Open a dispute about a measure"),
    "settle": Call(SettleForm, _settle, "办结异议", "Settle a case"),
    "settle-conflict": Call(ConflictForm, _conflict, "处理冲突", "Settle a conflict"),
    "kill": Call(KillForm, _kill, "紧急停用签名密钥", "Kill a signing key at once"),
    "look-over": Call(LookForm, _look, "复看紧急处置", "Look over what one person did alone"),
    "export-person": Call(PersonForm, _export, "查阅复制个人信息", "Everything that is held about somebody"),
    "forget-person": Call(PersonForm, _forget, "删除个人信息", "Forget somebody for good"),
    "undo-import": Call(ImportForm, _undo_import, "撤销一次导入", "Undo an import"),
    "terminal": Call(TerminalForm, _terminal, "暂停或恢复终端", "Suspend a terminal, or let it serve again"),
} | APPROVING
"""What the office can do over HTTP: `POST /v1/office/NAME`, and the same as forms of its pages."""


async def call(desk: Desk, who: Person, name: str, given: Any) -> Json:
    """Make one call with a JSON object or a form; raise msgspec.ValidationError, OfficeError, ForbiddenError."""
    one = CALLS[name]
    form = msgspec.convert(given, one.form, strict=not isinstance(given, FormData))
    check_texts(form)
    return await one.run(desk, who, form)
