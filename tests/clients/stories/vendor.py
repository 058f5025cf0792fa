"""A terminal of another make, and a hub: it enrols, proves who it is, brings a fact, and asks before it gives.

Everything here is from docs/protocol.md; nothing of Xinguan's own code is used.
"""

import hashlib
import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from told import TOLD, Visitor, done, holds, platform, same, signed_by
from xinguan_platform.api.default import (
    claim,
    enrol,
    journal,
    lapsed,
    lease,
    memory,
    new_code,
    new_short,
    reask,
    redeem_short,
    site,
)
from xinguan_platform.api.default import platform_keys as ask_keys
from xinguan_platform.api.default import standing as ask_standing
from xinguan_platform.api.default import time as ask_time
from xinguan_platform.models import (
    Batch,
    BoundBy,
    ClaimKey,
    ClaimRequest,
    CodeRequest,
    EnrolRequest,
    LapsedClaims,
    LeaseRequest,
    Reask,
    ShortRequest,
)

NAME, HUB = "vendor-gate", "vendor-hub"
PROFILE = {
    "site": "vendor-site",
    "title": {"zh": "别家终端", "en": "Another make"},
    "issuer": TOLD["city"],
    "lanes": [{"id": "A", "scene": "gate"}],
}


def text_of(raw):
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(value):
    """RFC 8785 of what has no floats and ASCII member names: sorted, nothing between."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def jws(payload, key, **header):
    """A compact JWS, Ed25519."""
    head = {"alg": "EdDSA", **header}
    said = f"{text_of(json.dumps(head).encode())}.{text_of(payload)}"
    return f"{said}.{text_of(key.sign(said.encode()))}"


def payload_of(token):
    part = token.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Signed(httpx.Auth):
    """The request token: over the body as it travels."""

    requires_request_body = True

    def __init__(self, name, key, audience):
        self._name, self._key, self._audience = name, key, audience

    def auth_flow(self, request):
        now = int(time.time())
        claims = {
            "iss": self._name,
            "aud": self._audience,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(16),
            "body": hashlib.sha256(request.content).hexdigest(),
        }
        token = jws(compact(claims), self._key, typ="xg-auth+jwt", kid=self._name)
        request.headers["Authorization"] = f"Bearer {token}"
        yield request


made = new_code.sync(client=platform, body=CodeRequest.from_dict({"terminal": NAME, "profile": PROFILE}))
key = Ed25519PrivateKey.generate()
public = key.public_key().public_bytes_raw().hex()
proof = jws(made.code.encode(), key, typ="xg-enrol+jwt")
answer = enrol.sync(client=platform, body=EnrolRequest(code=made.code, public_key=public, proof=proof))
same((answer.terminal, payload_of(answer.profile)["profile"]["site"]), (NAME, "vendor-site"), "enrolled")
used = enrol.sync(client=platform, body=EnrolRequest(code=made.code, public_key=public[::-1], proof=proof))
holds("the code is one key's", so=used.status in (400, 409))

mine = signed_by(Signed(NAME, key, answer.platform_keys[0].kid))
nonce = secrets.token_hex(8)
same(payload_of(ask_time.sync(client=platform, nonce=nonce).server_time)["nonce"], nonce, "the time, for this nonce")
same(ask_keys.sync(client=platform, after=answer.platform_keys[0].kid).links, [], "no key came after that one")
same(payload_of(ask_standing.sync(NAME, client=mine))["held"], [], "nothing is held yet")

# A journal of one record: its hash leads from the epoch's first, and the seal says so.
epoch = "0199f2c5-7a00-7000-8000-000000000001"
at_ms = time.time_ns() // 1_000_000
record = {"at_ms": at_ms, "body": {"run": text_of(secrets.token_bytes(16)), "version": "1"}, "id": f"{epoch[:-1]}a"}
record |= {"kind": "started", "redemption": None, "seq": 1}
first = hashlib.sha256(b"xinguan-journal-1\0" + NAME.encode() + b"\0" + epoch.encode()).digest()
head = hashlib.sha256(first + compact(record)).hexdigest()
numbers = {"epoch": epoch, "first": 1, "last": 1, "prev_hash": first.hex()}
seal = jws(compact({"terminal": NAME, **numbers, "count": 1, "head_hash": head}), key, typ="xg-seal+jwt", kid=NAME)
sorted_record = json.loads(compact(record))  # as it was hashed: members in order
batch = Batch(**numbers, records=[sorted_record], seal=seal)
receipt = payload_of(payload_of(journal.sync(NAME, client=mine, body=batch))["receipt"])
same((receipt["acked_through"], receipt["head_hash"]), (1, head), "a receipt for the very hash")
gap = journal.sync(NAME, client=mine, body=Batch(**numbers | {"first": 2, "last": 2}, records=[], seal=seal))
same(gap.code, "bad_seal", "a batch that its seal does not say")
same(len(payload_of(memory.sync(NAME, client=mine))["facts"]), 0, "no grant is remembered")

# Before it gives: a claim, a lease, what stands against somebody, a short code.
by = BoundBy.from_dict({"issuer": TOLD["city"], "code": 1, "version": 1, "part": "limit"})
use = f"u|{TOLD['city']}.first-visit|subject:{secrets.token_hex(16)}|day"
ask = {"run": "r-1", "hub_no": 0, "redemption": secrets.token_hex(8), "at_ms": at_ms}
answered = claim.sync(client=mine, body=ClaimRequest(**ask, keys=[ClaimKey(key=use, n=1, by=by)]))
holds("a claim is answered", so=answered.to_dict().keys() & {"granted", "refused", "learning", "code"} != set())
leased = lease.sync(client=mine, body=LeaseRequest(run="r-1", hub_no=0, quota="q|none", number=1, total=1))
holds("there is no such quota", so=leased.code in ("unknown_bound", "unknown_lease", "learning"))
quota = f"u|{TOLD['city']}/{TOLD['leased']}|day:{datetime.now(ZoneInfo('Asia/Shanghai')).date()}"
leased = lease.sync(client=mine, body=LeaseRequest(run="r-1", hub_no=0, quota=quota, number=0, total=5))
holds("a share of what there is: all of it, or nothing yet", so=(leased.number, leased.total) in ((0, 5), (0, 0)))
guest = Visitor("resident")
about = Reask(issuer=TOLD["city"], subject=guest.subject, nonce=secrets.token_hex(8))
stands = payload_of(reask.sync(client=mine, body=about, terminal=NAME).answer)
same(stands["entries"], [], "nothing stands against them")
short = new_short.sync(client=platform, body=ShortRequest(city=TOLD["city"], subject=guest.subject, test=True)).short
holds("a short code is a token", so=redeem_short.sync(short, client=mine, terminal=NAME).token.startswith("XG1:"))
again = redeem_short.sync("ZZZZZZZZ", client=mine, terminal=NAME)
holds("and another one is none", so=again.status in (400, 404))

# A hub of another make: it enrols with where it answers, learns what stands at its site, and tells what lapsed.
profile = PROFILE | {"site": "vendor-hall", "role": "hub", "lanes": []}
made = new_code.sync(client=platform, body=CodeRequest.from_dict({"terminal": HUB, "profile": profile}))
key = Ed25519PrivateKey.generate()
public, proof = key.public_key().public_bytes_raw().hex(), jws(made.code.encode(), key, typ="xg-enrol+jwt")
offer = {"url": "https://192.0.2.7:8490", "cert_sha256": hashlib.sha256(b"its certificate").hexdigest()}
asked = EnrolRequest.from_dict({"code": made.code, "public_key": public, "proof": proof, "hub": offer})
answer = enrol.sync(client=platform, body=asked)
hub = signed_by(Signed(HUB, key, answer.platform_keys[0].kid))
same(payload_of(site.sync(HUB, client=hub))["redemptions"], [], "nothing stands there yet")
same(lapsed.sync(HUB, client=hub, body=LapsedClaims(claims=[])).kept, 0, "nothing lapsed")
done("vendor")
