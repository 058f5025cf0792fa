"""`xinguan central issue`: issue a credit token, print it, write its QR picture."""

import argparse
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from central.clock import now_ms
from central.commands.common import Answer, add_subject, answered
from central.commands.office.alone import add_emergency, alone, journalled
from central.lists.issuing import DAY_S, Wanted, claims_standing, issue, picture
from central.register.accounts.acts import Act
from central.register.registry import RegistryError
from central.register.warrants import Warrant
from credit.claims import Grant, SubjectKind

GRANT_ID_BYTES = 8
ALONE = "alone, with --emergency"
HolderKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_subject(parser)
    parser.add_argument("--tier", type=int, default=0, choices=range(10), metavar="0-9", help=ALONE)
    parser.add_argument(
        "--group", type=int, action="append", default=[], metavar="CODE", help=f"may be repeated; {ALONE}"
    )
    parser.add_argument(
        "--grant",
        action="append",
        default=[],
        metavar="CODE:ID:USES",
        help=f"an approved benefit; {ALONE}",
    )
    parser.add_argument("--days", type=int, default=30, help="how long it is valid")
    parser.add_argument("--kind", choices=[str(kind) for kind in SubjectKind], default=str(SubjectKind.PERSON))
    parser.add_argument("--region", type=int, help="GB/T 2260 code")
    parser.add_argument("--test", action="store_true", help="a test token: only test terminals take it")
    carried = parser.add_mutually_exclusive_group(required=True)
    carried.add_argument("--holder-key", type=Path, metavar="PEM", help="public key of the holder's phone (bound)")
    carried.add_argument("--max-uses", type=int, metavar="N", help="a static code for paper, good for N uses (printed)")
    add_emergency(parser)
    parser.add_argument("--qr", type=Path, metavar="FILE", help="write the QR picture here (.png or .svg)")


def run(args: argparse.Namespace) -> int:
    """Issue, write the picture, print the token."""
    return answered(lambda: _issue(args))


def _issue(args: argparse.Namespace) -> Answer:
    wanted = Wanted(
        subject=args.subject,
        tier=args.tier,
        groups=args.group,
        grants=[_grant(text) for text in args.grant],
        valid_s=args.days * DAY_S,
        holder_key=_holder_key(args.holder_key) if args.holder_key else None,
        max_uses=args.max_uses,
        region=args.region,
        kind=SubjectKind(args.kind),
        test=args.test,
    )
    said = {"grants": args.grant, "tier": args.tier, "groups": args.group}
    act = Act(act="credential.issue", city=args.city, before=said)
    if args.grant or claims_standing(wanted):  # what they allow was approved by two people, or is declared
        return alone(args, act, lambda warrant: _issued(args, wanted, warrant), told=_without_token)
    return journalled(args.state, act, lambda: _issued(args, wanted, None), told=_without_token)


def _without_token(answer: Answer) -> Answer:
    return {name: value for name, value in answer.items() if name != "token"}


def _issued(args: argparse.Namespace, wanted: Wanted, warrant: Warrant | None) -> Answer:
    issued = issue(args.state, args.city, wanted, now_s=now_ms() // 1000, warrant=warrant)
    if args.qr:
        kind = args.qr.suffix.lstrip(".").lower()
        if kind not in ("png", "svg"):
            raise RegistryError(f"{args.qr}: a QR picture is .png or .svg")
        args.qr.write_bytes(picture(issued.text, kind=kind, error="l" if args.holder_key else "m"))
    return {
        "token": issued.text,
        "token_id": issued.token_id.hex(),
        "subject": issued.subject.hex(),
        "expires": issued.expires_s,
    }


def _grant(text: str) -> Grant:
    code, _, rest = text.partition(":")
    name, _, uses = rest.partition(":")
    try:
        granted = bytes.fromhex(name)
        if len(granted) == GRANT_ID_BYTES and int(uses) > 0:
            return Grant(code=int(code), grant_id=granted, uses=int(uses))
    except ValueError:
        pass
    raise RegistryError(f"--grant {text!r}: write CODE:ID:USES, the id as 16 hex digits; the office's page shows it")


def _holder_key(path: Path) -> HolderKey:
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path}: no PEM public key: {error}") from error
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise RegistryError(f"{path}: a holder's key is Ed25519 or P-256")
    return key
