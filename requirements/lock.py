"""Compiles the requirements files and the closure from pyproject.toml.

usage: make lock [ARGS=--upgrade]

1. uv resolves all layers at once, so a package has one version whatever is installed. The versions of today's files are
   kept where they still fit; with --upgrade the newest are taken.
2. For each Python and machine pip looks up which wheel it would install, and what that wheel says of itself.
3. Each pin goes to the layers that need it, with the hashes of those wheels alone and a marker where not all need it.
4. Nothing is written unless `closure.faults` is content. No address of an index is ever written.

The tools come from lock.txt, into a folder that is thrown away.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from closure import (
    LAYERS,
    MACHINES,
    PLACES,
    PYTHONS,
    Closure,
    Files,
    Package,
    Place,
    Roots,
    below,
    faults,
    reached,
    read_files,
    read_pins,
    read_roots,
    write_closure,
)
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
INSTALL = ("-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps")
ENVIRONMENT = (
    "sys_platform == 'linux' and implementation_name == 'cpython' and platform_machine == '{machine}' "
    "and python_full_version < '{end}'"
)
HEAD = (
    "# Compiled by `make lock` from {tables}; what stands here is complete: install with --no-deps --require-hashes.\n"
)


def main() -> int:
    """Write the files, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    keep = {} if parser.parse_args().upgrade else read_files(HERE)
    roots = read_roots((HERE.parent / "pyproject.toml").read_text())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        python = tools(scratch / "tools")
        wanted = resolve(python, scratch, roots, keep)
        closure: Closure = {}
        for place in PLACES:
            print(f"{place}: which wheels", file=sys.stderr)
            look_up(python, scratch, place, wanted, closure)
    files = {layer: render(layer, roots, closure) for layer in LAYERS}
    if found := faults(files, closure, roots):
        print("\n".join(found), file=sys.stderr)
        return 1
    for layer, text in files.items():
        (HERE / f"{layer}.txt").write_text(text)
    (HERE / "closure.json").write_text(write_closure(closure))
    return 0


def tools(folder: Path) -> Path:
    """Return the Python of a new environment with the pinned pip and uv."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    for layer in ("bootstrap", "lock"):
        subprocess.run([python, *INSTALL, "--require-hashes", "-r", HERE / f"{layer}.txt"], check=True)
    return python


def resolve(python: Path, scratch: Path, roots: Roots, keep: Files) -> list[Requirement]:
    """Return one version of each package that any layer needs on any place, with markers."""
    end = f"3.{int(PYTHONS[-1].split('.')[1]) + 1}"
    environments = [ENVIRONMENT.format(machine=machine, end=end) for machine in MACHINES]
    (scratch / "pyproject.toml").write_text(
        f'[project]\nname = "all"\nversion = "1"\nrequires-python = ">={PYTHONS[0]}"\n'
        f"[tool.uv]\nenvironments = {json.dumps(environments)}\n"
    )
    (scratch / "all.in").write_text("".join(f"{line}\n" for lines in roots.values() for line in lines))
    kept = [f"{pin.name}{pin.requirement.specifier}\n" for text in keep.values() for pin in read_pins(text)[1]]
    (scratch / "all.txt").write_text("".join(kept))
    options = "--universal --fork-strategy fewest --no-header --no-annotate --only-binary :all: -q -o all.txt all.in"
    version = ("--python-version", PYTHONS[0])
    uv = python.with_name("uv")
    subprocess.run([uv, "pip", "compile", *version, *options.split()], cwd=scratch, check=True)
    return [Requirement(line) for line in (scratch / "all.txt").read_text().splitlines()]


def look_up(python: Path, scratch: Path, place: Place, wanted: Iterable[Requirement], closure: Closure) -> None:
    """Add to the closure what pip would install here. Raises ValueError where two wheels of a version ask otherwise."""
    here = [f"{requirement.name}{requirement.specifier}" for requirement in wanted if place.wants(requirement)]
    (scratch / "here.txt").write_text("\n".join(here))
    foreign = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", place.python]
    foreign += [word for platform in place.platforms() for word in ("--platform", platform)]
    dry = ["--dry-run", "--ignore-installed", "--target", "nowhere", "--report", "report.json", "-r", "here.txt"]
    subprocess.run([python, *INSTALL, *dry, *foreign], cwd=scratch, check=True)
    for item in json.loads((scratch / "report.json").read_text())["install"]:
        package = said_of(item)
        known = closure.setdefault(package.name, package)
        if replace(package, wheels={}) != replace(known, wheels={}):
            raise ValueError(f"the wheels of {package.name} {package.version} do not ask for the same")
        known.wheels.update(package.wheels)


def said_of(item: dict) -> Package:  # type: ignore[type-arg]  # an entry of pip's installation report
    """Return what one wheel says of itself."""
    metadata, download = item["metadata"], item["download_info"]
    file = unquote(PurePosixPath(urlsplit(download["url"]).path).name)
    return Package(
        name=canonicalize_name(metadata["name"]),
        version=metadata["version"],
        requires_python=metadata.get("requires_python", ""),
        requires=tuple(metadata.get("requires_dist", ())),
        extras=tuple(metadata.get("provides_extra", ())),
        wheels={file: download["archive_info"]["hashes"]["sha256"]},
    )


def render(layer: str, roots: Roots, closure: Closure) -> str:
    """Return the text of a layer's file: what it includes, and the pins that none of these brings."""
    includes, tables = LAYERS[layer]
    text = HEAD.format(tables=", ".join(".".join(path) for path in tables))
    text += "".join(f"-r {name}.txt\n" for name in includes)
    needed: dict[str, list[Place]] = {}
    for place in PLACES:
        brought = {name for lower in below(layer) for name in reached(lower, place, roots, closure)[0]}
        for name in reached(layer, place, roots, closure)[0] - brought:
            needed.setdefault(name, []).append(place)
    for name, places in sorted(needed.items()):
        hashes = sorted({closure[name].wheels[wheel] for place in places if (wheel := closure[name].wheel_for(place))})
        pin = f"{name}=={closure[name].version}{marker(places)}"
        text += " \\\n    ".join([pin, *(f"--hash=sha256:{digest}" for digest in hashes)]) + "\n"
    return text


def marker(places: list[Place]) -> str:
    """Return the marker that holds on these places and on no other that we promise."""
    if len(places) == len(PLACES):
        return ""
    each = [f"(python_version == '{place.python}' and platform_machine == '{place.machine}')" for place in places]
    return " ; " + " or ".join(each)


if __name__ == "__main__":
    sys.exit(main())
