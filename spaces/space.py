"""The search space: its decisions, in words for a model, and perhaps the network that an architecture builds."""

import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import signature
from itertools import product
from math import prod
from typing import TYPE_CHECKING, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError, name_missing_torch
from ..printable import brief, said_by
from ..schema import Scalar
from .conditions import Conditions
from .cost import FIELDS, Cost, CostTable, Part, count, told_cost, try_on
from .decision import ByValue, Decision, Value
from .door import check_known, check_space, check_values
from .identity import Masked, digits, itself
from .objective import ACCURACY, SCORE, Objective
from .published_table import PublishedTable
from .rule import ENUMERABLE as ENUMERABLE
from .rule import Allowed, Rule, judge, rule_in_words, uniform
from .sketch import Sketch
from .words import by_number, by_value, word

if TYPE_CHECKING:
    from torch import nn

Architecture = tuple[int, ...]
"""One option number for each decision, in the order of the decisions."""

_T = TypeVar("_T")
_Array = npt.NDArray[np.int64]

_FUNCTIONS = ("build", "valid", "cost", "identity", "key", "context", "sketch")


class BadArchitecture(GeniusError, ValueError):
    """An architecture that is not in the space; the message states the rule and the value."""


class NoNetwork(GeniusError):
    """A space without a network, where one is to be trained, exported or counted."""

    def __init__(self, space: "SearchSpace") -> None:
        super().__init__(
            f"{space.name} has no network to train, export or count: give it `build` and `input_shape`, or have its "
            "architectures measured by an evaluator of your own"
        )


class CannotBuild(BadArchitecture):
    """An architecture whose network cannot be built, or takes no image of the space; the message says why."""


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """A search space, as a value.

    An architecture is a tuple of option numbers. Where every option is a text, the functions of a space (`build`,
    `valid`, `cost`, `identity`, `key`) and evaluators are called with that tuple, and a model writes it. A space with
    numbers or other objects as options, with ranges or conditions, and one made with `by_value`, calls them with the
    dict of the values that count, and a model writes values. `features`, `depth`, `shortest` take arrays of numbers.

    - `description`: the skeleton, the options and the task, for a model to read; an empty one becomes the bare options.
      Of a space by value the options are listed behind it.
    - `build`: makes the network of an architecture. Where it also takes `num_classes`, `input_size` in pixels or
      `input_channels`, the space can be trained on data sets of another kind than its own. None without networks.
    - `input_shape`: (channels, height, width) of one image, or the shape of another kind of input.
    - `context`: of language models, how many characters an architecture's network reads at once; `input_shape` is then
      (the most of them,). Networks map character numbers (n, places) to scores (n, places, num_classes).
    - `parts`: the network's parts with their costs; without them `cost` tells these, or they are counted.
    - `cost`: returns an architecture's `Cost`, its FLOPs alone, or a dict of costs by name; `flops` and `params` are
      two of these, and the others can be limited by their names.
    - `identity`: equal for architectures that are the same function; they are duplicates of each other.
    - `named`: architectures that are known by a name of their own.
    - `features`: more numbers of architectures, from option numbers of shape (n, decisions) to shape (n, k), for the
      surrogate to compare them by; it knows their options, FLOPs and parameters anyway.
    - `depth`, `shortest`: how long the longest and the shortest path through the network are, in layers: shape (n,).
    - `sketch`: the layers or the cell of an architecture, as a picture shows them; see `spaces/sketch.py`.
    - `data`, `recipe`, `final_recipe`: names of the data set, and of the recipes of a search and of a final training.
    - `table`, `key`: the published table of every architecture's accuracy, and the name of an architecture in it.
    - `objective`: the quantity that is measured, unless an evaluator names its own; see `measured` for the default.
    - `valid`: the rule that says which architectures may be built, and are in the space; without one all are. It
      returns True, or a text that says why not; False forbids by the first line of its docstring, or by its name.

    Raises: GeniusError for fields that make no space.
    """

    name: str
    decisions: tuple[Decision, ...]
    description: str = ""
    build: Callable[..., "nn.Module"] | None = None
    input_shape: tuple[int, ...] | None = None
    parts: tuple[Part, ...] = ()
    identity: Callable[[Architecture], Hashable] = itself
    key: Callable[[Architecture], str] = digits
    named: Mapping[str, Architecture] = field(default_factory=dict)
    features: Callable[[_Array], npt.NDArray[np.float64]] | None = None
    depth: Callable[[_Array], npt.NDArray[np.float64]] | None = None
    shortest: Callable[[_Array], npt.NDArray[np.float64]] | None = None
    valid: Rule | None = None
    cost: Callable[..., object] | None = None
    by_value: bool = False
    data: str | None = None
    recipe: str | None = None
    final_recipe: str | None = None
    table: PublishedTable | None = None
    objective: Objective | None = None
    context: Callable[..., int] | None = None
    sketch: Callable[..., Sketch] | None = None

    def __post_init__(self) -> None:
        check_space(self, Decision)
        object.__setattr__(self, "decisions", tuple(self.decisions))
        if not all(decision.plain for decision in self.decisions):
            object.__setattr__(self, "by_value", True)
        if self.by_value:
            check_values(self)
        if not self.description.strip() and not self.by_value:
            object.__setattr__(self, "description", by_number(self.decisions))
        for name in _FUNCTIONS if self.by_value else ():
            object.__setattr__(self, name, self.handing(getattr(self, name)))
        if self.conditions and not isinstance(self.identity, Masked):
            object.__setattr__(self, "identity", Masked(self.identity, self.settled))
        check_known(self)

    @property
    def size(self) -> int:
        """The number of combinations of options, with duplicates and those that the rule forbids."""
        return prod(len(decision.options) for decision in self.decisions)

    @cached_property
    def conditions(self) -> Conditions:
        """The conditions under which decisions count; empty where all always do."""
        return Conditions(self.decisions, self.name)

    @property
    def costed(self) -> bool:
        """Whether architectures have costs: given as parts or a function, or counted on a network."""
        return bool(self.parts) or self.cost is not None or self.build is not None

    @property
    def measured(self) -> Objective:
        """The objective of an evaluator that names none of its own."""
        return self.objective or (ACCURACY if self.build is not None or self.table is not None else SCORE)

    @property
    def looked_up(self) -> bool:
        """Whether the costs of an architecture take no network that is built."""
        return bool(self.parts) or self.cost is not None or self.build is None

    @property
    def words(self) -> str:
        """The space as a model reads it."""
        return by_value(self.description, self.decisions) if self.by_value else self.description

    def values(self, architecture: Architecture) -> dict[str, Value]:
        """Return the options of an architecture by the names of their decisions; hidden decisions are left out."""
        chosen = zip(self.decisions, architecture, self.visible(architecture), strict=True)
        return {d.name: d.options[number - d.first] for d, number, counts in chosen if counts}

    def plain_values(self, architecture: Architecture) -> dict[str, Scalar]:
        """Return the values of an architecture in plain JSON types: an object is its name."""
        chosen = zip(self.decisions, architecture, self.visible(architecture), strict=True)
        return {d.name: d.plain_value(number) for d, number, counts in chosen if counts}

    def visible(self, architecture: Architecture) -> Sequence[bool]:
        """Tell of each decision whether it counts in an architecture."""
        return self.conditions.visible_in(architecture) if self.conditions else [True] * len(architecture)

    def settled(self, architecture: Architecture) -> Architecture:
        """Return an architecture with the first option in each hidden decision."""
        shown = zip(architecture, self.decisions, self.visible(architecture), strict=True)
        return tuple(number if counts else decision.first for number, decision, counts in shown)

    def written(self, architecture: Architecture) -> str:
        """Write an architecture as a list, as the prompt and messages show it: `-` stands in hidden decisions."""
        if not self.by_value:
            return str(list(architecture))
        chosen = zip(self.decisions, architecture, self.visible(architecture), strict=True)
        return f"[{', '.join(word(d.names[number - d.first]) if counts else '-' for d, number, counts in chosen)}]"

    def declared(self, architecture: Architecture) -> str:
        """Write an architecture as a reply declares it: a list of option numbers, or a JSON object of values."""
        values = self.plain_values(architecture) if self.by_value else None
        return str(list(architecture)) if values is None else json.dumps(values, ensure_ascii=False)

    @overload
    def handing(self, function: None) -> None: ...
    @overload
    def handing(self, function: Callable[..., _T]) -> Callable[..., _T]: ...
    def handing(self, function: Callable[..., _T] | None) -> Callable[..., _T] | None:
        """Make a function that takes architectures, from one that takes them in the form that this space hands over."""
        ours = function is itself or function is digits or isinstance(function, ByValue | Masked)
        if function is None or ours or not self.by_value:
            return function
        return cast("Callable[..., _T]", ByValue(function, self.values))

    @property
    def count(self) -> int | None:
        """How many architectures there are, duplicates included; None where they are too many for the rule to list."""
        return self._allowed.count if self._allowed else self.size

    @property
    def rule(self) -> str:
        """A sentence that says that there is a rule, in its own words where it has some; empty without a rule."""
        if self.valid is None:
            return ""
        words = rule_in_words(self.valid)
        return f"Not every combination of options is allowed{f': {words}' if words else ''}."

    @property
    def restricted(self) -> bool:
        """Whether some combinations of options may not be architectures."""
        return self.valid is not None

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
        return f"{self.written(architecture)} breaks the space's rule{f': {why}' * bool(why)}"

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

    def cost_of(self, architecture: Architecture, *, strict: bool = False) -> Cost | None:
        """Return the costs of an architecture; None where the space has none.

        Where they have to be counted on its network, `strict` refuses one with operators that `count` does not know.
        Raises: BadArchitecture; CannotBuild where there is no network to count; GeniusError.
        """
        self.check(architecture)
        if self.parts:
            return Cost(*map(int, self._cost_table.costs([self.settled(architecture)])[0]))
        if self.cost is not None:
            return told_cost(self.cost, self.settled(architecture), self.name)
        if self.build is None:
            return None
        shape = self.shape_of(architecture)
        return count(self.network(architecture), shape, text=self.context is not None, strict=strict)

    def costs(self, architectures: npt.ArrayLike, *, strict: bool = False) -> npt.NDArray[np.int64]:
        """Cost many architectures at once, of shape (n, decisions): shape (n, FIELDS), in the order of `Cost.row`.

        Without parts a row is -1 where the rule forbids the network, or where it cannot be built; all is 0 where the
        space has no costs. `strict`: see `cost_of`.
        """
        numbers = self._rows(architectures)
        if not self.costed:
            return np.zeros((len(numbers), FIELDS), dtype=np.int64)
        if self.conditions:
            numbers = self.conditions.settled(numbers)
        if self.parts:
            return self._cost_table.costs(numbers)
        rows = [self._counted_row(tuple(row), strict) for row in numbers.tolist()]
        return np.array(rows, dtype=np.int64).reshape(-1, FIELDS)

    def _counted_row(self, architecture: Architecture, strict: bool) -> tuple[int, ...]:
        self.check_options(architecture)
        try:
            cost = self.cost_of(architecture, strict=strict)
        except BadArchitecture:
            cost = None
        return (-1,) * FIELDS if cost is None else cost.row

    @property
    def _build(self) -> Callable[..., "nn.Module"]:
        if self.build is None:
            raise NoNetwork(self)
        return self.build

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width) of an image of the space, or the shape of another kind of input, the longest text.

        Raises: NoNetwork.
        """
        if self.input_shape is None:
            raise NoNetwork(self)
        return self.input_shape

    def shape_of(self, architecture: Architecture) -> tuple[int, ...]:
        """Return the shape of one input of an architecture's network.

        Raises: NoNetwork.
        """
        return self.shape if self.context is None else (self.context(architecture),)

    @property
    def part_costs(self) -> Sequence[tuple[tuple[int, ...], _Array]]:
        """The decisions of each part and its costs: shape (options of each decision, …, FIELDS)."""
        return self._cost_table.tables

    def network(self, architecture: Architecture) -> "nn.Module":
        """Build the network of an architecture, and try it on one input of the space.

        Raises: CannotBuild; NoNetwork; NeedsTorch.
        """
        try:
            return try_on(self._build(architecture), self.shape_of(architecture), text=self.context is not None)
        except (MemoryError, CannotBuild, NoNetwork):
            raise
        except Exception as error:
            name_missing_torch(error, "a network")
            raise CannotBuild(f"{list(architecture)} cannot be built: {said_by(error)}") from error

    def build_for(
        self, architecture: Architecture, num_classes: int, input_size: int, input_channels: int | None = None
    ) -> "nn.Module":
        """Build the network for a data set's classes, image size and channels, as far as `build` takes them.

        Raises: BadArchitecture; NoNetwork.
        """
        taken = signature(build := self._build).parameters
        told = {"num_classes": num_classes, "input_size": input_size, "input_channels": input_channels or self.shape[0]}
        return build(self.check(architecture), **{name: value for name, value in told.items() if name in taken})

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
        if self.valid is None and not self.conditions:
            return None
        return Allowed(self._numbers, self.conditions, self.valid, self.name)

    @cached_property
    def _cost_table(self) -> CostTable:
        return CostTable(self.parts, self._numbers, self.name)
