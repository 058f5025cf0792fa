"""Opening what was presented, by whatever of a lane's challenges and the clock's word can judge it.

Rules of this file:

- an answer to any challenge that the lane still accepts is an answer;
- a clock that cannot judge times bars nobody from bringing back or leaving (contract.md §3, scene S17), nor somebody
  who answers what the lane shows: that was made here and now, whatever the clocks say;
- a code is opened on the loop, also in a crowd: the writer's thread works while a signature is checked, and a thread
  more only takes the interpreter from it (ADR 0187).
"""

from typing import Final

from credit.claims import Token
from credit.decide import TIMED
from credit.inputs import ENDING, ClockState, Now
from credit.keys import Keyring
from credit.reasons import Reason
from credit.tokens import SKEW_S, TokenError, open_token
from edge.lanes.presented import Presented
from sync.wire.profiles import Profile

FRESH_STEP: Final = 14  # of `open_token`: the credential holds, the moment of its showing is what is judged
UNJUDGED_S: Final = 2**40  # any time is as good as another, to a clock that is not believed


def open_presented(presented: Presented, keyring: Keyring, now: Now, profile: Profile) -> Token:
    """Return the token that was presented; raise TokenError."""
    ending, trusted = presented.request.intent in ENDING, now.clock is ClockState.TRUSTED
    try:
        return _judged_by(SKEW_S if trusted or not ending else UNJUDGED_S, presented, keyring, now, profile)
    except TokenError as error:
        if trusted or error.step != FRESH_STEP or error.reason not in TIMED:
            raise
        token = _judged_by(UNJUDGED_S, presented, keyring, now, profile)
        if not token.challenged:
            raise
        return token


def _judged_by(skew_s: int, presented: Presented, keyring: Keyring, now: Now, profile: Profile) -> Token:
    last: TokenError | None = None
    for challenge in presented.challenges or (None,):
        try:
            return open_token(
                presented.text,
                keyring,
                now=now.utc_s,
                audience=profile.site,
                challenge=challenge,
                allow_test=profile.test,
                allow_expired=presented.request.intent in ENDING,
                skew_s=skew_s,
                ahead_s=profile.skew_ahead_s,
            )
        except TokenError as error:
            if error.reason is not Reason.NEEDS_CHALLENGE:
                raise
            last = error
    raise last or AssertionError("a lane accepts at least one challenge")
