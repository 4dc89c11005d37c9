"""A fixed set of architectures trained at every fidelity: values, costs, and how well each fidelity orders them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations

import numpy as np

from ..errors import GeniusError
from ..guide.features import Floats
from ..record.measurement import Measurement
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from .agreement import Bootstrapped, CostedFidelity, correlate, recommend, rho, tau_b

_DRAWN_FOR_EACH, _DRAWN_AT_LEAST = 20, 200


def even_over_flops(region: Region, count: int, rng: np.random.Generator) -> list[Architecture]:
    """Draw different architectures that lie evenly over FLOPs, the smallest first: one in each of `count` intervals.

    The intervals part the FLOPs of uniform draws evenly; for one that is empty the draw next to its middle is taken.
    Of architectures that are the same function one counts. Where there are fewer, all that were drawn are returned.

    Raises: GeniusError where none can be built.
    """
    rows = np.unique(region.draw(rng, max(_DRAWN_AT_LEAST, _DRAWN_FOR_EACH * count)), axis=0)
    different = {region.space.identity(tuple(row)): row for row in rows.tolist()}
    drawn = np.array(list(different.values()))
    costs = region.space.costs(drawn)[:, 0]
    drawn, flops = drawn[costs >= 0], costs[costs >= 0].astype(float)  # below 0: it cannot be built
    if not len(drawn):
        raise GeniusError(f"no network of {region.space.name} that was drawn can be built")
    ends = np.linspace(flops.min(), flops.max(), count + 1)
    free = np.ones(len(drawn), dtype=bool)
    for low, high in pairwise(ends):
        inside = np.flatnonzero(free & (flops >= low) & (flops <= high))
        if not len(inside):
            inside = np.argsort(np.where(free, np.abs(flops - (low + high) / 2), np.inf))[: int(free.any())]
        if len(inside):
            free[rng.choice(inside)] = False
    chosen = np.flatnonzero(~free)
    return [tuple(drawn[at].tolist()) for at in chosen[np.argsort(flops[chosen], kind="stable")]]


@dataclass(frozen=True)
class LevelStudy:
    """A fidelity in a study.

    - `values` are the objective's, as a search sees them, of shape (seeds, architectures); `tests` are those that are
      held against them, of test images where there are some.
    - `seconds` are the device-seconds of a training, the mean of all.
    - `tau`, `rho`: rank correlations with the full fidelity, of trainings with different seeds where there are several;
      of the full fidelity itself that of its own seeds. `agreement`: τ of two seeds of this fidelity. `published`: τ
      with the published table.
    """

    name: str
    values: Floats
    tests: Floats
    seconds: float
    tau: Bootstrapped
    rho: Bootstrapped
    agreement: Bootstrapped
    published: Bootstrapped


@dataclass(frozen=True)
class Study:
    """A study of fidelities, the full one last. `left_out` are architectures of which a training failed.

    `note` says why there is no published table where the space names one.
    """

    architectures: Sequence[Architecture]
    flops: Sequence[int]
    levels: Sequence[LevelStudy]
    published: Sequence[float]
    left_out: Sequence[Architecture]
    note: str
    device: str

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        chosen: Sequence[Architecture],
        names: Sequence[str],
        found: Mapping[tuple[str, int, Architecture], Measurement],
        published: Sequence[float] | str,
    ) -> "Study":
        """Judge the measurements of a study, by fidelity, number of the seed and architecture; the full one last."""
        failed = {key[2] for key, each in found.items() if each.value is None}
        kept = [each for each in chosen if each not in failed]
        table = (
            [] if isinstance(published, str) else [v for v, each in zip(published, chosen, strict=True) if each in kept]
        )
        seeds = range(1 + max(repeat for _, repeat, _ in found))
        trained = {name: [[found[name, repeat, each] for each in kept] for repeat in seeds] for name in names}
        full = _read(trained[names[-1]], tested=True)
        levels = [_level(name, trained[name], full, np.array(table)) for name in names] if kept else []
        devices = dict.fromkeys(each.device for each in found.values() if each.device)
        return cls(
            architectures=kept,
            flops=[int(row[0]) for row in space.costs(kept)] if kept else [],
            levels=levels,
            published=table,
            left_out=[each for each in chosen if each in failed],
            note=published if isinstance(published, str) else "",
            device=" and ".join(devices),
        )

    @property
    def seeds(self) -> int:
        """How many seeds each architecture was trained with."""
        return len(self.levels[0].values) if self.levels else 0

    @property
    def advice(self) -> str:
        """A sentence on the cheapest fidelity that orders architectures right."""
        if len(self.architectures) < _LEAST:
            return f"Not decided: {len(self.architectures)} architectures could be trained everywhere."
        *cheap, full = [CostedFidelity(each.name, each.seconds, each.tau) for each in self.levels]
        return recommend(cheap, full)


_LEAST = 3


def _read(trained: Sequence[Sequence[Measurement]], *, tested: bool) -> Floats:
    return np.array([[_value(each, tested=tested) for each in row] for row in trained], dtype=float)


def _value(measurement: Measurement, *, tested: bool) -> float | None:
    held_out = measurement.test_value if tested else None
    return measurement.value if held_out is None else held_out


def _level(name: str, trained: Sequence[Sequence[Measurement]], full: Floats, published: Floats) -> LevelStudy:
    """Judge a fidelity; `full` are the test values of the full one, of shape (seeds, architectures)."""
    values, tests = (_read(trained, tested=tested) for tested in (False, True))
    seeds = range(len(values))
    # a seed's luck with its first weights and the order of its images is no merit of the fidelity
    apart = list(permutations(seeds, 2)) or [(0, 0)] * (not np.array_equal(tests, full))
    pairs = [(values[one], full[other]) for one, other in apart]
    alike = [(values[one], values[other]) for one, other in combinations(seeds, 2)]
    against = [(values[one], published) for one in seeds] if len(published) else []
    seconds = float(np.mean([each.seconds for row in trained for each in row]))
    return LevelStudy(
        name,
        values,
        tests,
        seconds,
        correlate(pairs),
        correlate(pairs, rho),
        correlate(alike),
        correlate(against, tau_b),
    )
