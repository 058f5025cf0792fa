"""`xinguan central publish`: sign what the offices changed; with --rules, say or do what edited files would change."""

import argparse
from pathlib import Path

from central.books.reports import sites_and_scenes
from central.clock import now_ms
from central.commands.common import Answer, add_state, answered, said
from central.commands.office.alone import add_emergency, alone
from central.lists.bundles import bundle
from central.lists.cities import EDITED, publish, put_rules, unapproved
from central.lists.metadata_files import PublishingError
from central.lists.publishing import Repository
from central.office.drafts import rulebooks
from central.office.drafts.keeping import Proposal
from central.office.refusals import RefusedError
from central.platform_state import open_state
from central.register.accounts.acts import Act
from central.register.warrants import Warrant
from central.store import looked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_state(parser)
    parser.add_argument("--city", help="only this city; without it, all of them")
    parser.add_argument("--rules", type=Path, metavar="DIR", help="take the city's edited JSON files from here first")
    parser.add_argument("--dry-run", action="store_true", help="with --rules: say in words what would change, and end")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="write the lists here too (.zip), for a stick")
    add_emergency(parser)


def run(args: argparse.Namespace) -> int:
    """Publish, say what changed."""
    if args.rules and not args.city:
        raise SystemExit("central publish --rules DIR needs --city: whose rules are they?")
    if args.dry_run and not args.rules:
        raise SystemExit("central publish --dry-run needs --rules DIR: what would be published?")
    return answered(lambda: _told(args) if args.dry_run else _publish(args))


def _publish(args: argparse.Namespace) -> Answer:
    act = Act(act="rules.replace", city=args.city or "")
    told = alone(args, act, lambda by: _put(args, by)) if args.rules else _sign(args)
    if args.bundle:
        args.bundle.write_bytes(bundle(args.state))
    return told


def _proposed(args: argparse.Namespace) -> Proposal:
    """Return what the files would change, checked and compared as the office does; raise RefusedError."""
    found = {name: args.rules / name for _kind, name in EDITED}
    files = {name: path.read_text("utf-8", "surrogateescape") for name, path in found.items() if path.exists()}
    if not files:
        raise PublishingError(f"{args.rules}: holds none of {', '.join(found)}")
    sites, scenes = looked(open_state(args.state), sites_and_scenes)
    known = rulebooks.Known(sites=sites, scenes=scenes)
    return rulebooks.propose(args.state, args.city, files, kind="rules", now_ms=now_ms(), known=known)


def _told(args: argparse.Namespace) -> Answer:
    proposal = _proposed(args)
    words, doubts = ([{"zh": one.zh, "en": one.en} for one in told] for told in (proposal.words, proposal.doubts))
    return {"dry_run": True, "city": args.city, "files": sorted(proposal.content), "changes": words, "doubts": doubts}


def _put(args: argparse.Namespace, warrant: Warrant) -> Answer:
    proposal = _proposed(args)
    if proposal.doubts:
        told = "\n".join(f"{one.zh} · {one.en}" for one in proposal.doubts)
        raise RefusedError(f"有疑点，一人不能强制发布 · doubts, which one person alone cannot force:\n{told}")
    files = {name: text.encode() for name, text in proposal.content.items()}
    put_rules(args.state, args.city, files, warrant=warrant, now_ms=now_ms())
    return _sign(args)


def _sign(args: argparse.Namespace) -> Answer:
    """Sign what stands in the register and in force; say which files were edited by nobody's word."""
    published = publish(args.state, now_ms=now_ms(), cities=(args.city,) if args.city else None)
    cities = (args.city,) if args.city else Repository(args.state).cities()
    aside = [f"{city}/{name}" for city in cities for name in unapproved(args.state, city)]
    return said(published) | ({"not_approved": aside} if aside else {})
