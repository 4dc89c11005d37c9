"""Optuna: a study for each trial of a search, which optuna-dashboard shows while the search goes on."""

import warnings
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from ..errors import GeniusError
from ..record.candidate import Candidate
from ..record.goal import Goal
from ..spaces.decision import Decision
from ..spaces.objective import Objective
from ..training.job import Epoch
from .describing import cleared
from .tracker import Evaluation, Outcome, Tracked, Tracker, TrialStanding, check_packages

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, TrialState

_PLACE = "genius.evaluation"  # the attribute by which a trial is found again
_ENDED = ("timed out", "too much output", "diverged")  # failures by which the search itself ends an evaluation


class OptunaStudy(Tracker):
    """Keeps a search in the Optuna storage at a URL, as in `optuna:sqlite:///studies.db`.

    A trial is RUNNING while it is evaluated, COMPLETE with a value, PRUNED where the search ended its evaluation after
    an epoch, and else FAIL. Further evaluations of a candidate are attributes of the study.
    """

    def __init__(self, argument: str = "") -> None:
        check_packages(["optuna"], "the tracker optuna", "optuna")
        if not argument:
            raise GeniusError("the tracker optuna needs the URL of a storage, as in optuna:sqlite:///studies.db")
        super().__init__(argument)

    def begin(self, search: Tracked) -> str:
        """Open the storage, and the studies of the search's trials."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._storage: BaseStorage = optuna.storages.get_storage(self.argument)
        self._search = search
        self._distributions = {each.name: _distribution(each) for each in search.space.decisions}
        self._studies = {trial: self._study(trial) for trial in range(1, search.settings.loop.trials + 1)}
        self._trials = {
            (number, known.user_attrs.get(_PLACE)): known
            for number, study in self._studies.items()
            for known in study.get_trials(deepcopy=False)
        }
        return self.argument

    def started(self, evaluation: Evaluation) -> None:
        """Have a trial run."""
        if not evaluation.repeat:
            self._trial_of(evaluation)

    def epoch(self, evaluation: Evaluation, epoch: Epoch) -> None:
        """Report the value after an epoch."""
        if not evaluation.repeat and epoch.value is not None:
            known = self._trial_of(evaluation)
            self._storage.set_trial_intermediate_value(known._trial_id, epoch.epoch, epoch.value)

    def finished(self, evaluation: Evaluation, standing: TrialStanding | None) -> None:
        """End a trial with its values and what else is known of it."""
        if evaluation.repeat:  # Optuna changes no trial that has ended
            self._studies[evaluation.candidate.trial].set_user_attr(evaluation.name, dict(evaluation.metrics))
            return
        known, goal = self._trial_of(evaluation), self._search.goal
        if known.state.is_finished():  # told just before a crash
            return
        for name, value in {**evaluation.metrics, **evaluation.notes}.items():
            self._storage.set_trial_user_attr(known._trial_id, name, value)
        if goal.limits:
            violations = _violations(evaluation.candidate, goal)
            self._storage.set_trial_system_attr(known._trial_id, "constraints", violations)
        self._storage.set_trial_state_values(known._trial_id, *_end(evaluation, goal))

    def end(self, outcome: Outcome) -> None:
        """Close the storage's connections; a pending trial stays RUNNING until the search goes on."""
        self._storage.remove_session()

    def _study(self, trial: int) -> "Study":
        """Create the study of a trial, or open it where it is there."""
        import optuna

        goal, settings = self._search.goal, self._search.settings
        aims = goal.objectives if goal.pareto else goal.objectives[:1]
        name = self._search.name + (f"-trial-{trial}" if settings.loop.trials > 1 else "")
        ways = [_way(each) for each in aims]
        study = optuna.create_study(storage=self._storage, study_name=name, directions=ways, load_if_exists=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([each.name for each in aims])
        for key, value in self._search.parameters.items():
            study.set_user_attr(key, value)
        return study

    def _trial_of(self, evaluation: Evaluation) -> "FrozenTrial":
        """Return the trial of an evaluation; one that is not there begins to run, from when its candidate did."""
        from optuna.trial import TrialState, create_trial

        candidate = evaluation.candidate
        place = candidate.trial, evaluation.name
        if place not in self._trials:
            shown = {name: self._distributions[name] for name in evaluation.parameters}
            running = create_trial(
                state=TrialState.RUNNING,
                params=dict(evaluation.parameters),
                distributions=shown,
                user_attrs={_PLACE: evaluation.name},
            )
            running.datetime_start = datetime.fromtimestamp(candidate.started)
            study = self._storage.get_study_id_from_name(self._studies[candidate.trial].study_name)
            self._trials[place] = self._storage.get_trial(self._storage.create_new_trial(study, running))
        return self._trials[place]


def _way(objective: Objective) -> Literal["minimize", "maximize"]:
    return "minimize" if objective.better == "lower" else "maximize"


def _distribution(decision: Decision) -> "BaseDistribution":
    """Return a decision as Optuna's distribution: a range between its ends, all else as categories."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    options = [cleared(decision.plain_value(number)) for number in decision.numbers]
    if decision.scale is None:
        return CategoricalDistribution(options)
    log = decision.scale == "logarithmic"
    if all(isinstance(each, int) for each in options):
        return IntDistribution(min(options), max(options), log=log)  # type: ignore[type-var, arg-type]
    return FloatDistribution(float(options[0]), float(options[-1]), log=log)  # type: ignore[arg-type]


def _end(evaluation: Evaluation, goal: Goal) -> "tuple[TrialState, list[float] | None]":
    """Return the state in which a trial ends, and its values."""
    from optuna.trial import TrialState

    candidate, aims = evaluation.candidate, goal.objectives if goal.pareto else goal.objectives[:1]
    values = [value for each in aims if (value := goal.reading(candidate, each.name)) is not None]
    if len(values) == len(aims):
        return TrialState.COMPLETE, values
    failure = candidate.measurement.failure if candidate.measurement else None
    return TrialState.PRUNED if failure in _ENDED and evaluation.step else TrialState.FAIL, None


def _violations(candidate: Candidate, goal: Goal) -> list[float]:
    """Return by how much a measurement is beyond each limit, at most 0 within."""
    found = []
    for name, (low, high) in goal.limits.items():
        if (reading := goal.reading(candidate, name)) is not None:
            found += [] if low is None else [low - reading]
            found += [] if high is None else [reading - high]
    return found
