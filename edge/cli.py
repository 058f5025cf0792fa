"""The `xinguan` command. Each command is one module with `add_arguments` and `run`, imported only when it is called.

Exit codes: 0 done · 1 not as it should be (the output says what) · 2 wrong arguments or file · 69 something needed is
not there (platform, extra) · 70 a bug · 78 configuration error (sysexits.h).
"""

import argparse
import os
import sys
from importlib import import_module
from typing import Final, NamedTuple

from storage.heard import told

EX_UNAVAILABLE = 69
EX_CONFIG = 78


class Command(NamedTuple):
    """A sub-command: the module that has `add_arguments` and `run`, and one line for people, in both languages."""

    module: str
    zh: str
    en: str


COMMANDS: dict[str, Command] = {
    "provision": Command(
        "edge.commands.box.provision", "登记并配置一台新终端", "set up a new box: enrol it, write its configuration"
    ),
    "run": Command("edge.commands.run", "运行本终端", "serve this terminal"),
    "enrol": Command("edge.commands.enrol", "用一次性代码登记本终端", "enrol this terminal with a one-time code"),
    "doctor": Command("edge.commands.doctor", "检查安装并说明如何修复", "check the installation; name each mend"),
    "config": Command("edge.commands.config", "检查配置文件", "check the configuration file"),
    "scan": Command("scanner.command", "识读图片或摄像头中的二维码", "read the QR codes in pictures or from a camera"),
    "token": Command("edge.commands.token.show", "逐层解释一个凭证码", "explain a credit token layer by layer"),
    "simulate": Command(
        "edge.simulator.command", "演算策略案例：为什么这样决定", "play a policy case: why was this decided"
    ),
    "lists": Command("edge.commands.lists", "名单状态、检查、导入", "signed lists: status, check, import"),
    "journal": Command("edge.commands.journal", "流水状态与校验", "journal: status, verify, export"),
    "sync": Command("edge.commands.sync", "立即与平台同步", "synchronise with the platform now"),
    "staff": Command("edge.commands.staff", "员工与口令", "who works here, and their PINs"),
    "backup": Command("edge.commands.copies.backup", "备份终端数据库", "copy the terminal's database safely"),
    "restore": Command(
        "edge.commands.copies.restore",
        "从备份或平台恢复本终端的记录",
        "put a backup back, or begin anew from the platform",
    ),
    "update": Command("edge.commands.update.command", "安装已签名的更新", "take a signed update, with a way back"),
    "wipe": Command("edge.commands.box.wipe", "清除本机全部数据并签名回执", "forget everything, with a signed receipt"),
    "support-bundle": Command(
        "edge.commands.box.support", "打包诊断信息（不含个人数据）", "pack what a supporter needs, and no person"
    ),
    "version": Command("edge.commands.version", "版本信息", "version of Xinguan and of what it stands on"),
}
TELLS: Final = frozenset({"scan", "journal", "simulate", "token"})  # nothing is cut off there but words
TITLE = "信关 Xinguan\n读码、验证、决定、记账、同步。\nReads a visitor's code, verifies, decides, records, syncs."
CENTRAL_ROLES = {
    "demo": ("一条命令看全流程演示", "the whole story on this machine, in one command"),
    "central": ("参考中心平台", "the reference central platform"),
    "hub": ("景区枢纽：一处景区的各道闸机共用一本账", "the hub of a site: many gates, one count"),
}


def overview() -> argparse.ArgumentParser:
    """Return the parser that only knows the commands' names, for `--help` and wrong names."""
    parser = argparse.ArgumentParser(
        prog="xinguan",
        description=TITLE,
        epilog="xinguan COMMAND --help explains one command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    lines = [f"  {name:<14} {zh} · {en}" for name, (_module, zh, en) in COMMANDS.items()]
    lines += [f"  {name:<14} {zh} · {en}" for name, (zh, en) in CENTRAL_ROLES.items()]
    parser.description = f"{parser.description}\n\ncommands:\n" + "\n".join(lines)
    parser.add_argument("command", metavar="COMMAND", help="one of the above")
    return parser


def hand_over(role: str, rest: list[str]) -> int:
    """Become `python -I -m central ROLE …`; say what to install when the extra is not there."""
    from importlib.util import find_spec  # noqa: PLC0415 - the help must not pay for it

    if find_spec("central") is None or find_spec("segno") is None:
        print(f"xinguan {role} needs the platform's part. Install it: pip install 'xinguan[central]'", file=sys.stderr)
        return EX_UNAVAILABLE
    arguments = rest if role == "central" else [role, *rest]
    return os.execv(sys.executable, [sys.executable, "-I", "-m", "central", *arguments])  # noqa: S606 - our own program


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    return told(lambda: _main(argv), tells=bool(TELLS.intersection(argv[:1])))


def _main(argv: list[str]) -> int:
    name = argv[0] if argv else ""
    if name in CENTRAL_ROLES:
        return hand_over(name, argv[1:])
    if name not in COMMANDS:
        parser = overview()
        parser.parse_args(argv or ["--help"])
        parser.error(f"there is no command {name!r}; xinguan --help lists them")
    command = COMMANDS[name]
    module = import_module(command.module)
    parser = argparse.ArgumentParser(prog=f"xinguan {name}", description=f"{command.zh} · {command.en}")
    module.add_arguments(parser)
    args = parser.parse_args(argv[1:])
    try:
        code: int = module.run(args)
    except Exception as error:  # noqa: BLE001 - a bug is raised again
        return _ended_by(error)
    return code


def _ended_by(error: Exception) -> int:
    """Say in one line what a machine did to a command; raise what is a bug of ours."""
    from edge.commands.common import complain, fault_of_the_machine  # noqa: PLC0415 - the help must not pay for it

    said = fault_of_the_machine(error)
    if said is None:
        raise error
    complain(said)
    return EX_UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
