"""Choices of one option for each layer whose costs add up to a sum within a range, the highest sums first.

The sums that layers can reach are sets of whole numbers; a set is the bits of one long integer, so that adding an
option's step to all of them is a shift, and joining two sets is an `or`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import GeniusError

_NEVER = 2**61  # more than any sum: a state that cannot be reached at all
_SLOPES = 6  # mixtures of the two costs, of either sign each, that bound both at once
_GRAIN = 16  # steps of such a mixture's weights
_NODES = 400_000  # options looked at without a way found: some seconds
_CHUNK = 4096  # bits of a set that are looked at together

Ways = Iterator[tuple[int, ...]]
"""The places of the options taken, one for each layer."""


class Option(NamedTuple):
    """The contribution of a layer's option: to the changes, to the sum (from 0 on), and to a second sum."""

    change: int
    step: int
    side: int


class SearchTooLong(GeniusError):
    """Two sums within narrow ranges at once: neither found nor ruled out in the time there is."""


class _Sums:
    """A set of sums from `first` on: the bits of an integer."""

    def __init__(self, first: int, bits: int) -> None:
        self.first = first
        self.bits = bits

    @cached_property
    def _bytes(self) -> bytes:
        return self.bits.to_bytes((self.bits.bit_length() + 7) // 8, "little")

    def __contains__(self, total: int) -> bool:
        place, bit = divmod(total - self.first, 8)
        return 0 <= place < len(self._bytes) and bool(self._bytes[place] >> bit & 1)

    def downwards(self) -> Iterator[int]:
        for start in range((self.bits.bit_length() - 1) // _CHUNK * _CHUNK, -1, -_CHUNK):
            chunk = (self.bits >> start) & ((1 << _CHUNK) - 1)
            while chunk:
                top = chunk.bit_length() - 1
                yield self.first + start + top
                chunk ^= 1 << top


class Layers:
    """Layers with options; `sides` is the range that the second sum must keep, None where it does not matter."""

    def __init__(self, options: Sequence[Sequence[Option]], sides: tuple[float, float] | None = None) -> None:
        self._options = options
        self._most_changes = sum(max(option.change for option in layer) for layer in options)
        mixtures = [(1, 0), (-1, 0), *(_mixtures(options) if sides else [])]
        self._main, self._side = np.array(mixtures, dtype=np.int64).T
        self._after = _least(options, mixtures, self._most_changes)
        before = _least(options[::-1], mixtures[:2], self._most_changes)[:, ::-1]
        (self._least_before, self._most_before) = before[0].tolist(), (-before[1]).tolist()
        (self._least_after, self._most_after) = self._after[0].tolist(), (-self._after[1]).tolist()
        self._sides = self._reachable_sides(sides)

    def ways(self, low: int, high: int, changes: int = 0) -> Ways:
        """Go through the ways with exactly so many changes and a sum from `low` to `high`, the highest sums first.

        Raises: SearchTooLong where the second sum is limited too, and neither ways nor their absence can be found.
        """
        if changes > self._most_changes:
            return
        low, high = self._possible(low, high, changes)
        if low <= high:
            sets = self._reachable(low, high, changes)
            for total in sets[0][changes].downwards() if changes in sets[0] else ():
                yield from self._ways_to(total, changes, sets)

    def sums(self, low: int, high: int) -> int:
        """Return the sums from `low` to `high` that can be reached without changes: bits, the lowest is `low`."""
        found = self._reachable(low, high, 0)[0].get(0)
        return found.bits << (found.first - low) if found else 0

    def _reachable_sides(self, sides: tuple[float, float] | None) -> tuple[int, int]:
        """Return the part of the second sum's range that any sum lies in; whole numbers."""
        if sides is None:
            return 0, 0
        per_layer = [[option.side for option in layer] for layer in self._options]
        least, most = sum(map(min, per_layer)), sum(map(max, per_layer))
        return int(-(-max(sides[0], least) // 1)), int(min(sides[1], most) // 1)

    def _possible(self, low: int, high: int, changes: int) -> tuple[int, int]:
        """Narrow a range by the lower bound of each mixture of the two sums."""
        if self._sides[0] > self._sides[1]:
            return 0, -1
        slack = self._after[:, 0, changes] - self._side_at_most(0)
        for weight, least in zip(self._main.tolist(), slack.tolist(), strict=True):
            if weight > 0:
                low = max(low, -(-least // weight))
            elif weight < 0:
                high = min(high, least // weight)
            elif least > 0:
                return 0, -1
        return low, high

    def _side_at_most(self, spent: int) -> npt.NDArray[np.int64]:
        """Return the most that the rest of the second sum can add to each mixture."""
        most: npt.NDArray[np.int64] = np.maximum(
            self._side * (self._sides[0] - spent), self._side * (self._sides[1] - spent)
        )
        return most

    def _reachable(self, low: int, high: int, changes: int) -> list[dict[int, _Sums]]:
        """Return the sums of the layers from each on, by their changes, that layers before can complete."""
        found: list[dict[int, _Sums]] = [{0: _Sums(0, 1)}]
        for at in reversed(range(len(self._options))):
            row = {}
            for ahead in range(max(0, changes - at), min(changes, len(self._options) - at) + 1):
                first = max(self._least_after[at][ahead], low - self._most_before[at][changes - ahead])
                last = min(self._most_after[at][ahead], high - self._least_before[at][changes - ahead])
                if first <= last and (bits := self._join(at, ahead, found[-1], first, last)):
                    row[ahead] = _Sums(first, bits)
            found.append(row)
        return found[::-1]

    def _join(self, at: int, ahead: int, later: Mapping[int, _Sums], first: int, last: int) -> int:
        bits = 0
        for change, step in {(option.change, option.step) for option in self._options[at]}:
            if (sums := later.get(ahead - change)) is not None:
                up = sums.first + step - first
                bits |= sums.bits << up if up >= 0 else sums.bits >> -up
        return bits & ((1 << (last - first + 1)) - 1)

    def _ways_to(self, total: int, changes: int, sets: Sequence[Mapping[int, _Sums]]) -> Ways:
        """Go down the layers, only where the later layers can reach the rest of the sum."""
        looked_at = 0
        open_ways: list[tuple[tuple[int, ...], int, int, int]] = [((), total, changes, 0)]
        while open_ways:
            way, missing, ahead, spent = open_ways.pop()
            if len(way) == len(self._options):
                yield way
                looked_at = 0
                continue
            looked_at += 1
            if looked_at > _NODES:
                raise SearchTooLong(
                    "no architecture that keeps both limits at once was found, nor ruled out, in time: widen one"
                )
            for place, (change, step, side) in enumerate(self._options[len(way)]):
                left = (missing - step, ahead - change, spent + side)
                reached = sets[len(way) + 1].get(left[1])
                if reached is not None and left[0] in reached and self._side_fits(len(way) + 1, *left):
                    open_ways.append(((*way, place), *left))

    def _side_fits(self, at: int, missing: int, ahead: int, spent: int) -> bool:
        if len(self._main) == 2:
            return True
        return bool((self._after[:, at, ahead] <= self._main * missing + self._side_at_most(spent)).all())


def _mixtures(options: Sequence[Sequence[Option]]) -> list[tuple[int, int]]:
    """Return weights of the two sums: the second alone, and mixtures in which the layers' options differ little."""
    slopes = [
        (option.side - layer[0].side) / (option.step - layer[0].step)
        for layer in options
        for option in layer
        if option.step != layer[0].step and option.side != layer[0].side
    ]
    found = {(0, 1), (0, -1)}
    for slope in np.quantile(np.abs(slopes), np.linspace(0, 1, _SLOPES)) if slopes else ():
        main, side = (round(_GRAIN * slope), _GRAIN) if slope >= 1 else (_GRAIN, round(_GRAIN / slope))
        found |= {(main, side), (main, -side), (-main, side), (-main, -side)}
    return sorted(found)


def _least(
    options: Sequence[Sequence[Option]], mixtures: Sequence[tuple[int, int]], most_changes: int
) -> npt.NDArray[np.int64]:
    """Return the least that the layers from each on add to each mixture: shape (mixtures, layers + 1, changes + 1)."""
    main, side = np.array(mixtures, dtype=np.int64).T
    found = np.full((len(mixtures), len(options) + 1, most_changes + 1), _NEVER)
    found[:, -1, 0] = 0
    for at in reversed(range(len(options))):
        for change in (0, 1):
            added = [main * option.step + side * option.side for option in options[at] if option.change == change]
            if added:
                reached = found[:, at + 1, : most_changes + 1 - change] + np.min(added, axis=0)[:, None]
                found[:, at, change:] = np.minimum(found[:, at, change:], reached)
    return found
