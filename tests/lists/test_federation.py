"""docs/federation.md: its commands are run as they stand there; a terminal enrolled before follows all of them."""

import asyncio
import re
import shlex
import time
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.cli import main
from central.example_town import HOME, RESTRICT
from central.lists.cities import publish, signing_keys
from central.lists.issuing import Wanted, issue
from central.lists.measure_calls import Measure, restrict
from central.lists.metadata_files import MetadataFiles
from central.lists.publishing import PublishingError, Repository
from central.lists.role_keys import ROOT_KEYS, TOP_LEVEL, KeyFolderError, RoleKeys
from central.register.minting import present, to_text
from central.register.registry import RegistryError, pseudonym, register
from central.register.warrants import Warrant
from credit.claims import TokenClass
from credit.keys import Keyring
from credit.tokens import open_token

PAGE = (Path(__file__).parents[2] / "docs" / "federation.md").read_text("utf-8")
BLOCKS = [block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)]
NOW_MS = 1_795_000_000_000
OFFICES = Path(__file__).parents[2] / "central" / "example_offices"


@pytest.fixture
def places(tmp_path):
    """Return what the page's names stand for."""
    sticks = {f"${name}": str(tmp_path / name) for name in "ABCD"}
    (tmp_path / "L").mkdir()
    return {
        "$L": str(tmp_path / "L"),
        "$S": str(tmp_path / "platform"),
        "$RULES": str(OFFICES / "yunling"),
        "$RULES2": str(linhai(tmp_path)),
        **sticks,
    }


def linhai(tmp_path):
    folder = tmp_path / "linhai"
    folder.mkdir()
    for path in (OFFICES / "yunling").iterdir():
        (folder / path.name).write_text(path.read_text("utf-8").replace("yunling", "linhai"), "utf-8")
    return folder


def run(line, places):
    words = [places.get(word, word) for word in shlex.split(line)]
    assert words[:2] == ["xinguan", "central"]
    assert main(words[2:]) == 0, line


async def test_every_command_on_the_page_works_and_nobody_is_enrolled_again(places, terminal_of, capsys):
    for line in BLOCKS[0]:
        await asyncio.to_thread(run, line, places)
    state = Path(places["$S"])
    assert not list((state / "keys").glob("root-*")), "the root keys left with their sticks"

    places["$KID"] = stolen = min(Keyring.from_json(signing_keys(state, HOME)).by_kid).hex()
    before = key_of_each_role(state)

    async with terminal_of(state) as t:
        await t.puller.once()
        for line in [line for block in BLOCKS[1:] for line in block]:
            await asyncio.to_thread(run, line, places)
            t.clock.ms = time.time_ns() // 1_000_000
            assert dict((await t.puller.once()).problems) == {}, line
        assert set(t.lists.current.versions) == {f"{kind}.{HOME}" for kind in ("issuers", "lists", "rules")}
        keys = [key for found in t.lists.current.keyring.by_kid.values() for key in found]
    after = key_of_each_role(state)
    assert after.keys() == before.keys() >= {"timestamp", "snapshot", "targets", f"rules.{HOME}"}
    assert [role for role, keyid in after.items() if keyid == before[role]] == [], "each role has a new key"
    assert [key.kid.hex() for key in keys if key.killed] == [stolen]
    assert sum(not key.killed for key in keys) == 5, "two of the three from before, and three new ones"
    assert capsys.readouterr().err == ""


def key_of_each_role(state):
    signed = MetadataFiles(state / "public", RoleKeys(state / "keys")).load()
    delegated = signed.roles["targets"].signed.delegations.roles.items()
    top = {name: signed.root.signed.roles[name].keyids for name in ("timestamp", "snapshot", "targets")}
    return {**top, **{name: role.keyids for name, role in delegated}}


class TestSticks:
    @pytest.fixture
    def founded(self, tmp_path):
        sticks = [tmp_path / name for name in "ABC"]
        state = tmp_path / "platform"
        Repository(state, root_keys=sticks).create(now_ms=NOW_MS)
        return state, sticks

    def test_one_stick_alone_signs_no_root(self, founded):
        state, sticks = founded

        with pytest.raises(PublishingError, match="2 of its keys must sign, here are root-1"):
            Repository(state, root_keys=sticks[:1]).rotate("timestamp", now_ms=NOW_MS + 1)

    def test_the_platform_publishes_without_any(self, founded):
        state, _sticks = founded

        assert Repository(state).freshen(now_ms=NOW_MS + 1).version > NOW_MS

    def test_a_lost_root_key_is_replaced_by_the_two_others_and_the_lost_one_signs_no_more(self, founded, tmp_path):
        state, sticks = founded
        before = Repository(state).root_standing()["keys"]
        Repository(state, root_keys=[sticks[0], sticks[2]]).replace_root_key(2, tmp_path / "D", now_ms=NOW_MS + 1)

        after = Repository(state, root_keys=[tmp_path / "D"]).root_standing()
        assert after["keys"]["root-2"]["here"]
        assert {name: one["keyid"] == before[name]["keyid"] for name, one in after["keys"].items()} == {
            "root-1": True,
            "root-2": False,
            "root-3": True,
        }
        with pytest.raises(PublishingError):  # root-1 and the lost root-2
            Repository(state, root_keys=sticks[:2]).rotate("timestamp", now_ms=NOW_MS + 2)

    def test_a_replacement_that_nobody_signed_leaves_no_key_behind(self, founded, tmp_path):
        state, sticks = founded
        with pytest.raises(PublishingError, match="must sign"):
            Repository(state, root_keys=sticks[:1]).replace_root_key(1, tmp_path / "D", now_ms=NOW_MS + 1)

        assert list((tmp_path / "D").iterdir()) == []

    def test_two_sticks_for_three_keys_are_refused(self, tmp_path):
        with pytest.raises(KeyFolderError, match="give one, or 3"):
            Repository(tmp_path / "p", root_keys=[tmp_path / "A", tmp_path / "B"]).create(now_ms=NOW_MS)


class TestSigningKeys:
    def test_a_city_that_is_taken_in_has_a_key_for_each_class_of_tokens_and_each_signs_its_own(self, tmp_path, capsys):
        state = tmp_path / "platform"
        assert main(["init", "--state", str(state)]) == 0
        assert main(["city", "add", "--state", str(state), "--city", HOME, "--rules", str(OFFICES / "yunling")]) == 0
        now_s = int(time.time())
        phone = Ed25519PrivateKey.generate()
        wanted = {
            TokenClass.BOUND: Wanted(subject="wang", holder_key=phone.public_key()),
            TokenClass.PRINTED: Wanted(subject="wang", max_uses=3),
            TokenClass.MINTED: Wanted(subject="wang", valid_s=60),
        }
        issued = {one: issue(state, HOME, said, now_s=now_s) for one, said in wanted.items()}
        keyring = Keyring.from_json(signing_keys(state, HOME))

        classes = [key.classes for keys in keyring.by_kid.values() for key in keys]
        assert sorted(map(sorted, classes)) == [["bound"], ["minted"], ["printed"]]
        for one, said in issued.items():
            text = (
                said.text
                if one is not TokenClass.BOUND
                else to_text(present(said.raw, phone, iat=now_s, nonce=bytes(8)))
            )
            assert open_token(text, keyring, now=now_s).token_class is one

    def test_with_one_class_s_key_killed_the_others_go_on_and_the_mend_is_named(self, tmp_path, capsys):
        state = tmp_path / "platform"
        assert main(["init", "--state", str(state)]) == 0
        assert main(["city", "add", "--state", str(state), "--city", HOME, "--rules", str(OFFICES / "yunling")]) == 0
        keyring = Keyring.from_json(signing_keys(state, HOME))
        (printed,) = [kid for kid, (key,) in keyring.by_kid.items() if key.classes == {TokenClass.PRINTED}]
        assert main(["revoke", "--state", str(state), "--city", HOME, "--key", printed.hex()]) == 0

        now_s = int(time.time())
        with pytest.raises(RegistryError, match="no signing key in force for printed codes; make one with"):
            issue(state, HOME, Wanted(subject="wang", max_uses=3), now_s=now_s)
        assert issue(state, HOME, Wanted(subject="wang", valid_s=60), now_s=now_s).text


class TestSignersInTwoFolders:
    """Two cities, two operators, each with its keys on a disk of its own."""

    @pytest.fixture
    def disks(self, tmp_path):
        for name in (HOME, "linhai"):
            (tmp_path / f"disk-{name}").mkdir()
        return {name: tmp_path / f"disk-{name}" for name in (HOME, "linhai")}

    @pytest.fixture
    def state(self, tmp_path, disks, capsys):
        state = tmp_path / "platform"
        rules = {HOME: OFFICES / "yunling", "linhai": linhai(tmp_path)}
        assert main(["init", "--state", str(state)]) == 0
        for city, disk in disks.items():
            words = ["--city", city, "--rules", str(rules[city]), "--keys", str(disk)]
            assert main(["city", "add", "--state", str(state), *words]) == 0
            with register(state) as conn:
                pseudonym(conn, city, "wang")
        return state

    @staticmethod
    def restrict(state, city):
        measure = Measure(code=RESTRICT, until=date(2099, 12, 31), authority="文旅局")
        restrict(state, city, "wang", measure, warrant=Warrant.by_two("li", "han"), now_ms=time.time_ns() // 1_000_000)

    def test_each_city_s_keys_lie_on_its_disk_and_nowhere_else(self, state, disks):
        for city, disk in disks.items():
            assert sorted(path.name for path in disk.iterdir()) == [
                f"{kind}.{city}.pem" for kind in ("issuers", "lists", "rules")
            ]
        here = {path.name for path in (state / "keys").glob("*.pem")}
        assert here == {f"{name}.pem" for name in (*TOP_LEVEL, *ROOT_KEYS)}

    async def test_while_one_disk_is_away_the_other_city_goes_on_and_what_waits_goes_out_when_it_is_back(
        self, state, disks, terminal_of
    ):
        with register(state) as conn:
            wang = {city: pseudonym(conn, city, "wang") for city in disks}
        async with terminal_of(state) as t:
            await t.puller.once()
            disks["linhai"].rename(disks["linhai"].with_name("away"))

            self.restrict(state, HOME)
            with pytest.raises(KeyFolderError, match="disk-linhai: the folder with the key lists.linhai is not here"):
                self.restrict(state, "linhai")
            everything = publish(state, now_ms=time.time_ns() // 1_000_000)
            assert everything.waiting == ("lists.linhai",)
            assert not disks["linhai"].exists(), "no key was made in its place"
            t.clock.ms = time.time_ns() // 1_000_000
            assert dict((await t.puller.once()).problems) == {}
            assert {city: bool(t.lists.current.measures(city, who)) for city, who in wang.items()} == {
                HOME: True,
                "linhai": False,
            }

            disks["linhai"].with_name("away").rename(disks["linhai"])
            assert publish(state, now_ms=time.time_ns() // 1_000_000).waiting == ()
            t.clock.ms = time.time_ns() // 1_000_000
            await t.puller.once()
            assert t.lists.current.measures("linhai", wang["linhai"])

    def test_what_falls_due_on_a_disk_that_is_away_holds_no_other_city_s_renewal(self, state, disks):
        disks["linhai"].rename(disks["linhai"].with_name("away"))
        later = time.time_ns() // 1_000_000 + 8 * 86_400_000  # lists are signed anew after seven days

        renewed = publish(state, now_ms=later, only_due=True)

        ages = {city: one["lists"]["age_s"] for city, one in Repository(state).standing(now_ms=later).items()}
        assert renewed.waiting == ("lists.linhai",)
        assert (ages[HOME], ages["linhai"] > 7 * 86_400) == (0, True)

    def test_a_city_s_keys_are_not_made_on_two_disks(self, state, tmp_path, capsys):
        (tmp_path / "another").mkdir()
        with pytest.raises(KeyFolderError, match="its keys are in .*disk-linhai already"):
            Repository(state).keys.lodge("linhai", tmp_path / "another")
        with pytest.raises(KeyFolderError, match="is no folder; make it, or bring the stick"):
            Repository(state).keys.lodge("third", tmp_path / "nothing")
