"""What we install does not depend on the day: the pins answer all that any of them asks. No network is used."""

import importlib.metadata
import importlib.util
import platform
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "requirements"


def module(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    loaded = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


closure = module("closure")
lock = module("lock")
FILES = closure.read_files(FOLDER)
PACKAGES = closure.read_closure((FOLDER / "closure.json").read_text())
ROOTS = closure.read_roots((ROOT / "pyproject.toml").read_text())
PINS = {(layer, pin.name): pin for layer, text in FILES.items() for pin in closure.read_pins(text)[1]}
NOT_HERE = ("lock", "clients")  # what `make lock` and `make clients` install beside
EXTRAS = sorted(
    (name, extra)
    for name, package in PACKAGES.items()
    for extra in package.extras
    if any(
        re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", line)
        and canonicalize_name(Requirement(line).name) not in PACKAGES
        for line in package.requires
    )
)


def without(text, name):
    """Return the text of a requirements file without one pin."""
    return re.sub(rf"(?m)^{re.escape(name)}==.*(\n    --hash.*)*\n", "", text)


def asked(layer, line):
    """Return what pyproject.toml asks for, with one more requirement in a layer."""
    return ROOTS | {layer: [*ROOTS[layer], Requirement(line)]}


def test_the_files_are_complete_for_every_python_and_machine():
    assert closure.faults(FILES, PACKAGES, ROOTS) == []
    assert {str(place) for place in closure.PLACES} == {
        f"Python 3.{minor} on {machine}" for minor in (11, 12, 13, 14) for machine in ("x86_64", "aarch64")
    }


@pytest.mark.parametrize(("layer", "name"), sorted(PINS), ids="-".join)
def test_no_pin_can_be_taken_away(layer, name):
    changed = FILES | {layer: without(FILES[layer], name)}

    assert len(changed[layer]) < len(FILES[layer])
    assert any("no pin meets it" in fault for fault in closure.faults(changed, PACKAGES, ROOTS))


@pytest.mark.parametrize(("name", "extra"), EXTRAS, ids="-".join)
def test_no_extra_can_be_asked_for_without_its_pins(name, extra):
    layer = next(layer for layer, pinned in PINS if pinned == name)

    found = closure.faults(FILES, PACKAGES, asked(layer, f"{name}[{extra}]"))

    assert any("no pin meets it" in fault for fault in found)


def test_an_extra_that_a_pinned_package_newly_asks_for_is_missed():
    coverage = replace(PACKAGES["coverage"], requires=("tomli; extra == 'toml'",), extras=("toml",))

    found = closure.faults(FILES, PACKAGES | {"coverage": coverage}, ROOTS)

    assert any("coverage asks for tomli" in fault for fault in found)


def test_an_extra_that_a_package_does_not_have_is_told():
    found = closure.faults(FILES, PACKAGES, asked("terminal", "aiohttp[never]"))

    assert any("aiohttp has no extra ['never']" in fault for fault in found)


def test_what_only_one_python_needs_is_missed_there_alone():
    aiohttp = PACKAGES["aiohttp"]
    more = replace(aiohttp, requires=(*aiohttp.requires, "backport; python_version < '3.12'"))

    found = closure.faults(FILES, PACKAGES | {"aiohttp": more}, ROOTS)

    assert {re.search(r"Python \S+", fault)[0] for fault in found} == {"Python 3.11"}


def test_what_only_a_later_patch_release_needs_is_missed():
    aiohttp = PACKAGES["aiohttp"]
    more = replace(aiohttp, requires=(*aiohttp.requires, "backport; python_full_version >= '3.13.5'"))

    found = closure.faults(FILES, PACKAGES | {"aiohttp": more}, ROOTS)

    assert {re.search(r"Python \S+", fault)[0] for fault in found} == {"Python 3.13", "Python 3.14"}


def test_a_version_that_somebody_does_not_take_is_told():
    found = closure.faults(FILES, PACKAGES, asked("dev", "aiohttp<3"))

    assert any("asks for aiohttp<3" in fault for fault in found)


def test_a_pin_that_nobody_asks_for_is_told():
    roots = ROOTS | {"terminal": [line for line in ROOTS["terminal"] if line.name != "pyzbar"]}

    assert any("nobody asks for pyzbar" in fault for fault in closure.faults(FILES, PACKAGES, roots))


def test_a_wheel_that_is_missing_on_one_machine_is_told():
    msgspec = PACKAGES["msgspec"]
    fewer = {name: digest for name, digest in msgspec.wheels.items() if not re.search("cp314-.*aarch64", name)}

    found = closure.faults(FILES, PACKAGES | {"msgspec": replace(msgspec, wheels=fewer)}, ROOTS)

    assert any("Python 3.14 on aarch64: msgspec" in fault and "has no wheel" in fault for fault in found)


def test_a_hash_that_is_missing_or_foreign_is_told():
    digest = next(iter(PACKAGES["msgspec"].wheels.values()))
    changed = FILES | {"terminal": FILES["terminal"].replace(digest, "0" * 64)}

    found = " ".join(closure.faults(changed, PACKAGES, ROOTS))

    assert "lacks the hash of msgspec" in found
    assert "has hashes that the closure does not know" in found


def test_a_package_that_excludes_a_python_is_told():
    found = closure.faults(FILES, PACKAGES | {"tuf": replace(PACKAGES["tuf"], requires_python="<3.14")}, ROOTS)

    assert any("Python 3.14" in fault and "wants Python <3.14" in fault for fault in found)


def test_a_package_pinned_twice_is_told():
    pin = re.search(r"(?m)^pyzbar==.*\n.*\n", FILES["terminal"])[0]

    found = closure.faults(FILES | {"dev": FILES["dev"] + pin}, PACKAGES, ROOTS)

    assert any("pinned twice: ['pyzbar']" in fault for fault in found)


def test_a_file_that_is_missing_or_includes_less_is_told():
    assert closure.faults({name: text for name, text in FILES.items() if name != "gpio"}, PACKAGES, ROOTS)
    assert closure.faults(FILES | {"dev": FILES["dev"].replace("-r gpio.txt\n", "")}, PACKAGES, ROOTS)


def test_a_table_of_pyproject_that_no_layer_holds_is_refused():
    text = (ROOT / "pyproject.toml").read_text()

    with pytest.raises(ValueError, match="no layer holds it"):
        closure.read_roots(text.replace("[dependency-groups]\n", '[dependency-groups]\nmore = ["six"]\n'))


@pytest.mark.parametrize("line", ["six", "six==1.16.0", "six>=1 --hash=sha256:00", "six==1.* --hash=sha256:00", "-e ."])
def test_a_line_that_is_no_pin_with_hashes_is_refused(line):
    with pytest.raises(ValueError):
        closure.read_pins(line)


def test_the_files_are_what_the_lock_writes_and_name_no_index():
    for layer, text in FILES.items():
        assert lock.render(layer, ROOTS, PACKAGES) == text
    for path in [*FOLDER.glob("*.txt"), FOLDER / "closure.json"]:
        assert "://" not in path.read_text()


def test_a_pin_that_not_all_need_gets_a_marker():
    some = [closure.Place("3.11", "x86_64"), closure.Place("3.12", "aarch64")]
    requirement = Requirement("six==1" + lock.marker(some))

    assert [place for place in closure.PLACES if place.wants(requirement)] == some
    assert lock.marker(list(closure.PLACES)) == ""


def test_this_environment_holds_the_pinned_versions():
    here = closure.Place(".".join(platform.python_version_tuple()[:2]), platform.machine())
    pins = [pin for (layer, _), pin in PINS.items() if layer not in NOT_HERE and here.wants(pin.requirement)]

    assert {pin.name: importlib.metadata.version(pin.name) for pin in pins} == {pin.name: pin.version for pin in pins}


def test_the_documented_debian_packages_are_those_of_the_setup():
    lines = (ROOT / "tests" / "tools" / "debian.txt").read_text().splitlines()
    packages = {line.split()[1] for line in lines if not line.startswith("#")}

    page = (ROOT / "docs" / "testing.md").read_text()
    documented = re.findall(r"(?m)^\| `([a-z0-9.+-]+)` \| (?:run|test|clients) \|", page)

    assert set(documented) == packages
