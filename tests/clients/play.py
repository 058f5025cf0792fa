"""Generate a TypeScript and a Python client from the served documents, and play the stories with both.

usage: make clients [ARGS="--write | --only STORY …"]

1. A town of real processes starts (tests/clients/town.py); each service's own OpenAPI document is fetched from it.
2. openapi-typescript makes the types, and `tsc --strict` checks the programs in stories/*.ts against them;
   openapi-python-client makes three packages.
3. Each story is played in both languages against the same town; then, in Python alone, a visitor's phone
   (stories/phone.py), a terminal of another make (stories/vendor.py), and every call that no story needs
   (stories/tour.py).
4. What the services answered is held against the examples in their descriptions: the same members, kind by kind.
   `--write` writes these examples anew.

Nothing is installed but what tests/clients/package-lock.json and requirements/clients.txt name, with their hashes.
Where that cannot be, this fails in one line that says what is missing: there is no run without a language.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "clients"
sys.path.insert(0, str(HERE))

import examples  # noqa: E402 - beside this file
from town import playing  # noqa: E402

ALONE = ("phone", "vendor", "tour")
STORIES = ("turnstile", "sale", "stay", "second_check", "office")
DOCUMENTS = {"terminal": "/openapi.json", "platform": "/openapi.json", "office": "/v1/office/openapi.json"}
PLAIN = {"application/jwt": "text/plain", "multipart/x-mixed-replace": "application/octet-stream"}
LIMIT_S = 150
TRIES = 3  # of taking what the lock file names: a network may stumble
MISSING = """make clients: {what} is missing: the TypeScript programs are checked and played with it.
  sudo apt-get install -y --no-install-recommends nodejs npm    (Node 18 or newer)"""
NOT_TAKEN = """make clients: npm could not take what tests/clients/package-lock.json names ({tries} tries); it must
reach a package registry, or a mirror of one (npm config get registry). It said:
{said}"""


def run(*command, cwd, **environment):
    """Run a command; what it printed is shown when it fails, and its last line in any case."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise SystemExit(
            f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        )
    return done.stdout


def node_modules():
    """Install what the lock file names, with its hashes, unless it is there."""
    node, lock = BUILD / "node", (HERE / "package-lock.json").read_bytes()
    stamp = node / "installed"
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            raise SystemExit(MISSING.format(what=command))
    if not stamp.exists() or stamp.read_bytes() != lock:
        shutil.rmtree(node, ignore_errors=True)
        node.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, node / name)
        taken(node)
        stamp.write_bytes(lock)
    return node


def taken(node):
    """Let npm take it: `ci` resolves nothing, every file is held against its hash."""
    said = ""
    for _ in range(TRIES):
        done = subprocess.run(
            ["npm", "ci"], cwd=node, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode == 0:
            return
        said = done.stdout[-1500:]
    raise SystemExit(NOT_TAKEN.format(tries=TRIES, said=said))


def typescript(node, documents):
    """Generate types, check the programs with them, and return where they lie as JavaScript."""
    made = node / "src"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    for service in documents:
        tool = node / "node_modules" / ".bin" / "openapi-typescript"
        run(tool, BUILD / f"{service}.json", "-o", made / f"{service}_api.ts", cwd=node)
    for file in (*(HERE / "stories").glob("*.ts"), HERE / "tsconfig.json", HERE / "package.json"):
        shutil.copy(file, made)
    run(node / "node_modules" / ".bin" / "tsc", "-p", made, cwd=made)
    return made / "out"


def python(documents):
    """Generate packages, check the programs with them, and return where they lie."""
    made = BUILD / "python"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for service in documents:
        config = made / f"{service}.json"
        told = {"package_name_override": f"xinguan_{service}", "post_hooks": [], "content_type_overrides": PLAIN}
        config.write_text(json.dumps(told))
        tool = Path(sys.executable).with_name("openapi-python-client")
        options = (
            "--meta",
            "none",
            "--config",
            config,
            "--fail-on-warning",
            "--output-path",
            made / f"xinguan_{service}",
        )
        run(tool, "generate", "--path", BUILD / f"{service}.json", *options, cwd=made)
    for file in (HERE / "stories").glob("*.py"):
        shutil.copy(file, made)
    return made


async def play(options):
    """Play everything; returns how many stories were played."""
    with tempfile.TemporaryDirectory(prefix="xg-clients-") as folder:
        node = await asyncio.to_thread(node_modules)
        async with playing(Path(folder)) as told:
            return await asyncio.to_thread(played, node, Path(folder), told, options)


def played(node, folder, told, options):
    """Generate, check and play against a town that runs."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for service, path in DOCUMENTS.items():
        headers = {"Authorization": f"Bearer {told['clerk']}"} if service == "office" else {}
        with urllib.request.urlopen(urllib.request.Request(told[service] + path, headers=headers)) as answer:
            (BUILD / f"{service}.json").write_bytes(answer.read())
    (folder / "told.json").write_text(json.dumps(told, ensure_ascii=False))
    where = {"XINGUAN_TOLD": str(folder / "told.json"), "XINGUAN_RECORDED": str(folder)}
    scripts, modules = typescript(node, DOCUMENTS), python(DOCUMENTS)
    count = 0
    for story in (one for one in STORIES if one in options.only):
        told_by("node", scripts / f"{story}.js", where)
        told_by(sys.executable, modules / f"{story}.py", where)
        count += 2
    for story in (one for one in ALONE if one in options.only):
        told_by(sys.executable, modules / f"{story}.py", where)
        count += 1
    if len(options.only) == len(STORIES + ALONE):
        examples.hold(folder, BUILD, ROOT, write=options.write)
    return count


def told_by(command, program, where):
    """Run a program and show what it says, and how long it took."""
    began = time.monotonic()
    said = run(command, program, cwd=program.parent, **where).strip()
    print(f"{'TypeScript' if command == 'node' else 'Python    '} {said} ({time.monotonic() - began:.1f} s)")


def main():
    """Play, and say how many stories held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the examples of the descriptions anew")
    parser.add_argument("--only", nargs="+", choices=STORIES + ALONE, default=STORIES + ALONE, help="these stories")
    count = asyncio.run(play(parser.parse_args()))
    print(f"{count} passed, 0 failed")


if __name__ == "__main__":
    main()
