"""The forms of the office's calls: how they are read, and what a call is. The table is `central.office.calls`.

Rules of this file:

- a call's form is a struct: what it does not name is refused, texts and numbers are bounded where they are read;
- no text of a form holds what nobody sees, whatever it is for (`central.office.persons.written`);
- a browser's form is the same form: every value is text, and what was left empty is left out.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.persons.written import seen
from central.office.refusals import RefusedError
from central.register.accounts.duties import Person

City = Annotated[str, Meta(min_length=1, max_length=32)]
Text = Annotated[str, Meta(max_length=500)]
Why = Annotated[str, Meta(max_length=500)]
Number = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Whole = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Once = Annotated[str, Meta(min_length=8, max_length=64)]
Rules = Annotated[str, Meta(max_length=4 * 1024 * 1024)]
Json = dict[str, Any]


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every call takes: why, and a mark of the form, so that one sent twice is one act."""

    why: Why
    once: Once | None = None

    def asked(self, *, from_ms: int = 0, force: bool = False) -> Asked:
        """Return what comes with the wish."""
        return Asked(why=self.why, from_ms=from_ms, force=force, once=self.once)


class Call(NamedTuple):
    """One call: its form, what it does, and one line in both languages."""

    form: type[Form]
    run: Callable[[Desk, Person, Any], Awaitable[Json]]
    zh: str
    en: str


class FormData(dict[str, Any]):
    """A form as a browser sends it: every value is text; "" means left out."""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "FormData":
        """Return a form without what was left empty."""
        return cls({name: value for name, value in fields.items() if value != ""})


def check_texts(form: Form) -> None:
    """Raise RefusedError for a text with what nobody sees, naming its field."""
    for name in form.__struct_fields__:
        value = getattr(form, name)
        if isinstance(value, str):
            try:
                seen(value)
            except ValueError as error:
                raise RefusedError(f"{name}: {str(error).replace('|', ' · ')}") from error
