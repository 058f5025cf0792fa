"""An operator's measure, from the draft to the repair, and what a visitor hears of it at the gate."""

import datetime as dt

from told import TOLD, Visitor, answered, done, office, platform, same, terminal, until
from xinguan_office.api.default import approve, measure, repair
from xinguan_office.models import DraftForm, EntryForm, MeasureForm
from xinguan_platform.api.default import ledger
from xinguan_terminal.api.default import present
from xinguan_terminal.models import Intent, PresentBody

clerk, checker = office(TOLD["clerk"]), office(TOLD["checker"])
guest = Visitor("resident")


def at_gate():
    def ask():
        body = PresentBody(code=guest.code(), lane="A", intent=Intent.CHECK, ticket="adult")
        return present.sync(client=terminal, body=body)

    return answered(ask)


def refused():
    answer = at_gate()
    return answer if answer.outcome == "REFUSE" else None


same(at_gate().outcome, "GRANT", "before")
wanted = MeasureForm(
    city=TOLD["city"],
    subject=guest.subject,
    code=TOLD["restricting"],
    until=dt.datetime.now(tz=dt.UTC).date() + dt.timedelta(days=90),
    authority=TOLD["authority"],
    basis="第二十三条",
    why="决定书 2026-118 · decision 2026-118",
)
draft = measure.sync(client=clerk, body=wanted)
same((draft.state, len(draft.words)), ("open", 1), "a draft, in words")
alone = approve.sync(client=clerk, body=DraftForm(draft=draft.number, why="我自己 · myself"))
same((alone.status, alone.code), (403, "not_your_duty"), "one person alone cannot")
approved = approve.sync(client=checker, body=DraftForm(draft=draft.number, why="核对无误 · checked"))
same(approved.state, "in_force", "approved by another")
same(until(refused, "the measure at the gate").reasons[0].code, "restricted", "the gate says so")

lifting = repair.sync(
    client=clerk, body=EntryForm(city=TOLD["city"], entry=approved.result.entry, why="已履行 · done what was due")
)
lifted = approve.sync(client=checker, body=DraftForm(draft=lifting.number, why="核对无误 · checked"))
same(lifted.state, "in_force", "repaired")
until(lambda: at_gate().outcome == "GRANT", "the repair at the gate")

books = ledger.sync(client=platform)
same((books.terminals[0].terminal, books.duplicates), ("gate-east", 0), "the platform's ledger")
done("office")
