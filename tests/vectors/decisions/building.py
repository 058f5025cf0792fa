"""Building case files tersely: what a vector varies stands in it, everything else has a default."""

import json
from pathlib import Path

HERE = Path(__file__).parent
YEAR = "2026"
CASES = {}


def at(text, offset="+08:00"):
    """ "10-01 09:00" or "10-01 09:00:30" or a whole date, in the case's zone."""
    day, clock = text.split(" ")
    day = day if len(day) == 10 else f"{YEAR}-{day}"
    clock = clock if len(clock) > 5 else f"{clock}:00"
    return f"{day}T{clock}{offset}"


def benefit(name="b", code=1, *, offer=None, issuer="wulong", sites=("park",), scenes=("gate",), **more):
    where = {"sites": list(sites), "scenes": list(scenes), **more.pop("where", {})}
    return {
        "id": name, "code": code, "version": 1, "issuer": issuer, "title": {"zh": f"优惠{code}", "en": name},
        "offer": offer or {"kind": "free"}, "where": where, **more,
    }


def uses(most, **more):
    return {"count": "uses", "per": "subject", "scope": "benefit", "max": most, **more}


def show(when, subject="wang", *, terminal="gate1", token=None, want=None, why=(), step=None, **request):
    shown = {"issuer": "wulong", "subject": subject, "tier": 3, **(token or {})}
    made = {"at": at(when), "terminal": terminal, "token": {k: v for k, v in shown.items() if v is not None}}
    if request:
        made["request"] = request
    made |= step or {}
    expect = {"outcome": want} if isinstance(want, str) else dict(want or {})
    if why:
        expect["reasons"] = [why] if isinstance(why, str) else list(why)
    if expect:
        made["expect"] = expect
    return made


def granted(when, subject="wang", *, by=None, offer=None, left=None, more=None, **rest):
    expect = {"outcome": "GRANT", **(more or {})}
    if by is not None:
        expect["benefit"] = by
    if offer is not None:
        expect["offer"] = offer
    if left is not None:
        expect["left"] = left
    return show(when, subject, want=expect, **rest)


def standard(when, subject="wang", why=(), **rest):
    return show(when, subject, want="STANDARD", why=why, **rest)


def refer(when, subject="wang", why=(), **rest):
    return show(when, subject, want="REFER", why=why, **rest)


def refuse(when, subject="wang", why=(), **rest):
    return show(when, subject, want="REFUSE", why=why, **rest)


def event(when, kind, *, error=None, conflicts=None, **more):
    expect = {"error": error}
    if conflicts is not None:
        expect["conflicts"] = conflicts
    return {"at": at(when), "event": kind, **more, "expect": expect}


def case(name, title, catalogue, steps, **top):
    assert name not in CASES, name
    terminals = top.pop("terminals", None) or {"gate1": {"site": "park", "scene": "gate", "lane": "A"}}
    catalogue = catalogue if isinstance(catalogue, list) else [catalogue]
    CASES[name] = {"title": title, "zone": "Asia/Shanghai", "terminals": terminals, "catalogue": catalogue, **top,
                   "steps": steps}


TWO_GATES = {
    "gate1": {"site": "park", "scene": "gate", "lane": "A"},
    "gate2": {"site": "park", "scene": "gate", "lane": "B"},
}


def write():
    """Write every case; remove files that no case makes any more."""
    for old in HERE.glob("*.json"):
        if old.stem not in CASES:
            old.unlink()
    for name, made in CASES.items():
        (HERE / f"{name}.json").write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
