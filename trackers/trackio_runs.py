"""Trackio: a run for the search and a run for each evaluation, in a group of their own."""

import contextlib
import contextvars
import sys
import threading
from io import TextIOBase
from typing import TYPE_CHECKING, Any, TextIO

from ..schema import Scalar
from ..training.job import Epoch
from .tracker import Evaluation, Outcome, Tracked, Tracker, TrialStanding, check_packages, epoch_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trackio.run import Run


class Trackio(Tracker):
    """Logs into the project `genius` of Trackio, or `trackio:PROJECT`.

    That is files in `TRACKIO_DIR`, unless Trackio's own variables name a server.
    """

    def __init__(self, argument: str = "") -> None:
        check_packages(["trackio"], "the tracker trackio", "trackio")
        super().__init__(argument or "genius")

    def begin(self, search: Tracked) -> str:
        """Open the search's run."""
        from trackio.utils import TRACKIO_DIR

        self._search = search
        self._runs: dict[str, Run] = {}
        self._parent = self._opened("", search.parameters)
        return f"{TRACKIO_DIR} {self.argument}"

    def started(self, evaluation: Evaluation) -> None:
        """Open the run of an evaluation, with the architecture as its configuration."""
        self._run_of(evaluation)

    def epoch(self, evaluation: Evaluation, epoch: Epoch) -> None:
        """Log the numbers of an epoch."""
        self._run_of(evaluation).log(epoch_metrics(epoch, self._search.goal), epoch.epoch)

    def finished(self, evaluation: Evaluation, standing: TrialStanding | None) -> None:
        """Log the numbers and notes of an evaluation, close its run, and log the standing of the search."""
        self._run_of(evaluation).log({**evaluation.metrics, **evaluation.notes}, evaluation.step)
        _close(self._runs.pop(evaluation.name))
        if standing is not None:
            self._parent.log(dict(standing.metrics), standing.step)

    def end(self, outcome: Outcome) -> None:
        """Log the result and the picture, and close all runs."""
        from trackio import Image

        told: dict[str, Any] = {f"final/{name}": value for name, value in outcome.metrics.items()}
        told |= {file.stem: Image(str(file)) for file in outcome.files if file.suffix == ".png"}
        self._parent.log(told | {"status": outcome.status})
        for run in (*self._runs.values(), self._parent):
            _close(run)

    def _run_of(self, evaluation: Evaluation) -> "Run":
        if (name := evaluation.name) not in self._runs:
            self._runs[name] = self._opened(f"-{name}", evaluation.parameters)
        return self._runs[name]

    def _opened(self, name: str, config: "Mapping[str, Scalar]") -> "Run":
        """Open a run, or go on in it, in a context of its own: Trackio closes the one before in the same context."""
        import trackio

        given: dict[str, Any] = {"project": self.argument, "group": self._search.name, "config": dict(config)}
        quiet: dict[str, Any] = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
        with contextlib.redirect_stdout(_Hushed(sys.stdout)):
            return contextvars.Context().run(
                lambda: trackio.init(name=self._search.name + name, resume="allow", **given, **quiet)
            )


def _close(run: "Run") -> None:
    with contextlib.redirect_stdout(_Hushed(sys.stdout)):
        run.finish()


class _Hushed(TextIOBase):
    """Standard output without what Trackio says on it from this thread: programs read our result there."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._thread = stream, threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self._thread else self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()
