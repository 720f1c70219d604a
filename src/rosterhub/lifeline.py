"""Ends a process with its parent, however the parent ends. Linux only, as all of this is."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """In a child: have the kernel send us SIGTERM when the thread that started us is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
