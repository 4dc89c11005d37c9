"""Spaces whose networks go wrong when they are built; a worker finds them by `own_spaces:NAME`."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

from genius.spaces.digits import DIGITS

_CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3000)"


def _hang(architecture):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", _CHILD])
    time.sleep(3000)


def _crash(architecture):
    os.kill(os.getpid(), signal.SIGSEGV)


def _fail(architecture):
    raise ValueError("odd kernel")


HANGS = replace(DIGITS, name="hangs", build=_hang)
CRASHES = replace(DIGITS, name="crashes", build=_crash)
FAILS = replace(DIGITS, name="fails", build=_fail)
