"""What stands in braces within a sentence is held like a block: JSON is read by who reads it, members are a type's own.

`READ` names, for each page and beginning, what reads it; `OF` the type whose members a form lists. One that neither
names fails, and so does a name that stands nowhere. `…` stands for anything, `"a" | "b"` for either; `?` marks what
may be absent.
"""

import itertools
import json
import re

import msgspec
import pytest

from central.http.admin_calls import StateRequest
from central.http.description import answers as operator
from central.http.list_calls import IssueRequest
from central.http.visitors.shorts import ShortRequest
from central.http.visitors.wallets import HolderSession, ProofNonce
from central.office.holders import handing
from credit.records import Record
from credit.rules.benefits import parse_benefits
from credit.rules.calendars import parse_calendars
from credit.rules.documents import parse_mapping, parse_measure_codes, parse_sites
from edge.api.messages import PresentBody
from sync.enrol import successors
from sync.wire import memory, messages, reasks, shorts
from sync.wire.hubs import HeldHere, HeldThrough
from tests.tools.pages import PAGES, without_blocks

INLINE = re.compile(r"`([{\[][^`]*[}\]])`")


def said():
    """Yield (page, text) of whatever stands in braces or brackets within a sentence."""
    for page, words in PAGES.items():
        yield from ((page, " ".join(one.split())) for one in INLINE.findall(without_blocks(words)))


SAID = list(said())


def benefit(**members):
    one = {"id": "a.b", "code": 1, "version": 1, "issuer": "a", "title": {"zh": "z"}, "offer": {"kind": "free"}}
    limits = [{"max": 1}] if "pass" in str(members.get("lifecycle")) else []
    parse_benefits({"issuer": "a", "version": 1, "benefits": [one | {"limits": limits} | members]})


def limit(period):
    benefit(limits=[{"max": 1, "period": period}])


def daily(times):
    benefit(when={"daily": times if isinstance(times[0], list) else [times]})


def table(by_tier):
    benefit(offer={"kind": "raise_limit", "by_tier": by_tier})


def mapping(one):
    parse_mapping({"issuer": "a", "mapping": one})


def calendar(one):
    parse_calendars({"issuer": "a", "calendars": {"holidays": one}})


def presented(body):
    shorts.normal(msgspec.convert(body, PresentBody).short)


def catalogue(document):
    parse_benefits(document)


def several(lists):
    parse_benefits(lists["benefits"])
    parse_calendars(lists["calendars"])
    parse_sites({name: lists[name] for name in ("issuer", "site_sets")})


READ = {
    ("api.md", '{"code": "", "short"'): presented,
    ("benefits.md", '{"issuer": …, "version"'): catalogue,
    ("benefits.md", '{"3": 3'): table,
    ("benefits.md", '{"zibo"'): mapping,
    ("benefits.md", "[["): daily,
    ("benefits.md", '["22:00"'): daily,
    ("benefits.md", '{"weekdays"'): calendar,
    ("benefits.md", '{"rolling_h"'): limit,
    ("benefits.md", '[{"per"'): lambda capacity: benefit(capacity=capacity, when={"daily": [["08:00", "12:00"]]}),
    ("benefits.md", '{"early_min"'): lambda slot: benefit(slot=slot),
    ("benefits.md", '{"open_close"'): lambda lifecycle: benefit(lifecycle=lifecycle),
    ("benefits.md", '{"pass"'): lambda lifecycle: benefit(lifecycle=lifecycle),
    ("benefits.md", '{"allow"'): lambda offline: benefit(offline=offline),
    ("benefits.md", '{"within_h"'): lambda reversal: benefit(reversal=reversal),
    ("benefits.md", '{"issuer": …, "codes"'): parse_measure_codes,
    ("benefits.md", '{"issuer": …, "benefits": […]'): several,
    ("protocol.md", '{"token": "XG1'): lambda answer: msgspec.convert(answer, shorts.ShortAnswer),
}
PLACES = {"redemption", "attempt", "heads", "lane"}  # what a controller's texts may hold
OF = {
    ("configuration.md", "{passed"): {"passed"},
    ("devices.md", "{"): PLACES,
    ("hub.md", '{"held_through"'): HeldThrough,
    ("office.md", "{c_nonce"): ProofNonce,
    ("office.md", '{typ: "openid4vci'): {"typ", "alg", "jwk"},
    ("office.md", "{aud"): {"aud", "iat", "nonce"},
    ("office.md", '{typ: "xg-handover'): {"typ", "kid", "alg"},
    ("office.md", "{iss"): set(handing.MEMBERS),
    ("office.md", "{access_token"): HolderSession,
    ("protocol.md", '{"links"'): successors.LinksAnswer,
    ("protocol.md", "{kid, key}"): messages.PlatformKey,
    ("protocol.md", "{seq, key"): messages.Conflict,
    ("protocol.md", "{seq, detail"): messages.SetAside,
    ("protocol.md", "{at_ms"): Record,
    ("protocol.md", "{redemption: base64url"): {"redemption"},
    ("protocol.md", "{terminal, nonce, at_ms, page"): memory.MemoryPage,
    ("protocol.md", "{epoch, after"): memory.Place,
    ("protocol.md", "{issuer, subject, nonce}"): reasks.Reask,
    ("protocol.md", "{issuer, subject, nonce, at_ms"): reasks.Reasked,
    ("protocol.md", "{answer"): reasks.ReaskAnswer,
    ("protocol.md", "{terminal, code"): operator.CodeMade,
    ("protocol.md", "{terminal, action"): operator.Ordered,
    ("protocol.md", "{action"): StateRequest,
    ("protocol.md", "{city, subject, tier?, groups?, test?"): ShortRequest,
    ("protocol.md", "{city, subject, max_uses?"): IssueRequest,
    ("protocol.md", "{short, until"): shorts.ShortMade,
    ("protocol.md", "{token, token_id"): operator.Issued,
    ("protocol.md", "{terminals"): operator.Ledger,
    ("protocol.md", '{"held_through"'): HeldThrough,
    ("protocol.md", '{"held"'): HeldHere,
    ("records.md", "{at_ms"): Record,
    ("records.md", "{redemption}"): PLACES,
    ("when-things-break.md", "{detail"): {"detail"},
}
NOT_OURS = {("token-format.md", beginning) for beginning in ('["Sig', "{1", "{4", "{3")}  # CBOR: its own test


def kept(found, page, text):
    """Return what a table says of this text, by its longest beginning."""
    names = [name for name in found if name[0] == page and text.startswith(name[1])]
    return found[max(names, key=len)] if names else None


def meant(text):
    """Yield the values that a text may stand for."""
    text = text.replace('"version": …', '"version": 1').replace("}?", "}").replace("]?", "]").replace('"?', '"')
    text = re.sub(r", …\]", "]", re.sub(r"\[ ?… ?\]", "[]", text.replace("{…}", "{}")))
    text = re.sub(r"(?<=[ \[])…", '"a"', text)
    parts = [re.split(r" \| ", one) for one in re.split(r'("[^"]*"(?: \| "[^"]*")+)', text)]
    yield from (json.loads("".join(one)) for one in itertools.product(*parts))


def members(text):
    """Return the members that a form lists, of its outermost braces."""
    flat = text[1:-1]
    while (less := re.sub(r"[\[{(][^\[\]{}()]*[\]})]", "", flat)) != flat:
        flat = less
    return {re.match(r"\W*([\w]+)", one)[1] for one in flat.split(",")}


def test_each_has_a_reader_or_a_type_and_each_of_those_stands_somewhere():
    free = [one for one in SAID if kept(READ, *one) is None and kept(OF, *one) is None]
    unread = {one for one in free if not any(page == one[0] and one[1].startswith(b) for page, b in NOT_OURS)}

    assert unread == set()
    for page, beginning in (*READ, *OF, *NOT_OURS):
        assert any(one[0] == page and one[1].startswith(beginning) for one in SAID), (page, beginning)


@pytest.mark.parametrize(("page", "text"), [one for one in SAID if kept(READ, *one)])
def test_json_in_a_sentence_is_read(page, text):
    for value in meant(text):
        kept(READ, page, text)(value)


@pytest.mark.parametrize(("page", "text"), [one for one in SAID if kept(OF, *one) and not kept(READ, *one)])
def test_a_form_in_a_sentence_lists_the_members_of_its_type(page, text):
    of = kept(OF, page, text)
    if isinstance(of, set):
        assert members(text) <= of | {"n"}
        return
    fields = msgspec.structs.fields(of) if issubclass(of, msgspec.Struct) else ()
    assert members(text) == ({one.encode_name for one in fields} or set(of.__annotations__))


@pytest.mark.parametrize(
    "wrong", ['{"code": "", "short": "7K3M-9QXA"}', '{"code": "", "short": "7K3M-9QXF", "lanes": "A"}']
)
def test_a_wrong_one_is_found(wrong):
    with pytest.raises(Exception, match="short|lanes|fit"):
        presented(json.loads(wrong))
