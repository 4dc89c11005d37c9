"""The rehearsal of a proposed space: some of its variants are run, and options that do not fit together are left out.

It runs them without values, on the device `meta`. Imports torch.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ..decision import Value
from .anatomy import Anatomy
from .coupling import FAULTS
from .rebuild import variant
from .variations import Variation

_DRAWN = 6  # variants beside the one of first and the one of last options

_Values = dict[str, Value]


def rehearsed(anatomy: Anatomy, variations: Sequence[Variation]) -> list[Variation]:
    """Return the variations without those that some variant fails by: of each such set the last one."""
    kept = list(variations)
    own = {each.name: each.own for each in variations}
    for values in _drawn(variations):
        while fault := _least_fault(anatomy, kept, own, values):
            kept = [each for each in kept if each.name != fault[-1]]
    return kept


def _drawn(variations: Sequence[Variation]) -> Iterator[_Values]:
    rng = np.random.default_rng(0)
    yield {each.name: each.options[0] for each in variations}
    yield {each.name: each.options[-1] for each in variations}
    for _ in range(_DRAWN):
        yield {each.name: each.options[int(rng.integers(len(each.options)))] for each in variations}


def _least_fault(anatomy: Anatomy, kept: Sequence[Variation], own: _Values, values: _Values) -> list[str]:
    """Return the decisions that make a variant fail, as few as do; none where it can be built."""
    changed = {each.name: values[each.name] for each in kept if values[each.name] != each.own}
    if not changed or _is_built(anatomy, kept, own | changed):
        return []
    for name in list(changed):
        fewer = {other: value for other, value in changed.items() if other != name}
        if not _is_built(anatomy, kept, own | fewer):
            changed = fewer
    return list(changed)


def _is_built(anatomy: Anatomy, variations: Sequence[Variation], values: _Values) -> bool:
    try:
        variant(anatomy, variations, values)
    except FAULTS:
        return False
    return True
