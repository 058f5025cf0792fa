"""Every other call, once: what a service page, a shop, a platform's operator and an office's programs ask."""

import secrets

from told import TOLD, Visitor, answered, done, holds, office, platform, same, terminal, terminal_as
from xinguan_office.api.default import approve, dispute, reject, settle, withdraw
from xinguan_office.api.default import measure as draft_measure
from xinguan_office.models import DraftForm, EntryForm, MeasureForm, SettleForm
from xinguan_platform.api.default import (
    health,
    issue,
    new_profile,
    order_terminal,
)
from xinguan_platform.models import IssueRequest, Profile, StateRequest
from xinguan_terminal.api.default import (
    again,
    change_offer,
    emergency,
    journal,
    lists,
    lock,
    new_offer,
    new_person,
    new_pin,
    offers,
    open_once,
    present,
    print_,
    readiness,
    ready,
    staff,
    stats,
    status,
    stop_entry,
    stop_entry_by_name,
    strike_person,
    synchronise,
    undo_offer,
    unlock,
    withdraw_offer,
)
from xinguan_terminal.api.default import health as terminal_health
from xinguan_terminal.models import (
    ByBody,
    EmergencyBody,
    EntryBody,
    Intent,
    OfferBody,
    OpenBody,
    PersonBody,
    PinBody,
    PresentBody,
    PrintBody,
    StopBody,
    UnlockBody,
)

service, desk = terminal_as(TOLD["tokens"]["service"]), terminal_as(TOLD["tokens"]["desk"])
PIN = "739152"

# How it is.
same(status.sync(client=terminal).terminal, "gate-east", "who it is")
holds("it is ready", so=readiness.sync(client=terminal).ready)
same((ready.sync(client=terminal).ready, terminal_health.sync(client=terminal).ok), (True, True), "and says so")
holds("the lists in force", so={one.city for one in lists.sync(client=terminal).lists} >= {TOLD["city"]})
told = journal.sync(client=terminal, after=0, many=3)
same(([one.seq for one in told.records], told.next_), ([1, 2, 3], 3), "its own records")
holds("what was given lately", so=stats.sync(client=terminal, hours=1).since_ms > 0)
same(synchronise.sync(client=service).problem, "", "synchronised")
same(synchronise.sync(client=terminal).code, "not_allowed", "which is the service page's")
again.sync("A", client=terminal)
same(print_.sync("A", client=terminal, body=PrintBody()).code, "not_there", "no printer here")
shown = Visitor("resident").code()
quoted = PresentBody(code=shown, lane="C", intent=Intent.QUOTE, amount_fen=1000)
same(answered(lambda: present.sync(client=terminal, body=quoted)).outcome, "GRANT", "what it would cost")
same(print_.sync("C", client=terminal, body=PrintBody()).lane, "C", "on paper")

# The shop's own offers.
terms = {"title": {"zh": "老顾客九五折", "en": "5 % off"}, "offer": {"kind": "percent", "percent_off": 5}, "lane": "C"}
offer = new_offer.sync(client=desk, body=OfferBody.from_dict(terms | {"stock": 20}))
same((offer.in_force, offer.left), (True, 20), "a new offer")
changed = change_offer.sync(offer.id, client=desk, body=OfferBody.from_dict(terms | {"stock": 30}))
same(changed.left, 30, "and another stock")
same(undo_offer.sync(offer.id, client=desk, body=ByBody()).left, 20, "taken back")
holds("withdrawn", so=not withdraw_offer.sync(offer.id, client=desk, body=ByBody()).in_force)
holds("it can be found for a day", so=offer.id in {one.id for one in offers.sync(client=desk)})

# Who works here, and what they do in their own name.
person = PersonBody.from_dict({"person": "王芳", "role": "supervisor", "pin": PIN})
same(new_person.sync(client=service, body=person).role, "supervisor", "a new person")
same(new_person.sync(client=service, body=person).code, "here_already", "is here already")
same([one.person for one in staff.sync(client=terminal)], ["王芳"], "who works here")
same(unlock.sync(client=desk, body=UnlockBody(person="王芳", pin="000000")).code, "not_allowed", "a wrong PIN")
session = unlock.sync(client=desk, body=UnlockBody(person="王芳", pin=PIN))
named = terminal_as(session.token)
same(open_once.sync("A", client=named, body=OpenBody(why="轮椅 wheelchair")).lane, "A", "opened by name")
for stopped in (True, False):
    same(stop_entry_by_name.sync(client=named, body=StopBody(stopped=stopped)).stopped, stopped, "entry, by name")
    same(stop_entry.sync(client=terminal, body=EntryBody(stopped=stopped, by="tour")).stopped, stopped, "entry")
    same(emergency.sync(client=terminal, body=EmergencyBody(open_=stopped, by="tour")).open_, stopped, "emergency")
lock.sync(client=named)
new_pin.sync("王芳", client=service, body=PinBody(pin="846205"))
same(strike_person.sync("王芳", client=service).person, "王芳", "struck out")

# The platform's operator.
same(health.sync(client=platform).status, "ok", "the platform answers")
name = f"tour-{secrets.token_hex(4)}"
issued = issue.sync(client=platform, body=IssueRequest(city=TOLD["city"], subject=name, test=True))
holds("a printed code", so=issued.token.startswith("XG1:"))
for action in ("suspend", "resume"):
    ordered = order_terminal.sync("vendor-gate", client=platform, body=StateRequest.from_dict({"action": action}))
    same(ordered.action, action, "an order")
profile = {"site": "vendor-site", "title": {"zh": "别家终端"}, "issuer": TOLD["city"], "lanes": []}
same(new_profile.sync("vendor-gate", client=platform, body=Profile.from_dict(profile)).action, "profile", "a profile")
same(new_profile.sync("nobody", client=platform, body=Profile.from_dict(profile)).code, "not_found", "of nobody")

# The office: a draft that is taken back, one that is sent back, and a dispute.
clerk, checker = office(TOLD["clerk"]), office(TOLD["checker"])
subject = Visitor("resident").subject
wanted = {"city": TOLD["city"], "subject": subject, "code": TOLD["restricting"], "until": "2028-12-31"}
wanted = MeasureForm.from_dict(wanted | {"authority": TOLD["authority"], "basis": "第二十三条", "why": "试 · a trial"})
first, second, third = (draft_measure.sync(client=clerk, body=wanted).number for _ in range(3))
same(withdraw.sync(client=clerk, body=DraftForm(draft=first, why="误 · wrong")).state, "withdrawn", "taken back")
same(reject.sync(client=checker, body=DraftForm(draft=second, why="缺 · missing")).state, "rejected", "sent back")
entry = approve.sync(client=checker, body=DraftForm(draft=third, why="可 · good")).result.entry
case = dispute.sync(client=clerk, body=EntryForm(city=TOLD["city"], entry=entry, why="本人异议 · disputed"))
same(case.state, "open", "a case")
settled = settle.sync(client=checker, body=SettleForm(case=case.number, upheld=True, why="成立 · upheld"))
same((settled.state, settled.outcome), ("upheld", "成立 · upheld"), "settled")
done("tour")
