"""From data words to a text, and only to one of ours: a single alphanumeric segment with a known prefix.

Everything else is None: two segments, another mode, a value that stands for no pair of characters, a length beyond the
words, a foreign prefix. A code of somebody else is the other decoders' business, so a wrong reading here could at worst
look like a damaged token.

>>> words = bytes([0x20, 0x31, 0x6A, 0xFF, 0, 0, 0, 0])
>>> segment(words, version=7) is None
True
"""

from scanner.reading.soft.symbols import VERSIONS

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
ALPHANUMERIC = 0b0010
MODE_BITS, PAIR_BITS, SINGLE_BITS = 4, 11, 6
WIDE_FROM = 10  # the version from which on the length takes eleven bits
PAIRS = len(CHARACTERS) ** 2


def text_of(words: bytes, *, version: int, prefixes: tuple[str, ...]) -> str | None:
    """Return the text of the data words of a code if it is one of ours."""
    text = segment(words, version=version)
    return text if text is not None and text.startswith(prefixes) else None


def segment(words: bytes, *, version: int) -> str | None:
    """Return the text if the words hold one alphanumeric segment and nothing more."""
    if version not in VERSIONS:
        return None
    size, bits = 8 * len(words), int.from_bytes(words)
    at = 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return bits >> max(0, size - at) & ((1 << count) - 1)

    if take(MODE_BITS) != ALPHANUMERIC:
        return None
    length = take(11 if version >= WIDE_FROM else 9)
    if at + length // 2 * PAIR_BITS + length % 2 * SINGLE_BITS > size:
        return None
    values = [take(PAIR_BITS) for _ in range(length // 2)]
    last = take(SINGLE_BITS) if length % 2 else 0
    if any(value >= PAIRS for value in values) or last >= len(CHARACTERS):
        return None
    if take(min(MODE_BITS, size - at)):
        return None
    text = "".join(CHARACTERS[value // 45] + CHARACTERS[value % 45] for value in values)
    return text + (CHARACTERS[last] if length % 2 else "")
