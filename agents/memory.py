"""What a search remembers of its experiments: bounded, plain JSON, and all that a prompt is made of."""

from collections.abc import Sequence
from typing import TypedDict

from ..tools.candidate import Candidate

BEST_KEPT, LATEST_KEPT, REASONS_KEPT = 15, 15, 3


class Experiment(TypedDict):
    """One finished iteration, as a prompt may tell it; accuracy in percent, None where `error` says why."""

    iteration: int
    architecture: list[int] | None
    accuracy: float | None
    flops: int | None
    params: int | None
    error: str | None
    refusals: list[str]


class Memory(TypedDict):
    """The best and the latest experiments, and how many were measured and how many failed in all."""

    best: list[Experiment]
    latest: list[Experiment]
    measured: int
    failed: int


def empty_memory() -> Memory:
    """Return the memory of a search that has not begun."""
    return Memory(best=[], latest=[], measured=0, failed=0)


def remember(memory: Memory, candidate: Candidate) -> Memory:
    """Add a finished candidate; what is neither among the best nor among the latest is counted and forgotten."""
    experiment = _experiment(candidate)
    succeeded = candidate.accuracy is not None
    best = [*memory["best"], experiment] if succeeded else memory["best"]
    return Memory(
        best=sorted(best, key=_by_accuracy)[:BEST_KEPT],
        latest=[*memory["latest"], experiment][-LATEST_KEPT:],
        measured=memory["measured"] + succeeded,
        failed=memory["failed"] + (not succeeded),
    )


def kept(memory: Memory) -> list[Experiment]:
    """Return the experiments that are remembered, in the order they were made."""
    by_iteration = {e["iteration"]: e for e in (*memory["best"], *memory["latest"])}
    return [by_iteration[iteration] for iteration in sorted(by_iteration)]


def best_first(experiments: Sequence[Experiment]) -> list[Experiment]:
    """Sort by accuracy; equals stay in the order they were made."""
    return sorted(experiments, key=_by_accuracy)


def _by_accuracy(experiment: Experiment) -> float:
    accuracy = experiment["accuracy"]
    return -accuracy if accuracy is not None else float("inf")


def _experiment(candidate: Candidate) -> Experiment:
    cost = candidate.cost
    return Experiment(
        iteration=candidate.iteration,
        architecture=list(candidate.architecture) if candidate.architecture else None,
        accuracy=candidate.accuracy,
        flops=cost.flops if cost else None,
        params=cost.params if cost else None,
        error=candidate.error,
        refusals=[refusal.reason for refusal in candidate.refusals[-REASONS_KEPT:]],
    )
