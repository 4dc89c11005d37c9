"""Weights & Biases: a run for the search and a run for each evaluation, in a group of their own."""

import os
from typing import TYPE_CHECKING, Any

from ..errors import GeniusError
from ..training.job import Epoch
from .tracker import Evaluation, Outcome, Tracked, Tracker, TrialStanding, check_packages, epoch_metrics

if TYPE_CHECKING:
    from wandb import Run

_WITHOUT_KEY = ("offline", "dryrun", "disabled")  # values of WANDB_MODE


class WandB(Tracker):
    """Logs into the project `genius` of Weights & Biases, or `wandb:PROJECT`; with `WANDB_MODE=offline` into files.

    Of the machine, the program's arguments and the user's code nothing is sent.
    """

    def __init__(self, argument: str = "") -> None:
        check_packages(["wandb"], "the tracker wandb", "wandb")
        super().__init__(argument or "genius")

    def begin(self, search: Tracked) -> str:
        """Open the search's run."""
        import wandb

        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        if os.environ.get("WANDB_MODE") not in _WITHOUT_KEY and not wandb.login(prompt=False):
            raise GeniusError("wandb has no key: run `wandb login`, or set WANDB_MODE=offline")
        self._search = search
        self._runs: dict[str, Run] = {}
        self._parent = self._opened(search.id, search.name, "search", "evaluations", dict(search.parameters))
        return f"{os.environ.get('WANDB_MODE', 'online')} {os.environ.get('WANDB_BASE_URL', '')} {self.argument}"

    def started(self, evaluation: Evaluation) -> None:
        """Open the run of an evaluation, with the architecture as its configuration."""
        self._run_of(evaluation)

    def epoch(self, evaluation: Evaluation, epoch: Epoch) -> None:
        """Log the numbers of an epoch."""
        self._run_of(evaluation).log({"epoch": epoch.epoch, **epoch_metrics(epoch, self._search.goal)})

    def finished(self, evaluation: Evaluation, standing: TrialStanding | None) -> None:
        """Summarise an evaluation, close its run, and log the standing of the search."""
        run = self._run_of(evaluation)
        run.summary.update({**evaluation.metrics, **evaluation.notes})
        run.finish(exit_code=int(evaluation.failed))
        self._runs.pop(evaluation.name)
        if standing is not None:
            self._parent.log({"evaluations": standing.step, **standing.metrics})

    def end(self, outcome: Outcome) -> None:
        """Log the files and the picture, and close all runs."""
        import wandb

        artifact = wandb.Artifact(f"search-{self._search.id}", "search")
        for file in outcome.files:
            artifact.add_file(str(file))
        self._parent.log_artifact(artifact)
        self._parent.log({f.stem: wandb.Image(str(f)) for f in outcome.files if f.suffix == ".png"})
        self._parent.summary.update({f"final/{name}": value for name, value in outcome.metrics.items()})
        for run in (*self._runs.values(), self._parent):
            run.finish(exit_code=int(outcome.status == "failed"))

    def _run_of(self, evaluation: Evaluation) -> "Run":
        if (name := evaluation.name) not in self._runs:
            identifier, parameters = f"{self._search.id}-{name}", dict(evaluation.parameters)
            self._runs[name] = self._opened(identifier, name, "evaluation", "epoch", parameters)
        return self._runs[name]

    def _opened(self, identifier: str, name: str, kind: str, step: str, config: dict[str, Any]) -> "Run":
        """Open a run, or go on in it; its numbers are drawn against those that are logged as its `step`."""
        import wandb

        quiet: dict[str, Any] = {"silent": True, "console": "off", "disable_git": True, "disable_code": True}
        quiet |= {"x_disable_stats": True, "x_disable_meta": True, "x_disable_machine_info": True}
        run = wandb.init(
            project=self.argument,
            id=identifier,
            name=name,
            group=self._search.name,
            job_type=kind,
            config=config,
            allow_val_change=True,
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(**quiet),
        )
        run.define_metric(step)
        run.define_metric("*", step_metric=step)
        return run
