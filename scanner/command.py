"""`xinguan scan IMAGE… | --source S [--show PNG]`: what the scanner reads, as one JSON line for each code.

Exit status: 0 something was read, 1 nothing was, 2 a picture or setting cannot be used. Decoding pictures happens
in this process; a source is read as the service reads it, through its child.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from scanner.seen import SeenJustNow
from scanner.sources import open_source
from scanner.spec import SpecError

READ, NOTHING, UNUSABLE = 0, 1, 2


class _Wall:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `xinguan scan`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("images", nargs="*", default=[], metavar="IMAGE", help="picture files to read")
    what.add_argument("--source", metavar="S", help="v4l2:0, http://…, rtsp://…, file:…, folder:…, serial:…, hid:…")
    parser.add_argument("--show", metavar="PNG", help="save the (last) picture with a box around each code")
    parser.add_argument("--once", action="store_true", help="with --source: stop after the first code")


def run(args: argparse.Namespace) -> int:
    """Read what the arguments name; return the exit status."""
    try:
        return asyncio.run(_watch(args)) if args.source else _read_all(args.images, args.show)
    except SpecError as error:
        return _complain(error)
    except KeyboardInterrupt:
        return NOTHING


def _line(**members: object) -> None:
    sys.stdout.write(json.dumps(members, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _complain(about: object) -> int:
    sys.stderr.write(f"xinguan scan: {about}\n")
    return UNUSABLE


def _read_all(images: list[str], show: str | None) -> int:
    from scanner.limits import ENVIRONMENT  # noqa: PLC0415 - the decoder is loaded only for pictures

    del ENVIRONMENT
    from scanner.decode import read_codes  # noqa: PLC0415
    from scanner.mjpeg import decode_grey  # noqa: PLC0415

    status = NOTHING
    for name in images:
        try:
            frame = decode_grey(Path(name).read_bytes())
        except OSError as error:
            return _complain(f"{name}: {error.strerror}")
        if frame is None:
            return _complain(f"{name}: no picture that can be read")
        for text in read_codes(frame):
            status = READ
            _line(image=name, text=text)
    del show
    return status


async def _watch(args: argparse.Namespace) -> int:
    seen = SeenJustNow()
    status = NOTHING
    async with open_source(args.source, clock=_Wall()) as source:
        async for presented in source:
            if seen.fresh(presented.text, presented.at_ms):
                status = READ
                _line(source=presented.source, at_ms=presented.at_ms, text=presented.text)
                if args.once:
                    break
    return status
