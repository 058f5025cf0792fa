"""One real conversation between a terminal and a platform, with fixed keys, times and nonces, written down.

`docs/protocol.md` shows its messages; `test_protocol_doc.py` holds the two equal. To write the document's examples anew
after a wire change: XINGUAN_WRITE_DOCS=1 python -m pytest tests/sync/test_protocol_doc.py
"""

import base64
import gzip
import itertools
import json
from contextlib import AsyncExitStack
from dataclasses import replace

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.journal.chain import NewFact, append, begin_epoch
from central.http.app import serving
from central.platform_state import Signer, create_state
from central.register import enrolment
from central.register.enrolment import make_code, qr_text
from central.register.standing import set_state
from storage.driven import driven
from storage.sqlite import Store, connect, immediate
from sync import auth, peer, transport
from sync.enrol.enrolling import DATABASE_FILE, enrol, read_ticket
from sync.enrol.identity import KEY_FILE
from sync.enrol.successors import Chain
from sync.peer import Peer
from sync.push.line import Line
from sync.push.pusher import Pusher
from sync.times import TimeSync
from sync.transport import RefusedError, open_session
from sync.wire.messages import decode
from sync.wire.profiles import Profile

NOW = 1_790_000_000_000
ROOT = b'{"signatures":[],"signed":{"_type":"root","version":1}}'
HOST = "https://platform.example"
PROFILE = {
    "site": "tiankeng",
    "title": {"zh": "天坑三桥", "en": "Three Natural Bridges"},
    "issuer": "wulong",
    "test": True,
    "lanes": [{"id": "A", "scene": "gate"}],
    "ticket_types": [{"id": "adult", "title": {"zh": "成人票", "en": "Adult"}, "price_fen": 6000}],
}
FACTS = [
    ("granted", "0199f2c5-7a00-7000-8000-0000000000a1", "r-1", {"benefit": "wulong.first-visit", "issuer": "wulong"}),
    ("passed", "0199f2c5-7a00-7000-8000-0000000000a2", "r-1", {}),
]


class Clock:
    at_ms = NOW

    def now_ms(self):
        return self.at_ms

    def boot_ms(self):
        return 0

    async def learn(self, signed_ms, error_ms):
        """Nothing to keep: the conversation only shows the message."""


def key(letter):
    return Ed25519PrivateKey.from_private_bytes(letter * 32)


def pem(private):
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return private.private_bytes(*form)


def shown(raw):
    if raw.startswith(b"eyJ"):  # a JWS: its header, and its payload for people
        header, payload = (json.loads(part) for part in jws(raw.decode()).split("\n"))
        return json.dumps(header) + "\n" + json.dumps(payload, ensure_ascii=False, indent=2)
    return json.dumps(json.loads(raw), ensure_ascii=False, indent=2)


def payload_of(text):
    return json.loads(text.split("\n", 1)[1])


def jws(text):
    header, payload, _signature = text.split(".")
    parts = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, payload)]
    return "\n".join(json.dumps(part, ensure_ascii=False) for part in parts)


class Notes:
    """What went over the wire, by name."""

    def __init__(self, url):
        self.url = url
        self.said = {}
        self.name = ""

    def recording(self, real):
        async def exchange(session, method, url, *, headers=None, body=None, silent_s=3.0, pin=None):
            lines = [f"{method} {url.removeprefix(self.url)}"]
            lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
            self.said[f"{self.name}-request"] = "\n".join(lines)
            if body:
                plain = gzip.decompress(body) if (headers or {}).get("Content-Encoding") == "gzip" else body
                self.said[f"{self.name}-body"] = shown(plain)
            try:
                answer = await real(session, method, url, headers=headers, body=body, silent_s=silent_s, pin=pin)
            except RefusedError as error:
                self.said[f"{self.name}-problem"] = shown(msgspec.json.encode(error.problem))
                raise
            self.said[f"{self.name}-answer"] = shown(answer)
            return answer

        return exchange


async def talk(folder, monkeypatch):
    """Return the messages of the conversation by name, as text."""
    state = create_state(folder / "platform")
    (state.public / "metadata").mkdir(parents=True)
    (state.public / "metadata" / "1.root.json").write_bytes(ROOT)
    signer = Signer(key(b"p"))
    state = replace(state, signer=signer, chain=Chain.begun([signer.public]))
    nonces = (f"{number:032x}" for number in itertools.count(1))
    monkeypatch.setattr("sync.enrol.identity.secrets.token_urlsafe", lambda n: "A" * 22)
    monkeypatch.setattr(auth.secrets, "token_hex", lambda _n: next(nonces))
    monkeypatch.setattr("cache.ids.urandom", lambda _n: bytes.fromhex(next(nonces)))
    monkeypatch.setattr(enrolment.secrets, "token_bytes", lambda n: bytes(range(n)))
    clock = Clock()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(state, host="127.0.0.1", port=0, now_ms=lambda: NOW))
        session = await stack.enter_async_context(open_session())
        notes = Notes(url)
        monkeypatch.setattr(transport, "exchange", notes.recording(transport.exchange))
        monkeypatch.setattr(peer, "exchange", transport.exchange)
        monkeypatch.setattr("sync.enrol.enrolling.exchange", transport.exchange)
        await _conversation(folder, state, notes, session, clock, stack)
    return {name: text.replace(url, HOST) for name, text in notes.said.items()}


def changed(conn, job):
    with immediate(conn):
        return driven(job)(conn)


async def _conversation(folder, state, notes, session, clock, stack):
    conn = connect(state.database, writing=True)
    stack.callback(conn.close)
    profile = decode(json.dumps(PROFILE), Profile)
    code = changed(conn, lambda tx: make_code(tx, terminal="gate-east", profile=profile, now_ms=NOW))
    text = qr_text(code=code, platform=notes.url, trust_root=ROOT)
    notes.said["qr"] = text
    terminal = folder / "terminal"
    terminal.mkdir(mode=0o700)
    (terminal / KEY_FILE).write_bytes(pem(key(b"t")))
    (terminal / KEY_FILE).chmod(0o600)
    notes.name = "enrol"
    identity = await enrol(read_ticket(text), folder=terminal, session=session, now_ms=NOW)
    notes.said["profile"] = shown(json.loads(notes.said["enrol-answer"])["profile"].encode())
    store = await stack.enter_async_context(Store(terminal / DATABASE_FILE))
    notes.name = "time"
    await TimeSync(Peer(session, identity.platform), identity, clock).once()
    await store.write(_facts)
    line = Line(store, Peer(session, identity.platform), identity, clock)
    pusher = Pusher(line)
    notes.name = "standing"
    await line.ask()
    notes.said["token"] = jws(notes.said["standing-request"].split("Bearer ")[1])
    notes.name = "journal"
    await pusher._send_next()
    body, answer = json.loads(notes.said["journal-body"]), payload_of(notes.said["journal-answer"])
    notes.said |= {"seal": jws(body["seal"]), "receipt": jws(answer["receipt"])}
    await _refusals(line, notes, clock, conn)


async def _refusals(line, notes, clock, conn):
    clock.at_ms = 5000
    notes.name = "clock"
    await line.ask()
    clock.at_ms = NOW
    changed(conn, lambda tx: set_state(tx, "gate-east", "suspend", reason="盘点", now_ms=NOW))
    notes.name = "ordered"
    await line.ask()
    notes.said["order"] = jws(payload_of(notes.said["ordered-answer"])["orders"][0])
    changed(conn, lambda tx: tx.execute("DELETE FROM facts WHERE seq > 1"))
    changed(conn, lambda tx: tx.execute("UPDATE epochs SET top = 1, many = 1"))
    await line.store.write(_third)
    notes.name = "gap"
    pusher = Pusher(line)
    pusher._after = 2
    await pusher._send_next()


def _facts(conn):
    conn.execute("DELETE FROM epoch")
    begin_epoch(conn, epoch="0199f2c5-7a00-7000-8000-000000000001", terminal="gate-east", reason="enrolled")
    for kind, record_id, redemption, body in FACTS:
        append(conn, NewFact(kind, body, NOW, record_id, redemption))


def _third(conn):
    append(conn, NewFact("note", {}, NOW, "0199f2c5-7a00-7000-8000-0000000000a3"))
