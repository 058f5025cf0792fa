"""The closure: every pinned package, what it asks for, and a proof that the pins answer each other.

An installer that resolves gives another result on another day. Ours installs the files of this folder with `--no-deps
--require-hashes`: it takes what is written and asks nobody what else is needed. So what is written must be complete.
`closure.json` records what each pinned wheel says of itself; `faults` reads it, the files and pyproject.toml, and needs
no network. Its rules, for every Python and machine we promise:

1. A file's pins, with those of the files it includes, name each package once.
2. Each pin stands in the closure with that version, and its hashes are those of the recorded wheels.
3. One of these wheels fits this Python and machine, with a C library no newer than GLIBC.
4. Each requirement that is reached from pyproject.toml, extras included, is met by a pin.
5. No pin stands there that nothing reaches: what is not needed is not installed.

Run by hand it prints the faults: `python requirements/closure.py`.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")
GLIBC = (2, 28)  # Debian 10 and all that is newer
MANY_LINUX = 17  # the oldest C library, 2.17, that a manylinux tag of this kind names
OLDER = {"x86_64": ("manylinux2010", "manylinux1")}  # tags of before
PATCHES = ("0", "99")  # the first patch release and one that is still to come: a marker may name either

# file → the files it includes, and the tables of pyproject.toml that ask for what it holds
LAYERS: dict[str, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {
    "bootstrap": ((), (("build-system", "requires"), ("dependency-groups", "bootstrap"))),
    "terminal": ((), (("project", "dependencies"),)),
    "gpio": (("terminal",), (("project", "optional-dependencies", "gpio"),)),
    "central": (("bootstrap", "terminal"), (("project", "optional-dependencies", "central"),)),
    "dev": (("central", "gpio"), (("dependency-groups", "dev"),)),
    "clients": (("dev",), (("dependency-groups", "clients"),)),
    "lock": ((), (("dependency-groups", "lock"),)),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One Python on one machine."""

    python: str
    machine: str

    def __str__(self) -> str:
        """Return the words used in faults."""
        return f"Python {self.python} on {self.machine}"

    def environments(self, extra: str = "") -> Iterator[dict[str, str]]:
        """Yield what a marker may ask, once for each patch release."""
        for patch in PATCHES:
            yield {
                "extra": extra,
                "implementation_name": "cpython",
                "implementation_version": f"{self.python}.{patch}",
                "os_name": "posix",
                "platform_machine": self.machine,
                "platform_python_implementation": "CPython",
                "platform_release": "",
                "platform_system": "Linux",
                "platform_version": "",
                "python_full_version": f"{self.python}.{patch}",
                "python_version": self.python,
                "sys_platform": "linux",
            }

    def wants(self, requirement: Requirement, extra: str = "") -> bool:
        """Tell whether the requirement counts here, for any patch release."""
        return requirement.marker is None or _holds(str(requirement.marker), self, extra)

    def platforms(self) -> list[str]:
        """Return the platform tags of wheels that run here, the newest C library first."""
        many = [f"manylinux_2_{minor}_{self.machine}" for minor in range(GLIBC[1], MANY_LINUX - 1, -1)]
        old = [f"{name}_{self.machine}" for name in ("manylinux2014", *OLDER.get(self.machine, ()))]
        return [*many, *old, f"linux_{self.machine}"]

    def tags(self) -> frozenset[Tag]:
        """Return the tags of wheels that run here."""
        version = tuple(int(part) for part in self.python.split("."))
        cpython = f"cp{version[0]}{version[1]}"
        platforms = self.platforms()
        own = cpython_tags(version, abis=[cpython], platforms=platforms)
        return frozenset([*own, *compatible_tags(version, interpreter=cpython, platforms=platforms)])


PLACES = tuple(Place(python, machine) for python, machine in product(PYTHONS, MACHINES))


_canonical = cache(canonicalize_name)


@cache
def _requirement(line: str) -> Requirement:
    return Requirement(line)


@cache
def _holds(marker: str, place: Place, extra: str) -> bool:
    return any(Marker(marker).evaluate(environment) for environment in place.environments(extra))


@cache
def _takes(specifier: str, version: str) -> bool:
    return SpecifierSet(specifier).contains(version, prereleases=True)


@cache
def _tags(place: Place) -> frozenset[Tag]:
    return place.tags()


@cache
def _fits(wheel: str, place: Place) -> bool:
    return not _tags(place).isdisjoint(parse_wheel_filename(wheel)[3])


@dataclass(frozen=True, slots=True)
class Package:
    """What the wheels of one pinned version say of themselves; `wheels` maps a file's name to its SHA-256."""

    name: str
    version: str
    requires_python: str
    requires: tuple[str, ...]
    extras: tuple[str, ...]
    wheels: dict[str, str]

    def wheel_for(self, place: Place) -> str | None:
        """Return the file that fits, None if there is none."""
        return next((name for name in self.wheels if _fits(name, place)), None)

    def asks(self, place: Place, extra: str = "") -> list[Requirement]:
        """Return what this package needs here: by itself, and besides for the extra if one is named."""
        listed = [_requirement(line) for line in self.requires]
        return [requirement for requirement in listed if place.wants(requirement, extra)]


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a requirements file."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        """Return the package's canonical name."""
        return _canonical(self.requirement.name)

    @property
    def version(self) -> str:
        """Return the one version that this line allows."""
        return str(self.requirement.specifier).removeprefix("==")


Files = dict[str, str]  # name of a layer → the text of its file
Closure = dict[str, Package]
Roots = dict[str, list[Requirement]]  # name of a layer → what pyproject.toml asks for it


def read_files(folder: Path) -> Files:
    """Return the texts of the requirements files."""
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.txt"))}


def read_closure(text: str) -> Closure:
    """Return the packages of a closure.json."""
    return {
        name: Package(
            name,
            said["version"],
            said["requires_python"],
            tuple(said["requires"]),
            tuple(said["extras"]),
            said["wheels"],
        )
        for name, said in json.loads(text).items()
    }


def write_closure(closure: Closure) -> str:
    """Return the text of a closure.json."""
    fields = ("version", "requires_python", "requires", "extras", "wheels")
    said = {name: {field: getattr(package, field) for field in fields} for name, package in sorted(closure.items())}
    return json.dumps(said, indent=1) + "\n"


def read_roots(text: str) -> Roots:
    """Return what each layer is made for. Raises KeyError where a table is missing, ValueError where one is unknown."""
    project = tomllib.loads(text)
    known = {path for _, tables in LAYERS.values() for path in tables}
    for section in (("project", "optional-dependencies"), ("dependency-groups",)):
        for name in _table(project, section):
            if (*section, name) not in known:
                raise ValueError(f"pyproject.toml asks for {'.'.join((*section, name))}, and no layer holds it")
    return {
        layer: [Requirement(line) for path in tables for line in _table(project, path)]
        for layer, (_, tables) in LAYERS.items()
    }


def _table(project: dict, path: Iterable[str]) -> list[str]:  # type: ignore[type-arg]  # a TOML table is what it is
    for step in path:
        project = project[step]
    return project  # type: ignore[return-value]  # the last step leads to a list or to the names of tables


@cache
def read_pins(text: str) -> tuple[list[str], list[Pin]]:
    """Return the layers that a requirements file includes, and its own pins. Raises ValueError on any other line."""
    included, pins = [], []
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    for line in lines:
        if match := re.fullmatch(r"-r ([a-z]+)\.txt", line):
            included.append(match[1])
            continue
        words, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
        requirement = _requirement(words)
        if not re.fullmatch(r"==[0-9][0-9a-z.+!]*", str(requirement.specifier)) or requirement.extras or not hashes:
            raise ValueError(f"not a pin with its hashes: {line}")
        pins.append(Pin(requirement, frozenset(hashes)))
    return included, pins


def reached(layer: str, place: Place, roots: Roots, closure: Closure) -> tuple[set[str], list[str]]:
    """Walk from what pyproject.toml asks for this layer and those it includes: the packages, and what is not met."""
    waiting = [(requirement, "pyproject.toml") for name in (layer, *below(layer)) for requirement in roots[name]]
    seen: dict[str, set[str]] = {}
    missing = []
    while waiting:
        requirement, asked_by = waiting.pop()
        package = closure.get(_canonical(requirement.name))
        if package is None or not _takes(str(requirement.specifier), package.version):
            missing.append(f"{asked_by} asks for {requirement}, and no pin meets it")
            continue
        extras = {_canonical(extra) for extra in requirement.extras}
        if unknown := extras - {_canonical(extra) for extra in package.extras}:
            missing.append(f"{asked_by} asks for {requirement}, and {package.name} has no extra {sorted(unknown)}")
        known = seen.setdefault(package.name, set())
        for extra in {"", *extras} - known:
            waiting += [(asked, package.name) for asked in package.asks(place, extra)]
        known |= {"", *extras}
    return set(seen), missing


def below(layer: str) -> list[str]:
    """Return the layers that this one includes, and those that they include."""
    names: list[str] = []
    for included in LAYERS[layer][0]:
        names += [name for name in (included, *below(included)) if name not in names]
    return names


def faults(files: Files, closure: Closure, roots: Roots) -> list[str]:
    """Return every breach of the rules above, in words; none means that the files install as they are."""
    found = [f"{name}.txt is no layer" for name in files.keys() - LAYERS.keys()]
    found += [f"{name}.txt is missing" for name in LAYERS.keys() - files.keys()]
    if found:
        return found
    for layer, (includes, _) in LAYERS.items():
        if read_pins(files[layer])[0] != list(includes):
            found.append(f"{layer}.txt does not include {includes}")
    for layer, place in product(LAYERS, PLACES):
        pins = [pin for name in (layer, *below(layer)) for pin in read_pins(files[name])[1]]
        here = [pin for pin in pins if place.wants(pin.requirement)]
        found += [f"{layer}.txt, {place}: {fault}" for fault in _faults_here(layer, here, place, (roots, closure))]
    used = {pin.name for text in files.values() for pin in read_pins(text)[1]}
    return found + [f"the closure holds {name}, which no file pins" for name in closure.keys() - used]


def _faults_here(layer: str, pins: list[Pin], place: Place, known: tuple[Roots, Closure]) -> Iterator[str]:
    roots, closure = known
    by_name = {pin.name: pin for pin in pins}
    if len(by_name) != len(pins):
        yield f"pinned twice: {sorted(pin.name for pin in pins if by_name[pin.name] is not pin)}"
    for pin in pins:
        yield from _faults_of_pin(pin, place, closure)
    pinned = {name: package for name, package in closure.items() if name in by_name}
    names, missing = reached(layer, place, roots, pinned)
    yield from missing
    yield from (f"nobody asks for {name}" for name in sorted(by_name.keys() - names))


def _faults_of_pin(pin: Pin, place: Place, closure: Closure) -> Iterator[str]:
    package = closure.get(pin.name)
    if package is None or package.version != pin.version:
        yield f"{pin.requirement} is not in the closure"
        return
    wheel = package.wheel_for(place)
    if wheel is None:
        yield f"{pin.requirement} has no wheel"
    elif package.wheels[wheel] not in pin.hashes:
        yield f"{pin.requirement} lacks the hash of {wheel}"
    if pin.hashes - set(package.wheels.values()):
        yield f"{pin.requirement} has hashes that the closure does not know"
    if not all(_takes(package.requires_python, f"{place.python}.{patch}") for patch in PATCHES):
        yield f"{pin.requirement} wants Python {package.requires_python}"


if __name__ == "__main__":
    here = Path(__file__).parent
    said = faults(
        read_files(here),
        read_closure((here / "closure.json").read_text()),
        read_roots((here.parent / "pyproject.toml").read_text()),
    )
    print("\n".join(said) or "complete")
    sys.exit(bool(said))
