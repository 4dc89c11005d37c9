"""The costs of a network's variants as parts, held against counts before they are used. Imports torch."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import prod

import numpy as np

from ..cost import Cost, Part, total
from ..decision import Decision, Value
from .anatomy import Anatomy
from .coupling import FAULTS
from .ledger import Term, entries_of, terms_of
from .rebuild import variant
from .variations import Depth, KernelSizes, Variation, Widths

_DRAWN = 3  # variants that the sums are held against, beside the smallest and the largest
_LARGEST = 100_000  # combinations of options of a part

Values = Mapping[str, Value]


def parts_of(
    anatomy: Anatomy, variations: Sequence[Variation], decisions: Sequence[Decision], kept: Values
) -> tuple[Part, ...]:
    """Return the costs as parts; none where they are no such sums. `kept` are the options of fixed decisions."""
    ledger = _Ledger(anatomy, variations, decisions, kept)
    try:
        parts = ledger.parts()
        exact = all(ledger.holds(parts, options) for options in ledger.tried())
    except FAULTS:
        return ()
    return parts if exact else ()


@dataclass(frozen=True)
class _Ledger:
    anatomy: Anatomy
    variations: Sequence[Variation]
    decisions: Sequence[Decision]
    kept: Values

    def parts(self) -> tuple[Part, ...]:
        """Put the terms together that depend on the same decisions."""
        network = variant(self.anatomy, self.variations, self.deepest)
        together: dict[tuple[int, ...], list[Term]] = {}
        for term in terms_of(self.anatomy, entries_of(network, self.anatomy.shape)):
            together.setdefault(self._depends_on(term), []).append(term)
        if any(prod(len(self.decisions[at].options) for at in places) > _LARGEST for places in together):
            return ()
        return tuple(Part(places, self._cost(places, terms)) for places, terms in together.items())

    def holds(self, parts: Sequence[Part], options: Sequence[int]) -> bool:
        """Tell whether the parts add up to the counts of a variant."""
        network = variant(self.anatomy, self.variations, self._values(options))
        counted = total([entry.cost for entry in entries_of(network, self.anatomy.shape)])
        return total([part.cost(*(options[at] for at in part.decisions)) for part in parts]) == counted

    def tried(self) -> Iterator[list[int]]:
        """Yield the option numbers of the variants that the sums are held against."""
        rng = np.random.default_rng(0)
        counts = [len(decision.options) for decision in self.decisions]
        yield [0 for _ in counts]
        yield [count - 1 for count in counts]
        for _ in range(_DRAWN):
            yield [int(rng.integers(count)) for count in counts]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {decision.name: at for at, decision in enumerate(self.decisions)}

    @cached_property
    def deepest(self) -> dict[str, Value]:
        """The values of the variant that has every block; all else is as the network has it, or is kept."""
        own = {each.name: each.own for each in self.variations} | dict(self.kept)
        depths = [each.name for each in self._depths]
        return own | {name: max(self.decisions[self._places[name]].options) for name in depths}  # type: ignore[type-var]

    @property
    def _depths(self) -> list[Depth]:
        return [each for each in self.variations if isinstance(each, Depth) and each.name in self._places]

    def _values(self, options: Sequence[int]) -> dict[str, Value]:
        chosen = zip(self.decisions, options, strict=True)
        return dict(self.kept) | {decision.name: decision.options[at] for decision, at in chosen}

    def _sizes(self, values: Values) -> dict[int, int]:
        """Return the size of each axis, by its root."""
        axes = self.anatomy.coupling.axes
        found = {axes.root(at): axis.size for at, axis in enumerate(axes.axes)}
        for each in self.variations:
            found |= each.sizes(values[each.name])
        return found

    def _depends_on(self, term: Term) -> tuple[int, ...]:
        roots = {root for form in term.sizes for root in form.terms}
        names = [each.name for each in self.variations if self._changes(each, term, roots)]
        return tuple(sorted(self._places[name] for name in names if name in self._places))

    def _changes(self, variation: Variation, term: Term, roots: set[int]) -> bool:
        if isinstance(variation, Widths):
            return any(size.root in roots for size in variation.varied)
        if isinstance(variation, KernelSizes):
            return term.sides > 0 and term.entry.origin in variation.layers
        if isinstance(variation, Depth) and variation.name in self._places:
            return any(term.entry.name not in names for names in self._names[variation.name].values())
        return False

    @cached_property
    def _names(self) -> dict[str, dict[Value, set[str]]]:
        """The names of the modules that are there, by each option of each depth, where the others are deepest."""
        return {
            depth.name: {
                option: self._there(depth, option) for option in self.decisions[self._places[depth.name]].options
            }
            for depth in self._depths
        }

    def _there(self, depth: Depth, option: Value) -> set[str]:
        network = copy.deepcopy(self.anatomy.template)
        for each in self.variations:
            if isinstance(each, Depth):
                each.apply(network, option if each is depth else self.deepest[each.name])
        return {name for name, _ in network.named_modules()}

    def _cost(self, places: tuple[int, ...], terms: Sequence[Term]) -> Callable[..., Cost]:
        base, own = self._sizes(self.deepest), self.deepest

        def cost(*options: int) -> Cost:
            chosen = {self.decisions[at].name: at for at in places}
            numbers = dict(zip(chosen, options, strict=True))
            values = own | {name: self.decisions[at].options[numbers[name]] for name, at in chosen.items()}
            sizes, kernels = self._sizes(values), self._kernels(values)
            there = [term for term in terms if self._is_there(term, values)]
            return total([term.at(base, sizes, kernels.get(term.entry.origin, Fraction(1))) for term in there])

        return cost

    def _is_there(self, term: Term, values: Values) -> bool:
        return all(term.entry.name in names[values[depth]] for depth, names in self._names.items())

    def _kernels(self, values: Values) -> dict[str, Fraction]:
        """Return how many times as wide the kernels of layers are, by the names of these."""
        found = [(each, values[each.name]) for each in self.variations if isinstance(each, KernelSizes)]
        return {name: _ratio(option, self.deepest[each.name]) for each, option in found for name in each.layers}


def _ratio(option: Value, other: Value) -> Fraction:
    assert isinstance(option, int)
    assert isinstance(other, int)
    return Fraction(option, other)
