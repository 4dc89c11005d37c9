"""The part of a worker that evaluates by a user's own code: its seconds, its failures and its answer."""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace

from ..record.files import write_atomically
from ..record.lines import cut_torn_line
from ..record.measurement import Measurement
from ..record.plain import BadValue
from ..training.disk import told_when_full
from ..training.job import read_epochs
from ..training.machine import bytes_in_words
from .outcome import failure_of
from .scripts import ScriptJob
from .trial_object import NotFinite, Reports

_TICK, _SHARE = 0.1, 0.05  # seconds between two notes of how long an evaluation has taken, and as a share of that
_LINGER = 30.0  # seconds after the answer in which the threads and the exit handlers of a user's code may end


def do_script(job: ScriptJob, evaluate: Callable[[Reports], object]) -> None:
    """Evaluate, and write the measurement into the job's folder; an exception is a measurement with a failure.

    Raises: GeniusError where the fault is not the architecture's; DiskFull.
    """
    own = os.getpid()
    with told_when_full(job.folder):
        cut_torn_line(job.files.epochs)
        told = [epoch.seconds for epoch in read_epochs(job.files.epochs)]
        reports = Reports(job.files, job.names, max(job.files.read_held(), *told, 0.0))
        threading.Thread(target=_note_seconds, args=(reports,), daemon=True).start()
        try:
            measurement = _measured(reports, evaluate)
        except BaseException as error:
            if os.getpid() == own:
                traceback.print_exception(error)
                sys.stderr.flush()
                measurement = failure_of(error, _held())
        if os.getpid() != own:
            os._exit(0)  # a copy of this process, which the user's code made and did not end
        answer = replace(
            measurement, seconds=measurement.seconds or reports.seconds, device=measurement.device or _device(job)
        )
        write_atomically(job.files.answer, json.dumps(asdict(Measurement.of(answer))))
    last = threading.Timer(_LINGER, os._exit, args=(0,))
    last.daemon = True
    last.start()


def _measured(reports: Reports, evaluate: Callable[[Reports], object]) -> Measurement:
    try:
        return reports.result(evaluate(reports))
    except NotFinite as error:
        return Measurement(error=f"the evaluation diverged: {error}", failure="diverged")
    except BadValue as error:
        return Measurement(error=str(error), failure="raised")


def _note_seconds(reports: Reports) -> None:
    """Write down how long an evaluation has taken, again and again, for a try after a kill."""
    own = os.getpid()
    while os.getpid() == own:
        with suppress(OSError):
            partial = reports.files.held.with_suffix(".new")
            partial.write_text(f"{reports.seconds:.3f}")
            partial.replace(reports.files.held)
        time.sleep(_TICK + min(1.0, _SHARE * (reports.seconds - reports.earlier)))


def _held() -> str:
    """Say how much memory this process held at most, where the system tells."""
    try:
        import resource
    except ImportError:  # Windows
        return ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f"; its process held {bytes_in_words(peak)} of memory at most"


def _device(job: ScriptJob) -> str:
    """Name the device: a GPU's model where torch is loaded, or the CPU with its threads."""
    if job.device != "cpu":
        torch = sys.modules.get("torch")
        return str(torch.cuda.get_device_name()) if torch and job.device.startswith("cuda") else job.device
    return f"CPU ({job.threads} thread{'s' * (job.threads > 1)})"
