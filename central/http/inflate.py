"""Taking a compressed body apart without being drowned by it: the bound holds *while* inflating."""

import zlib

GZIP = 31  # zlib's window bits for the gzip form, and no other


class TooLargeError(Exception):
    """The body is larger than agreed. Inflating stopped there."""


class NotGzipError(Exception):
    """The body is not one whole gzip member."""


def inflate(body: bytes, *, limit: int) -> bytes:
    """Return the plain bytes of a gzip `body`; raise TooLargeError beyond `limit` bytes, NotGzipError otherwise."""
    machine = zlib.decompressobj(GZIP)
    try:
        plain = machine.decompress(body, limit + 1)
    except zlib.error as error:
        raise NotGzipError(f"not gzip: {error}") from error
    if len(plain) > limit:
        raise TooLargeError(f"more than {limit} bytes after decompression")
    if not machine.eof or machine.unused_data:
        raise NotGzipError("not one whole gzip member")
    return plain
