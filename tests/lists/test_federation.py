"""docs/federation.md: its commands are run as they stand there; a terminal enrolled before follows all of them."""

import asyncio
import re
import shlex
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.cli import main
from central.example_town import HOME
from central.lists.cities import signing_keys
from central.lists.issuing import Wanted, issue
from central.lists.publishing import PublishingError, Repository
from central.lists.role_keys import KeyFolderError
from central.register.minting import present, to_text
from central.register.registry import RegistryError
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
    return {
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

    async with terminal_of(state) as t:
        await t.puller.once()
        for line in [line for block in BLOCKS[1:] for line in block]:
            await asyncio.to_thread(run, line, places)
            t.clock.ms = time.time_ns() // 1_000_000
            assert dict((await t.puller.once()).problems) == {}, line
        assert set(t.lists.current.versions) == {f"{kind}.{HOME}" for kind in ("issuers", "lists", "rules")}
    assert capsys.readouterr().err == ""


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
