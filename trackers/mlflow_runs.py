"""MLflow: a run for the search, and below it a run for each evaluation."""

import logging
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..schema import Scalar
from ..training.job import Epoch
from .tracker import (
    Evaluation,
    Outcome,
    Status,
    Tracked,
    Tracker,
    TrialStanding,
    check_packages,
    epoch_metrics,
    portable_name,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SEARCH, _EVALUATION, _PARENT = "genius.search", "genius.evaluation", "mlflow.parentRunId"  # tags
_ENDS: Mapping[Status, str] = {
    "finished": "FINISHED",
    "stopped": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
_AT_ONCE = 100  # parameters, by MLflow's limit
_MOST = 10_000  # runs of a search that are looked up


class MLflow(Tracker):
    """Logs into an MLflow store: that of the URI, else of `MLFLOW_TRACKING_URI`, else MLflow's own default.

    Runs stand in the experiment of `MLFLOW_EXPERIMENT_NAME`, else in `genius`.
    """

    def __init__(self, argument: str = "") -> None:
        check_packages(["mlflow"], "the tracker mlflow", "mlflow")
        super().__init__(argument)

    def begin(self, search: Tracked) -> str:
        """Find or create the search's run, and find the runs of its evaluations that are there."""
        self._client, self._search = _client(self.argument), search
        self._experiment = _experiment(self._client)
        runs = self._client.search_runs([self._experiment], f"tags.`{_SEARCH}` = '{search.id}'", max_results=_MOST)
        self._runs: dict[str, str] = {run.data.tags.get(_EVALUATION, ""): run.info.run_id for run in runs}
        known: Mapping[str, str] = next((run.data.params for run in runs if _EVALUATION not in run.data.tags), {})
        if not self._runs:
            self._runs[""] = self._created(search.name, {_SEARCH: search.id})
        self._parent = self._runs[""]
        self._client.update_run(self._parent, "RUNNING")
        new = {name: value for name, value in search.parameters.items() if portable_name(name) not in known}
        self._log(self._parent, new)  # a parameter of MLflow's never changes
        return f"{self._client.tracking_uri} {self._experiment}"

    def started(self, evaluation: Evaluation) -> None:
        """Create the run of an evaluation, with the architecture as its parameters."""
        self._run_of(evaluation)

    def epoch(self, evaluation: Evaluation, epoch: Epoch) -> None:
        """Log the numbers of an epoch."""
        self._measure(self._run_of(evaluation), epoch_metrics(epoch, self._search.goal), epoch.epoch)

    def finished(self, evaluation: Evaluation, standing: TrialStanding | None) -> None:
        """Log the numbers and notes of an evaluation, end its run, and log the standing of the search."""
        run, candidate = self._run_of(evaluation), evaluation.candidate
        self._measure(run, evaluation.metrics, evaluation.step)
        for name, text in evaluation.notes.items():
            self._client.set_tag(run, f"genius.{name}", text)
        end = int(1000 * (candidate.started + candidate.seconds)) or None
        self._client.set_terminated(run, "FAILED" if evaluation.failed else "FINISHED", end)
        if standing is not None:
            self._measure(self._parent, standing.metrics, standing.step)

    def end(self, outcome: Outcome) -> None:
        """Log the numbers of the best and the files, and end the search's run."""
        self._measure(self._parent, {f"final/{name}": value for name, value in outcome.metrics.items()}, 0)
        for file in outcome.files:
            self._client.log_artifact(self._parent, str(file))
        self._client.set_terminated(self._parent, _ENDS[outcome.status])

    def _run_of(self, evaluation: Evaluation) -> str:
        if (name := evaluation.name) not in self._runs:
            tags = {_SEARCH: self._search.id, _EVALUATION: name, _PARENT: self._parent}
            started = int(1000 * evaluation.candidate.started) or None
            self._runs[name] = self._created(name, tags, started)
            self._log(self._runs[name], evaluation.parameters)
        return self._runs[name]

    def _created(self, name: str, tags: Mapping[str, str], started: int | None = None) -> str:
        return str(self._client.create_run(self._experiment, started, dict(tags), name).info.run_id)

    def _log(self, run: str, parameters: Mapping[str, Scalar]) -> None:
        from mlflow.entities import Param

        found = [Param(portable_name(name), str(value)) for name, value in parameters.items()]
        for first in range(0, len(found), _AT_ONCE):
            self._client.log_batch(run, params=found[first : first + _AT_ONCE])

    def _measure(self, run: str, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._client.log_batch(run, [Metric(portable_name(name), value, now, step) for name, value in metrics.items()])


def _client(uri: str) -> "MlflowClient":
    """Open MLflow's client, which then neither reports its own use nor tells of its tables."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(uri or None)


def _experiment(client: "MlflowClient") -> str:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "genius"
    found = client.get_experiment_by_name(name)
    known: str = found.experiment_id if found is not None else client.create_experiment(name)
    return known
