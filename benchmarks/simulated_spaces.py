"""Compare the guide with random draws on simulated spaces that are unlike the published ones.

    python benchmarks/simulated_spaces.py [SEEDS] [EVALUATIONS] [WORLDS] [PROCESSES]

WORLDS are names with commas between, see `WORLDS`; each seed draws the function anew. Printed is the share of the space
that is better than the best found, in percent, and how much lower the guide's is than that of as many random draws with
the same seed: means and 95% confidence intervals. The guide is significantly worse where that lies below 0 as a whole.
"""

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import genius
import numpy as np
from genius.guide.guide import suggest
from genius.record.goal import GOAL
from genius.record.statistics import Mean, mean_of
from genius.spaces.cost import Cost, Part
from genius.spaces.region import Region

Numbers = np.ndarray
Utility = Callable[[Numbers], np.ndarray]
_SAMPLE = 8_192  # architectures that stand for a space


@dataclass(frozen=True)
class World:
    """A space, and the function that draws the utilities of its architectures, of shape (n, decisions), for a seed."""

    space: genius.SearchSpace
    drawn: Callable[[np.random.Generator], Utility]


def _part(at: int) -> Part:
    return Part((at,), lambda option: Cost(10**6 * (1 + option), 1_000 * (1 + option)))


@lru_cache
def space(decisions: int, options: int, *, letters: bool = False, apart: bool = False) -> genius.SearchSpace:
    """Return a space whose costs rise with the option; decisions offer the same options unless these are `apart`."""

    def name(at: int, option: int) -> str:
        word = "abcdefgh"[option] if letters else f"operation {option}"
        return f"{word} of {at}" if apart else word

    chosen = [genius.Decision(f"layer {at}", tuple(name(at, o) for o in range(options))) for at in range(decisions)]
    words = f"A network of {decisions} layers. An architecture is a list of {decisions} numbers."
    parts = tuple(map(_part, range(decisions)))
    return genius.SearchSpace("simulated", tuple(chosen), words, parts=parts)


def _singles(worth: np.ndarray) -> Utility:
    return lambda numbers: worth[np.arange(len(worth)), numbers].sum(axis=1)


def _size(numbers: Numbers) -> np.ndarray:
    return numbers.mean(axis=1)


def _alike(decisions: int, options: int) -> Callable[[np.random.Generator], Utility]:
    """Options are as good in one decision as in any other."""

    def drawn(rng: np.random.Generator) -> Utility:
        own = _singles(0.1 * rng.normal(size=(decisions, options)))
        good = rng.normal(size=options)
        return lambda numbers: good[numbers].mean(axis=1) * 3 + own(numbers)

    return drawn


def _irrelevant(rng: np.random.Generator) -> Utility:
    """Each decision has a best option of its own, whatever its size."""
    return _singles(rng.normal(size=(6, 4)))


def _harmful(rng: np.random.Generator) -> Utility:
    """The smaller, the better, but for a little."""
    own = _singles(0.3 * rng.normal(size=(6, 4)))
    return lambda numbers: own(numbers) - 3 * _size(numbers)


def _middle(rng: np.random.Generator) -> Utility:
    """Each decision has its best option between the others."""
    best = rng.uniform(0.7, 2.3, size=6)
    return lambda numbers: -((numbers - best) ** 2).sum(axis=1)


def _together(rng: np.random.Generator) -> Utility:
    """Two decisions are good in one combination of their options alone."""
    own, (one, other) = _singles(0.2 * rng.normal(size=(6, 4))), rng.choice(6, 2, replace=False)
    pair = rng.integers(4, size=2)
    return lambda numbers: own(numbers) + 3 * ((numbers[:, one] == pair[0]) & (numbers[:, other] == pair[1]))


def _noise(rng: np.random.Generator) -> Utility:
    """Next to nothing tells architectures apart but chance."""
    own, salt = _singles(0.2 * rng.normal(size=(6, 4))), int(rng.integers(2**31))

    def utility(numbers: Numbers) -> np.ndarray:
        mixed = (numbers @ 4 ** np.arange(6)).astype(np.uint64) * np.uint64(2654435761) + np.uint64(salt)
        mixed = (mixed ^ (mixed >> np.uint64(15))) * np.uint64(2246822519) % np.uint64(2**32)
        return own(numbers) + 6 * (mixed / 2**32) ** 2

    return utility


def _cliff(rng: np.random.Generator) -> Utility:
    """Most architectures are good, and some are very bad, as networks without a path are."""
    own, (one, other) = _singles(rng.normal(size=(6, 4))), rng.choice(6, 2, replace=False)
    return lambda numbers: own(numbers) - 40 * ((numbers[:, one] == 0) & (numbers[:, other] <= 1))


def _rule(architecture: genius.Architecture) -> bool | str:
    return sum(architecture) % 3 != 0 or "the sum is no multiple of three"


WORLDS: Mapping[str, World] = {
    "alike": World(space(6, 4), _alike(6, 4)),
    "irrelevant": World(space(6, 4), _irrelevant),
    "harmful": World(space(6, 4), _harmful),
    "middle": World(space(6, 4, apart=True), _middle),
    "together": World(space(6, 4), _together),
    "ruled": World(replace(space(6, 4), valid=_rule), _irrelevant),
    "letters": World(space(6, 4, letters=True), _irrelevant),
    "noise": World(space(6, 4), _noise),
    "cliff": World(space(6, 4), _cliff),
    "large": World(space(20, 5), lambda rng: _singles(rng.normal(size=(20, 5)))),
    "large-alike": World(space(20, 5, letters=True), _alike(20, 5)),
}
LARGE = tuple(name for name in WORLDS if name.startswith("large"))


def better_than(name: str, seed: int, evaluations: int) -> tuple[float, float]:
    """Return the shares of a world that are better than the best by the guide, and by random draws.

    The objective is an accuracy in percent: 50 is the mean of the world, and 5 points are its standard deviation.
    """
    world, rng = WORLDS[name], np.random.default_rng([seed, 7])
    utility, region = world.drawn(rng), Region(world.space)
    sample = utility(world.space.draw(rng, _SAMPLE))
    middle, spread = sample.mean(), sample.std()
    history: list[genius.Candidate] = []
    for at in range(evaluations):
        found = suggest(region, history, np.random.default_rng([seed, 1, at]))[0].architecture
        measurement = genius.Measurement(50 + 5 * float((utility(np.array([found]))[0] - middle) / spread))
        history.append(genius.Candidate(1, at + 1, architecture=found, measurement=measurement))
    best = GOAL.best(history)
    assert best is not None
    assert best.value is not None
    reached = middle + spread * (best.value - 50) / 5
    drawn = utility(world.space.draw(rng, evaluations)).max()
    return float((sample > reached + 1e-9).mean()), float((sample > drawn + 1e-9).mean())


def compare(name: str, seeds: int, evaluations: int, processes: int = 1) -> tuple[Mean, Mean, Mean]:
    """Return the mean shares of the guide and of random draws in percent, and by how much the guide's is lower."""
    work = ([name] * seeds, range(seeds), [evaluations] * seeds)
    if processes == 1:
        found = list(map(better_than, *work))
    else:
        with ProcessPoolExecutor(processes) as pool:
            found = list(pool.map(better_than, *work))
    guided, drawn = 100 * np.array(found).T
    return mean_of(guided), mean_of(drawn), mean_of(drawn - guided)


def main(seeds: int = 20, evaluations: int = 10, names: str = ",".join(WORLDS), processes: int = 1) -> None:
    """Print a table."""
    print(f"| {seeds} seeds, {evaluations} evaluations | guided | random | random minus guided |\n|---|---|---|---|")
    for name in names.split(","):
        found = compare(name.strip(), seeds, evaluations, processes)
        print(f"| {name} | {' | '.join(map(_words, found))} |", flush=True)


def _words(found: Mean) -> str:
    return f"{found.mean:.2f}" + ("" if found.low is None else f" ± {found.mean - found.low:.2f}")


if __name__ == "__main__":
    numbers = list(map(int, sys.argv[1:3]))
    main(*numbers, *sys.argv[3:4], *map(int, sys.argv[4:5]))
