"""The transcribed tables against a generator's, and against codes that it draws."""

import numpy as np
import pytest
import segno
from segno import consts

from scanner.reading.soft.symbols import (
    LEVELS,
    VERSIONS,
    blocks,
    format_words,
    layout,
    mask,
)

SEGNO_LEVELS = {
    "L": consts.ERROR_LEVEL_L,
    "M": consts.ERROR_LEVEL_M,
    "Q": consts.ERROR_LEVEL_Q,
    "H": consts.ERROR_LEVEL_H,
}
EACH = [(version, level) for version in VERSIONS for level in LEVELS]


def drawn(version, level, number, text="XG1:TABLES"):
    code = segno.make(
        text, version=version, error=level.lower(), mask=number, mode="alphanumeric", boost_error=False, micro=False
    )
    return np.where(np.array([list(row) for row in code.matrix], np.uint8), -1, 1).astype(np.float32)


@pytest.mark.parametrize(("version", "level"), EACH)
def test_the_blocks_are_the_generators(version, level):
    expected = [
        (info.num_total, info.num_data)
        for info in consts.ECC[version][SEGNO_LEVELS[level]]
        for _ in range(info.num_blocks)
    ]

    ours = blocks(version, level)

    assert [(data + ours.checks, data) for data in ours.data] == expected
    used = ours.words[ours.words >= 0]
    assert sorted(used) == list(range(len(layout(version).path) // 8))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_fixed_module_is_where_the_generator_draws_it(version):
    one, two = (drawn(version, "L", 0, text) for text in ("A", "B" * 60))
    fixed = layout(version).fixed

    assert (one[fixed != 0] == fixed[fixed != 0]).all()
    assert (two[fixed != 0] == fixed[fixed != 0]).all()
    assert len(layout(version).path) + np.count_nonzero(fixed) + 30 in range(fixed.size - 7, fixed.size + 1)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", range(8))
def test_format_and_mask_are_the_generators(version, number):
    for at, level in enumerate(LEVELS):
        code = drawn(version, level, number)
        for copy in layout(version).formats:
            assert (code.ravel()[copy] == format_words()[8 * at + number]).all()
    again = drawn(version, "L", (number + 1) % 8)
    turned = drawn(version, "L", number) * mask(version, number)
    path = layout(version).path
    assert (turned.ravel()[path] == (again * mask(version, (number + 1) % 8)).ravel()[path]).all()


@pytest.mark.parametrize(("version", "level"), EACH)
def test_blocks_of_a_drawn_code_are_well_and_hold_its_text(version, level):
    from scanner.reading.soft.reedsolomon import syndromes

    plan, made = blocks(version, level), layout(version)
    bits = (drawn(version, level, 3) * mask(version, 3)).ravel()[made.path] < 0
    stream = np.append(np.packbits(bits), np.uint8(0))

    words = stream[plan.words]

    assert not syndromes(words, plan.checks).any()
    assert stream[plan.words[0, -plan.checks - plan.data[0] :]][0] >> 4 == 0b0010  # alphanumeric mode comes first


def test_tables_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        layout(7).fixed[0, 0] = 0
