"""`xinguan token show CODE|IMAGE`: what a code says and which checks it passes, layer by layer, in plain words.

Rules of this file:

- it explains with the code that decides: the verdict and the failing step come from `credit.tokens.open_token`; what
  stands behind the failing step is looked at too, and marked as unproved;
- it works on garbage, and prints nothing secret: no pseudonym, no signature, no bytes of the code. A token is named by
  a short hash of its id;
- texts out of a code are shown with everything that is not printable escaped: a code must not write the terminal;
- pictures are read by the scanner in a process of its own, as the service does.

Exit codes: 0 the code is good · 1 it is not, the output says why · 2 no such file, no code in the picture, bad keys.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from credit.keys import Keyring, KeyringError
from credit.opening.claim_types import CredentialClaims, PresentationClaims, read_credential, read_presentation
from credit.telling.texts import TEXTS
from credit.tokens import PREFIX, Rules, Shown, TokenError, check_fresh, check_standing, open_token, take_apart
from edge.clock import read_wall_ms
from edge.commands.token.words import (
    BAD,
    FLAGS,
    GOOD,
    KINDS,
    LABELS,
    MARKS,
    NO,
    PROVED,
    STATES,
    STEPS,
    TIMES,
    UNPROVED,
    YES,
    Words,
)

EXIT_GOOD, EXIT_NOT_GOOD, EXIT_UNUSABLE = 0, 1, 2
SCAN_TIMEOUT_S: Final = 30
SKEW_S: Final = 5
LAST_STEP: Final = 14
MAX_INPUT_BYTES: Final = 64 * 1024  # of standard input; a code has 600


class UnreadableError(Exception):
    """The picture or key file cannot be used; the text says why."""


class Line(NamedTuple):
    """One check: its number, how it went, and why if it failed."""

    step: int
    state: str
    why: TokenError | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `xinguan token`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    one = actions.add_parser("show", help="逐层解释一个凭证码 · explain a code layer by layer")
    one.add_argument("code", metavar="CODE|IMAGE", help="the text of a code, a picture of one, or - for standard input")
    one.add_argument("--keys", type=Path, metavar="FILE", help="issuers' keys (keys.json); without, none is known")
    one.add_argument("--site", help="the site the code is shown at; default: the one it names")
    one.add_argument("--at", type=int, metavar="SECONDS", help="judge as of this time (seconds UTC); default: now")
    one.add_argument("--test", action="store_true", help="accept test tokens, as a test site does")
    one.add_argument("--lang", choices=("zh", "en", "both"), default="both", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Explain what the arguments name; return the exit code."""
    now = read_wall_ms() // 1000 if args.at is None else args.at
    status = EXIT_GOOD
    try:
        keyring = _keyring(args.keys)
        for text in _texts(args.code):
            lines, good = explain(text, keyring, now=now, site=args.site, allow_test=args.test, lang=args.lang)
            sys.stdout.write("\n".join(lines) + "\n")
            status = status if good else EXIT_NOT_GOOD
    except UnreadableError as error:
        sys.stderr.write(f"xinguan token show: {error}\n")
        return EXIT_UNUSABLE
    return status


def show(text_or_image: str, keyring_json: Path | None = None, *, now: int, lang: str = "both") -> str:
    """Return the explanation of a code, or of each code in a picture; raise UnreadableError."""
    keyring = _keyring(keyring_json)
    return "\n".join("\n".join(explain(text, keyring, now=now, lang=lang)[0]) for text in _texts(text_or_image))


def explain(
    text: str, keyring: Keyring, *, now: int, site: str | None = None, allow_test: bool = False, lang: str = "both"
) -> tuple[list[str], bool]:
    """Return the explanation of one code as lines, and whether the code is good."""
    rules = Rules(now, SKEW_S, allow_test, allow_expired=False)
    shown, claims, presented = _unproved(text)
    if site is None and presented is not None:
        site = presented.audience
    failure: TokenError | None = None
    try:
        open_token(text, keyring, now=now, audience=site, allow_test=allow_test)
    except TokenError as error:
        failure = error
    verdict = GOOD if failure is None else BAD
    lines = [_say(verdict, lang) + ("" if failure is None else f" — {failure.reason}")]
    lines += [_line(line, lang) for line in _checks(failure, shown, claims, presented, rules)]
    if claims is not None:
        lines += [_say(PROVED if failure is None else UNPROVED, lang)]
        lines += [
            f"  {_say(LABELS[name], lang)}: {_say(value, lang)}" for name, value in _content(claims, presented, now)
        ]
    return lines, failure is None


def _say(words: Words | str | int, lang: str) -> str:
    if not isinstance(words, Words):
        return str(words)
    return f"{words.zh} · {words.en}" if lang == "both" else words.zh if lang == "zh" else words.en


def _line(line: Line, lang: str) -> str:
    told = f"  {MARKS[line.state]} {line.step:2} {_say(STEPS[line.step - 1], lang)}: {_say(STATES[line.state], lang)}"
    if line.why is None:
        return told
    text = TEXTS[line.why.reason]
    return f"{told} — {_say(Words(text.zh, text.en), lang)} ({line.why.reason}: {line.why.detail})"


def _unproved(text: str) -> tuple[Shown | None, CredentialClaims | None, PresentationClaims | None]:
    """Return as much of a code as can be read without believing it."""
    shown = claims = presented = None
    try:
        shown = take_apart(text)
        claims = read_credential(shown.envelope.claims)
        presented = read_presentation(shown.presentation.claims) if shown.presentation else None
    except TokenError:  # the verdict says why; here only what could be read matters
        return shown, claims, presented
    return shown, claims, presented


def _checks(
    failure: TokenError | None,
    shown: Shown | None,
    claims: CredentialClaims | None,
    presented: PresentationClaims | None,
    rules: Rules,
) -> Iterator[Line]:
    """Yield a line for each step. Behind a failure, what can be judged without the proof is judged all the same."""
    bare = shown is not None and shown.presentation is None
    failed = LAST_STEP + 1 if failure is None else failure.step or 0
    for step in range(1, LAST_STEP + 1):
        if step < failed:
            skipped = bare and step > 12  # noqa: PLR2004 - 13 and 14 are about presentations
            yield Line(step, "open" if skipped else "passed")
        elif step == failed and failure is not None:
            yield Line(step, "failed", failure)
        else:
            yield _behind(step, claims, presented, rules)


def _behind(step: int, claims: CredentialClaims | None, presented: PresentationClaims | None, rules: Rules) -> Line:
    try:
        if step == 10 and claims is not None:  # noqa: PLR2004 - the numbers of credit.tokens
            return Line(step, "unproved")
        if step == 11 and claims is not None:  # noqa: PLR2004 - the numbers of credit.tokens
            check_standing(claims, rules)
            return Line(step, "unproved")
        if step == LAST_STEP and presented is not None:
            check_fresh(presented, now=rules.now, skew_s=rules.skew_s)
            return Line(step, "unproved")
    except TokenError as error:
        return Line(step, "also", error)
    return Line(step, "open")


def _content(
    claims: CredentialClaims, presented: PresentationClaims | None, now: int
) -> Iterator[tuple[str, Words | str | int]]:
    """Yield what a code says, without what would name the holder: the label's name and the value."""
    yield "token", hashlib.sha256(claims.token_id).hexdigest()[:12]
    yield "subject", KINDS[claims.kind]
    yield "tier", claims.tier
    yield "groups", ", ".join(map(str, sorted(claims.groups))) or "-"
    yield "grants", ", ".join(str(grant.code) for grant in claims.grants) or "-"
    yield "issued", _time(claims.issued_at, now)
    yield "expires", _time(claims.expires, now)
    if claims.region is not None:
        yield "region", claims.region
    if claims.max_uses is not None:
        yield "uses", claims.max_uses
    if claims.reservation is not None:
        booked = claims.reservation
        begins = _time(booked.from_s, now)
        site = _printable(booked.site)
        yield "reservation", Words(f"{site}, {begins.zh} ×{booked.heads}", f"{site}, {begins.en} ×{booked.heads}")
    flags = [words for words, is_set in zip(FLAGS, (claims.id_check, claims.test), strict=True) if is_set]
    if flags:
        yield "flags", Words("、".join(flag.zh for flag in flags), ", ".join(flag.en for flag in flags))
    yield "holder key", NO if claims.holder is None else YES
    if presented is not None:
        yield "presented", _time(presented.issued_at, now)
        yield "for site", "-" if presented.audience is None else _printable(presented.audience)
        yield "answers a challenge", NO if presented.challenge is None else YES


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _time(seconds: int, now: int) -> Words:
    distance = abs(seconds - now)
    size = next(size for size in TIMES if distance >= size or size == 1)
    unit, count = TIMES[size], distance // size
    try:
        at = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
    except (ValueError, OverflowError, OSError):
        at = f"{seconds} s"
    zh, en = ("前", "ago") if seconds <= now else ("后", "ahead")
    return Words(f"{at}（{count} {unit.zh}{zh}）", f"{at} ({count} {unit.en} {en})")


def _keyring(path: Path | None) -> Keyring:
    if path is None:
        return Keyring.empty()
    try:
        return Keyring.from_json(path.read_bytes())
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
    except KeyringError as error:
        raise UnreadableError(f"{path}: {error}") from error


def _texts(code: str) -> Sequence[str]:
    """Return the texts to explain: the one given, the one on standard input, or those in a picture."""
    if code == "-":
        return [sys.stdin.buffer.read(MAX_INPUT_BYTES).decode(errors="surrogateescape").rstrip("\r\n")]
    if code.startswith(PREFIX) or not _is_file(code):
        return [code]
    return _read_picture(code)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL: it is a text
        return False


def _read_picture(name: str) -> Sequence[str]:
    command = [sys.executable, "-I", "-m", "edge.cli", "scan", str(Path(name).absolute())]
    try:
        scan = subprocess.run(  # noqa: S603 - our own program, and a file's name behind an absolute path
            command, capture_output=True, check=False, timeout=SCAN_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise UnreadableError(f"{name}: reading the picture took more than {SCAN_TIMEOUT_S} s") from error
    texts = [str(json.loads(line)["text"]) for line in scan.stdout.splitlines()]
    if not texts:
        why = scan.stderr.decode(errors="replace").strip().splitlines()
        raise UnreadableError(f"{name}: no code in this picture" + (f" ({why[-1]})" if why else ""))
    return texts
