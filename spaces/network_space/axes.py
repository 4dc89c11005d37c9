"""Sizes that are free to vary, and which of them are one: union by the numbers that stand for them.

A size under trial is a prime times a unit, so that all that a network makes of it by reshaping (a flattened image, the
width of a head) still tells which sizes it comes from.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from itertools import count
from math import gcd, isqrt

_FIRST = 1_009  # no factor of the size of an image or of a sequence that is met in practice


@dataclass(frozen=True)
class Axis:
    """A size of a network: the output of a layer, or with a `parameter` one of its axes, and the size itself."""

    module: str
    size: int
    parameter: str = ""
    axis: int = 0


@dataclass(frozen=True)
class LinearForm:
    """A size as a sum of multiples of axes, by their roots, and of a constant; not `known` where it is another one."""

    terms: Mapping[int, Fraction]
    constant: Fraction = Fraction(0)
    known: bool = True

    def times(self, factor: Fraction) -> "LinearForm":
        """Return a multiple of it."""
        return LinearForm(
            {root: term * factor for root, term in self.terms.items()}, self.constant * factor, self.known
        )

    def plus(self, other: "LinearForm") -> "LinearForm":
        """Return the sum of both."""
        none = Fraction(0)
        both = {at: self.terms.get(at, none) + other.terms.get(at, none) for at in {*self.terms, *other.terms}}
        return LinearForm(both, self.constant + other.constant, self.known and other.known)

    def at(self, sizes: Mapping[int, int]) -> Fraction:
        """Return the size where the axes have these sizes."""
        return self.constant + sum((term * sizes[root] for root, term in self.terms.items()), Fraction(0))


@dataclass
class Axes:
    """The sizes of a network under trial. `unit` is divided by all numbers that divide sizes in it.

    - `units`: the number that divides an axis, by its root, where it need not be the `unit`.
    - `factor`: of all sizes under trial; 2 finds sizes that are odd with some others alone.
    - `sums`: sizes under trial that come from several axes, as that of a concatenation does.
    """

    axes: Sequence[Axis]
    unit: int
    frozen: set[int] = field(default_factory=set)
    units: dict[int, int] = field(default_factory=dict)
    factor: int = 1
    sums: dict[int, LinearForm] = field(default_factory=dict)

    _parents: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._parents = self._parents or list(range(len(self.axes)))
        self._primes = [prime for prime, _ in zip(_primes(), self.axes, strict=False)]

    def root(self, at: int) -> int:
        """Return the axis that stands for all that are one with this one, or that are multiples of it."""
        while self._parents[at] != at:
            at = self._parents[at]
        return at

    def roots(self) -> list[int]:
        """Return the axes that stand for others or for themselves, and are free."""
        return [at for at in range(len(self.axes)) if self.root(at) == at and at not in self.frozen]

    def under_trial(self, at: int) -> int:
        """Return the size that stands for an axis."""
        root = self.root(at)
        return self.axes[at].size if root in self.frozen else self.sized(at, self._standing(root))

    def sized(self, at: int, of_root: int) -> int:
        """Return the size of an axis where that of its root is given: as many times as large as in the network."""
        return of_root * self.axes[at].size // self.axes[self.root(at)].size

    def _standing(self, at: int) -> int:
        return self.factor * self.units.get(self.root(at), self.unit) * self._primes[at]

    def form(self, size: int) -> LinearForm:
        """Return the axes that a size comes from, and how."""
        if size in self.sums:
            return self.sums[size]
        found = self._whole(size) if size >= _FIRST else {}
        if not found:
            return LinearForm({}, Fraction(size))
        root, number = next(iter(found.items()))
        return LinearForm({root: Fraction(size, number)}, known=len(found) == 1)

    def _whole(self, size: int) -> dict[int, int]:
        """Return the roots whose prime divides a size, with the size that stands for each."""
        found = (at for at, prime in enumerate(self._primes) if size % prime == 0)
        return {self.root(at): self._standing(at) for at in found}

    def among(self, size: int) -> frozenset[int]:
        """Return the free axes that a size comes from."""
        return frozenset(map(self.root, self.form(size).terms)) - self.frozen

    def made_of(self, sizes: Iterable[int]) -> frozenset[int]:
        """Return the free axes that some sizes come from."""
        return frozenset().union(*map(self.among, sizes))

    def note(self, made: Sequence[int], given: Sequence[Sequence[int]]) -> None:
        """Note where the sizes of a shape come from that an operation made of some shapes."""
        for at, size in enumerate(made):
            if size >= self.unit * _FIRST // 64 and size not in self.sums:
                if (form := self._explained(at, size, given)) is not None:
                    self.sums[size] = form
                elif not self._whole(size):
                    axes = self.made_of(each for shape in given for each in shape)
                    self.sums[size] = LinearForm(dict.fromkeys(axes, Fraction(1)), known=False)

    def _explained(self, at: int, size: int, given: Sequence[Sequence[int]]) -> LinearForm | None:
        """Explain a size as the sum of those along its axis, or as a multiple or a share of such a sum."""
        along = [shape[at] for shape in given if len(shape) > at]
        if len(along) > 1 and sum(along) == size:
            return reduce(LinearForm.plus, map(self.form, along))
        for other in (each for shape in given for each in shape if each in self.sums and each != size):
            if size % other == 0 or other % size == 0:
                return self.sums[other].times(Fraction(size, other))
        return None

    def alike(self, size: int, other: int) -> bool:
        """Tell whether two sizes are the same share of one axis each, and these were of one size in the network."""
        one, another = self.among(size), self.among(other)
        if len(one) != 1 or len(another) != 1 or size in self.sums or other in self.sums:
            return False
        (first,), (second,) = one, another
        same_share = size * self._prime_in(other, second) == other * self._prime_in(size, first)
        return same_share and self.axes[first].size == self.axes[second].size

    def _prime_in(self, size: int, root: int) -> int:
        return next(p for at, p in enumerate(self._primes) if self.root(at) == root and size % p == 0)

    def join(self, axes: Iterable[int]) -> None:
        """Make axes one, or multiples of the smallest."""
        first, *others = sorted({self.root(at) for at in axes}, key=lambda at: (self.axes[at].size, at))
        for other in others:
            self._parents[other] = first

    def join_multiples(self, axes: Iterable[int]) -> bool:
        """Make axes one whose sizes are multiples of the smallest, as those of a query, key and value in one are."""
        sizes = {at: self.axes[at].size for at in axes}
        least = min(sizes.values(), default=0)
        if len(sizes) < 2 or any(size % least for size in sizes.values()):
            return False
        self.join(sizes)
        return True

    def freeze(self, axes: Iterable[int]) -> None:
        """Leave axes as the network has them."""
        self.frozen |= {self.root(at) for at in axes}

    def divided_by(self, numbers: Mapping[int, int], factor: int) -> "Axes":
        """Return the same axes with sizes under trial that some numbers divide, by the roots of axes, and no others."""
        units = {root: numbers.get(root, 1) for root in self.roots()}
        return replace(self, units=units, factor=factor, sums={})

    def refine(self, axes: Iterable[int]) -> bool:
        """Have the largest number divide axes that divides them in the network; tell whether that is new."""
        wanted = {at: gcd(self.unit, self.axes[at].size) for at in axes}
        changed = {at: number for at, number in wanted.items() if self.units.get(at, number) != number}
        self.units |= changed
        return bool(changed)

    def members(self, root: int) -> list[Axis]:
        """Return the axes that are one."""
        return [axis for at, axis in enumerate(self.axes) if self.root(at) == root]


def _primes() -> Iterator[int]:
    for number in count(_FIRST, 2):
        if all(number % divisor for divisor in range(3, isqrt(number) + 1, 2)):
            yield number
