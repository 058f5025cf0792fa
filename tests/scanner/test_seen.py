from scanner.seen import MAX_REMEMBERED, SeenJustNow


def test_a_code_held_in_view_is_one_presentation_until_it_was_away_for_the_window():
    seen = SeenJustNow(2.5)
    assert seen.fresh("a", 1000)
    assert not any(seen.fresh("a", at) for at in range(1066, 9000, 66))
    last = list(range(1066, 9000, 66))[-1]
    assert not seen.fresh("a", last + 2499)
    assert seen.fresh("a", last + 2499 + 2500)


def test_another_code_is_fresh_at_once():
    seen = SeenJustNow()
    assert seen.fresh("a", 0)
    assert seen.fresh("b", 10)
    assert not seen.fresh("a", 20)


def test_forgotten_means_fresh():
    seen = SeenJustNow()
    seen.fresh("a", 0)
    seen.forget("a")
    seen.forget("never seen")
    assert seen.fresh("a", 10)


def test_a_clock_stepped_back_does_not_hide_a_code():
    seen = SeenJustNow()
    seen.fresh("a", 10_000_000)
    assert seen.fresh("a", 5_000)


def test_memory_is_bounded():
    seen = SeenJustNow()
    for n in range(1000):
        seen.fresh(str(n), n)
    assert len(seen._last) == MAX_REMEMBERED
