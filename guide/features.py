"""The features of architectures for a surrogate: their options, their size, and those that the space adds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import said_by
from ..spaces.region import Integers
from ..spaces.space import SearchSpace

Floats = npt.NDArray[np.float64]

Leaning = tuple[float, float, float]
"""What a prior takes to be better: how much it makes of each of an architecture's promises."""

WHOLE = 100_000
"""Spaces of up to this many architectures are encoded whole; of a larger one a sample stands for it."""

_SAMPLE = 4_096  # architectures that stand for a larger space
_COUNTED = 2  # networks built for each option where costs have to be counted on networks


@dataclass(frozen=True, eq=False)
class Encoded:
    """n architectures as arrays of numbers.

    - `options`: shape (n, decisions), from 0.
    - `groups`: arrays of shape (n, k), with a mean of 0 and a mean squared length of 1 over the space: the FLOPs of
      each option, the size of the network, and the features of the space itself.
    - `promises`: shape (n, 3), size and depth in standard deviations of the space: by FLOPs and depth, by
      parameters and depth, and by depth alone.
    - `places`: of a space with ranges, shape (n, decisions, 2), points of the plane: levels lie from (0, 0) to (1, 0),
      other options at distances of 1 or more; of any other space shape (n, 0, 2).
    """

    options: npt.NDArray[np.int16]
    groups: tuple[npt.NDArray[np.float32], ...]
    promises: Floats
    places: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.options)

    def __getitem__(self, rows: npt.ArrayLike) -> "Encoded":
        """Return some of the architectures."""
        at = np.asarray(rows)
        return Encoded(self.options[at], tuple(group[at] for group in self.groups), self.promises[at], self.places[at])

    def promise(self, leanings: Sequence[Leaning]) -> Floats:
        """Return the mean of the promises, weighted by the leanings: shape (n,)."""
        found: Floats = self.promises @ np.mean(leanings, axis=0)
        return found


@dataclass(frozen=True, eq=False)
class _Scale:
    """A standardisation: subtracts a mean and divides by a scale; constant features become 0."""

    mean: Floats
    scale: Floats

    @classmethod
    def of_columns(cls, values: Floats) -> "_Scale":
        deviation = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(deviation > 1e-12, deviation, np.inf))

    @classmethod
    def of_rows(cls, values: Floats) -> "_Scale":
        mean = values.mean(axis=0)
        length = np.sqrt(((values - mean) ** 2).sum(axis=1).mean())
        return cls(mean, np.array(length if length > 1e-12 else np.inf))

    def __call__(self, values: Floats) -> Floats:
        return (values - self.mean) / self.scale


class Encoder:
    """Puts the architectures of a space into numbers; `reference` are those by which it scales, shape (n, decisions).

    Making one for a space without parts builds some networks, to learn the costs of its options.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._first = np.array([decision.numbers[0] for decision in space.decisions])
        # a decision that may be hidden has one option more, which stands for that
        self.counts = np.array([len(decision.options) + bool(decision.when) for decision in space.decisions])
        self.reference = _reference(space)
        self._log_costs = _log_costs(space, self.reference)
        logs = self._log_costs(self.reference)
        self._capacities = [
            _capacity(options, logs[:, 0], count)
            for options, count in zip(self._options(self.reference).T, self.counts, strict=True)
        ]
        self._columns = _Scale.of_columns(logs)
        self._feature_columns = _Scale.of_columns(self._own_features(self.reference))
        self._depth = _Scale.of_columns(self._own_depth(self.reference))
        groups = self._raw_groups(self.reference, logs)
        scales = [_Scale.of_rows(group) for group in groups]
        self._scales = [scale if np.isfinite(scale.scale) else None for scale in scales]
        self._promises = _Scale.of_columns(self._raw_promises(self.reference, logs))

    def encode(self, architectures: npt.ArrayLike) -> Encoded:
        """Encode architectures given as option numbers of shape (n, decisions)."""
        numbers = np.asarray(architectures, dtype=np.int64).reshape(-1, len(self._first))
        logs = self._log_costs(numbers)
        raw = zip(self._scales, self._raw_groups(numbers, logs), strict=True)
        groups = tuple(scale(group).astype(np.float32) for scale, group in raw if scale)
        promises = self._promises(self._raw_promises(numbers, logs))
        return Encoded(self._options(numbers).astype(np.int16), groups, promises, places_of(self.space, numbers))

    @property
    def sized(self) -> bool:
        """Whether some networks of the space promise more than others, by their size or depth."""
        return bool(np.isfinite(self._promises.scale).any())

    def _options(self, numbers: Integers) -> Integers:
        """Return the options from 0; a hidden decision has the one behind its last."""
        options: Integers = numbers - self._first
        if not self.space.conditions:
            return options
        return np.where(self.space.conditions.visible(numbers), options, self.counts - 1)

    def _raw_groups(self, numbers: Integers, logs: Floats) -> list[Floats]:
        options = self._options(numbers)
        worth = np.stack([capacity[options[:, at]] for at, capacity in enumerate(self._capacities)], axis=1)
        flops, params = self._columns(logs).T
        return [
            np.concatenate([worth, worth.sum(axis=1, keepdims=True), -(worth**2)], axis=1),
            np.stack([flops, params, flops**2, params**2, flops * params], axis=1),
            self._feature_columns(self._own_features(numbers)),
        ]

    def _raw_promises(self, numbers: Integers, logs: Floats) -> Floats:
        depth = self._depth(self._own_depth(numbers))[:, None]
        return np.concatenate([self._columns(logs) + depth, depth], axis=1)

    def _own_features(self, numbers: Integers) -> Floats:
        features = self.space.features
        return np.zeros((len(numbers), 0)) if features is None else _told(self.space, "features", features, numbers, 2)

    def _own_depth(self, numbers: Integers) -> Floats:
        depth = self.space.depth
        return np.zeros(len(numbers)) if depth is None else _told(self.space, "depth", depth, numbers, 1)


@lru_cache(maxsize=4)
def encoder(space: SearchSpace) -> Encoder:
    """Return the encoder of a space, which is made once."""
    return Encoder(space)


def _told(
    space: SearchSpace, name: str, function: Callable[[Integers], Floats], numbers: Integers, dimensions: int
) -> Floats:
    """Ask a space's own function for numbers of architectures: finite ones, a row for each architecture.

    Raises: GeniusError.
    """
    try:
        found = np.asarray(function(numbers), dtype=float)
    except MemoryError:
        raise
    except Exception as error:
        raise GeniusError(
            f"{name} of {space.name} failed on {len(numbers):,} architectures: {said_by(error)}"
        ) from error
    if found.ndim != dimensions or len(found) != len(numbers):
        expected = f"({len(numbers)}, k)" if dimensions == 2 else f"({len(numbers)},)"
        raise GeniusError(f"{name} of {space.name} returned numbers of shape {found.shape}, expected {expected}")
    finite = np.isfinite(found).reshape(len(numbers), -1).all(axis=1)
    if not finite.all():
        at = numbers[int(finite.argmin())].tolist()
        raise GeniusError(f"{name} of {space.name} returned a number that is not finite for {at}")
    return found


def _reference(space: SearchSpace) -> Integers:
    if space.size <= WHOLE:
        return np.array(list(space.architectures()))
    return space.draw(np.random.default_rng(0), _SAMPLE)


def places_of(space: SearchSpace, numbers: Integers) -> npt.NDArray[np.float32]:
    """Return the places of a space with ranges, as in `Encoded`.

    A range that is hidden lies beside its middle, as far from both ends as these are from each other.
    """
    if not has_ranges(space):
        return np.zeros((len(numbers), 0, 2), dtype=np.float32)
    scaled = np.array([bool(decision.scale) for decision in space.decisions])
    most = np.array([len(decision.options) - 1 for decision in space.decisions])
    options = numbers - [decision.first for decision in space.decisions]
    places = np.stack([np.where(scaled, options / np.maximum(most, 1), options), np.zeros(options.shape)], axis=2)
    if space.conditions:
        beside = np.where(scaled[:, None], (0.5, np.sqrt(0.75)), (-1.0, 0.0))
        places = np.where(space.conditions.visible(numbers)[:, :, None], places, beside)
    return places.astype(np.float32)


def has_ranges(space: SearchSpace) -> bool:
    """Tell whether the options of some decision are levels of a range, or numbers that lie between others."""
    return any(decision.scale for decision in space.decisions)


def _capacity(options: Integers, log_flops: Floats, count: int) -> Floats:
    """Return the capacity of each option: the mean of the logarithm of FLOPs with it, scaled to 0 to 1."""
    held = np.bincount(options, minlength=count)
    means: Floats = np.bincount(options, weights=log_flops, minlength=count) / np.maximum(held, 1)
    above = np.where(held > 0, means - means[held > 0].min(), 0.0)  # what a rule never allows is worth nothing
    worth: Floats = above / max(float(above.max()), 1e-9)
    return worth


def _log_costs(space: SearchSpace, reference: Integers) -> Callable[[Integers], Floats]:
    """Return the function that gives the logarithms of FLOPs and parameters: from shape (n, decisions) to (n, 2).

    Costs of a space with parts are sums of look-ups. Without parts each network has to be built to be counted: some
    are, and the effect of each option on the logarithm is fitted to those that can be built.
    """
    if space.parts or not space.costed:
        return lambda numbers: np.log1p(space.costs(numbers)[:, :2])
    enough = _COUNTED * sum(len(decision.options) for decision in space.decisions)
    rng = np.random.default_rng(0)
    drawn = reference[rng.choice(len(reference), min(len(reference), enough), replace=False)]
    costs = space.costs(drawn)[:, :2]
    built = (costs >= 0).all(axis=1)
    fitted, *_ = np.linalg.lstsq(_one_hot(space, drawn[built]), np.log1p(costs[built]), rcond=None)
    return lambda numbers: _one_hot(space, numbers) @ fitted


def _one_hot(space: SearchSpace, numbers: Integers) -> Floats:
    columns = [numbers[:, at, None] == np.array(decision.numbers) for at, decision in enumerate(space.decisions)]
    return np.concatenate([*columns, np.ones((len(numbers), 1))], axis=1).astype(float)
