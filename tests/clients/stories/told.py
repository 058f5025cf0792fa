"""What every program here is told (tests/clients/town.py), and the clients, generated from the documents alone."""

import json
import os
import sys
import time
from pathlib import Path

import httpx
from xinguan_office import AuthenticatedClient as Office
from xinguan_platform import AuthenticatedClient as Platform
from xinguan_terminal import AuthenticatedClient as Terminal

TOLD = json.loads(Path(os.environ["XINGUAN_TOLD"]).read_text())
RECORDED = os.environ.get("XINGUAN_RECORDED")
WAIT_S = 10.0
checked = 0
kept = {}


def _keep(service):
    """Keep what was asked and answered, for the examples of the service's description."""

    def keep(answer):
        answer.read()
        asked = answer.request.content
        kept.setdefault(f"{service} {answer.request.method} {answer.request.url.path}", []).append(
            {
                "asked": json.loads(asked) if asked else None,
                "status": answer.status_code,
                "answered": answer.text,
            }
        )

    return {"event_hooks": {"response": [keep]}}


class Patient(httpx.HTTPTransport):
    """503 says that nothing was done, and to ask again: at most ten seconds."""

    def handle_request(self, request):
        end = time.monotonic() + WAIT_S
        while (answer := super().handle_request(request)).status_code == 503 and time.monotonic() < end:
            answer.close()
            time.sleep(0.2)
        return answer


def terminal_as(token):
    args = _keep("terminal") | {"transport": Patient()}
    return Terminal(base_url=TOLD["terminal"], token=token, httpx_args=args, timeout=30)


terminal = terminal_as(TOLD["tokens"]["integrator"])
platform = Platform(base_url=TOLD["platform"], token=TOLD["operator"], httpx_args=_keep("platform"), timeout=30)


def office(token):
    return Office(base_url=TOLD["office"], token=token, httpx_args=_keep("office"), timeout=30)


def signed_by(auth):
    """Return a client of the platform whose every request is signed by `auth`."""
    return Platform(base_url=TOLD["platform"], token="", httpx_args=_keep("platform") | {"auth": auth}, timeout=30)


def holder(session):
    """Return a client of the platform with a visitor's own session."""
    return Platform(base_url=TOLD["platform"], token=session, httpx_args=_keep("platform"), timeout=30)


class Visitor:
    """Somebody new; `code` is what their phone shows now."""

    def __init__(self, kind):
        made = httpx.get(f"{TOLD['phone']}/new/{kind}", timeout=30).json()
        self._who, self.subject = made["who"], made["subject"]

    def hand_over(self):
        """What the city's identity service signs for them."""
        return httpx.get(f"{TOLD['phone']}/hand-over/{self._who}", timeout=30).json()["code"]

    def code(self, challenge=None):
        asked = {} if challenge is None else {"challenge": challenge}
        return httpx.get(f"{TOLD['phone']}/code/{self._who}", params=asked, timeout=30).json()["code"]


def same(found, expected, what):
    """Hold that two values are equal, and count it."""
    global checked  # noqa: PLW0603 - a program's own count
    if found != expected:
        sys.exit(f"{what}: {found!r}, not {expected!r}")
    checked += 1


def holds(what, *, so):
    """Hold that something is so, and count it."""
    same(bool(so), True, what)  # noqa: FBT003 - the two values of `same`


def until(ask, what):
    """Ask until it is so; at most ten seconds."""
    end = time.monotonic() + WAIT_S
    while not (found := ask()):
        if time.monotonic() > end:
            sys.exit(f"waited ten seconds for {what}")
        time.sleep(0.05)
    return found


def answered(ask):
    """Ask until the terminal decides. One that is busy for a second refers (`store_failed`): show the code again."""

    def asked():
        answer = ask()
        return None if [one.code for one in answer.reasons] == ["store_failed"] else answer

    return until(asked, "a decision")


def done(name):
    if RECORDED:
        Path(RECORDED, f"{name}.json").write_text(json.dumps(kept, ensure_ascii=False))
    print(f"{name}: {checked} things held")
