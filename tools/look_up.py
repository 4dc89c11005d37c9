"""The costs of a space's options, as a table in words for a model: one that adds up, or one that says it does not."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import combinations, groupby, product
from math import prod

import numpy as np
import numpy.typing as npt

from ..spaces.cost import FIELDS
from ..spaces.decision import Decision
from ..spaces.region import OPEN, Region, costs_for
from ..spaces.space import Architecture
from ..spaces.words import option_in_words

_ROWS = 60  # of a table, so that a prompt stays bounded in any space
_COLUMNS = 20  # options of a row
_PART_ROWS = 80  # of the tables of parts

_Table = npt.NDArray[np.int64]
_Words = Callable[[float | None], str]

_NOT_ALLOWED = "not allowed"
_APART = "One decision at a time: changes of several decisions do not simply add up."


def look_up_table(region: Region, centre: Architecture | None = None) -> str:
    """Write the costs of options, of each quantity that is limited, else of FLOPs.

    Where every part depends on one decision, they are those of each option. Else they are those of options alone and in
    pairs, or the costs of the parts. These add up to the cost of any architecture. Where none of them is short, it is
    the costs of the networks one change around the `centre`, else around an architecture of the region.
    """
    return "\n\n".join(_of_quantity(region, at, centre) for at in _limited(region))


def adds_up(region: Region) -> bool:
    """Tell whether the table's costs add up to an architecture's."""
    return all(_summed(region, at) is not None for at in _limited(region))


def _is_summed(region: Region) -> bool:
    """Tell whether costs are sums of parts, of all decisions alike."""
    return bool(region.space.parts) and not region.space.conditions


def _limited(region: Region) -> list[int]:
    return [at for at, ends in enumerate(region.limits.ranges) if ends != OPEN] or [0]


def _of_quantity(region: Region, quantity: int, centre: Architecture | None) -> str:
    return _summed(region, quantity) or _around(region, quantity, centre or _middle(region))


def _summed(region: Region, quantity: int) -> str | None:
    """Write a table that adds up; None where there is none, or it would be too long."""
    if quantity < 2:
        return _summands(region, quantity) if _is_summed(region) else None
    predicted = region.limits.prediction(region.limits.names[quantity])
    if predicted is None or not predicted.is_single or region.space.conditions:
        return None
    options = [len(decision.options) for decision in region.space.decisions]
    rows = [tuple(predicted.added(at, count).tolist()) for at, count in enumerate(options)]
    return _of_options(region, quantity, _own(predicted.base), _lines(region, rows, _own))


def _title(region: Region, quantity: int) -> str:
    if quantity > 1:
        name = region.limits.names[quantity]
        predicted = region.limits.prediction(name)
        return f"{predicted.objective.label}, as predicted" if predicted else name
    counting = region.limits.counting(text=region.space.context is not None)
    hidden = bool(region.limits.units)
    if quantity:
        return f"parameters {counting}" if hidden else "parameters in millions"
    return f"FLOPs {counting}" if hidden else f"FLOPs in millions, {counting}"


@lru_cache(maxsize=8)
def _summands(region: Region, quantity: int) -> str | None:
    """Write a table that adds up; None where it would be too long."""
    parts = _Parts(region, quantity)
    if parts.is_single:
        rows = [parts.single(at) for at in range(len(region.space.decisions))]
        lines = _lines(region, rows, _in_units(region, quantity, _short))
        return _of_options(region, quantity, region.limits.told(quantity, parts.fixed), lines)
    title = _title(region, quantity)
    head = f"The costs below add up to the network's ({title}); to begin with, {parts.words(parts.base)}."
    found = parts.by_pairs or parts.by_part
    return "\n".join([head, *found]) if found else None


def _of_options(region: Region, quantity: int, fixed: str, lines: Sequence[str]) -> str:
    title = _title(region, quantity)
    head = f"What each option adds to the network ({title}); what no decision changes adds {fixed}:"
    more = [f"and {len(lines) - _ROWS} lines more"] if len(lines) > _ROWS else []
    return "\n".join([head, *lines[:_ROWS], *more])


class _Parts:
    """The parts of a space with their amounts of one quantity."""

    def __init__(self, region: Region, quantity: int) -> None:
        self._region, self._decisions = region, region.space.decisions
        self.words = _in_units(region, quantity, _exact)
        counted = region.limits.counted
        self._tables: dict[tuple[int, ...], _Table] = {}
        for decisions, table in region.space.part_costs:
            order = tuple(sorted(set(decisions)))
            places = np.indices([len(self._decisions[at].options) for at in order])
            amounts = counted(table.reshape(-1, FIELDS))[:, quantity].reshape(table.shape[:-1])
            amounts = amounts[tuple(places[order.index(at)] for at in decisions)]  # a part may name a decision twice
            self._tables[order] = self._tables.get(order, np.zeros_like(amounts)) + amounts

    @property
    def fixed(self) -> int:
        """The amount that depends on no decision."""
        return int(self._tables.get((), np.zeros((), dtype=np.int64)))

    @property
    def is_single(self) -> bool:
        """Whether each part depends on one decision at most."""
        return all(len(decisions) <= 1 for decisions in self._tables)

    def single(self, at: int) -> tuple[int, ...]:
        """Return the cost that each option of a decision adds by itself."""
        options = len(self._decisions[at].options)
        return tuple(self._tables.get((at,), np.zeros(options, dtype=np.int64)).tolist())

    @property
    def base(self) -> int:
        """The amount of the architecture of the first options, or where parts are listed the fixed one."""
        if self._terms is None or self.by_pairs is None:
            return self.fixed
        return int(self._terms[()])

    @cached_property
    def _terms(self) -> dict[tuple[int, ...], _Table] | None:
        """The costs of options, and of pairs besides, over the first options; None where three do more together."""
        found: dict[tuple[int, ...], _Table] = {(): np.array(0)}
        for decisions, table in self._tables.items():
            rest = table.astype(np.int64)
            for size in range(min(3, len(decisions) + 1)):
                for axes in combinations(range(len(decisions)), size):
                    term = rest[tuple(slice(None) if at in axes else slice(0, 1) for at in range(rest.ndim))]
                    rest = rest - term
                    key = tuple(decisions[at] for at in axes)
                    flat = term.reshape([rest.shape[at] for at in axes])
                    found[key] = found.get(key, np.zeros_like(flat)) + flat
            if rest.any():
                return None
        return found

    @cached_property
    def by_pairs(self) -> list[str] | None:
        """The costs of each option, and of options of two decisions together; None where that is long."""
        if (terms := self._terms) is None:
            return None
        singles = [terms.get((at,), np.zeros(len(d.options), np.int64)) for at, d in enumerate(self._decisions)]
        lines = ["What each option adds:"]
        lines += _lines(self._region, [tuple(row.tolist()) for row in singles], self.words)
        pairs = [(key, table) for key, table in terms.items() if len(key) == 2 and table.any()]
        alike: dict[tuple[tuple[int, ...], bytes], list[tuple[int, int]]] = {}
        for (one, other), table in sorted(pairs, key=lambda pair: pair[0]):
            alike.setdefault((table.shape, table.tobytes()), []).append((one, other))
        lines.append("What two options add together, besides what each adds; where no line is given, nothing:")
        for (shape, amounts), decisions in alike.items():
            lines += self._of_pairs(decisions, np.frombuffer(amounts, dtype=np.int64).reshape(shape))
            if len(lines) > _ROWS:
                return None
        return lines

    def _of_pairs(self, pairs: Sequence[tuple[int, int]], table: _Table) -> Iterator[str]:
        yield f"{self._named(pairs)}:"
        one, other = (self._decisions[at] for at in pairs[0])
        for option, row in zip(one.numbers, table, strict=True):
            if row.any():
                amounts = [
                    f"{self._shown(other, n)}: {self.words(amount)}"
                    for n, amount in zip(other.numbers, row.tolist(), strict=True)
                    if amount
                ]
                yield f"- {self._shown(one, option)} with {', '.join(amounts)}"

    def _shown(self, decision: Decision, option: int) -> str:
        return option_in_words(self._region.space, decision, option)

    def _named(self, pairs: Sequence[tuple[int, int]]) -> str:
        first, last = pairs[0], pairs[-1]
        if len(pairs) > 2 and list(pairs) == [(at, at + 1) for at in range(first[0], last[1])]:
            return f"each of {self._decisions[first[0]].name} to {self._decisions[last[0]].name} with the one after it"
        return "; ".join(f"{self._decisions[one].name} with {self._decisions[other].name}" for one, other in pairs)

    @cached_property
    def by_part(self) -> list[str] | None:
        """The cost of each part for all options that it depends on; None where that is long."""
        rows = sum(prod(table.shape[:-1]) for table in self._tables.values() if table.ndim)
        if rows > _PART_ROWS:
            return None
        lines: list[str] = []
        for decisions, table in self._tables.items():
            if decisions:
                lines += self._of_part([self._decisions[at] for at in decisions], table)
        return lines

    def _of_part(self, decisions: Sequence[Decision], table: _Table) -> Iterator[str]:
        yield f"by {', '.join(decision.name for decision in decisions)}:"
        for options in product(*(decision.numbers for decision in decisions[:-1])):
            row = table[tuple(o - d.numbers[0] for o, d in zip(options, decisions, strict=False))]
            last = zip(decisions[-1].numbers, row.tolist(), strict=True)
            amounts = (f"{self._shown(decisions[-1], n)}: {self.words(amount)}" for n, amount in last)
            shown = map(self._shown, decisions, options)
            yield f"- {', '.join(shown)}{' with ' * bool(options)}{', '.join(amounts)}"


@lru_cache(maxsize=8)
def _around(region: Region, quantity: int, centre: Architecture) -> str:
    space, limits = region.space, region.limits
    head = f"What the whole network costs with one decision changed and the others at {space.written(centre)}"
    rows: list[tuple[float | None, ...]] = []
    for at, decision in enumerate(space.decisions):
        variants = [(*centre[:at], option, *centre[at + 1 :]) for option in decision.numbers]
        costs = limits.counted(costs_for(limits, space, np.array(variants)))[:, quantity].tolist()
        rows.append(tuple(None if cost < 0 else cost for cost in costs))
    words = _in_units(region, quantity, _short) if quantity < 2 else _own
    lines = _lines(region, rows, words, constant="no effect")
    more = [f"and {len(lines) - _ROWS} lines more"] if len(lines) > _ROWS else []
    return "\n".join([f"{head} ({_title(region, quantity)}). {_APART}", *lines[:_ROWS], *more])


@lru_cache(maxsize=8)
def _middle(region: Region) -> Architecture:
    """Return the architecture of the region that is nearest to the middle options."""
    middle = tuple(decision.numbers[len(decision.numbers) // 2] for decision in region.space.decisions)
    return region.nearest(region.space.settled(middle)) or region.sample(np.random.default_rng(0))


def _lines(region: Region, rows: Sequence[tuple[float | None, ...]], words: _Words, constant: str = "") -> list[str]:
    """Write the rows, neighbours that are equal in one line: their first decision to their last.

    `constant` stands in place of the costs of a decision whose options all cost the same.
    """
    found = []
    for row, group in groupby(zip(rows, region.space.decisions, strict=True), key=lambda pair: pair[0]):
        alike = [decision for _, decision in group]
        names = alike[0].name if len(alike) == 1 else f"each of {alike[0].name} to {alike[-1].name}"
        options = [option_in_words(region.space, alike[0], number) for number in alike[0].numbers]
        costs = _some([f"{option}: {words(value)}" for option, value in zip(options, row, strict=True)])
        costs = [constant] if constant and len(set(row)) == 1 else costs
        found.append(f"- {names}: {', '.join(costs)}")
    return found


def _some(costs: list[str]) -> list[str]:
    """Return as many costs as a line holds, from the first option's to the last's."""
    if len(costs) <= _COLUMNS:
        return costs
    return [costs[at * (len(costs) - 1) // (_COLUMNS - 1)] for at in range(_COLUMNS)]


def _in_units(region: Region, quantity: int, plain: _Words) -> _Words:
    """Return the function that writes amounts: in the hidden unit of a disguise, else the plain one."""
    limits = region.limits
    return (lambda a: _NOT_ALLOWED if a is None else limits.told(quantity, a)) if limits.units else plain


def _short(amount: float | None) -> str:
    return _NOT_ALLOWED if amount is None else f"{amount / 1e6:.4g}"


def _own(amount: float | None) -> str:
    return _NOT_ALLOWED if amount is None else f"{amount:.4g}"


def _exact(amount: float | None) -> str:
    return _NOT_ALLOWED if amount is None else f"{amount / 1e6:.9g}"
