"""S22 with what is installed: a box dies with facts on its card, and a bare Debian takes its place in five minutes.

The dead box's terminal is a process of the machine on which somebody followed docs/install.md, its card a folder there;
the new box is a Debian of its own in the same network, to which the package and a stick are brought. What is timed is
what a technician types: a code, the package, `xinguan provision`, the unit. The rescued card goes home by the words of
docs/boxes.md. Ready-made processes, more quickly: tests/processes/test_swap.py.
"""

import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.demo.street.visitors import Person
from tests.e2e.booted import READY
from tests.e2e.installing import HERE, readiness, ready, until
from tests.tools.pages import BLOCKS

FIVE_MINUTES_S = 300
STATE = "/var/lib/xinguan-central"
CARD = "/mnt/card/var/lib/xinguan"
OLD, NEW = "http://127.0.0.1:8471", HERE
CONFIG = f"""
[terminal]
data = "{CARD}"
[platform]
url = "http://127.0.0.1:8480"
[api]
listen = "127.0.0.1:8471"
[[lanes]]
id = "A"
scene = "gate"
"""
CODE = (
    f"sudo -u xinguan xinguan central codes --state {STATE} --terminal gate9 --profile {STATE}/gate.json"
    " --platform http://127.0.0.1:8480 | head -n 1"
)
RUN = "/usr/bin/xinguan run --config /etc/xinguan/old.toml"
RESCUE = [text for page, kind, text in BLOCKS if (page, kind) == ("boxes.md", "console")]
ISSUED = """
import sys, time
from pathlib import Path
from cryptography.hazmat.primitives.serialization import load_der_public_key
from central.lists.issuing import Wanted, issue
from central.register.warrants import Warrant
who, key, now = sys.argv[1], load_der_public_key(bytes.fromhex(sys.argv[2])), int(time.time())
wanted, both = Wanted(subject=who, groups=(12,), holder_key=key), Warrant("clerk", "checker")
issued = issue(Path("/var/lib/xinguan-central"), "yunling", wanted, now_s=now, iat=now - 3600, warrant=both)
print(issued.raw.hex())
"""
SHOWN = """
import json, sys, urllib.request as u
url, token, code = json.load(sys.stdin)
body, heads = json.dumps({"code": code, "intent": "enter"}).encode(), {"Authorization": "Bearer " + token}
asked = u.Request(url + "/v1/present", body, heads | {"Content-Type": "application/json"})
print(u.urlopen(asked, timeout=30).read().decode())
"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not READY, reason="needs root, debootstrap and systemd-nspawn"),
]


def visitor(town, name):
    """Return somebody of group 12, whose phone keeps its key to itself."""
    phone = Ed25519PrivateKey.generate()
    der = phone.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    python = f"sudo -u xinguan /opt/xinguan/current/bin/python -I - {name} {der.hex()}"
    return Person(issuer="yunling", subject=b"", credential=bytes.fromhex(town.must(python, input=ISSUED)), phone=phone)


def shown(box, url, folder, who):
    """Show a fresh code at a box; return outcome and first reason. Asked again where nobody could say yet."""
    token = json.loads(box.must(f"cat {folder}/api-tokens.json"))["integrator"]

    def answer():
        given = json.dumps([url, token, who.code(int(time.time()))])
        told = json.loads(box.must(f"python3 -c '{SHOWN}'", input=given))
        return told["outcome"] != "REFER" and (told["outcome"], told["reasons"][0]["code"])

    return until(answer, "a decision", box)


def start_old(town):
    town.must(f"systemctl reset-failed old-box || true; systemd-run --unit old-box --uid xinguan {RUN}")
    until(lambda: readiness(town, OLD), "the old box", town)


def lines(box, url):
    return {one["name"]: one for one in (readiness(box, url) or {"checks": ()})["checks"]}


def booked(town):
    """Return how many redemptions of the terminal the platform has, and its conflicts."""
    script = (
        f"import sqlite3; c = sqlite3.connect('file:{STATE}/central.db?mode=ro', uri=True);"
        "print(*c.execute(\"SELECT count(*) FROM redemptions WHERE terminal = 'gate9'\").fetchone(),"
        " *c.execute('SELECT count(*) FROM conflicts').fetchone())"
    )
    return tuple(map(int, town.must(f"python3 - <<'EOF'\n{script}\nEOF").split()))


@pytest.fixture
def town(deb_box):
    """The machine with the platform, whose own terminal leaves its port to the new box meanwhile."""
    deb_box.must("systemctl stop xinguan-terminal")
    yield deb_box
    deb_box.must("systemctl stop old-box || true; systemctl start xinguan-central xinguan-terminal")


@pytest.fixture
def new(town, boot, packages):
    """A bare Debian beside it, to which the package was brought; it gives the port back in the end."""
    box = boot(packages.glob("xinguan_*.deb"), "./xinguan_*.deb", beside=town)
    box.must("sudo apt-get update")
    yield box
    box.run("systemctl stop xinguan-terminal")


def test_a_box_dies_with_facts_on_its_card_and_a_bare_debian_takes_its_place(town, new):
    town.must(f"install -d -o xinguan -g xinguan -m 0700 {CARD} && cat > /etc/xinguan/old.toml", input=CONFIG)
    town.must(f"{CODE} | sudo xinguan enrol - --config /etc/xinguan/old.toml")
    start_old(town)
    until(lambda: ready(town, OLD), "the old box, ready", town)
    known, unknown = visitor(town, "known"), visitor(town, "unknown")
    assert shown(town, OLD, CARD, known) == ("GRANT", "ok")
    until(lambda: booked(town) == (1, 0), "the first fact on the platform", town)
    town.must("systemctl stop xinguan-central")
    assert shown(town, OLD, CARD, unknown) == ("GRANT", "ok")
    town.must("systemctl kill -s KILL old-box && systemctl start xinguan-central")

    # Five minutes of commands: a code, a stick, the package, provision, the unit.
    began = time.monotonic()
    code = town.must(CODE).strip()
    new.must("install -d /media/stick && cat > /media/stick/provision.toml", input=f"code = {json.dumps(code)}\n")
    new.must("sudo apt-get install -y ./xinguan_*.deb")
    new.must("sudo xinguan provision --file /media/stick/provision.toml --platform http://127.0.0.1:8480")
    new.must("sudo systemctl enable --now xinguan-terminal")
    until(lambda: ready(new), "the new box, ready", new)
    took_s = time.monotonic() - began
    print(f"a code, a stick, the package, provision, the unit, ready: {took_s:.0f} s")
    assert took_s < FIVE_MINUTES_S
    assert shown(new, NEW, "/var/lib/xinguan", known) == ("STANDARD", "limit_used")

    # The card of the dead box, in a machine that has xinguan, and the platform.
    for words in RESCUE:
        town.must(words)
    assert booked(town) == (2, 0)
    assert shown(new, NEW, "/var/lib/xinguan", unknown) == ("STANDARD", "limit_used")

    # Somebody plugs the old box in again.
    start_old(town)
    until(lambda: lines(town, OLD).get("suspended", {}).get("level") == "bad", "the word that it was replaced", town)
    assert "接替" in lines(town, OLD)["suspended"]["zh"]
    assert shown(new, NEW, "/var/lib/xinguan", visitor(town, "another")) == ("GRANT", "ok")
    until(lambda: booked(town) == (3, 0), "the new box's fact", town)
    state = town.root / STATE[1:]
    assert {path.stat().st_uid for path in state.rglob("*")} == {state.stat().st_uid}, "root left a file"
