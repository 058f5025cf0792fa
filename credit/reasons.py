"""Why an answer is what it is: the stable reason strings, and the outcome each one leads to (contract.md §1).

Rules of this file:

- a reason is a value, never an exception text; its string is part of the wire contract and never changes;
- every reason has one text in `credit.telling.texts`;
- `offline_limit` and `list_too_old` and `full` can be softened by the benefit or the circumstances; the sets hold
  the common case, `credit.decide` holds the exceptions.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """The four answers a visitor can get (product.md)."""

    GRANT = "GRANT"
    STANDARD = "STANDARD"
    REFER = "REFER"
    REFUSE = "REFUSE"


class Reason(StrEnum):
    """Stable reason strings (decision.md, "Reasons")."""

    __hash__ = str.__hash__  # every decision sorts by reasons; that of an Enum is a call of Python

    OK = "ok"
    NOT_A_CODE = "not_a_code"
    DAMAGED_CODE = "damaged_code"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_KEY = "unknown_key"
    KEY_REVOKED = "key_revoked"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    STALE_CODE = "stale_code"
    REPLAYED = "replayed"
    BARE_BOUND_TOKEN = "bare_bound_token"
    WRONG_AUDIENCE = "wrong_audience"
    REVOKED = "revoked"
    RESTRICTED = "restricted"
    WITHHELD = "withheld"
    DISPUTED = "disputed"
    NOT_ELIGIBLE = "not_eligible"
    WRONG_SITE = "wrong_site"
    WRONG_LANE = "wrong_lane"
    WRONG_CLASS = "wrong_class"
    TEST_TOKEN = "test_token"
    TOO_LATE = "too_late"
    OVERDUE = "overdue"
    ALREADY_INSIDE = "already_inside"
    NEEDS_ID_CHECK = "needs_id_check"
    NEEDS_RESERVATION = "needs_reservation"
    NEEDS_PLEDGE = "needs_pledge"
    NEEDS_ASSET = "needs_asset"
    BELOW_MIN_SPEND = "below_min_spend"
    OUT_OF_STOCK = "out_of_stock"
    WRONG_TIME = "wrong_time"
    HOLIDAY_EXCLUDED = "holiday_excluded"
    SLOT_EARLY = "slot_early"
    SLOT_LATE = "slot_late"
    FULL = "full"
    LIMIT_USED = "limit_used"
    ALREADY_OPEN = "already_open"
    NOTHING_OPEN = "nothing_open"
    NEEDS_SECOND_CHECK = "needs_second_check"
    NEEDS_STAFF = "needs_staff"
    NEEDS_BOUND_TOKEN = "needs_bound_token"
    NEEDS_CHALLENGE = "needs_challenge"
    LIST_TOO_OLD = "list_too_old"
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    OFFLINE_LIMIT = "offline_limit"
    TERMINAL_SUSPENDED = "terminal_suspended"
    ENTRY_STOPPED = "entry_stopped"
    STORE_FAILED = "store_failed"
    IN_USE = "in_use"
    CALENDAR_ENDED = "calendar_ended"
    STORE_LOST = "store_lost"
    WRONG_AMOUNT = "wrong_amount"
    ORDER_USED = "order_used"
    TWIN = "twin"


REFUSING = frozenset(
    {
        Reason.BAD_SIGNATURE,
        Reason.KEY_REVOKED,
        Reason.REVOKED,
        Reason.REPLAYED,
        Reason.BARE_BOUND_TOKEN,
        Reason.WRONG_CLASS,
        Reason.TEST_TOKEN,
        Reason.RESTRICTED,
    }
)

REFERRING = frozenset(
    {
        Reason.NEEDS_SECOND_CHECK,
        Reason.NEEDS_STAFF,
        Reason.NEEDS_CHALLENGE,
        Reason.NEEDS_ID_CHECK,
        Reason.WRONG_LANE,
        Reason.ALREADY_INSIDE,
        Reason.SLOT_EARLY,
        Reason.SLOT_LATE,
        Reason.LIST_TOO_OLD,
        Reason.CLOCK_NOT_TRUSTED,
        Reason.OFFLINE_LIMIT,
        Reason.ENTRY_STOPPED,
        Reason.STORE_FAILED,
        Reason.IN_USE,
        Reason.CALENDAR_ENDED,
        Reason.STORE_LOST,
        Reason.TWIN,
    }
)


def outcome_of(reason: Reason) -> Outcome:
    """Return the outcome that `reason` leads to in the common case."""
    if reason is Reason.OK:
        return Outcome.GRANT
    if reason in REFUSING:
        return Outcome.REFUSE
    if reason in REFERRING:
        return Outcome.REFER
    return Outcome.STANDARD
