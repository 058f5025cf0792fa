"""`xinguan lists check FILE`: what is wrong in a catalogue, by path, and what is likely not meant.

Rules of this file:

- any of the signed documents, a case file, or a bundle of lists in one object can be checked before it is signed
  (credit.checking reads and doubts; this says it);
- an error ends the check (exit 2) and names path and mend; warnings are for benefits that can never apply, for
  overlaps that can never win, and for calendars that end soon (exit 0; `credit.checking.doubts`);
- what benefits name and the file does not hold (calendars, site sets) is said, and counts as being there.
"""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from credit.checking.catalogue import UNKNOWN, Catalogue, read_document
from credit.checking.doubts import doubts
from credit.rules.reading import CatalogueError
from edge.simulator.case_file import parse_case

WRONG_FILE = 2


def check_file(path: Path) -> int:
    """Check a file and say what was found; return the exit code."""
    today = datetime.now(UTC).date()
    try:
        published = read(path.read_bytes())
    except OSError as error:
        print(f"{path}: {error.strerror or error}", file=sys.stderr)
        return WRONG_FILE
    except CatalogueError as error:
        print(f"{path}: 错误 error: {error}", file=sys.stderr)
        return WRONG_FILE
    elsewhere = _elsewhere(published)
    known = {name: one for name, one in published.calendars.items() if one.covers_until != UNKNOWN}
    published = replace(published, calendars=known)
    found = list(doubts(published, today))
    for one in found:
        print(f"{path}: 注意 {one.path} {one.zh} · warning: {one.path}: {one.en}")
    if elsewhere:
        print(f"{path}: 不在此文件 not in this file, check them together: {', '.join(elsewhere)}")
    counts = f"{len(published.benefits)} benefits, {len(published.calendars)} calendars, {len(found)} warnings"
    print(f"{path}: 可用 usable · {counts}")
    return 0


def read(raw: bytes) -> Catalogue:
    """Return what a document publishes; raise CatalogueError naming path and mend."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CatalogueError("$", f"is no JSON: {error}") from None
    if isinstance(document, dict) and "steps" in document:
        return parse_case(raw).published
    return read_document(document)


def _elsewhere(published: Catalogue) -> list[str]:
    """Return what benefits name and this file does not hold: calendars and site sets of other lists."""
    calendars = [f"calendar {name}" for name, one in published.calendars.items() if one.covers_until == UNKNOWN]
    sets = {name for benefit in published.benefits for name in benefit.where.site_sets or ()}
    return sorted(calendars) + sorted(f"site set {name}" for name in sets - published.sites.sets.keys())
