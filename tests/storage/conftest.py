"""A disk that refuses to sync: on the calling thread alone, from here on, fsync and fdatasync fail with EIO.

By a seccomp filter, so that neither the database nor its files are touched: whoever says "done" without having asked
the disk is not disturbed by it, and is found out. Needs no rights and no compiler; ends with the thread.
"""

import ctypes
import os
import platform
import struct

import pytest

ARCHITECTURES = {"x86_64": (74, 75), "aarch64": (82, 83)}  # numbers of fsync and fdatasync
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL_WITH_EIO = 0x7FFF0000, 0x00050000 | 5


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def _refuse_syncs():
    fsync, fdatasync = ARCHITECTURES[platform.machine()]
    steps = [(LOAD, 0, 0, 0), (EQUAL, 1, 0, fsync), (EQUAL, 0, 1, fdatasync)]
    steps += [(RETURN, 0, 0, FAIL_WITH_EIO), (RETURN, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    program = Program(len(steps), code)
    libc = ctypes.CDLL(None, use_errno=True)
    for call in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@pytest.fixture
def refuse_syncs():
    """Call it on the thread whose syncs shall fail."""
    return _refuse_syncs
