"""Contract §10: the profile is signed, comes at enrolment and as an order, and is in force at the next decision."""

import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.platform_state import Signer
from central.register.standing import set_profile, set_state
from sync.enrol.identity import ENROLMENT_FILE, PROFILE_FILE, IdentityError, load_identity
from sync.wire.messages import WireError, decode
from sync.wire.profiles import Profile, SignedProfile
from sync.wire.seals import PROFILE, sign

STRANGER = Signer(Ed25519PrivateKey.generate())


def changed(terminal, **more):
    return msgspec.structs.replace(terminal.identity.profile, **more)


async def order(town, terminal, profile):
    town.change(lambda tx: set_profile(tx, "gate-a", profile, now_ms=town.clock.at_ms + 1))
    await terminal.pusher().drain()


async def test_a_new_profile_is_in_force_at_once_is_said_and_outlives_a_restart(town):
    terminal = await town.terminal()
    told = []
    terminal.identity.held.told.append(lambda: told.append(terminal.identity.profile.grade))

    await order(town, terminal, changed(terminal, grade="AAA", skew_ahead_s=60))

    assert told == ["AAA"]
    assert load_identity(terminal.folder).profile.skew_ahead_s == 60
    assert town.rows("SELECT count(*) FROM terminals WHERE obeyed = (SELECT max(number) FROM commands)") == [(1,)]


async def test_an_older_profile_never_comes_back(town):
    terminal = await town.terminal()
    await order(town, terminal, changed(terminal, grade="AA"))
    await order(town, terminal, changed(terminal, grade="AAA"))
    town.change(lambda tx: tx.execute("UPDATE terminals SET obeyed = 0"))

    for _ in range(3):
        await terminal.pusher().drain()

    assert load_identity(terminal.folder).profile.grade == "AAA"


async def test_a_suspension_stands_beside_a_new_profile(town):
    terminal = await town.terminal()
    town.change(lambda tx: set_state(tx, "gate-a", "suspend", reason="", now_ms=1))
    await order(town, terminal, changed(terminal, grade="AAA"))

    actions = await terminal.store.read(
        lambda conn: conn.execute("SELECT action FROM orders ORDER BY number").fetchall()
    )
    assert actions == [("suspend",), ("profile",)]


async def test_an_edited_profile_is_passed_over_at_the_start(town):
    terminal = await town.terminal()
    await order(town, terminal, changed(terminal, grade="AAA"))
    path = terminal.folder / PROFILE_FILE
    header, _payload, signature = path.read_text().split(".")
    path.write_text(f"{header}.e30.{signature}")

    assert load_identity(terminal.folder).profile.grade == ""


@pytest.mark.parametrize(
    "lie",
    [
        lambda self, p: sign(p, STRANGER.key, typ=PROFILE, kid=self.public.kid),
        lambda self, p: sign(msgspec.structs.replace(p, terminal="gate-b"), self.key, typ=PROFILE, kid=self.public.kid),
    ],
)
async def test_a_profile_of_a_stranger_or_for_another_terminal_is_an_alarm(town, monkeypatch, lie):
    terminal = await town.terminal()
    before = terminal.identity.profile
    monkeypatch.setattr(Signer, "profile", lie)

    with pytest.raises(WireError):
        await order(town, terminal, changed(terminal, grade="AAA"))

    assert terminal.identity.profile == before
    assert not (terminal.folder / PROFILE_FILE).exists()


async def test_an_enrolment_whose_profile_was_changed_is_no_identity(town):
    terminal = await town.terminal()
    path = terminal.folder / ENROLMENT_FILE
    said = json.loads(path.read_text())
    header, payload, signature = said["answer"]["profile"].split(".")
    said["answer"]["profile"] = f"{header}.{payload[:-2]}AA.{signature}"
    path.write_text(json.dumps(said))

    with pytest.raises(IdentityError, match="profile"):
        load_identity(terminal.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"skew_ahead_s": 4},
        {"skew_ahead_s": 121},
        {"rtc_trust_h": 73},
        {"role": "king"},
        {"grade": "g" * 201},
        {"no": -1},
    ],
)
def test_what_is_beyond_a_bound_is_no_profile(change):
    well = {"site": "s", "title": {}, "issuer": "c", "lanes": []}
    assert decode(json.dumps(well), Profile).skew_ahead_s == 30

    with pytest.raises(WireError):
        decode(json.dumps({"terminal": "a", "number": 1, "profile": well | change}), SignedProfile)
