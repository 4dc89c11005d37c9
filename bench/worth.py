"""Was the model worth it? Where a language model's run stands among proposers that use none, at an equal budget."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from ..agents.arms import START
from ..guide.features import Floats, encoder
from ..guide.guide import Guide, fit, observe
from ..record.candidate import Candidate, measured
from ..record.confirmation import UNCONFIRMED
from ..record.goal import Goal
from ..record.history import History
from ..record.result import SearchResult, TrialResult
from ..record.settings import HYBRID
from ..record.statistics import rounded, share_interval, share_worse
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

    `rank` is the mean test rank of the proposer's best after as many evaluations; `beaten` the share of its trials,
    from 0 to 1, whose best is worse than the run's, equals counted half, and `low` and `high` its 95% confidence
    interval. A deterministic proposer has one trial, and no interval: it is worse, the same, or better.
    """

    proposer: str
    trials: int
    rank: float
    beaten: float
    low: float | None = None
    high: float | None = None

    @property
    def words(self) -> str:
        """The share of its trials that are worse, or how its one trial compares."""
        if self.low is None or self.high is None:
            return "worse" if self.beaten > 0.5 else "better" if self.beaten < 0.5 else "the same"
        return f"{self.beaten:.0%} ({self.low:.0%} to {self.high:.0%})"

    @property
    def verdict(self) -> str:
        """Whether the run is better than the proposer beyond chance."""
        low, high = (self.beaten if end is None else end for end in (self.low, self.high))
        return "worth it" if low > 0.5 else "not worth it" if high < 0.5 else "undecided"


@dataclass(frozen=True)
class Worth:
    """The worth of a run's model: a `verdict` and `standings` by the space's table or, without one, `words` with their
    source. `peers` are the trials behind the standings."""

    words: Sequence[str]
    verdict: str | None = None
    rank: float | None = None
    standings: Sequence[Standing] = ()
    peers: Sequence[Scores] = field(default=(), repr=False, compare=False)

    def to_json(self) -> dict[str, object]:
        """Return plain JSON types."""
        found = asdict(replace(self, peers=()))
        return {name: value for name, value in found.items() if name != "peers"}


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
    confirming = settings.loop.confirming if noisy else UNCONFIRMED
    plan = Plan([task], PEERS, SEEDS, max(map(_evaluations, result.trials)), confirming)
    peers = result.run / PEERS_FOLDER
    kept = peers if os.access(result.run, os.W_OK) and not peers.is_symlink() else None
    trials = await make_trials(plan, data, kept, tell=tell)
    return _among(result, table, score(plan, trials, data))


def _evaluations(trial: TrialResult) -> int:
    """Return how many architectures a trial has evaluated: one that stopped is compared after as many."""
    return sum(candidate.architecture is not None for candidate in trial.candidates)


def _among(result: SearchResult, table: Table, peers: Sequence[Scores]) -> Worth:
    own = [(_evaluations(trial), _rank(trial.best, table)) for trial in result.trials if trial.best]
    rank = float(np.mean([rank for _, rank in own]))
    standings = [_standing(own, scores) for scores in peers]
    best = "its best" if len(own) == 1 else f"the mean of the best of {len(own)} trials"
    where = "within the limits" if result.settings.limits.ranges.limited else "of the table"
    after = ", ".join(f"{count:,}" for count in sorted({count for count, _ in own}))
    words = f"after {after} evaluations {best} has test rank {rank:,.0f} among the {len(table):,} architectures {where}"
    return Worth([words, *_added(result, table)], _verdict(standings), rank, standings, peers)


def _rank(candidate: Candidate, table: Table) -> float:
    """Return the rank of a candidate among the table's architectures, by test value where it tells it apart."""
    place = table.place(candidate.architecture or ())
    return float(table.test_ranks[place]) if place is not None else float(len(table))


def _standing(own: Sequence[tuple[int, float]], peer: Scores) -> Standing:
    ranks = peer.rank_of_all[:1] if peer.deterministic else peer.rank_of_all
    at_budget = [ranks[:, budget - 1] for budget, _ in own]
    beaten = float(np.mean([share_worse(rank, values) for (_, rank), values in zip(own, at_budget, strict=True)]))
    low, high = (None, None) if peer.deterministic else share_interval(beaten, _independent(len(own), len(ranks)))
    return Standing(peer.proposer, len(ranks), float(np.mean(at_budget)), beaten, low, high)


def _independent(own: int, peers: int) -> int:
    """Return how many comparisons are independent: those of the run's one trial, or as many as the fewer trials."""
    return peers if own == 1 else min(own, peers)


def _verdict(standings: Sequence[Standing]) -> str:
    """Compare the run with the strongest proposer without a model, in one sentence."""
    strongest = min(standings, key=lambda standing: (standing.beaten, standing.rank))
    name, rank = f"{strongest.proposer}, the strongest proposer without one", _rank_in_words(strongest.rank)
    if strongest.low is None or strongest.high is None:
        how = {"worse": "beats", "the same": "ties with", "better": "is behind"}[strongest.words]
        return f"{strongest.verdict}: it {how} {name}, which is the same in every trial (test rank {rank})"
    share, interval = f"{strongest.beaten:.0%}", f"95% interval {strongest.low:.0%} to {strongest.high:.0%}"
    return f"{strongest.verdict}: of {strongest.trials} trials of {name}, {share} do worse ({interval})"


def _rank_in_words(rank: float) -> str:
    return f"{rank:,.0f}" if rank.is_integer() else rounded(rank)


def _added(result: SearchResult, table: Table) -> list[str]:
    """Describe the gain of a hybrid search by the model's own picks."""
    found = [(_best_of(result, trial, True), _best_of(result, trial, False)) for trial in result.trials]
    both = [(_rank(own, table), _rank(others, table)) for own, others in found if own and others]
    if result.settings.proposer != HYBRID or not both:
        return []
    picks = sum(map(_is_models, result.candidates))
    own, others = (_rank_in_words(float(np.mean(ranks))) for ranks in zip(*both, strict=True))
    return [
        f"the model's own picks, {picks} of {len(result.candidates)}, have test rank {own} at best; the other arms', "
        f"which learnt from them, {others}"
    ]


def _is_models(candidate: Candidate) -> bool:
    return candidate.llm is not None or candidate.arm == START


def _best_of(result: SearchResult, trial: TrialResult, models: bool) -> Candidate | None:
    return result.goal.best([candidate for candidate in trial.candidates if _is_models(candidate) is models])


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
    budget = max(map(_evaluations, result.trials))
    random, largest = _simulated(space, result, known, budget)
    beaten = float((random < goal.utility(result.best)).mean())
    typical = objective.near(objective.utility(float(random.mean())), float(random.std())) + objective.suffix
    worse = "below" if objective.better == "higher" else "above"
    return [
        f"{start}: this is an estimate, by a surrogate that was fitted to the run's {len(known)} measurements",
        f"random sampling: the best of {budget} would measure {typical}, and be {worse} "
        f"the run's best, {objective.text(result.best.value or 0.0)}, in {beaten:.0%} of trials",
        largest,
        "the results of evolution, local search or guided cannot be told without measuring: search with them",
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
