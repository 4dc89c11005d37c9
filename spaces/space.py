"""The search space: which decisions there are, in words for a model and as a network that can be trained."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import signature
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import brief, said_by
from .cost import FIELDS, Cost, CostTable, Part, count, try_on
from .door import check_decision, check_space
from .published_table import PublishedTable
from .rule import ENUMERABLE as ENUMERABLE
from .rule import Allowed, Rule, judge, rule_in_words, uniform

if TYPE_CHECKING:
    from torch import nn

Architecture = tuple[int, ...]
"""One option number for each decision, in the order of the decisions."""

_Array = npt.NDArray[np.int64]


class BadArchitecture(GeniusError, ValueError):
    """An architecture that is not in the space; the message states the rule and the value."""


class CannotBuild(BadArchitecture):
    """An architecture whose network cannot be built, or takes no image of the space; the message says why."""


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

    def __post_init__(self) -> None:
        check_decision(self)
        object.__setattr__(self, "options", tuple(self.options))

    @property
    def numbers(self) -> range:
        """The option numbers that an architecture may hold here."""
        return range(self.first, self.first + len(self.options))

    @property
    def words(self) -> str:
        """The decision in a line: `kernel: 0 = 3×3, 1 = 5×5`."""
        options = (f"{number} = {option}" for number, option in zip(self.numbers, self.options, strict=True))
        return f"{self.name}: {', '.join(options)}"


def _itself(architecture: Architecture) -> Hashable:
    return architecture


def _bare(decisions: tuple[Decision, ...]) -> str:
    """Describe a space of which nothing but its decisions is known."""
    lines = (f"- {decision.words}" for decision in decisions)
    end = f"An architecture is a list of {len(decisions)} numbers, an option of each decision in this order."
    return "\n".join(["The decisions and their options:", *lines, "", end])


def _digits(architecture: Architecture) -> str:
    return "".join(str(option) for option in architecture)


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """A search space, as a value: everything the loop needs to know of what is searched.

    - `description`: the skeleton, the options and the task, for a model to read; an empty one becomes the bare options.
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
    - `data`, `recipe`, `final_recipe`: the names of the data set and the recipe that its networks are trained with, and
      of the recipe that trains what was found to the end, where that is another one.
    - `table`: the published table that holds the accuracy of every architecture.
    - `valid`: the rule that says which combinations of options may be built; without one all may. It is called with an
      architecture and returns True, or a text that says what is forbidden; False forbids by the first line of the
      rule's docstring, or by its name. What it forbids is not in the space.

    Raises: GeniusError for what is no space.
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
    features: Callable[[_Array], npt.NDArray[np.float64]] | None = None
    depth: Callable[[_Array], npt.NDArray[np.float64]] | None = None
    valid: Rule | None = None
    data: str | None = None
    recipe: str | None = None
    final_recipe: str | None = None
    table: PublishedTable | None = None

    def __post_init__(self) -> None:
        check_space(self, Decision)
        object.__setattr__(self, "decisions", tuple(self.decisions))
        if not self.description.strip():
            object.__setattr__(self, "description", _bare(self.decisions))
        for name, architecture in self.named.items():
            try:
                self.check_options(architecture)
            except BadArchitecture as error:
                raise GeniusError(f"{name!r} is no architecture of {self.name}: {error}") from error

    @property
    def size(self) -> int:
        """The number of combinations of options, with duplicates and those that the rule forbids."""
        return prod(len(decision.options) for decision in self.decisions)

    @property
    def count(self) -> int | None:
        """How many architectures there are, duplicates included; None where a rule decides and they are too many to
        list."""
        return self._allowed.count if self._allowed else self.size

    @property
    def rule(self) -> str:
        """A sentence that says that there is a rule, in its own words where it has some; empty without a rule."""
        if self.valid is None:
            return ""
        return (
            ": ".join(["Not every combination of options is allowed", *filter(None, [rule_in_words(self.valid)])]) + "."
        )

    @cached_property
    def without_rule(self) -> "SearchSpace":
        """The space in which every combination of options is allowed."""
        return self if self.valid is None else replace(self, valid=None)

    def check(self, architecture: Architecture) -> Architecture:
        """Return the architecture if it is in the space.

        Raises: BadArchitecture, with the first rule broken.
        """
        self.check_options(architecture)
        if broken := self.forbids(architecture):
            raise BadArchitecture(broken)
        return architecture

    def check_options(self, architecture: Architecture) -> None:
        """Check that an architecture has an option for each decision; the rule is not applied.

        Raises: BadArchitecture.
        """
        expected = len(self.decisions)
        if len(architecture) != expected:
            raise BadArchitecture(f"expected {expected} numbers, got {len(architecture)}: {list(architecture)}")
        for decision, option in zip(self.decisions, architecture, strict=True):
            if option not in decision.numbers:
                low, high = decision.numbers[0], decision.numbers[-1]
                raise BadArchitecture(f"{decision.name} takes a number from {low} to {high}, got {option}")

    def forbids(self, architecture: Architecture) -> str | None:
        """Say that the rule forbids a combination of options, and why; None where it may be built.

        Raises: GeniusError where the rule itself fails.
        """
        if self.valid is None or (told := judge(self.valid, tuple(architecture), self.name)) is True:
            return None
        why = brief(told).rstrip(".") if told else rule_in_words(self.valid)
        return f"{list(architecture)} breaks the space's rule{f': {why}' * bool(why)}"

    def allows(self, architectures: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Tell which combinations of options, of shape (n, decisions), the rule allows: shape (n,)."""
        numbers = self._rows(architectures)
        return self._allowed.among(numbers) if self._allowed else np.ones(len(numbers), dtype=bool)

    def architectures(self) -> Iterator[Architecture]:
        """Go through all architectures in the order of their numbers.

        Raises: GeniusError where there are more than `ENUMERABLE`, or where the rule forbids them all.
        """
        if self.size > ENUMERABLE:
            raise GeniusError(
                f"{self.name} has {self.size:.3g} architectures, more than the {ENUMERABLE:,} that can be listed"
            )
        return iter(self._allowed) if self._allowed else product(*self._numbers)

    def cost(self, architecture: Architecture, *, strict: bool = False) -> Cost:
        """Return the FLOPs and parameters of an architecture.

        Where they have to be counted on its network, `strict` refuses one with operators that `count` does not know.
        Raises: BadArchitecture; CannotBuild where there is no network to count; GeniusError.
        """
        self.check(architecture)
        if not self.parts:
            return count(self.network(architecture), self.input_shape, strict=strict)
        return Cost(*map(int, self._cost_table.costs([architecture])[0]))

    def costs(self, architectures: npt.ArrayLike, *, strict: bool = False) -> npt.NDArray[np.int64]:
        """Cost many architectures at once, of shape (n, decisions): shape (n, FIELDS), in the order of `Cost.row`.

        Without parts a row is -1 where the rule forbids the network, or where it cannot be built. `strict`: see `cost`.
        """
        numbers = self._rows(architectures)
        if self.parts:
            return self._cost_table.costs(numbers)
        rows = [self._counted_row(tuple(row), strict) for row in numbers.tolist()]
        return np.array(rows, dtype=np.int64).reshape(-1, FIELDS)

    def _counted_row(self, architecture: Architecture, strict: bool) -> tuple[int, ...]:
        self.check_options(architecture)
        try:
            return self.cost(architecture, strict=strict).row
        except BadArchitecture:
            return (-1,) * FIELDS

    @property
    def part_costs(self) -> Sequence[tuple[tuple[int, ...], _Array]]:
        """The decisions of each part and its costs: shape (options of each decision, …, FIELDS)."""
        return self._cost_table.tables

    def network(self, architecture: Architecture) -> "nn.Module":
        """Build the network of an architecture, and try it on one image of the space.

        Raises: CannotBuild.
        """
        try:
            return try_on(self.build(architecture), self.input_shape)
        except (MemoryError, CannotBuild):
            raise
        except Exception as error:
            raise CannotBuild(f"{list(architecture)} cannot be built: {said_by(error)}") from error

    def build_for(self, architecture: Architecture, num_classes: int, input_size: int) -> "nn.Module":
        """Build the network for a data set's classes and image size, as far as `build` takes them.

        Raises: BadArchitecture.
        """
        self.check(architecture)
        taken = signature(self.build).parameters
        told = {"num_classes": num_classes, "input_size": input_size}
        return self.build(architecture, **{name: value for name, value in told.items() if name in taken})

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture uniformly.

        Raises: GeniusError where none was found that the rule allows.
        """
        if self._allowed:
            return tuple(self._allowed.draw(rng, 1)[0].tolist())
        return tuple(int(rng.integers(numbers.start, numbers.stop)) for numbers in self._numbers)

    def draw(self, rng: np.random.Generator, count: int) -> _Array:
        """Draw architectures uniformly: shape (count, decisions), or fewer where a rule allows few of many.

        Raises: GeniusError where none was found that the rule allows.
        """
        return self._allowed.draw(rng, count) if self._allowed else uniform(self._numbers, rng, count)

    def _rows(self, architectures: npt.ArrayLike) -> _Array:
        rows = np.asarray(architectures, dtype=np.int64)
        return rows if rows.ndim > 1 else rows.reshape(-1, len(self.decisions))

    @property
    def _numbers(self) -> list[range]:
        return [decision.numbers for decision in self.decisions]

    @cached_property
    def _allowed(self) -> Allowed | None:
        return None if self.valid is None else Allowed(self._numbers, self.valid, self.name)

    @cached_property
    def _cost_table(self) -> CostTable:
        return CostTable(self.parts, self._numbers, self.name)
