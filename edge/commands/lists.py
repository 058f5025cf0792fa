"""`xinguan lists status|check|import`: the signed lists in force, verified again, or brought in from a file."""

import argparse
import asyncio
import json
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from cache.ids import uuid7
from cache.lists.files import ListFiles
from cache.lists.rows import stored
from cache.lists.store import ListStore
from cache.lists.values import Stored
from credit.rules.ages import USUAL, AgePolicy, parse_ages
from credit.rules.listing import LIST_AGES, RULES, path_of, role_of
from edge.api.calls.lists_shown import report
from edge.clock import LOAD, Clock, Memory, judge, read_boot_ms, read_wall_ms, this_boot
from edge.commands.box.sticks import StickError, read_plain
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, open_database, read_config
from edge.commands.sync import wake
from edge.commands.words.catalogue import check_file
from edge.commands.words.lists_report import in_words
from edge.config import Config
from storage.only_one import AlreadyRunningError, only_one
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import Identity, IdentityError, load_identity
from sync.pull.handover import Answer, Handover
from sync.pull.puller import Puller
from sync.pull.replay import replay

LISTS = "lists"
MAX_BUNDLE_BYTES = 64 * 1024 * 1024
ANSWER_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action, its file, and the configuration."""
    parser.add_argument("action", choices=["status", "check", "import"])
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="import: a bundle (.zip) from the platform; check: a list before it is signed",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Do the action; exit code 1 when something about the lists is not as it should be, 2 when a file is wrong."""
    if args.action == "check" and args.file is not None:
        return check_file(args.file)
    if args.action == "import":
        return _import(args.config, args.file)
    config = read_config(args.config)
    held, now_ms = _held(config)
    if args.action == "status":
        policy = _policy(config, held)
        told = report(held, now_ms=now_ms, policy=policy)
        print(json.dumps(told) if args.json else in_words(held, now_ms=now_ms, policy=policy))
        return 1 if held.problems or not held.roles else 0
    return _check(config, held)


def _held(config: Config) -> tuple[Stored, int]:
    conn = open_database(config)
    try:
        conn.execute("BEGIN")
        memory = Memory(*conn.execute(LOAD).fetchone())
        now = judge(memory, boot_id=this_boot(), wall_ms=read_wall_ms(), boot_ms=read_boot_ms())
        return stored(conn), now.utc_ms
    finally:
        conn.close()


def _policy(config: Config, held: Stored) -> AgePolicy:
    """Return the signed policy of ages as it lies here; USUAL where there is none, or none that can be read."""
    try:
        home = load_identity(config.data, platform=config.platform.url).profile.issuer
    except IdentityError:
        return USUAL
    state, files = held.roles.get(role_of(RULES, home)), ListFiles(config.data / LISTS)
    named = [one for one in (state.documents if state else ()) if one.path == path_of(RULES, home, LIST_AGES)]
    if not named or not files.is_whole(named[0].sha256):
        return USUAL
    return parse_ages(json.loads(files.read(named[0].sha256)), path=named[0].path)


def _check(config: Config, held: Stored) -> int:
    try:
        identity = load_identity(config.data, platform=config.platform.url)
    except IdentityError as error:
        complain(str(error))
        return EX_UNAVAILABLE
    with TemporaryDirectory(prefix="xinguan-lists-") as scratch:
        files = ListFiles(config.data / LISTS)
        found = replay(held, trust_root=identity.trust_root, files=files, scratch=Path(scratch) / "tuf")
        problems = dict(found.problems) | _damaged(files, held)
    for role, text in sorted(problems.items()):
        print(f"异常 problem  {role or '全部 all'}: {text}")
    if not problems:
        print(f"校验通过 {len(found.verified)} 份名单，签名、哈希均相符 · {len(found.verified)} lists verified again")
    return 1 if problems else 0


def _damaged(files: ListFiles, held: Stored) -> dict[str, str]:
    return {
        role: f"{document.path}: damaged or missing on disk; fetched again with the next refresh"
        for role, state in held.roles.items()
        for document in state.documents
        if not files.is_whole(document.sha256)
    }


def _import(config_file: Path, file: Path | None) -> int:
    if file is None:
        complain("lists import needs a file: xinguan lists import FILE (made with: xinguan central publish --bundle)")
        return 2
    try:
        bundle = read_plain(file, MAX_BUNDLE_BYTES)  # as whoever asks: the service's user may not read a stick
    except StickError as error:
        complain(str(error))
        return EX_UNAVAILABLE
    config = read_config(config_file)
    try:
        identity = load_identity(config.data, platform=config.platform.url)
    except IdentityError as error:
        complain(str(error))
        return EX_UNAVAILABLE
    ListFiles(config.data / LISTS)
    handover = Handover(config.data / LISTS)
    handover.offer(bundle)
    try:
        with only_one(config.data):
            asyncio.run(_take(config, identity))
    except AlreadyRunningError:
        _wait(config, handover)
    return _say(handover.answered())


async def _take(config: Config, identity: Identity) -> None:
    """Take the bundle in ourselves: no terminal runs."""
    async with Store(config.data / DATABASE_FILE) as store, aiohttp.ClientSession() as session:
        lists = ListStore(store, ListFiles(config.data / LISTS), home=identity.profile.issuer, ids=uuid7)
        clock, base_url = await Clock.restore(store), f"{identity.platform}/lists/"
        async with Puller(lists, session, base_url=base_url, trust_root=identity.trust_root, clock=clock) as puller:
            await puller.restore()
            await puller.take_handed()


def _wait(config: Config, handover: Handover, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Let the running terminal take it in, and wait for its answer."""
    try:
        wake(config, report=False)
    except (urllib.error.URLError, TimeoutError) as error:
        complain(f"the running terminal does not answer ({error}); it takes the bundle in with its next refresh")
    for _ in range(int(ANSWER_WITHIN_S / LOOK_EVERY_S)):
        if handover.answered() is not None:
            return
        pause(LOOK_EVERY_S)


def _say(answer: Answer | None) -> int:
    if answer is None:
        complain(f"no answer within {ANSWER_WITHIN_S:g} s; look again with: xinguan lists status")
        return EX_UNAVAILABLE
    if answer.error is not None:
        complain(f"未导入 nothing was imported: {answer.error}")
        return 1
    for role, version in sorted(answer.versions.items()):
        print(f"已生效 in force  {role} {'—' if version is None else f'v{version}'}")
    if not answer.versions:
        print("没有更新的内容 nothing newer in the bundle")
    for role, text in sorted(answer.problems.items()):
        print(f"异常 problem  {role}: {text}")
    return 1 if answer.problems else 0
