"""What a scanner child may take from its terminal: little memory, little attention, no afterlife.

Rules: address space is bounded, so a memory bomb ends the child and nothing else; the kernel's out-of-memory killer
is pointed at the child first; it is nice; it leaves no core file (frames show people); it dies with its parent.

The kernel's alarm ends a child that hangs, whatever its code holds: its parent kills it earlier where it may, and may
not where systemd gave the child a user of its own.
"""

import ctypes
import os
import resource
import signal
from pathlib import Path

PR_SET_PDEATHSIG = 1
LOADING_S = 120.0  # to the first sign of life: as long as the parent waits at most
HUNG_S = 10.0  # between two: twice as long as the parent waits
OOM_SCORE = "800"  # of 1000: long before the service, which has 0
ENVIRONMENT = {
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(2**25),  # one 8K frame; a picture bomb is refused by its header
    "OPENCV_FFMPEG_LOGLEVEL": "8",  # fatal only: a broken stream writes thousands of lines otherwise
    "OPENCV_LOG_LEVEL": "ERROR",
    "OPENCV_VIDEOIO_PRIORITY_LIST": "V4L2,FFMPEG",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}


def prepare_environment() -> None:
    """Set what OpenCV reads when it is loaded: above all the bound on the size of a picture."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def bound_process(memory_mb: int, niceness: int) -> None:
    """Apply the limits to this process. Call it before native libraries are loaded."""
    prepare_environment()
    memory = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(niceness)
    Path("/proc/self/oom_score_adj").write_text(OOM_SCORE, encoding="ascii")
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def alive(for_s: float = HUNG_S) -> None:
    """Put the alarm off: without another sign of life this process ends in `for_s` seconds."""
    signal.setitimer(signal.ITIMER_REAL, for_s)


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()
