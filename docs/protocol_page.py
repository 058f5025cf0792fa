"""The tables of docs/protocol.md that are made from the structs of the wire (`docs/make.py`)."""

import msgspec
from api_page import table_of
from type_words import name_of

from sync.wire.claims import (
    About,
    BoughtRow,
    BoundBy,
    ClaimAnswer,
    ClaimKey,
    ClaimRequest,
    LeaseAnswer,
    LeaseRequest,
    OpenRow,
    PassRow,
    Refused,
    SiteRows,
)

CLAIMS = (ClaimRequest, ClaimKey, BoundBy, About, ClaimAnswer, Refused, SiteRows, OpenRow, PassRow, BoughtRow)
LEASES = (LeaseRequest, LeaseAnswer)


def page(text: str) -> str:
    """Return docs/protocol.md with its made tables made anew; all else is written by hand, or by its test."""
    for name, kinds in {"claims": CLAIMS, "leases": LEASES}.items():
        head, rest = text.split(f"<!-- {name} -->\n")
        made = "\n".join(members_of(kind) for kind in kinds)
        text = f"{head}<!-- {name} -->\n{made}<!-- /{name} -->\n{rest.split(f'<!-- /{name} -->', 1)[1][1:]}"
    return text


def members_of(kind: type[msgspec.Struct]) -> str:
    """Return a message's name, what it is, and its members."""
    rows = [
        f"| `{one.encode_name}` | {name_of(one.type)} | {'' if one.required else 'may be absent'} |"
        for one in msgspec.structs.fields(kind)
    ]
    summary = " ".join((kind.__doc__ or "").split())
    return f"**{kind.__name__}**: {summary}\n\n{table_of('| member | type | |', rows)}"
