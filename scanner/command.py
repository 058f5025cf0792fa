"""`xinguan scan IMAGE… | --source S [--show PNG]`: what the scanner reads, as one JSON line for each code.

Exit status: 0 something was read, 1 nothing was, 2 a picture or setting cannot be used, 69 no decoder. Decoding
pictures happens in this process; a source is read as the service reads it, through its child.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

from scanner.child.limits import prepare_environment
from scanner.seen import SeenJustNow
from scanner.sources import open_source
from scanner.spec import SpecError

READ, NOTHING, UNUSABLE, NO_DECODER = 0, 1, 2, 69
PICTURE_S = 5.0


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
    except (SpecError, TimeoutError) as error:
        return _complain(str(error) or f"no picture from the camera for {PICTURE_S:g} s")
    except KeyboardInterrupt:
        return NOTHING
    except ImportError as error:
        _complain(f"识读库缺失，请运行 xinguan doctor · a decoder is missing, xinguan doctor names the mend: {error}")
        return NO_DECODER


def _line(**members: object) -> None:
    sys.stdout.write(json.dumps(members, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _complain(about: object) -> int:
    sys.stderr.write(f"xinguan scan: {about}\n")
    return UNUSABLE


def _read_all(images: list[str], show: str | None) -> int:
    prepare_environment()
    import cv2  # noqa: PLC0415 - the decoder is loaded only for pictures, and below the bound on their size

    from scanner.child.mjpeg import decode_grey  # noqa: PLC0415
    from scanner.child.overlay import draw  # noqa: PLC0415
    from scanner.decode import find_codes  # noqa: PLC0415

    status = NOTHING
    for name in images:
        try:
            frame = decode_grey(Path(name).read_bytes())
        except OSError as error:
            return _complain(f"{name}: {error.strerror}")
        if frame is None:
            return _complain(f"{name}: no picture that can be read")
        reads = find_codes(frame)
        for read in reads:
            status = READ
            _line(image=name, text=read.text, corners=read.corners, step=read.step)
        if show:
            cv2.imwrite(show, draw(frame, reads, width=frame.shape[1]))
    return status


async def _watch(args: argparse.Namespace) -> int:
    seen = SeenJustNow()
    status = NOTHING
    async with open_source(args.source, clock=_Wall()) as source, contextlib.aclosing(source.preview()) as pictures:
        async for presented in source:
            if seen.fresh(presented.text, presented.at_ms):
                status = READ
                _line(source=presented.source, at_ms=presented.at_ms, text=presented.text)
                if args.show and source.spec.is_camera:
                    async with asyncio.timeout(PICTURE_S):
                        _save(await anext(pictures, b""), args.show)
                if args.once:
                    break
    return status


def _save(jpeg: bytes, path: str) -> None:
    if not jpeg:
        return  # the recording ended first
    import cv2  # noqa: PLC0415 - only here and for pictures
    import numpy as np  # noqa: PLC0415

    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is not None:
        cv2.imwrite(path, picture)
