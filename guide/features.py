"""The features of architectures for a surrogate: their options, their size, and those that the space adds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import said_by
from ..spaces.region import Integers
from ..spaces.space import SearchSpace

Floats = npt.NDArray[np.float64]

Leaning = tuple[float, float, float]
"""The weights of a prior for each of an architecture's promises: the higher, the better it takes it to be."""

WHOLE = 100_000
"""Spaces of up to this many architectures are encoded whole; of a larger one a sample stands for it."""

_SAMPLE = 4_096  # architectures that stand for a larger space
_SIZES = ("flops", "params")
_COUNTED = 2  # networks built for each option where costs have to be counted on networks


@dataclass(frozen=True, eq=False)
class Encoded:
    """n architectures as arrays of numbers.

    - `options`: shape (n, decisions), from 0.
    - `groups`: by name, arrays of shape (n, k) with a mean of 0 and a mean squared length of 1 over the space: the
      FLOPs of each option (`worth`), the `size` of the network, the `features` of the space itself, and how often each
      option occurs among decisions that offer the same ones (`shared`). A group that says nothing is left out.
    - `promises`: shape (n, 3), size and depth in standard deviations of the space: by FLOPs and depth, by
      parameters and depth, and by depth alone.
    - `places`: of a space with ranges, shape (n, decisions, 2), points of the plane: levels lie from (0, 0) to (1, 0),
      other options at distances of 1 or more; of any other space shape (n, 0, 2).
    """

    options: npt.NDArray[np.int16]
    groups: Mapping[str, npt.NDArray[np.float32]]
    promises: Floats
    places: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.options)

    def __getitem__(self, rows: npt.ArrayLike) -> "Encoded":
        """Return some of the architectures."""
        at = np.asarray(rows)
        groups = {name: group[at] for name, group in self.groups.items()}
        return Encoded(self.options[at], groups, self.promises[at], self.places[at])

    def one_hot(self, counts: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return a column for each of the `counts` options of each decision, 1 where an architecture has it."""
        found = np.zeros((len(self), int(np.sum(counts))), dtype=np.float32)
        places = self.options + (np.cumsum(counts) - counts)
        np.put_along_axis(found, places.astype(np.int64), 1.0, axis=1)
        return found

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
        self._alike = _alike(space)
        self.reference = _reference(space)
        self._log_costs = _log_costs(space, self.reference)
        logs = self._log_costs(self.reference)
        self._capacities = [
            _capacity(options, logs[:, 0], count)
            for options, count in zip(self._options(self.reference).T, self.counts, strict=True)
        ]
        self._columns = _Scale.of_columns(logs)
        self._feature_columns = _Scale.of_columns(self._own_features(self.reference))
        self._depth = _Scale.of_columns(self._own_length("depth", self.reference))
        groups = self._raw_groups(self.reference, logs)
        scales = {name: _Scale.of_rows(group) for name, group in groups.items()}
        self._scales = {name: scale for name, scale in scales.items() if np.isfinite(scale.scale)}
        self._promises = _Scale.of_columns(self._raw_promises(self.reference, logs))
        self._named: dict[str, Callable[[Encoded], Floats]] = {}

    def encode(self, architectures: npt.ArrayLike) -> Encoded:
        """Encode architectures given as option numbers of shape (n, decisions)."""
        numbers = np.asarray(architectures, dtype=np.int64).reshape(-1, len(self._first))
        logs = self._log_costs(numbers)
        raw = self._raw_groups(numbers, logs)
        groups = {name: scale(raw[name]).astype(np.float32) for name, scale in self._scales.items()}
        promises = self._promises(self._raw_promises(numbers, logs))
        return Encoded(self._options(numbers).astype(np.int16), groups, promises, places_of(self.space, numbers))

    @property
    def sized(self) -> bool:
        """Whether some networks of the space promise more than others, by their size or depth."""
        return bool(np.isfinite(self._promises.scale).any())

    def cost(self, architectures: Encoded, name: str) -> Floats:
        """Return a cost of architectures, `flops`, `params`, `depth` or one that the space names: shape (n,), in
        standard deviations of the space.

        Raises: GeniusError where the space has no such cost.
        """
        if name == "depth":
            return architectures.promises[:, 2]
        if name in _SIZES:
            scale, at = self._scales.get("size"), _SIZES.index(name)
            if scale is None:
                return np.zeros(len(architectures))
            found: Floats = architectures.groups["size"][:, at] * scale.scale + scale.mean[at]
            return found
        if name not in self._named:
            self._named[name] = _named_cost(self, name)
        return self._named[name](architectures)

    def indicators(self, architectures: Encoded) -> Floats:
        """Return a column for each option of each decision, 1 where an architecture has it, and a column of ones."""
        return np.column_stack([architectures.one_hot(self.counts.tolist()), np.ones(len(architectures))])

    def sizes(self, numbers: Integers) -> Floats:
        """Return the logarithms of FLOPs and parameters of architectures of shape (n, decisions): shape (n, 2)."""
        return self._log_costs(numbers)

    def paths(self, numbers: Integers) -> Floats:
        """Return the lengths of the longest and of the shortest path, 0 where the space tells none: shape (n, 2)."""
        return np.stack([self._own_length("depth", numbers), self._own_length("shortest", numbers)], axis=1)

    def numbers(self, architectures: Encoded) -> Integers:
        """Return the option numbers of encoded architectures: shape (n, decisions)."""
        offered = [len(decision.options) for decision in self.space.decisions]
        found: Integers = self._first + np.where(architectures.options < offered, architectures.options, 0)
        return found

    def _options(self, numbers: Integers) -> Integers:
        """Return the options from 0; a hidden decision has the one behind its last."""
        options: Integers = numbers - self._first
        if not self.space.conditions:
            return options
        return np.where(self.space.conditions.visible(numbers), options, self.counts - 1)

    def _raw_groups(self, numbers: Integers, logs: Floats) -> dict[str, Floats]:
        options = self._options(numbers)
        worth = np.stack([capacity[options[:, at]] for at, capacity in enumerate(self._capacities)], axis=1)
        flops, params = self._columns(logs).T
        return {
            "worth": np.concatenate([worth, worth.sum(axis=1, keepdims=True), -(worth**2)], axis=1),
            "size": np.stack([flops, params, flops**2, params**2, flops * params], axis=1),
            "features": self._feature_columns(self._own_features(numbers)),
            "shared": self._shared(options),
        }

    def _shared(self, options: Integers) -> Floats:
        """Count how often each option occurs among the decisions that offer the same ones."""
        counted = [
            (options[:, places] == option).sum(axis=1) for places, count in self._alike for option in range(count)
        ]
        return np.stack(counted, axis=1).astype(float) if counted else np.zeros((len(options), 0))

    def _raw_promises(self, numbers: Integers, logs: Floats) -> Floats:
        depth = self._depth(self._own_length("depth", numbers))[:, None]
        return np.concatenate([self._columns(logs) + depth, depth], axis=1)

    def _own_features(self, numbers: Integers) -> Floats:
        features = self.space.features
        return np.zeros((len(numbers), 0)) if features is None else _told(self.space, "features", features, numbers, 2)

    def _own_length(self, name: Literal["depth", "shortest"], numbers: Integers) -> Floats:
        length = getattr(self.space, name)
        return np.zeros(len(numbers)) if length is None else _told(self.space, name, length, numbers, 1)


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


def _alike(space: SearchSpace) -> list[tuple[list[int], int]]:
    """Return the decisions that offer the same options, by place, and how many options these are."""
    places: dict[tuple[str, ...], list[int]] = {}
    for at, decision in enumerate(space.decisions):
        places.setdefault(decision.names, []).append(at)
    return [(found, len(names)) for names, found in places.items() if len(found) > 1]


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
    above = np.where(held > 0, means - means[held > 0].min(), 0.0)  # an option that is never allowed is worth nothing
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


def _named_cost(coder: Encoder, name: str) -> Callable[[Encoded], Floats]:
    """Return the function that gives the logarithm of a cost that a space names, in standard deviations.

    Such costs are told of one architecture at a time: the effect of each option is fitted to some of them.
    Raises: GeniusError.
    """
    enough, rng = _COUNTED * int(coder.counts.sum()), np.random.default_rng(0)
    drawn = coder.reference[rng.choice(len(coder.reference), min(len(coder.reference), enough), replace=False)]
    told = [cost.named for row in drawn.tolist() if (cost := coder.space.cost_of(tuple(row)))]
    if not told or name not in told[0]:
        known = ", ".join([*_SIZES, "depth", *(told[0] if told else ())])
        raise GeniusError(f"a belief names the cost {name!r}; the costs of {coder.space.name} are: {known}")
    logs = np.log1p([named[name] for named in told])
    fitted, *_ = np.linalg.lstsq(coder.indicators(coder.encode(drawn)), logs, rcond=None)
    scale = _Scale.of_columns(coder.indicators(coder.encode(coder.reference)) @ fitted)
    return lambda architectures: scale(coder.indicators(architectures) @ fitted)


def _one_hot(space: SearchSpace, numbers: Integers) -> Floats:
    columns = [numbers[:, at, None] == np.array(decision.numbers) for at, decision in enumerate(space.decisions)]
    return np.concatenate([*columns, np.ones((len(numbers), 1))], axis=1).astype(float)
