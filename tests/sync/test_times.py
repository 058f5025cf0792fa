import pytest

from central.platform_state import Signer
from sync.times import MAX_ROUND_TRIP_MS
from sync.transport import UnreachableError
from sync.wire.messages import WireError


class TestSignedTime:
    async def test_the_clock_learns_the_time_with_half_the_round_trip_as_error(self, town):
        terminal = await town.terminal()

        await terminal.times.once()

        assert terminal.clock.learned == [(town.clock.at_ms + 4, 4)]

    async def test_a_time_signed_for_another_nonce_is_refused(self, town, monkeypatch):
        terminal = await town.terminal()
        honest = Signer.time
        monkeypatch.setattr(Signer, "time", lambda self, nonce, now_ms: honest(self, nonce="replayed", now_ms=now_ms))

        with pytest.raises(WireError, match="another question"):
            await terminal.times.once()

        assert terminal.clock.learned == []

    async def test_an_answer_that_took_too_long_teaches_nothing(self, town, monkeypatch):
        terminal = await town.terminal()
        monkeypatch.setattr(terminal.clock, "boot_ms", iter([0, 0, MAX_ROUND_TRIP_MS + 1]).__next__)

        with pytest.raises(UnreachableError, match="took"):
            await terminal.times.once()

        assert terminal.clock.learned == []

    async def test_a_platform_that_is_away_is_asked_again_soon(self, town):
        terminal = await town.terminal()
        times = terminal.times
        await town.relay.cut()

        waits = [await times._turn() for _ in range(5)]
        await town.relay.start()
        after = await times._turn()

        assert max(waits) <= 1.0
        assert (after, times.last_error) == (60.0, None)
