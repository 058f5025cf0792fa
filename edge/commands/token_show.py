"""`xinguan token show CODE|IMAGE`: what a code says and which checks it passes, layer by layer, in plain words.

Rules of this file:

- it explains with the code that decides: the verdict and the failing step come from `credit.tokens.open_token`; what
  stands behind the failing step is looked at too, and marked as unproved;
- it works on garbage, and prints nothing secret: no pseudonym, no signature, no bytes of the code. A token is named by
  a short hash of its id;
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

from credit.claim_types import CredentialClaims, PresentationClaims, read_credential, read_presentation
from credit.keys import Keyring, KeyringError
from credit.tokens import PREFIX, Rules, Shown, TokenError, check_fresh, check_standing, open_token, take_apart
from edge.clock import read_wall_ms

GOOD, NOT_GOOD, UNUSABLE = 0, 1, 2
SCAN_TIMEOUT_S: Final = 30
SKEW_S: Final = 5
LAST_STEP: Final = 14


class Words(NamedTuple):
    """One text in both languages."""

    zh: str
    en: str


STEPS: Final = (
    Words("长度不超过 600 字符", "at most 600 characters"),
    Words("以 XG1: 开头", "begins with XG1:"),
    Words("base45 完好", "base45 is intact"),
    Words("CBOR 编码规范", "CBOR is in its strict form"),
    Words("结构与类型正确", "shape and type are right"),
    Words("签发密钥在可信名单中", "the issuer's key is in the trust list"),
    Words("算法与密钥一致", "the algorithm is the key's"),
    Words("密钥在有效期内且可签此类凭证", "the key is in force and may sign this class"),
    Words("签发方签名有效", "the issuer's signature holds"),
    Words("各项声明格式正确", "the claims have their types"),
    Words("在有效期内", "within its time of validity"),
    Words("持有人密钥符合要求", "the holder's key is as it must be"),
    Words("持有人签名有效", "the holder's signature holds"),
    Words("刚刚生成，且用于本站点", "made just now, for this site"),
)
MARKS: Final = {"passed": "✓", "failed": "✗", "unproved": "?", "open": "·"}
STATES: Final = {
    "passed": Words("通过", "passed"),
    "failed": Words("未通过", "failed"),
    "unproved": Words("看来没问题，但未经证明", "looks right, but is unproved"),
    "also": Words("也未通过", "fails too"),
    "open": Words("未检查", "not checked"),
}
GOOD_WORDS: Final = Words("有效凭证", "a good token")
BAD_WORDS: Final = Words("不能接受", "not acceptable")
PROVED: Final = Words("凭证内容（已验证）", "what the token says (verified)")
UNPROVED: Final = Words("凭证内容（未经证明，仅供参考）", "what the code says (unproved, for information only)")


class UnreadableError(Exception):
    """The picture or key file cannot be used; the text says why."""


class Line(NamedTuple):
    """One check: its number, how it went, and why if it failed."""

    step: int
    state: str
    why: str


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
    status = GOOD
    try:
        keyring = _keyring(args.keys)
        for text in _texts(args.code):
            lines, good = explain(text, keyring, now=now, site=args.site, allow_test=args.test, lang=args.lang)
            sys.stdout.write("\n".join(lines) + "\n")
            status = status if good else NOT_GOOD
    except UnreadableError as error:
        sys.stderr.write(f"xinguan token show: {error}\n")
        return UNUSABLE
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
    verdict = GOOD_WORDS if failure is None else BAD_WORDS
    lines = [_say(verdict, lang) + ("" if failure is None else f" — {failure.reason}")]
    lines += [_line(line, lang) for line in _checks(failure, shown, claims, presented, rules)]
    if claims is not None:
        lines += [_say(PROVED if failure is None else UNPROVED, lang)]
        lines += [f"  {_say(name, lang)}: {value}" for name, value in _content(claims, presented, now)]
    return lines, failure is None


def _say(words: Words, lang: str) -> str:
    return f"{words.zh} · {words.en}" if lang == "both" else words.zh if lang == "zh" else words.en


def _line(line: Line, lang: str) -> str:
    mark = MARKS.get(line.state, "✗")
    why = f" — {line.why}" if line.why else ""
    return f"  {mark} {line.step:2} {_say(STEPS[line.step - 1], lang)}: {_say(STATES[line.state], lang)}{why}"


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
    failure: TokenError | None, shown: Shown | None, claims: CredentialClaims | None,
    presented: PresentationClaims | None, rules: Rules,
) -> Iterator[Line]:  # fmt: skip
    """Yield a line for each step. Behind a failure, what can be judged without the proof is judged all the same."""
    bare = shown is not None and shown.presentation is None
    failed = LAST_STEP + 1 if failure is None else failure.step or 0
    for step in range(1, LAST_STEP + 1):
        if step < failed:
            skipped = bare and step > 12  # noqa: PLR2004 - 13 and 14 are about presentations
            yield Line(step, "open" if skipped else "passed", "")
        elif step == failed and failure is not None:
            yield Line(step, "failed", failure.detail)
        else:
            yield _behind(step, claims, presented, rules)


def _behind(step: int, claims: CredentialClaims | None, presented: PresentationClaims | None, rules: Rules) -> Line:
    try:
        if step == 10 and claims is not None:  # noqa: PLR2004 - the numbers of credit.tokens
            return Line(step, "unproved", "")
        if step == 11 and claims is not None:  # noqa: PLR2004 - the numbers of credit.tokens
            check_standing(claims, rules)
            return Line(step, "unproved", "")
        if step == LAST_STEP and presented is not None:
            check_fresh(presented, now=rules.now, skew_s=rules.skew_s)
            return Line(step, "unproved", "")
    except TokenError as error:
        return Line(step, "also", f"{error.reason}: {error.detail}")
    return Line(step, "open", "")


def _content(
    claims: CredentialClaims, presented: PresentationClaims | None, now: int
) -> Iterator[tuple[Words, object]]:
    """Yield what a code says, without what would name the holder."""
    name = hashlib.sha256(claims.token_id).hexdigest()[:12]
    yield Words("凭证（编号摘要）", "token (hash of its id)"), name
    yield Words("对象", "subject"), f"{claims.kind} (pseudonym not shown)"
    yield Words("等级", "tier"), claims.tier
    yield Words("群组", "groups"), ", ".join(map(str, sorted(claims.groups))) or "-"
    yield Words("已获批准", "grants"), ", ".join(str(grant.code) for grant in claims.grants) or "-"
    yield Words("签发", "issued"), _time(claims.issued_at, now)
    yield Words("到期", "expires"), _time(claims.expires, now)
    if claims.region is not None:
        yield Words("地区代码", "region"), claims.region
    if claims.max_uses is not None:
        yield Words("可用次数", "uses"), claims.max_uses
    if claims.reservation is not None:
        booked = claims.reservation
        yield Words("预约", "reservation"), f"{booked.site}, {_time(booked.from_s, now)} ×{booked.heads}"
    if claims.id_check or claims.test:
        yield Words("标记", "flags"), ", ".join(["id check"] * claims.id_check + ["test"] * claims.test)
    yield Words("持有人密钥", "holder key"), "yes" if claims.holder is not None else "no"
    if presented is not None:
        yield Words("出示时间", "presented"), _time(presented.issued_at, now)
        yield Words("用于站点", "for site"), presented.audience or "-"
        yield Words("应答挑战", "answers a challenge"), "yes" if presented.challenge is not None else "no"


def _time(seconds: int, now: int) -> str:
    distance = abs(seconds - now)
    size, unit = next(
        (size, unit) for size, unit in ((86_400, "d"), (3600, "h"), (1, "s")) if distance >= size or size == 1
    )
    told = f"{distance // size} {unit} {'ago' if seconds <= now else 'ahead'}"
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z ({told})"
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s ({told})"


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
        return [sys.stdin.read().rstrip("\r\n")]
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
