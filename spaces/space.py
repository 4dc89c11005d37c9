"""The search space: which decisions there are, in words for a model and as a network that can be trained."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .cost import Cost, CostTable, Part, count
from .errors import GeniusError

if TYPE_CHECKING:
    from torch import nn

Architecture = tuple[int, ...]
"""One option number for each decision, in the order of the decisions."""

ENUMERABLE = 1_000_000
"""Spaces up to this many architectures are listed whole where a whole list is asked for."""


class BadArchitecture(GeniusError, ValueError):
    """An architecture that is not in the space; the message states the rule and the value."""


@dataclass(frozen=True)
class Decision:
    """One choice of the search space.

    `options` are the field's names of what can be chosen. Option numbers start at `first`: 0, unless the numbers have
    a meaning of their own, as the quarters of a width have. `stage` names the part of the network that the decision
    belongs to, where there are such parts.
    """

    name: str
    options: tuple[str, ...]
    first: int = 0
    stage: str = ""

    @property
    def numbers(self) -> range:
        """The option numbers that an architecture may hold here."""
        return range(self.first, self.first + len(self.options))


def _itself(architecture: Architecture) -> Hashable:
    return architecture


def _digits(architecture: Architecture) -> str:
    return "".join(str(option) for option in architecture)


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """A search space, as a value: everything the loop needs to know of what is searched.

    - `description`: the skeleton, the options and the task, for a model to read.
    - `build`: makes the network of an architecture. Where it also takes `num_classes` or `input_size`, in pixels, the
      space can be trained on data sets of another kind than its own.
    - `input_shape`: (channels, height, width) of one image.
    - `parts`: the network's parts with their costs. Without them the cost is counted on the built network.
    - `identity`: equal for architectures that are the same function; they are duplicates of each other.
    - `key`: the name of an architecture in the published table of this space.
    - `named`: architectures that are known by a name of their own.
    - `features`: more numbers of architectures, from option numbers of shape (n, decisions) to shape (n, k), for the
      surrogate to compare them by; it knows their options, FLOPs and parameters anyway.
    - `depth`: how long the longest path through the network is, in layers, from the same to shape (n,).
    """

    name: str
    decisions: tuple[Decision, ...]
    description: str
    build: Callable[..., "nn.Module"]
    input_shape: tuple[int, int, int]
    parts: tuple[Part, ...] = ()
    identity: Callable[[Architecture], Hashable] = _itself
    key: Callable[[Architecture], str] = _digits
    named: Mapping[str, Architecture] = field(default_factory=dict)
    features: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]] | None = None
    depth: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]] | None = None

    @property
    def size(self) -> int:
        """How many architectures there are, duplicates included."""
        return prod(len(decision.options) for decision in self.decisions)

    def check(self, architecture: Architecture) -> Architecture:
        """Return the architecture if it is in the space.

        Raises: BadArchitecture, with the first rule broken.
        """
        expected = len(self.decisions)
        if len(architecture) != expected:
            raise BadArchitecture(f"expected {expected} numbers, got {len(architecture)}: {list(architecture)}")
        for decision, option in zip(self.decisions, architecture, strict=True):
            if option not in decision.numbers:
                low, high = decision.numbers[0], decision.numbers[-1]
                raise BadArchitecture(f"{decision.name} takes a number from {low} to {high}, got {option}")
        return architecture

    def architectures(self) -> Iterator[Architecture]:
        """Go through all architectures in the order of their numbers.

        Raises: GeniusError where there are more than `ENUMERABLE`.
        """
        if self.size > ENUMERABLE:
            raise GeniusError(
                f"{self.name} has {self.size:.3g} architectures, more than the {ENUMERABLE:,} that can be listed"
            )
        return product(*(decision.numbers for decision in self.decisions))

    def cost(self, architecture: Architecture) -> Cost:
        """Return the FLOPs and parameters of an architecture.

        Raises: BadArchitecture.
        """
        self.check(architecture)
        if not self.parts:
            return count(self.build(architecture), self.input_shape)
        return Cost(*map(int, self._cost_table.costs([architecture])[0]))

    def costs(self, architectures: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Cost many architectures of shape (n, decisions) at once: shape (n, 3), the fields of `Cost`."""
        if self.parts:
            return self._cost_table.costs(architectures)
        each = (self.cost(tuple(int(option) for option in row)) for row in np.asarray(architectures))
        found = [[cost.flops, cost.params, cost.norm_outputs] for cost in each]
        return np.array(found, dtype=np.int64).reshape(-1, 3)

    def build_for(self, architecture: Architecture, num_classes: int, input_size: int) -> "nn.Module":
        """Build the network for a data set's classes and image size, as far as `build` takes them.

        Raises: BadArchitecture.
        """
        self.check(architecture)
        taken = signature(self.build).parameters
        told = {"num_classes": num_classes, "input_size": input_size}
        return self.build(architecture, **{name: value for name, value in told.items() if name in taken})

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture uniformly."""
        return tuple(int(rng.integers(d.numbers[0], d.numbers[-1] + 1)) for d in self.decisions)

    @cached_property
    def _cost_table(self) -> CostTable:
        return CostTable(self.parts, [decision.numbers for decision in self.decisions])
