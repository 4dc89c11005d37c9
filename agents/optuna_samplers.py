"""Optuna's samplers as proposers (Akiba et al. 2019, "Optuna", KDD).

A sampler keeps no state here: for each proposal the history becomes a study, so that a search that was cut off goes on
as it would have. That costs a trial of Optuna's for each earlier candidate.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GeniusError
from ..record.candidate import Candidate, Message
from ..record.goal import Goal
from ..record.history import History
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from .proposer import MakeProposer, Proposer
from .untried import not_again, offloaded, reasoned, rng_of

if TYPE_CHECKING:
    from optuna.study import Study

_POPULATION = 10  # of NSGA-II: small, for budgets of tens of evaluations
_GENERATION = "NSGAIISampler:generation"  # the attribute by which Optuna knows a trial's generation


@dataclass(frozen=True)
class Sampler:
    """A sampler of Optuna's: its class, its options beside the seed, and how often it is asked for an architecture that
    is allowed and new, before the nearest such one is taken."""

    name: str
    options: Mapping[str, object]
    tries: int


SAMPLERS = {
    "optuna-tpe": Sampler("TPESampler", {}, 100),
    "optuna-gp": Sampler("GPSampler", {}, 1),  # the same model would propose the same again
    "optuna-nsgaii": Sampler("NSGAIISampler", {"population_size": _POPULATION}, 100),
}


def _optuna(name: str) -> Any:
    """Import Optuna, and have it say nothing of single trials.

    Raises: GeniusError where it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise GeniusError(f"{name} needs Optuna, which is not installed: pip install 'genius-nas[optuna]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def sampled(name: str, region: Region, seed: Sequence[int]) -> Proposer:
    """Propose as a sampler of Optuna's does. Decisions are categorical, and ranges whole numbers of levels.

    Failures count as the worst so far, and pending evaluations as the mean. Hidden decisions hold their first option.
    Raises: GeniusError where Optuna is not installed.
    """
    optuna = _optuna(name)

    def proposal(prompt: Sequence[Message], history: History) -> str:
        done, rng = not_again(region.space, prompt, history), rng_of(seed, history)
        study = _study(optuna, SAMPLERS[name], region.space, history, int(rng.integers(2**31)))
        found = _new(optuna, study, region, done, SAMPLERS[name].tries)
        return reasoned(region, found, f"By Optuna's {SAMPLERS[name].name}.")

    return offloaded(proposal)


def _study(optuna: Any, sampler: Sampler, space: SearchSpace, history: History, seed: int) -> "Study":
    """Make a study of a history: it maximises utilities."""
    goal = history.goal
    objectives = len(goal.objectives) if goal.pareto else 1
    made = getattr(optuna.samplers, sampler.name)(seed=seed, **sampler.options)
    study: Study = optuna.create_study(directions=["maximize"] * objectives, sampler=made)
    choices = _choices(optuna, space)
    for at, (candidate, utilities) in enumerate(_known(history, objectives)):
        study.add_trial(
            optuna.trial.create_trial(
                params=_params(candidate.architecture or (), choices),
                distributions=choices,
                values=utilities,
                constraints=_violations(candidate, goal),
                system_attrs={_GENERATION: at // _POPULATION},
            )
        )
    return study


def _choices(optuna: Any, space: SearchSpace) -> dict[str, Any]:
    """Return the distribution of each decision, by its place."""
    of = optuna.distributions
    return {
        str(at): of.IntDistribution(decision.numbers[0], decision.numbers[-1])
        if decision.scale
        else of.CategoricalDistribution(tuple(decision.numbers))
        for at, decision in enumerate(space.decisions)
    }


def _params(architecture: Architecture, choices: Mapping[str, Any]) -> dict[str, int]:
    return dict(zip(choices, architecture, strict=True))


def _known(history: History, objectives: int) -> Iterator[tuple[Candidate, list[float]]]:
    """Go through the candidates with an architecture and their utilities; nothing until something was measured."""
    if not history.measured:
        return
    points = np.array([history.goal.utilities(candidate)[:objectives] for candidate in history.measured])
    worst, mean = points.min(axis=0).tolist(), points.mean(axis=0).tolist()
    measured = iter(points.tolist())
    for candidate in history:
        if candidate.architecture is not None:
            own = next(measured) if candidate.value is not None else worst if candidate.error else mean
            yield candidate, own


def _violations(candidate: Candidate, goal: Goal) -> dict[str, float]:
    """Return by how much a measurement is beyond each limit on a metric; at most 0 within, and where it is unknown."""
    found = {}
    for name, (low, high) in goal.limits.items():
        reading = goal.reading(candidate, name)
        for end, by in (("least", low), ("most", high)):
            if by is not None:
                gap = 0.0 if reading is None else by - reading if end == "least" else reading - by
                found[f"{name}, {end}"] = gap
    return found


def _new(optuna: Any, study: "Study", region: Region, done: Set[Hashable], tries: int) -> Architecture | None:
    """Ask a study until it gives an architecture that is allowed and new; in the end take the nearest such one."""
    choices, space = _choices(optuna, region.space), region.space
    found: Architecture = ()
    for _ in range(tries):
        trial = study.ask(choices)
        found = space.settled(tuple(trial.params[name] for name in choices))
        if space.identity(found) not in done and region.allows([found]).all():
            return found
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return region.nearest(found, done)


OPTUNA: dict[str, MakeProposer] = {name: partial(sampled, name) for name in SAMPLERS}
"""Optuna's samplers by their names as proposers."""
