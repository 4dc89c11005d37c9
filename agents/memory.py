"""What a search remembers of its experiments: bounded, plain JSON, and all that a prompt is made of."""

from collections.abc import Sequence
from dataclasses import asdict

from typing_extensions import TypedDict

from ..spaces.record import Count, Number, Text, Whole
from ..tools.candidate import Candidate

BEST_KEPT, LATEST_KEPT, REASONS_KEPT = 15, 15, 3


class Experiment(TypedDict):
    """One finished iteration, as a prompt may tell it; accuracy in percent, None where `error` says why.

    `cost` has the fields of `Cost`; `repair` says what was changed in the proposal, `refusals` are the first lines.
    """

    iteration: Count
    architecture: list[Whole] | None
    accuracy: Number | None
    cost: dict[Text, Whole] | None
    repair: Text | None
    error: Text | None
    refusals: list[Text]


class Rest(TypedDict):
    """What is left of the experiments that are kept no more: how many, and their accuracies in percent."""

    measured: Whole
    failed: Whole
    lowest: Number
    highest: Number
    sum: Number


class Memory(TypedDict):
    """The best and the latest experiments, what is left of the rest, and how many were measured and failed in all."""

    best: list[Experiment]
    latest: list[Experiment]
    rest: Rest
    measured: Whole
    failed: Whole


def empty_memory() -> Memory:
    """Return the memory of a search that has not begun."""
    rest = Rest(measured=0, failed=0, lowest=100.0, highest=0.0, sum=0.0)
    return Memory(best=[], latest=[], rest=rest, measured=0, failed=0)


def remember(memory: Memory, candidate: Candidate) -> Memory:
    """Add a finished candidate; what is neither among the best nor among the latest any more goes to the rest."""
    experiment = _experiment(candidate)
    succeeded = candidate.accuracy is not None
    best = [*memory["best"], experiment] if succeeded else memory["best"]
    now = Memory(
        best=sorted(best, key=_by_accuracy)[:BEST_KEPT],
        latest=[*memory["latest"], experiment][-LATEST_KEPT:],
        rest=memory["rest"],
        measured=memory["measured"] + succeeded,
        failed=memory["failed"] + (not succeeded),
    )
    staying = {e["iteration"] for e in kept(now)}
    for old in kept(memory):
        if old["iteration"] not in staying:
            now["rest"] = _add_to_rest(now["rest"], old["accuracy"])
    return now


def _add_to_rest(rest: Rest, accuracy: float | None) -> Rest:
    if accuracy is None:
        return Rest(**rest | {"failed": rest["failed"] + 1})
    return Rest(
        measured=rest["measured"] + 1,
        failed=rest["failed"],
        lowest=min(rest["lowest"], accuracy),
        highest=max(rest["highest"], accuracy),
        sum=rest["sum"] + accuracy,
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
    return Experiment(
        iteration=candidate.iteration,
        architecture=list(candidate.architecture) if candidate.architecture else None,
        accuracy=candidate.accuracy,
        cost=asdict(candidate.cost) if candidate.cost else None,
        repair=candidate.repair.reason if candidate.repair else None,
        error=candidate.error,
        refusals=[refusal.reason.splitlines()[0] for refusal in candidate.refusals[-REASONS_KEPT:]],
    )
