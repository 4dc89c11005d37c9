"""Choose the guide's settings leave-one-family-out: those for a family are the best on the other families.

    python benchmarks/tune_guide.py [SEEDS] [DATA FOLDER]

Families are NAS-Bench-Macro, the channel tables, NAS-Bench-201, and simulated accuracies on digits and mobile-imagenet.
Each is searched for 10 evaluations with a prior, without, and with a wrong one, tables also in pools of 50% and 30%
of the largest FLOPs. A setting's score on a family is the mean of the logarithm of the best's rank: lower is better.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from math import log10
from pathlib import Path

import genius
import numpy as np
from genius.bench.task import Task, capped, load_task
from genius.guide.features import encoder
from genius.guide.guide import GUIDE, Guide, suggest
from genius.guide.means import SIZE
from genius.guide.surrogate import RANGES, RANGES_OF_PICKS
from genius.record.goal import GOAL
from genius.spaces.region import Region
from genius.tables.fetch import downloads_folder

CURIOSITY, TRUSTING, DOUBT = (0.5, 0.7), (0, 2), (3, -1)
STRENGTHS = {"for picks": RANGES_OF_PICKS, "for forecasts": RANGES}
PRIORS = (1.0, 0.0, -1.0)
EVALUATIONS, SIMULATED = 10, ("digits", "mobile-imagenet")
FAMILIES = {
    "Macro": ("nas-bench-macro",),
    "Channel": ("channel-bench-resnet", "channel-bench-mobilenet"),
    "NAS-Bench-201": ("nas-bench-201-cifar10", "nas-bench-201-cifar100", "nas-bench-201-imagenet16-120"),
    "simulated": SIMULATED,
}
Accuracy = Callable[[genius.Architecture], float]


@dataclass(frozen=True)
class Problem:
    """A region of a space, an accuracy in percent, and the accuracies that ranks are among."""

    region: Region
    accuracy: Accuracy
    others: np.ndarray


def published(task: Task, data: Path) -> Problem:
    """Look accuracies up."""
    space, table = load_task(task, data)
    return Problem(Region(space, task.limits), lambda a: table.measure(a).value or 0.0, table.values)


def simulated(name: str, seed: int) -> Problem:
    """Draw accuracies that saturate with size, with an effect of each option and of each pair of neighbours."""
    space, rng = genius.get_space(name), np.random.default_rng(seed)
    most = max(len(decision.options) for decision in space.decisions)
    count = len(space.decisions)
    singles, pairs = rng.normal(0, 1, (count, most)), rng.normal(0, 0.5, (count - 1, most, most))
    first, at = np.array([decision.numbers[0] for decision in space.decisions]), np.arange(count)

    def accuracies(architectures: np.ndarray) -> np.ndarray:
        options = architectures - first
        size = encoder(space).encode(architectures).promise(SIZE)
        own = singles[at, options].sum(axis=1) + pairs[at[1:] - 1, options[:, :-1], options[:, 1:]].sum(axis=1)
        return np.clip(80 + 8 * np.tanh(size) + own / np.sqrt(count), 0, 100)

    return Problem(Region(space), lambda a: float(accuracies(np.array([a]))[0]), accuracies(encoder(space).reference))


def rank(problem: Problem, guide: Guide, seed: int) -> int:
    """Search, and rank the best that was found."""
    history: list[genius.Candidate] = []
    for at in range(EVALUATIONS):
        rng = np.random.default_rng([seed, 1, at])
        architecture = suggest(problem.region, history, rng, guide)[0].architecture
        measurement = genius.Measurement(problem.accuracy(architecture))
        history.append(genius.Candidate(1, at + 1, architecture=architecture, measurement=measurement))
    found = GOAL.best(history)
    return int((problem.others > (found.accuracy if found else 0.0)).sum()) + 1


def problems(family: str, seed: int, data: Path) -> Iterator[tuple[Problem, float]]:
    """Go through a family's problems, each with the priors it is searched with."""
    for name in FAMILIES[family]:
        if name in SIMULATED:
            yield from ((simulated(name, seed), prior) for prior in PRIORS)
            continue
        task = Task(name)
        yield from ((published(task, data), prior) for prior in PRIORS)
        yield from ((published(capped(task, share), data), 1.0) for share in (0.5, 0.3))


def score(guide: Guide, family: str, seeds: int, data: Path) -> float:
    """Return the mean logarithm of the ranks."""
    found = [
        log10(rank(problem, replace(guide, prior=prior), seed))
        for seed in range(seeds)
        for problem, prior in problems(family, seed, data)
    ]
    return float(np.mean(found))


def main(seeds: int = 8, data: Path | None = None) -> None:
    """Print the scores, and the settings that each family gets from the others."""
    settings = product(CURIOSITY, TRUSTING, DOUBT, STRENGTHS.values())
    guides = [Guide(curiosity=c, trusting=t, doubt=d, ranges=ranges) for c, t, d, ranges in settings]
    work = [(guide, family, seeds, data or downloads_folder()) for guide in guides for family in FAMILIES]
    with ProcessPoolExecutor() as pool:
        scores = dict(zip([each[:2] for each in work], pool.map(score, *zip(*work, strict=True)), strict=True))

    def mean(guide: Guide, families: list[str]) -> float:
        return float(np.mean([scores[guide, family] for family in families]))

    print(f"mean log10 rank, {seeds} seeds\n{'setting':70} {'  '.join(f'{family:>13}' for family in FAMILIES)}")
    for guide in guides:
        print(f"{words(guide):70} {'  '.join(f'{scores[guide, family]:13.2f}' for family in FAMILIES)}")
    chosen = min(guides, key=lambda guide: mean(guide, list(FAMILIES)))
    print(f"best on all: {words(chosen)}")
    for family in FAMILIES:
        by_others = min(guides, key=lambda guide: mean(guide, [other for other in FAMILIES if other != family]))
        print(
            f"{family}: the others choose {words(by_others)}: {scores[by_others, family]:.2f}, "
            f"against {scores[chosen, family]:.2f} and the default's {scores[GUIDE, family]:.2f}"
        )


def words(guide: Guide) -> str:
    """Name a setting."""
    strengths = next(name for name, ranges in STRENGTHS.items() if ranges == guide.ranges)
    doubt = f"doubt after {guide.doubt}" if guide.doubt > 0 else "no doubt"
    return f"curiosity {guide.curiosity}, trusting {guide.trusting}, {doubt}, ranges {strengths}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *map(Path, sys.argv[2:3]))
