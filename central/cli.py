"""The platform's commands. Each is one module with `add_arguments` and `run`, imported only when it is called.

Exit codes: 0 done · 1 refused · 2 wrong arguments · 69 no database now · 78 the platform's folder cannot be used.
"""

import argparse
import sqlite3
import sys
from contextlib import nullcontext
from importlib import import_module
from typing import NamedTuple

from central.platform_state import StateError
from storage.files import given_to_its_owner
from storage.heard import told
from storage.jobs import StoreFailedError
from storage.migrations import SchemaTooNewError

EX_UNAVAILABLE = 69
EX_CONFIG = 78


class Command(NamedTuple):
    """A sub-command: the module that has `add_arguments` and `run`, and one line for people, in both languages."""

    module: str
    zh: str
    en: str


COMMANDS: dict[str, Command] = {
    "init": Command(
        "central.commands.init", "建立平台:密钥、操作令牌、名单仓库", "make a platform: key, operator token, lists"
    ),
    "serve": Command("central.commands.serve", "运行平台", "serve the platform"),
    "codes": Command(
        "central.commands.codes", "为终端生成一次性登记码", "make a one-time enrolment code for a terminal"
    ),
    "hub": Command("central.commands.hub.command", "景区边缘枢纽:登记、运行", "the hub of a site: enrol, serve"),
    "terminals": Command(
        "central.commands.terminals", "终端列表;暂停、恢复、吊销", "list terminals; suspend, resume, revoke"
    ),
    "journal": Command(
        "central.commands.boxes.journal", "导入从旧卡抢救的流水", "take in the journal of a rescued card"
    ),
    "city": Command(
        "central.commands.federation.city", "接入城市、换密钥、移除城市", "take a city in, give it new keys, expel it"
    ),
    "root": Command(
        "central.commands.federation.root", "根密钥：查看、替换、轮换", "the root: its keys, replacing one, rotating"
    ),
    "platform-key": Command(
        "central.commands.federation.platform_key",
        "平台签名密钥：查看、更换",
        "the platform's own key: which it is, exchanging it",
    ),
    "issue": Command("central.commands.issue", "签发凭证码", "issue a credit token with its QR picture"),
    "restrict": Command("central.commands.measures.restrict", "登记惩戒措施并发布", "take a measure and publish it"),
    "measures": Command(
        "central.commands.measures.standing", "有效的惩戒措施", "the measures that stand: whose, until when"
    ),
    "repair": Command("central.commands.measures.repair", "信用修复:解除措施并发布", "lift measures and publish that"),
    "reached": Command(
        "central.commands.measures.reached",
        "措施与修复多久到达各闸口",
        "how long each measure took to each gate",
    ),
    "member": Command(
        "central.commands.measures.member",
        "名单定级：等级与分组",
        "give tier and groups by list, whatever a code claims",
    ),
    "dispute": Command(
        "central.commands.measures.dispute", "标记异议或驳回异议", "mark measures as disputed, or reject that"
    ),
    "revoke": Command(
        "central.commands.measures.revoke", "吊销凭证或签名密钥", "revoke a token, or kill a signing key"
    ),
    "publish": Command("central.commands.publish", "签名并发布名单", "sign and publish what the offices changed"),
    "issue-all": Command(
        "central.commands.office.printing", "批量制码：名单里每人一个纸质码", "a printed code for everybody in a file"
    ),
    "operator": Command(
        "central.commands.office.accounts", "办公人员账号与职责", "accounts of the office and their duties"
    ),
    "identity": Command(
        "central.commands.office.identity", "认可的身份服务", "services that may say who a visitor at a phone is"
    ),
    "evidence": Command(
        "central.commands.office.evidence", "一次核销的全部证据", "everything known of one redemption, to be checked"
    ),
    "acts": Command("central.commands.office.acts", "办公操作记录与核验", "the office journal; whether it is whole"),
    "demo": Command("central.demo.command", "一条命令看全流程演示", "the whole story on this machine, in one command"),
    "backup": Command("central.commands.backup", "备份平台：一个快照", "the platform's folder as one snapshot"),
    "restore": Command("central.commands.restore", "从备份恢复平台", "put a backup in the platform's place"),
    "report": Command("central.commands.report", "对账报告", "reconciliation report"),
}


def overview() -> argparse.ArgumentParser:
    """Return the parser that only knows the commands' names."""
    lines = [f"  {name:<10} {zh} · {en}" for name, (_module, zh, en) in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="xinguan central",
        description="信关参考中心平台 · the reference central platform\n\ncommands:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", metavar="COMMAND", help="one of the above")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    return told(lambda: _main(argv))


def _main(argv: list[str]) -> int:
    name = argv[0] if argv else ""
    if name not in COMMANDS:
        parser = overview()
        parser.parse_args(argv or ["--help"])
        parser.error(f"there is no command {name!r}; xinguan central --help lists them")
    command = COMMANDS[name]
    module = import_module(command.module)
    parser = argparse.ArgumentParser(prog=f"xinguan central {name}", description=f"{command.zh} · {command.en}")
    module.add_arguments(parser)
    args = parser.parse_args(argv[1:])
    folder = getattr(args, "state", None)
    try:
        with nullcontext() if folder is None else given_to_its_owner(folder):
            code: int = module.run(args)
    except (StateError, SchemaTooNewError) as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    except (StoreFailedError, OSError, sqlite3.OperationalError) as error:
        print(f"xinguan central {name}: {error}", file=sys.stderr)
        return EX_UNAVAILABLE
    return code
