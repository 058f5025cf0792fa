"""docs/install.md and README, followed word by word in an empty Debian 12, booted: to a decided code on a screen.

The Debian's own systemd runs the package's own units there (`booted.py`). Heavy: `make e2e`. To look again:
`DEBIAN_ROOT=FOLDER` takes a bootstrapped Debian from there, `PACKAGES=FOLDER` packages that are built, and `DEBIAN=13`
is the other release.
"""

import json
import re
import shutil

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from tests.e2e.booted import READY, RELEASE
from tests.e2e.installing import EXPECTED, PRACTISE, ROOT, SECTIONS, WITHIN_S, decided, follow, until

LIBRARIES = {13: "libzbar0t64"}

pytestmark = [
    pytest.mark.root,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not READY, reason="needs root, debootstrap and systemd-nspawn"),
]


@pytest_asyncio.fixture
async def browser_in():
    """Return a function that opens a page in a Chromium of this machine in the network of a box."""
    async with async_playwright() as playwright:
        opened = []

        async def page_in(box, url):
            wrapper = box.log.with_name("chromium")
            words = " ".join(box.in_its_network([shutil.which("chromium")]))
            wrapper.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            wrapper.chmod(0o755)
            browser = await playwright.chromium.launch(executable_path=wrapper, args=["--no-sandbox"])
            opened.append(browser)
            page = await browser.new_page()
            page.set_default_timeout(WITHIN_S * 1000)
            await page.goto(url)
            return page

        yield page_in
        for browser in opened:
            await browser.close()


async def seen_on_a_screen(box, browser_in):
    """See a second visitor's code decided on the gate's screen."""
    tokens = json.loads(box.must("cat /var/lib/xinguan/api-tokens.json"))
    page = await browser_in(box, f"http://127.0.0.1:8470/gate#token={tokens['display']}")
    await page.wait_for_selector('body[data-view="not_ready"]')  # the folder has no picture that was not seen
    (issue,) = SECTIONS["5"]
    box.must(issue.replace("first-visitor", "second-visitor").replace("code.png", "second.png"))
    await page.wait_for_selector(".result.STANDARD")
    assert "需本人手机动态码" in await page.inner_text("#stage")


async def test_from_nothing_to_a_decided_code_on_a_screen(deb_box, browser_in):
    assert decided(deb_box, 1) == EXPECTED

    await seen_on_a_screen(deb_box, browser_in)

    owners = {path.stat().st_uid for path in (deb_box.root / "var/lib/xinguan").rglob("*")}
    assert owners == {(deb_box.root / "var/lib/xinguan").stat().st_uid}, "a command that root typed left a file"


async def test_the_tarball_takes_the_place_of_the_package(boot, packages, browser_in):
    install, away = SECTIONS["7"]
    libraries = LIBRARIES.get(RELEASE, "libzbar0")
    install = install.replace("libzbar0", libraries)  # as the page says of Debian 13
    box = boot(packages.glob("*.tar.xz"), f"python3 {libraries} xz-utils")
    before = {name: (box.root / name).lstat() for name in ("usr", "usr/bin", "usr/lib", "lib", "opt", "etc")}

    follow(box, [f"umask 077\n{install}", *PRACTISE], "docs/install.md, 7")
    assert decided(box, 1) == EXPECTED
    await seen_on_a_screen(box, browser_in)
    for name, was in before.items():
        now = (box.root / name).lstat()
        assert (now.st_mode, now.st_uid, now.st_gid) == (was.st_mode, was.st_uid, was.st_gid), name

    box.must("mkdir other && printf '#!/bin/sh\necho riscv64\n' > other/uname && chmod +x other/uname")
    other = box.run("PATH=/root/other:$PATH ./xinguan/install.sh")
    assert (other.returncode, "it is for amd64, this machine is riscv64" in other.stderr) == (1, True)

    follow(box, [away], "docs/install.md, 7")
    assert (box.root / "var/lib/xinguan/terminal.db").exists()
    assert list(box.root.glob("usr/**/*xinguan*")) == []
    assert not (box.root / "opt/xinguan").exists()

    follow(box, [f"rm -rf xinguan xinguan-central\n{install}"], "docs/install.md, 7, again")
    box.must("sudo /opt/xinguan/uninstall --purge")
    assert list(box.root.glob("var/lib/xinguan*")) == []


def test_readme_is_enough_for_whoever_has_a_code(boot, packages):
    """`make deb` was done; the platform is one to practise with, and its code is typed where README's command asks."""
    block = re.search(
        r"## A terminal of your own\n\n```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )[1]
    make, *lines = [line.partition("  #")[0].strip() for line in block.splitlines()]
    box = boot(packages.glob("*.deb"), "./xinguan_*.deb ./xinguan-central_*.deb")
    assert make == "make deb"
    box.must("mkdir dist && mv *.deb dist && apt-get update")

    for line in lines:
        words = line.replace("apt-get install", "apt-get install -y")
        if line == "sudo xinguan provision":
            box.must("apt-get install -y ./dist/xinguan-central_*.deb")
            follow(box, SECTIONS["2"], "docs/install.md, 2")
            words = f"sudo cat /root/code | {line} --platform http://127.0.0.1:8480"  # the code there is a bare one
        done = box.run(words)
        assert done.returncode == 0 or "doctor" in line, f"{line}\n{done.stdout}\n{done.stderr}"

    until(lambda: box.must("systemctl is-active xinguan-terminal").strip() == "active", "the terminal", box)
    health = box.run("xinguan doctor").stdout
    assert "Traceback" not in health
    assert "gate1" in health
