"""Evaluation by a user's command, in a worker process: its words, its environment and its end."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from errno import ENOEXEC

from ..errors import GeniusError
from ..printable import brief
from ..record.files import NotPlain, read_plain, write_atomically
from ..record.measurement import Measurement
from ..record.plain import BadValue
from ..training.job import read_epochs
from .command_line import filled_in, find_program
from .command_output import Complaints, Output, parsed, without_numbers
from .process import FROM_OUTSIDE
from .script_worker import do_script
from .scripts import CommandJob
from .trial_object import Reports

_NO_RESULT = (
    "the command gave no result: have it print a number or a JSON object as its last line, or write one into the file "
    "that GENIUS_RESULT names"
)


def do_command(job: CommandJob) -> None:
    """Have a command evaluate its configuration, and write the measurement into the job's folder.

    Raises: GeniusError where the command cannot be run; DiskFull.
    """
    do_script(job, lambda reports: _evaluated(job, reports))


def _evaluated(job: CommandJob, reports: Reports) -> object:
    job.files.own.mkdir(parents=True, exist_ok=True)
    job.files.result.unlink(missing_ok=True)
    write_atomically(job.files.config, json.dumps(job.config))
    own, config = str(job.files.own), str(job.files.config)
    ours = {"seed": str(job.seed), "device": job.device, "folder": own, "config": config}
    told = {f"GENIUS_{name.upper()}": value for name, value in ours.items()}
    told |= {"GENIUS_RESULT": str(job.files.result), "GENIUS_THREADS": str(job.threads)}
    return _run(job, filled_in(job.command, job.config, job.hidden, ours), {**os.environ, **told}, reports)


def _run(job: CommandJob, words: Sequence[str], environment: Mapping[str, str], reports: Reports) -> object:
    """Run a command to its end; return its result, or its failure.

    Raises: GeniusError where it cannot be run; BadValue; NotFinite.
    """
    find_program(words[0], job.home)
    pipe = subprocess.PIPE
    try:
        command = subprocess.Popen(
            words, cwd=job.home, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
    except (OSError, ValueError) as error:
        why = "begin it with its interpreter, as in #!/bin/sh" if getattr(error, "errno", 0) == ENOEXEC else str(error)
        raise GeniusError(f"the command {brief(words[0])!r} cannot be run: {why}") from error
    output, complaints = Output(command.stdout, command.kill, reports), Complaints(command.stderr, command.kill)
    code = command.wait()
    output.end()
    complaints.end()
    return _failed(code, complaints.words) if code else _result(job, output)


def _failed(code: int, complaint: str) -> Measurement:
    """Return the failure of a command; one that was ended from outside is lost, as this process then is."""
    if -code in FROM_OUTSIDE:
        os.kill(os.getpid(), -code)
    if code < 0:
        words = f"the command was ended by signal {-code} ({signal.strsignal(-code)})"
        return Measurement(error=words, failure="crashed")
    said = f": {complaint}" if complaint else ""
    return Measurement(error=f"the command ended with code {code}{said}", failure="raised")


def _result(job: CommandJob, output: Output) -> object:
    """Return the result of a command: that of its file, or else that of its output.

    Raises: BadValue where the file holds none, or where there is none.
    """
    try:
        if (found := parsed(read_plain(job.files.result))) is None:
            raise BadValue("the file that GENIUS_RESULT names holds neither a number nor a JSON object")
        return without_numbers(found)
    except NotPlain as error:
        raise BadValue(str(error)) from None
    except FileNotFoundError:
        pass
    found = output.result
    if found is None and not any(epoch.value is not None for epoch in read_epochs(job.files.epochs)):
        raise BadValue(_NO_RESULT)
    return found
