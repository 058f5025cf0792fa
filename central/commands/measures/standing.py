"""`xinguan central measures`: which measures stand in a city, by whose decision, until when; which one is meant.

Rules of this file:

- who lifts or disputes by command means one measure of one authority; where more stand, all are named and nothing is
  done (谁认定谁修复), unless `--all` says that all are meant;
- a measure that ended by itself stands no more.
"""

import argparse
from datetime import UTC, datetime

from central.clock import now_ms
from central.commands.common import Answer, add_city, answered
from central.lists.measure_calls import ALL, Only
from central.office import entries
from central.office.refusals import RefusedError
from central.register.registry import register, zone_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_city(parser)
    parser.add_argument("--subject", help="only those against this person: a name, or a pseudonym (32 hex digits)")


def run(args: argparse.Namespace) -> int:
    """Say which stand."""
    return answered(lambda: _listed(args))


def _listed(args: argparse.Namespace) -> Answer:
    codes, _longest = entries.catalogue(args.state, args.city)
    standing = _standing(
        args, None if args.subject is None else entries.pseudonym_of(args.state, args.city, args.subject)
    )
    return {
        "measures": [
            {
                "number": one.number,
                "subject": one.subject,
                "code": one.code,
                "title": codes[one.code].title if one.code in codes else {},
                "authority": one.authority,
                "from": one.from_day,
                "until": one.until_day,
                "state": one.state,
            }
            for one in standing
        ]
    }


def _standing(args: argparse.Namespace, subject: str | None) -> list[entries.Entry]:
    with register(args.state) as conn:
        today = datetime.fromtimestamp(now_ms() / 1000, tz=UTC).astimezone(zone_of(conn, args.city)).date()
    found = entries.standing(args.state, args.city, today=today)
    return [one for one in found if subject in (None, one.subject)]


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Declare how one measure of several is named."""
    parser.add_argument("--code", type=int, help="the measure that is meant, by its code")
    parser.add_argument("--authority", help="whose decision is meant, where several have taken the same measure")
    parser.add_argument("--all", action="store_true", help="all of them are meant, whoever took them")


def chosen(args: argparse.Namespace, subject: str) -> Only:
    """Return the one measure that is meant; raise RefusedError, naming each, where it could be several."""
    if args.all:
        return ALL
    meant = Only(args.code, args.authority)
    found = {
        (one.code, one.authority)
        for one in _standing(args, subject)
        if meant.code in (None, one.code) and meant.authority in (None, one.authority)
    }
    if len(found) > 1:
        each = "；".join(f"--code {code} --authority {authority}" for code, authority in sorted(found))
        raise RefusedError(
            f"有 {len(found)} 项措施，请指明一项，或用 --all ·"
            f" {len(found)} measures stand: name one, or say --all: {each}"
        )
    return Only(*found.pop()) if found else meant
