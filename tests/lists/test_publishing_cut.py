"""Row 22: the plug is pulled at every line of publishing, re-keying, rotating, of taking a city in and of founding.

A cut is an exception that nothing of ours catches, raised at the n-th executed line of the publisher's own code: what
was written until then is written, what was not is not. Every STEP-th line is tried; XINGUAN_EVERY_LINE=1 tries each.
What a cut left is looked at when it is another state of the disk than the cut before it left: most lines write nothing.
"""

import hashlib
import os
import re
import shutil
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from central.cli import main
from central.example_town import FOREIGN, HOME, RESTRICT
from central.lists import cities, measure_calls, publishing
from central.lists.issuing import complete_keys
from central.lists.metadata_files import PublishingError
from central.lists.publishing import Repository
from central.register.registry import RegistryError, pseudonym, register
from central.register.warrants import Warrant
from credit.rules.listing import role_of
from sync.pull.examine import Draft, examine

EVERY = bool(os.environ.get("XINGUAN_EVERY_LINE"))
STEP, LONG_STEP = (1, 1) if EVERY else (97, 397)
SOURCES = (
    "central/lists/publishing.py",
    "central/lists/keyed.py",
    "central/lists/metadata_files.py",
    "central/lists/role_keys.py",
    "central/lists/delegations.py",
    "central/lists/issuing.py",
    "central/commands/init.py",
    "central/platform_state.py",
)
OFFICES = Path(publishing.__file__).parents[1] / "example_offices"
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


def shape(*folders):
    """Return names and sizes of all files, a database's with what is in it: nothing is written without changing it."""
    every = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    found = ((re.sub("[0-9a-f]{64}", "h", str(path)), path.stat().st_size, content(path)) for path in sorted(every))
    return tuple(sorted(found))


def content(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if ".db" in path.name else ""


def take_in(repository, city, *, now_ms):
    """As `central city add` does it."""
    state = repository.public.parent
    cities.enter(state, city)
    complete_keys(state, city, now_s=now_ms // 1000)
    cities.found_city(state, city, offices_of(state.parent, city), now_ms=now_ms)


def take_in_until_it_stands(repository, now_ms):
    if "third" not in repository.cities():
        take_in(repository, "third", now_ms=now_ms)


def offices_of(folder, city):
    made = folder / f"offices-{city}"
    made.mkdir(exist_ok=True)
    for path in (OFFICES / HOME).iterdir():
        (made / path.name).write_text(path.read_text("utf-8").replace(HOME, city), "utf-8")
    return made


def restrict(repository, now_ms):
    """As an office does it; a measure that was recorded before the plug was pulled is published."""
    state = repository.public.parent
    with register(state) as conn:
        pseudonym(conn, HOME, "wang")
        stands = conn.execute("SELECT 1 FROM entry").fetchone()
    if stands:
        cities.publish(state, now_ms=now_ms)
        return
    measure = measure_calls.Measure(code=RESTRICT, until=date(2027, 12, 31), authority="云岭文旅局")
    measure_calls.restrict(state, HOME, "wang", measure, warrant=Warrant.by_two("li", "han"), now_ms=now_ms)


def expel(repository, now_ms):
    if FOREIGN in repository.cities():
        repository.expel_city(FOREIGN, now_ms=now_ms)


def replace(repository, now_ms):
    stick = repository.public.parent.parent / "copy-stick"
    repository.keys.bring(stick)
    repository.replace_root_key(2, stick, now_ms=now_ms)


WORKS = {
    "take-in": take_in_until_it_stands,
    "expel": expel,
    "replace-root": replace,
    "publish": lambda repository, now_ms: repository.publish(
        {SITES: b'{"issuer": "yunling", "site_sets": {}}'}, now_ms=now_ms
    ),
    "restrict": restrict,
    "rekey": lambda repository, now_ms: repository.rekey_city(HOME, "lists", now_ms=now_ms),
    "rotate-targets": lambda repository, now_ms: repository.rotate("targets", now_ms=now_ms),
    "rotate-snapshot": lambda repository, now_ms: repository.rotate("snapshot", now_ms=now_ms),
    "rotate-timestamp": lambda repository, now_ms: repository.rotate("timestamp", now_ms=now_ms),
}


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.timeout(0 if EVERY else 600)
def test_the_plug_is_pulled_at_every_line(platform, tmp_path, name):
    work, now_ms, line, cuts, before, looked = WORKS[name], platform.later(60_000), 1, 0, None, 0
    step = LONG_STEP if name == "take-in" else STEP
    while True:
        state = tmp_path / "copy"
        shutil.copytree(platform.state, state)

        came = cut_at(line, lambda state=state: work(Repository(state), now_ms))

        if not came:
            break
        before, shown = shape(state, tmp_path / "copy-stick"), before
        if before != shown:
            looked += 1
            as_terminals_see(Repository(state), now_ms)
            for again in (lambda r: r.freshen(now_ms=now_ms + 1000), lambda r: work(r, now_ms + 2000)):
                again(Repository(state))
                as_terminals_see(Repository(state), now_ms + 2000)
        shutil.rmtree(state)
        shutil.rmtree(tmp_path / "copy-stick", ignore_errors=True)
        cuts, line = cuts + 1, line + step

    print(f"{name}: {cuts} cuts, {looked} states of the disk")
    assert cuts > 3
    assert looked > 1


@pytest.mark.parametrize("sticks", [0, 3])
@pytest.mark.timeout(0 if EVERY else 600)
def test_the_plug_is_pulled_at_every_line_of_the_founding_and_the_same_command_goes_on(tmp_path, sticks, capsys):
    line, cuts, before, looked, now_ms, step = 1, 0, None, 0, time.time_ns() // 1_000_000, STEP
    while True:
        folder = tmp_path / "place"
        state = folder / "platform"
        given = [word for at in range(sticks) for word in ("--offline-root", str(folder / f"stick-{at}"))]
        command = ["init", "--state", str(state), *given]

        came = cut_at(line, lambda command=command: main(command))

        if not came:
            break
        before, shown = shape(folder), before
        if before != shown:
            looked += 1
            finished = (state / "operator-token").exists() and not (state / "founding").exists()
            assert finished or main(command) == 0, line
            assert main(command) != 0
            assert "a platform is here already" in capsys.readouterr().err
            take_in(Repository(state), HOME, now_ms=now_ms)
            as_terminals_see(Repository(state), now_ms)
        shutil.rmtree(folder, ignore_errors=True)
        cuts, line = cuts + 1, line + step

    print(f"founding, {sticks} sticks: {cuts} cuts, {looked} states of the disk")
    assert cuts > 3
    assert looked > 1


def test_a_city_that_left_comes_again_with_keys_of_its_own_roles_made_anew(platform):
    before = platform.repository.standing(now_ms=platform.clock.ms)[FOREIGN]
    platform.repository.expel_city(FOREIGN, now_ms=platform.later())

    take_in(Repository(platform.state), FOREIGN, now_ms=platform.later())

    after = platform.repository.standing(now_ms=platform.clock.ms)[FOREIGN]
    assert all(before[kind]["keyid"] != after[kind]["keyid"] for kind in before)
    as_terminals_see(Repository(platform.state), platform.clock.ms)
    with pytest.raises(RegistryError, match="in the register already"):
        take_in(Repository(platform.state), FOREIGN, now_ms=platform.later())


def test_a_root_key_of_the_platform_s_own_folder_is_replaced_by_one_on_a_stick(platform, tmp_path, monkeypatch):
    """A stick is another disk: a key is never renamed from one to the other."""
    rename = Path.rename

    def within(path, target):
        assert path.parent == Path(target).parent, f"{path} → {target}: another disk"
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", within)
    Repository(platform.state).replace_root_key(2, tmp_path / "stick", now_ms=platform.later())

    assert [path.name for path in (tmp_path / "stick").iterdir()] == ["root-2.pem"]
    assert not (platform.state / "keys" / "root-2.pem").exists()
    after = Repository(platform.state, root_keys=[tmp_path / "stick"])
    assert after.root_standing()["keys"]["root-2"]["here"]
    after.rotate("timestamp", now_ms=platform.later())
    as_terminals_see(after, platform.clock.ms)


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
