"""A terminal around a real decider: a real store, really signed codes, and hand-written lists and clock that work."""

import asyncio
import json
import threading
from pathlib import Path
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.ledger.permit import ALONE
from cache.texts import BODY, clear
from central.register import minting
from credit.inputs import ClockState, Now, Place, Request
from credit.keys import Keyring
from credit.policy import Policy
from credit.rules.benefits import parse_benefits
from edge.lanes.decider import Decider
from edge.lanes.presented import Presented
from edge.metrics import Metrics
from edge.watch.disk import Disk
from edge.watch.store import StoreHealth

UNHURRIED_S = 30.0  # what is decided is looked at here, not how fast a busy machine decides
NOW_S = 1_790_000_000
SHORT_S = 1.0  # an answer's time, where the store is made slow: a busy machine begins within it
GATE = Place(site="park", scene="gate", lane="A", terminal="gate1")
STAND = Place(site="park", scene="stand", lane="S", terminal="gate1")
SHOP = Place(site="park", scene="shop", lane="T", terminal="gate1")
BENEFITS = [
    {
        "id": "free",
        "code": 1,
        "issuer": "wulong",
        "offer": {"kind": "free"},
        "where": {"scenes": ["gate"]},
        "limits": [{"max": 1}],
    },
    {
        "id": "umbrella",
        "code": 2,
        "issuer": "wulong",
        "offer": {"kind": "deposit_waiver", "cap_fen": 5000},
        "where": {"scenes": ["stand"]},
        "needs": ["asset"],
        "lifecycle": {"open_close": {"due": "P1D"}},
    },
    {
        "id": "shop",
        "code": 3,
        "issuer": "wulong",
        "offer": {"kind": "percent", "percent_off": 10},
        "where": {"scenes": ["shop"]},
    },
]
KEY = f"u|wulong/free|subject:wulong:{(1).to_bytes(16, 'big').hex()}|ever"


class Clock:
    def __init__(self):
        self.at_ms, self.state = NOW_S * 1000, ClockState.TRUSTED

    def now(self):
        return Now(utc_ms=self.at_ms, clock=self.state)

    def boot_ms(self):
        return self.at_ms


class Lists:
    """Lists of this minute in which nobody stands."""

    def __init__(self, keyring):
        self.keyring, self.policy = keyring, Policy.compile(benefits=parse_benefits(BENEFITS))

    @property
    def current(self):
        return self

    def versions_about(self, city):
        return {f"lists.{city}": 7}

    def missing(self, city):
        return ()

    def measures(self, issuer, subject):
        return ()

    def revoked(self, issuer, token_id, status_index):
        return False

    def seen(self, token):
        return token

    def age_s(self, issuer, now_s):
        return 0


class Phones:
    """Really signed codes of any number of holders. `first`: how many nonces others have drawn before."""

    def __init__(self, first=0):
        self._issuer = minting.issuer_key("wulong", b"\x01" * 32)
        self._phone = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
        row = minting.public_entry(self._issuer, from_s=0, until_s=2 * NOW_S)
        self.keyring = Keyring.from_json(json.dumps([row]).encode())
        self._shown = first

    def code(self, holder=1, at_s=NOW_S, *, challenge=None, expires=NOW_S + 30 * 86_400):
        self._shown += 1
        said = minting.Credential(
            subject=holder.to_bytes(16, "big"),
            tier=3,
            groups=[],
            token_id=holder.to_bytes(8, "big"),
            iat=NOW_S - 3600,
            exp=expires,
            status_index=holder,
            holder_key=self._phone.public_key(),
        )
        raw = minting.mint_credential(self._issuer, said)
        nonce = self._shown.to_bytes(8, "big")
        return minting.to_text(minting.present(raw, self._phone, iat=at_s, nonce=nonce, challenge=challenge))

    def minted(self, holder=1, at_s=NOW_S):
        """Return a code that the platform drew, good for one grant within two minutes."""
        self._shown += 1
        said = minting.Credential(
            subject=holder.to_bytes(16, "big"),
            tier=3,
            token_id=self._shown.to_bytes(8, "big"),
            iat=at_s,
            exp=at_s + 120,
        )
        return minting.to_text(minting.mint_credential(self._issuer, said))


class Hanging:
    """A disk that hangs, on the writer's thread, until it is let go."""

    def __init__(self):
        self._go = threading.Event()

    def __call__(self, *_):
        assert self._go.wait(UNHURRIED_S), "nobody let the disk go"

    def let_go(self):
        self._go.set()


class Slow:
    """Somebody beyond this terminal who takes his time, and grants everything."""

    def __init__(self, takes_s, permit=ALONE):
        self.takes_s, self.given, self.heard = takes_s, permit, []

    async def permit(self, visit, weigh):
        await asyncio.sleep(self.takes_s)
        return self.given

    async def known(self, request, place):
        await asyncio.sleep(self.takes_s)
        return self.given

    def settled(self, permit, redemption):
        self.heard.append((permit, redemption))


class Together(Slow):
    """Somebody who answers nobody before so many are asking at once."""

    def __init__(self, many):
        super().__init__(0)
        self.many, self.asking, self.most, self.all_here = many, 0, 0, asyncio.Event()

    async def permit(self, visit, weigh):
        self.asking += 1
        self.most = max(self.most, self.asking)
        if self.asking == self.many:
            self.all_here.set()
        try:
            await self.all_here.wait()
        finally:
            self.asking -= 1
        return self.given


class Town:
    def __init__(self, store):
        self.store, self.clock, self.phones = store, Clock(), Phones()
        self.at_commit = []
        self.bounds = SimpleNamespace(
            clock=self.clock,
            outage=SimpleNamespace(since_ms=None),
            health=StoreHealth(),
            disk=Disk(Path("/")),
            answer_s=UNHURRIED_S,
        )
        self.bounds.health.begin()
        self.lists = Lists(self.phones.keyring)

    def decider(self, beyond=None, reached=lambda _point: None):
        made = Decider(
            store=self.store,
            bounds=self.bounds,
            lists=self.lists,
            profile=SimpleNamespace(site="park", issuer="wulong", test=False, skew_ahead_s=30),
            places={"A": GATE, "S": STAND, "T": SHOP},
            metrics=Metrics(),
            beyond=beyond,
        )
        made.reached = reached
        return made

    def show(self, text=None, lane="A", asking=None, *, challenges=(), **request):
        text, asked = text or self.phones.code(), Request(**request)
        return Presented(text=text, lane=lane, request=asked, asking=asking, challenges=challenges)

    async def until(self, kind):
        """Wait for a fact of this kind, and return all of them."""
        try:
            async with asyncio.timeout(10):
                while not await self.facts(kind):
                    await self.store.write(lambda conn: None)
        except TimeoutError:
            raise AssertionError(f"waited 10 s for a fact {kind!r}; there are {await self.facts()}") from None
        return await self.facts()

    async def facts(self, *kinds):
        rows = await self.store.read(
            lambda conn: conn.execute(f"SELECT kind, {BODY} FROM journal ORDER BY seq").fetchall()
        )
        return [(kind, json.loads(clear(body))) for kind, body in rows if not kinds or kind in kinds]
