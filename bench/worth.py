"""Was the model worth it? Where a language model's run stands among proposers that use none, at an equal budget."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..guide.features import Floats, encoder
from ..guide.guide import Guide, fit, observe
from ..record.candidate import Candidate, measured
from ..record.confirmation import UNCONFIRMED
from ..record.goal import Goal
from ..record.history import History
from ..record.result import SearchResult, TrialResult
from ..record.statistics import share_worse
from ..spaces import SPACES, table_of
from ..spaces.region import Region
from ..spaces.space import SearchSpace
from ..tables.published import BadTable, Table
from .plan import Plan, Tell, make_trials, silent
from .scores import Scores, score
from .task import Task, load_task

PEERS = ("random", "largest", "local-search", "evolution", "guided")
SEEDS = 50
PEERS_FOLDER = "peers"

_FEWEST = 3  # measurements from which a journal says anything of networks that were not measured
_SIMULATED, _POOL = 2_000, 512  # random searches that are simulated, and the architectures that they draw from


@dataclass(frozen=True)
class Standing:
    """How the run compares with a proposer without a model.

    `rank` is the mean rank of the proposer's best after as many evaluations; `beaten` the share of its trials, from 0
    to 1, whose best is worse than the run's, equals counted half. A deterministic proposer has one trial.
    """

    proposer: str
    trials: int
    rank: float
    beaten: float


@dataclass(frozen=True)
class Worth:
    """The worth of a run's model: `standings` by the space's table or, without one, `words` with their source."""

    words: Sequence[str]
    rank: float | None = None
    standings: Sequence[Standing] = ()

    def to_json(self) -> dict[str, object]:
        """Return plain JSON types."""
        return asdict(self)


async def worth(result: SearchResult, data: Path, tell: Tell = silent) -> Worth | None:
    """Compare a run of a language model with proposers without one; None for other runs, or with nothing measured.

    The first time it takes some seconds; the peers' trials are kept in the run folder, if it can be written.
    Raises: GeniusError, RunFailed.
    """
    settings = result.settings
    if settings.llm.first is None or result.best is None:
        return None
    if settings.run.custom or not settings.looks_up or table_of(settings.space) is None:
        return Worth(_from_the_journal(result))
    pool, noisy = "as searched" if settings.limits.ranges.limited else "all", settings.training.single_run
    task = Task(settings.space, pool, settings.limits.ranges, noisy=noisy)
    try:
        _, table = load_task(task, data)
    except BadTable as error:
        return Worth([*_from_the_journal(result), f"With the table there is more to say: {error}."])
    budget = max(len(trial.candidates) for trial in result.trials)
    plan = Plan([task], PEERS, SEEDS, budget, settings.loop.confirming if noisy else UNCONFIRMED)
    peers = result.run / PEERS_FOLDER
    kept = peers if os.access(result.run, os.W_OK) and not peers.is_symlink() else None
    trials = await make_trials(plan, data, kept, tell=tell)
    return _among(result, table, score(plan, trials, data))


def _among(result: SearchResult, table: Table, peers: Sequence[Scores]) -> Worth:
    own = [(len(trial.candidates), _rank(trial, table)) for trial in result.trials if trial.best]
    rank = float(np.mean([rank for _, rank in own]))
    standings = [_standing(own, scores) for scores in peers]
    best = "the best of the run" if len(own) == 1 else f"the mean of the best of {len(own)} trials"
    what = f"{table.functions:,} different functions" if table.functions < len(table) else f"{len(table):,}"
    among = f"of {what} within the limits" if result.settings.limits.ranges.limited else f"among all {what}"
    return Worth([f"{best} has rank {rank:,.0f} {among}"], rank, standings)


def _rank(trial: TrialResult, table: Table) -> float:
    """Return the rank of a trial's best in the table, by test accuracy where it tells it apart."""
    assert trial.best is not None
    place = table.place(trial.best.architecture or ())
    return float(table.function_ranks[place]) if place is not None else float(table.functions)


def _standing(own: Sequence[tuple[int, float]], peer: Scores) -> Standing:
    ranks = peer.rank[:1] if peer.deterministic else peer.rank
    at_budget = [ranks[:, budget - 1] for budget, _ in own]
    beaten = [share_worse(rank, values) for (_, rank), values in zip(own, at_budget, strict=True)]
    return Standing(peer.proposer, len(ranks), float(np.mean(at_budget)), float(np.mean(beaten)))


def _from_the_journal(result: SearchResult) -> list[str]:
    """Estimate the result of random sampling from the run's own measurements, by a surrogate."""
    start = "there is no table of every architecture to compare with"
    space = _space(result)
    known = measured([candidate for trial in result.trials for candidate in trial.candidates])
    if space is None or len(known) < _FEWEST:
        why = "the space is one's own" if space is None else f"{len(known)} measurements say too little"
        return [f"{start}, and {why}"]
    assert result.best is not None
    objective, goal = result.goal.objective, result.goal
    budget = max(len(trial.candidates) for trial in result.trials)
    random, largest = _simulated(space, result, known, budget)
    beaten = float((random < goal.utility(result.best)).mean())
    typical = objective.near(objective.utility(float(random.mean())), float(random.std())) + objective.suffix
    worse = "below" if objective.better == "higher" else "above"
    return [
        f"{start}: this is an estimate, by a surrogate that was fitted to the run's {len(known)} measurements",
        f"random sampling: the best of {budget} would measure {typical}, and be {worse} "
        f"the run's best, {objective.text(result.best.value or 0.0)}, in {beaten:.0%} of trials",
        largest,
        "what evolution, local search or guided would have found cannot be told without measuring: search with them",
    ]


def _space(result: SearchResult) -> SearchSpace | None:
    """Return a space of this package; one's own is not imported: who looks at a run has not asked to run its code."""
    return None if "space" in result.settings.run.custom else SPACES.get(result.settings.space)


def _simulated(space: SearchSpace, result: SearchResult, known: Sequence[Candidate], budget: int) -> tuple[Floats, str]:
    """Return the best utilities of simulated random searches, and a sentence on the network with the most FLOPs."""
    rng = np.random.default_rng(0)
    region = Region(space, result.settings.limits.ranges)
    objective = result.goal.objective
    surrogate = fit(region, observe(History.of(known, Goal((objective,)))), rng, Guide(prior=0.0))
    drawn = region.draw(rng, _POOL)
    encoded = encoder(space).encode(drawn)
    mean, covariance = surrogate.joint(encoded)
    predicted = surrogate.predict(encoded)
    worlds = rng.multivariate_normal(mean, covariance, _SIMULATED, check_valid="ignore", method="eigh")  # rounded
    worlds += predicted.calibration * predicted.noise * rng.standard_normal(worlds.shape)
    picked = np.stack([rng.choice(len(drawn), budget) for _ in range(_SIMULATED)])
    best = np.clip(np.take_along_axis(worlds, picked, axis=1), *objective.bounds).max(axis=1)
    largest = max(known, key=lambda candidate: candidate.cost.flops if candidate.cost else 0)
    value = objective.text(largest.value or 0.0)
    return best, (f"largest: of the networks that the run measured, the one with the most FLOPs has {value}")
