"""Row 22: the plug is pulled at every line of publishing, re-keying and rotating; terminals and offices go on.

A cut is an exception that nothing of ours catches, raised at the n-th executed line of the publisher's own code: what
was written until then is written, what was not is not. Every STEP-th line is tried;
XINGUAN_EVERY_LINE=1 tries each.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

from central.example_town import HOME
from central.lists import cities, publishing
from central.lists.metadata_files import PublishingError
from central.lists.publishing import Repository
from credit.rules.listing import role_of
from sync.pull.examine import Draft, examine

STEP = 1 if os.environ.get("XINGUAN_EVERY_LINE") else 97
SOURCES = (
    "central/lists/publishing.py",
    "central/lists/keyed.py",
    "central/lists/metadata_files.py",
    "central/lists/role_keys.py",
)
TRACED = {str(Path(publishing.__file__).parents[2] / name) for name in (*SOURCES, "storage/files.py")}
SITES = f"rules/{HOME}/sites.json"


class PowerCutError(BaseException):
    pass


def cut_at(line, work):
    """Run `work` and pull the plug at the `line`-th line of the publisher; return whether it came so far."""
    left = line

    def trace(frame, event, _arg):
        nonlocal left
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise PowerCutError
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except PowerCutError:
        return True
    finally:
        sys.settrace(before)
    return False


def as_terminals_see(repository, now_ms):
    """Verify what is public with the terminals' own verifier; raise ListRefusedError."""
    roles = [role_of(kind, city) for city in repository.cities() for kind in ("issuers", "lists", "rules")]
    first = repository.public / "metadata" / "1.root.json"
    examine(Draft(repository.public), trust_root=first.read_bytes(), now_ms=now_ms, roles=roles)


WORKS = {
    "publish": lambda repository, now_ms: repository.publish(
        {SITES: b'{"issuer": "yunling", "site_sets": {}}'}, now_ms=now_ms
    ),
    "restrict": lambda repository, now_ms: cities.publish(repository.public.parent, now_ms=now_ms, cities=(HOME,)),
    "rekey": lambda repository, now_ms: repository.rekey_city(HOME, "lists", now_ms=now_ms),
    "rotate-targets": lambda repository, now_ms: repository.rotate("targets", now_ms=now_ms),
    "rotate-snapshot": lambda repository, now_ms: repository.rotate("snapshot", now_ms=now_ms),
    "rotate-timestamp": lambda repository, now_ms: repository.rotate("timestamp", now_ms=now_ms),
}


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.timeout(600)
def test_the_plug_is_pulled_at_every_line(platform, tmp_path, name):
    work, now_ms, line, cuts = WORKS[name], platform.later(60_000), 1, 0
    while True:
        state = tmp_path / "copy"
        shutil.copytree(platform.state, state)

        came = cut_at(line, lambda state=state: work(Repository(state), now_ms))

        if not came:
            break
        as_terminals_see(Repository(state), now_ms)
        for again in (lambda r: r.freshen(now_ms=now_ms + 1000), lambda r: work(r, now_ms + 2000)):
            again(Repository(state))
            as_terminals_see(Repository(state), now_ms + 2000)
        shutil.rmtree(state)
        cuts, line = cuts + 1, line + STEP

    assert cuts > 3


def test_what_a_terminal_would_refuse_is_not_published(platform):
    files = sorted(platform.public.rglob("*"))
    key = platform.repository.keys.folder / f"rules.{HOME}.pem"
    key.write_bytes((platform.repository.keys.folder / "snapshot.pem").read_bytes())

    with pytest.raises(PublishingError, match="terminals would refuse"):
        Repository(platform.state).publish({SITES: b'{"issuer": "yunling", "site_sets": {} }'}, now_ms=platform.later())

    assert (platform.public / "metadata" / "timestamp.json").read_bytes() == timestamp_of(files)
    as_terminals_see(Repository(platform.state), platform.clock.ms)


def timestamp_of(files):
    return next(path for path in files if path.name == "timestamp.json").read_bytes()


def test_a_folder_that_was_cut_by_an_older_version_mends_itself(platform):
    """The old way put the key aside first: the new key lay in its place, and nothing public named it."""
    keys = platform.repository.keys
    path = keys.folder / f"rules.{HOME}.pem"
    path.rename(keys.folder / f"rules.{HOME}.retired-1.pem")
    Repository(platform.state).keys.make(f"rules.{HOME}")

    Repository(platform.state).publish({SITES: b'{"issuer": "yunling", "site_sets": {} }'}, now_ms=platform.later())

    as_terminals_see(Repository(platform.state), platform.clock.ms)


def test_a_restored_repository_is_not_older_than_what_terminals_saw(platform, tmp_path):
    shutil.copytree(platform.state, tmp_path / "backup")
    for _ in range(3):
        seen = platform.repository.publish({SITES: os.urandom(8).hex().encode()}, now_ms=platform.later())

    restored = Repository(tmp_path / "backup").resign(now_ms=platform.later())

    assert restored.version > seen.version
