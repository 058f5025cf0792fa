"""Five wrong tries per address and minute (contract.md §9): guessing an enrolment code is slow from anywhere."""

from collections import deque

MAX_WRONG = 5
WINDOW_MS = 60_000
MAX_ADDRESSES = 10_000  # beyond it the oldest is forgotten: memory is bounded, and each code still has 80 bits


class WrongTries:
    """Counts wrong tries by address, in memory: a restart forgives, the code's entropy does not."""

    def __init__(self) -> None:
        self._by_address: dict[str, deque[int]] = {}

    def wait_s(self, address: str, *, now_ms: int) -> int:
        """Return how many seconds `address` has to wait before it may try; 0 when it may now."""
        times = self._recent(address, now_ms)
        if len(times) < MAX_WRONG:
            return 0
        return max(1, -((now_ms - times[0] - WINDOW_MS) // 1000))

    def wrong(self, address: str, *, now_ms: int) -> None:
        """Note a try that is wrong unless it is forgiven (`forgive`)."""
        times = self._recent(address, now_ms)
        times.append(now_ms)
        self._by_address.pop(address, None)
        self._by_address[address] = times
        while len(self._by_address) > MAX_ADDRESSES:
            self._by_address.pop(next(iter(self._by_address)))

    def forgive(self, address: str, *, at_ms: int) -> None:
        """Take back the try noted at `at_ms`: it was none to guess a code."""
        times = self._by_address.get(address)
        if times is not None and at_ms in times:
            times.remove(at_ms)

    def _recent(self, address: str, now_ms: int) -> deque[int]:
        times = self._by_address.get(address, deque(maxlen=MAX_WRONG))
        while times and times[0] <= now_ms - WINDOW_MS:
            times.popleft()
        return times
