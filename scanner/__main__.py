"""`python -m scanner --source SPEC`, the child process of one camera: frames in, messages of `scanner.camera.pipe` out.

With `--source -` the spec is the first line on stdin (a camera's password stays out of the process list); further
lines are commands (`preview on`, `preview off`), and the end of stdin is the end of the parent and so of this
process.
"""

import argparse
import os
import sys
import threading
from typing import TYPE_CHECKING

from scanner.child.limits import LOADING_S, alive, bound_process
from scanner.spec import SpecError, parse_spec

if TYPE_CHECKING:
    from scanner.child.worker import Worker

EXIT_USAGE = 64


def main() -> int:
    """Run the child; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m scanner", description="camera child: messages on stdout")
    parser.add_argument("--source", required=True, help="what to open, or - to read it from stdin")
    given = parser.parse_args().source
    commanded = given == "-"
    try:
        spec = parse_spec(sys.stdin.readline().rstrip("\n") if commanded else given)
    except SpecError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    if not spec.is_camera:
        sys.stderr.write(f"{spec.name}: read by the service itself, not by a child\n")
        return EXIT_USAGE
    out = os.dup(1)
    os.dup2(2, 1)  # whatever a native library prints is no message
    bound_process(spec.option("memory_mb"), spec.option("nice"))
    alive(LOADING_S)
    from scanner.child.worker import Worker  # noqa: PLC0415 - loads cv2, and only below the limits

    worker = Worker(spec, out, alive)
    if commanded:
        threading.Thread(target=_obey, args=(worker,), name="commands", daemon=True).start()
    return worker.run()


def _obey(worker: "Worker") -> None:
    for line in sys.stdin:
        worker.preview = line.strip() == "preview on"
    os._exit(0)  # the parent is gone; nothing here is worth an orderly end


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # a capture thread stuck in native code would hold up an ordinary exit
